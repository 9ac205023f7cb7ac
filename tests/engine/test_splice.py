"""Splicing: a piece of motion between two that stay begins and ends exactly where they do, with their velocities."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_engine import stepping

from engine.editing.splice import fit, fit_all, moved, placed, plant
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion

START, END = 40, 80


def travelling() -> Motion:
    """A body that steps, turns and travels for six seconds at 20 frames/s."""
    motion = stepping(6.0, 100.0, 20.0)
    angle = 0.8 * np.arange(len(motion)) / 20
    poses = motion.poses.copy()
    poses[:, :3] = rot.matrix_to_axis_angle(rot.yaw(angle) @ motion.rotations()[:, 0].astype(np.float64))
    path = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    return Motion(poses, motion.trans + path.astype(np.float32), 20.0)


def other(frames: int = END - START + 3) -> Motion:
    """A piece that does not fit at all: another tempo, pose, place and heading."""
    piece = stepping(10.0, 127.0, 20.0).cut(7, 7 + frames)
    poses = piece.poses.copy()
    poses[:, 48:54] *= 0.3  # shoulders
    return moved(Motion(poses, piece.trans, 20.0), 2.0, (5.0, -3.0))


def joints_with(old: Motion, piece: Motion) -> np.ndarray:
    joints = old.joints().astype(np.float64)
    joints[START : END + 1] = piece.joints()
    return joints


def test_it_begins_and_ends_exactly_and_reports_its_error() -> None:
    old = travelling()
    fitted = fit(old, other(), START - 1, START, END)
    assert fitted.first == START and len(fitted.motion) == END - START + 1
    for index, frame in ((0, START), (-1, END)):
        np.testing.assert_allclose(fitted.motion.joints()[index], old.joints()[frame], atol=1e-5)
    assert fitted.correction_cm > 10 and fitted.correction_degrees > 30


def swaying(speed: float, reach: float) -> Motion:
    """A body with a smoothly swaying pose, height and path, for six seconds at 20 frames/s."""
    times = np.arange(120) / 20
    sway = np.sin(speed * times + np.arange(24)[:, None]).T
    poses = np.zeros((120, 24, 3))
    poses[:, 0, 0] = np.pi / 2
    poses[:, 3:, 0], poses[:, 3:, 2] = reach * sway[:, 3:], reach * sway[:, :21]
    poses[:, 0] = rot.matrix_to_axis_angle(rot.yaw(0.5 * sway[:, 0]) @ rot.axis_angle_to_matrix(poses[:, 0]))
    return Motion(poses.reshape(120, 72).astype(np.float32), sway[:, 1:4].astype(np.float32), 20.0)


def test_it_continues_with_the_speed_and_about_the_acceleration_of_what_stays() -> None:
    old = swaying(2.0, 0.3)
    joints = joints_with(old, fit(old, swaying(2.6, 0.4).cut(11, 55), START - 1, START, END).motion)
    accelerations = np.diff(joints, n=2, axis=0) * 400
    jumps = np.linalg.norm(np.diff(accelerations, axis=0), axis=-1).mean(axis=1)  # at n: from frame n + 1 to n + 2
    inside = jumps[START + 1 : END - 3].max()
    assert max(jumps[START - 2], jumps[END - 1]) < 0.5 * inside  # from what stays to the pinned frame


def test_what_fits_already_hardly_changes_wherever_it_is() -> None:
    old = swaying(2.0, 0.3)
    fitted = fit(old, moved(old.cut(START - 1, END + 2), -1.0, (2.0, 9.0)), START - 1, START, END)
    np.testing.assert_allclose(fitted.motion.joints(), old.joints()[START : END + 1], atol=2e-3)
    assert fitted.correction_cm < 0.2 and fitted.correction_degrees < 0.2


@pytest.mark.parametrize(("start", "end"), [(None, END), (START, None), (None, None)])
def test_at_the_ends_of_a_dance_there_is_no_error(start: int | None, end: int | None) -> None:
    old = travelling()
    first, last = start or 0, len(old) - 1 if end is None else end
    fitted = fit(old, other(last - first + 1), first, start, end)
    assert len(fitted.motion) == last - first + 1
    assert fitted.correction_cm == fitted.correction_degrees == 0
    for pin in (start, end):
        if pin is not None:
            np.testing.assert_allclose(fitted.motion.joints()[pin - first], old.joints()[pin], atol=1e-5)


def test_what_follows_moves_rigidly_to_the_end_of_the_piece() -> None:
    old = travelling()
    fitted = fit(old, other(), START - 1, START, END, follows=True)
    assert fitted.after is not None and fitted.correction_cm < 0.01
    after = moved(old.cut(END, len(old)), *fitted.after)
    np.testing.assert_allclose(fitted.motion.joints()[-1], after.joints()[0], atol=1e-5)
    assert np.array_equal(after.poses[:, 3:], old.poses[END:, 3:])
    np.testing.assert_allclose(placed(after, old.cut(END, END + 1)).joints(), old.joints()[END:], atol=1e-4)


def test_locking_feet_leaves_what_is_kept_bit_for_bit() -> None:
    old = travelling()
    fitted = fit(old, other(), START - 1, START, END).motion
    poses, trans = old.poses.copy(), old.trans.copy()
    poses[START + 1 : END], trans[START + 1 : END] = fitted.poses[1:-1], fitted.trans[1:-1]
    kept = np.ones(len(old), dtype=bool)
    kept[START + 1 : END] = False
    planted = plant(Motion(poses, trans, 20.0), kept)
    assert np.array_equal(planted.poses[kept], old.poses[kept]) and np.array_equal(planted.trans[kept], old.trans[kept])
    assert not np.array_equal(planted.poses[~kept], poses[~kept])
    steps = np.linalg.norm(np.diff(planted.joints(), axis=0), axis=-1).max(axis=1)
    untouched = np.r_[steps[:START], steps[END:]]
    assert steps[[START, END - 1]].max() < 1.5 * untouched.max() and steps.max() < 0.5


@pytest.mark.parametrize("follows", [False, True])
def test_many_pieces_are_fitted_as_each_by_itself(follows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    old, pieces = travelling(), [other(), moved(other(), 1.0, (3.0, 2.0)), swaying(2.6, 0.4).cut(11, 54)]
    alone = [fit(old, piece, START - 1, START, END, follows) for piece in pieces]
    for at_once in (1000, 1):  # all together, or in turns
        monkeypatch.setattr("engine.editing.splice._AT_ONCE", at_once)
        for one, fitted in zip(fit_all(old, pieces, START - 1, START, END, follows), alone, strict=True):
            np.testing.assert_allclose(fitted.joints, one.motion.joints(), atol=1e-5)
            np.testing.assert_allclose(fitted.motion.poses, one.motion.poses, atol=1e-5)
            assert fitted.correction_cm == pytest.approx(one.correction_cm)
            assert fitted.seam_acceleration == pytest.approx(one.seam_acceleration)
            assert (fitted.after is None) == (not follows)
            if fitted.after is not None and one.after is not None:
                np.testing.assert_allclose(np.hstack(fitted.after), np.hstack(one.after), atol=1e-9)
