"""The stick figure of a dance that is being written: which frame it shows, and where it stands."""

from __future__ import annotations

import types

import blenders
import pytest

pytest.importorskip("bpy")
import bpy
import numpy as np


def frames(first: int, count: int, rate: float = 20.0) -> dict:
    """Frames whose pelvis is as many centimetres along x as the frame's number."""
    from engine.protocol import pack_arrays

    poses = np.zeros((count, 72), np.float32)
    poses[:, 0] = np.pi / 2
    trans = np.array([[0.01 * k, 0, 0.9] for k in range(first, first + count)], np.float32)
    return {"id": 1, "first_frame": first, "frame_rate": rate, "npz": pack_arrays({"poses": poses, "trans": trans})}


def request(*parts: dict) -> types.SimpleNamespace:
    return types.SimpleNamespace(frames=list(parts))


def test_it_plays_what_has_come_at_its_own_speed_over_and_over(magma):
    from magma_blender.ui.preview import Figure

    figure, job = Figure(), request(frames(0, 20), frames(20, 10))
    assert figure.joints(0.0) is None
    figure.add(job)
    assert job.frames == []
    shown = [figure.joints(figure.begun + seconds)[0, 0] for seconds in (0.01, 0.26, 1.31, 1.51)]
    np.testing.assert_allclose(shown, [0.0, 0.05, 0.26, 0.0], atol=1e-6)
    job.frames.append(frames(30, 10))
    figure.add(job)
    assert figure.joints(figure.begun + 1.51)[0, 0] == pytest.approx(0.3)


def test_another_request_and_another_beginning_start_anew(magma):
    from magma_blender.ui.preview import Figure

    figure = Figure()
    figure.add(request(frames(0, 20)))
    figure.add(request())
    assert figure.joints(figure.begun) is None
    figure.add(request(frames(0, 20), frames(0, 5)))
    assert figure.joints(figure.begun + 0.25)[0, 0] == 0.0


def test_frames_that_cannot_be_read_are_passed_over(magma):
    from magma_blender.ui.preview import Figure

    figure = Figure()
    figure.add(request({"first_frame": 0, "frame_rate": 20, "npz": "nonsense"}, frames(0, 2)))
    assert figure.joints(figure.begun)[0, 2] == pytest.approx(0.9)


def test_it_stands_where_the_target_of_the_dance_stands(magma):
    from magma_blender.engine_host.session import session
    from magma_blender.scene.armature_reference import ArmatureReference
    from magma_blender.ui import preview
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.motion import Motion

    armature = create_armature("Dancer")
    armature.location = (3, 4, 0)
    joints = Motion(np.zeros((1, 72), np.float32), np.array([[0.5, 0, 0.9]], np.float32), 20.0).joints()[0]
    session.job = types.SimpleNamespace(target=ArmatureReference(armature))
    try:
        bpy.context.view_layer.update()
        placed = preview.lines(joints)
        session.job.target = None
        unplaced = preview.lines(joints)
    finally:
        session.job = None
    assert len(placed) == 2 * 23
    np.testing.assert_allclose(unplaced[0], joints[0], atol=1e-6)
    np.testing.assert_allclose(np.subtract(placed, unplaced), np.tile([3, 4, 0], (46, 1)), atol=1e-5)


def test_background_asks_for_no_frames(magma, tmp_path):
    from magma_blender.scene import generation_plan

    assert bpy.app.background
    wanted = generation_plan.for_file(bpy.context.scene, "song", blenders.song(tmp_path), 1)
    assert wanted.request("cpu")["stream"] is False and wanted.request("cpu")["music_view"] is None
