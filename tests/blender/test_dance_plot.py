"""The plot of a dance: what is drawn of its feet, speed, song and beats, worked out once for each state of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from dances import select_frames

from magma_blender.scene.dance_curves import curves_of
from magma_blender.scene.dancer import load, pack


def jumping(dancer, music=None):
    """The dance's record with another motion, 60 frames at 20 a second from frame 1 on: it stands for 1.5 s, is at
    rest in the air from then on, and stands on its right foot alone at last (2.5 s)."""
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import Motion

    poses = np.zeros((60, 24, 3), np.float32)
    poses[:, 0, 0] = np.pi / 2
    trans = np.tile(np.array([0, 0, 0.92], np.float32), (60, 1))
    trans[30:50, 2] += 0.5
    poses[50:, 1, 0] = -1.2  # the left leg is raised
    frames = Motion(poses.reshape(60, 72), trans, 20.0)
    return replace(dancer, npz=pack(dancer.document, DanceMotion(frames, frames, music=music)))


@pytest.mark.made_up
def test_feet_stand_when_they_do_and_bars_end_with_spans(dancer):
    standing = curves_of(jumping(load(dancer)))
    assert len(standing.frames) == 60 and standing.frames[0] == 1 and standing.frames[-1] == pytest.approx(89.5)
    assert len(standing.left) == 1 and standing.left[0] == pytest.approx((1, 44.5), abs=3)
    assert len(standing.right) == 2 and standing.right[0] == pytest.approx((1, 44.5), abs=3)
    assert standing.right[1] == pytest.approx((76, 89.5), abs=3)
    select_frames(1, 30)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    divided = curves_of(jumping(load(dancer)))
    assert divided.left[0] == (1, 31) and divided.left[1][0] == 31 and divided.right[2] == standing.right[1]


@pytest.mark.made_up
def test_speed_and_energy_are_where_they_are(dancer):
    from smpl_rig.dance_motion import DanceMusic

    features = np.zeros((60, 37), np.float32)
    features[40:, :2] = 100
    beats = np.array([0.5, 1.0])
    curves = curves_of(jumping(load(dancer), DanceMusic(features, beats)))
    assert curves.speed.min() >= 0 and curves.speed.max() <= 1
    assert curves.speed[:20].max() < 0.1 < curves.speed[30] and curves.speed[30] > 3 * curves.speed[40]
    assert curves.energy[0] < 0.2 and curves.energy[-1] > 0.8 and (np.diff(curves.energy) > -1e-9).all()
    assert curves_of(jumping(load(dancer))).energy is None
    other = DanceMusic(features[:, :10], beats)  # of an imported checkpoint, which says nothing of loudness
    assert curves_of(jumping(load(dancer), other)).energy is None
    assert [round(beat, 1) for beat in curves.beats] == [8.5, 23.5, 38.5, 53.5, 68.5, 83.5]
    assert [round(beat, 1) for beat in curves.bars] == [8.5, 53.5]


@pytest.mark.made_up
def test_what_is_painted_lies_in_its_row_at_its_frames(dancer):
    from magma_blender.ui import dance_plot

    curves = curves_of(jumping(load(dancer)))
    parts = dance_plot.parts_of(curves)
    assert [part.color for part in parts] == [
        dance_plot.GROUND,
        dance_plot.BEAT,
        dance_plot.BAR,
        dance_plot.RIGHT,
        dance_plot.LEFT,
        dance_plot.SPEED,
    ]
    for part in parts:
        assert part.points.dtype == np.float32 and part.points.shape[1] == 2
        assert part.points[:, 1].min() >= 0 and part.points[:, 1].max() <= 1
        assert part.bottom + part.height <= dance_plot.TOTAL
    left = next(part for part in parts if part.color == dance_plot.LEFT)
    assert (left.points[:, 0].min(), left.points[:, 0].max()) == curves.left[0]
    assert not any(part.kind == "TRIS" and len(part.points) % 3 for part in parts)


def test_it_is_worked_out_once_for_each_state(dancer):
    from magma_blender.scene.dancer import seen
    from magma_blender.ui import dance_plot

    assert not bpy.context.scene.magma.show_plot
    plot = dance_plot.plot_of(seen(dancer))
    plot.thread.join()
    assert plot.parts and dance_plot.plot_of(seen(dancer)) is plot
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    other = dance_plot.plot_of(seen(dancer))
    assert other is not plot
    for _ in range(5):
        dance_plot.plot_of(replace(seen(dancer)))
    assert len(dance_plot._plots) == dance_plot.MOST
    dance_plot.forget()
    assert not dance_plot._plots


def test_a_damaged_motion_draws_nothing(dancer):
    from magma_blender.scene.dancer import load
    from magma_blender.ui import dance_plot

    plot = dance_plot.plot_of(replace(load(dancer), npz=b"no motion"))
    plot.thread.join()
    assert plot.parts == []
    dance_plot.forget()
