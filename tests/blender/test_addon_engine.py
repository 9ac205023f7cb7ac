"""The add-on with the real engine: what Blender shows is what the engine computed."""

from __future__ import annotations

import shutil

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy

MAKE_TINY = """
import sys
from pathlib import Path
from tiny_engine import STYLE_MUSIC, STYLES, tiny_networks
from engine.models.torch.checkpoint import save_checkpoint
from engine.models.own.config import Sampling
description = {"name": "tiny", "styles": STYLES, "style_music": STYLE_MUSIC}
save_checkpoint(Path(sys.argv[1]), *tiny_networks(), description, Sampling(), 20.0)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def magma(real_engine):
    return real_engine


@pytest.fixture(scope="module")
def made_tiny(tmp_path_factory):
    """The folder of a checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("made") / "tiny"
    blenders.run_in_repository(MAKE_TINY, folder)
    return folder


@pytest.fixture
def tiny(made_tiny, tmp_path):
    """That checkpoint in the data folder."""
    shutil.copytree(made_tiny, tmp_path / "data" / "checkpoints" / "tiny")


def dance(folder, checkpoint, fps, seconds):
    """(armature, the engine's joints (T, 24, 3), first frame) for a song that starts at frame 11."""
    from magma_blender.engine_host.engine_setup import find
    from magma_blender.engine_host.session import session
    from magma_blender.operators import generate
    from magma_blender.scene import generation_plan

    scene = bpy.context.scene
    scene.render.fps = fps
    scene.magma.checkpoint, scene.magma.seed, scene.magma.length = checkpoint, 3, seconds
    setup = find()
    song = blenders.song(folder, seconds)
    job = generate.start_plan(generation_plan.for_file(scene, "song", song, 11), None, setup)
    session.wait_for_job(lambda progress: None)
    assert job.request.error is None, job.request.error
    from engine.protocol import unpack_bytes
    from smpl_rig.dance_motion import read_motion

    joints = read_motion(unpack_bytes(job.request.result["npz"])).joints()
    return session.finish_job(bpy.context), joints


def largest_error(armature, joints):
    from smpl_rig.skeleton import JOINT_NAMES

    errors = []
    for frame in range(0, len(joints), 10):
        bpy.context.scene.frame_set(11 + frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads = [(posed.matrix_world @ posed.pose.bones[name].matrix).translation for name in JOINT_NAMES]
        errors.append(np.linalg.norm(np.array(heads) - joints[frame], axis=1).max())
    return max(errors)


def test_joints_in_blender_are_the_engines(magma, tiny, tmp_path):
    for fps in (20, 30):
        armature, joints = dance(tmp_path, "tiny", fps, 4.0)
        assert len(joints) == 4 * fps
        assert tuple(armature.animation_data.action.frame_range) == (11, 10 + 4 * fps)
        assert largest_error(armature, joints) < 1e-3


def test_the_default_checkpoint_dances_upright_on_the_floor(magma, tmp_path):
    from smpl_rig.skeleton import JOINT_INDEX

    armature, joints = dance(tmp_path, "default", 30, 8.0)
    assert largest_error(armature, joints) < 3e-3
    assert (joints[:, JOINT_INDEX["head"], 2] > 1.0).mean() > 0.9
    assert -0.02 < joints[:, [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]], 2].min() < 0.1
    assert np.ptp(joints[:, JOINT_INDEX["L_wrist"]], axis=0).max() > 0.1


def test_a_text_file_named_mp3_is_one_sentence_and_the_scene_stays(magma, tiny, tmp_path):
    from magma_blender.engine_host.engine_setup import find
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import generate
    from magma_blender.scene import generation_plan

    song = tmp_path / "words.mp3"
    song.write_text("la la la\n" * 100)
    scene = bpy.context.scene
    scene.magma.checkpoint = "tiny"
    before = len(bpy.data.objects)
    generate.start_plan(generation_plan.for_file(scene, "song", song, 1), None, find())
    session.wait_for_job(lambda progress: None)
    with pytest.raises(MagmaError, match=r"words\.mp3") as caught:
        session.finish_job(bpy.context)
    assert "\n" not in str(caught.value)
    assert len(bpy.data.objects) == before


def test_check_engine_answers(magma, tiny):
    from magma_blender.engine_host.session import session

    assert bpy.ops.magma.check_engine() == {"FINISHED"}
    assert session.notice.text == "The engine works." and session.notice.details


def test_check_engine_names_a_damaged_checkpoint(magma, tiny, tmp_path):
    weights = tmp_path / "data" / "checkpoints" / "tiny" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RuntimeError, match=r"The engine runs, but: .*tiny"):
        bpy.ops.magma.check_engine()
