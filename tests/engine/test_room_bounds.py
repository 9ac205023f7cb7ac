"""Keeping a dance in a room: the path is turned back, steps and poses stay."""

from __future__ import annotations

import numpy as np
import pytest

from engine.motion.representation import YAW, encode
from engine.motion.room_bounds import keep_in_room
from smpl_rig.motion import Motion

FPS = 20.0


def walk(speed: float, seconds: float = 120.0, sway: float = 0.1) -> Motion:
    """A body that walks straight on, swaying from side to side."""
    times = np.arange(round(seconds * FPS)) / FPS
    poses = np.zeros((len(times), 72), np.float32)
    poses[:, 0] = np.pi / 2
    poses[:, 16 * 3 + 2] = np.sin(times)
    trans = np.stack([5 + sway * np.sin(2 * times), 3 + speed * times, 0 * times + 0.9], axis=1)
    return Motion(poses, trans.astype(np.float32), FPS)


@pytest.mark.parametrize("speed", [0.1, 0.4, 1.0])
def test_the_dance_stays_in_the_room(speed: float) -> None:
    motion = walk(speed)
    kept = keep_in_room(motion, 6.0)
    away = np.linalg.norm(kept.trans[:, :2] - motion.trans[0, :2], axis=-1)
    assert away.max() < 3.0 < np.linalg.norm(motion.trans[-1, :2] - motion.trans[0, :2])
    # and the dancer keeps moving, rather than stopping at the wall
    assert np.linalg.norm(np.diff(kept.trans[:, :2], axis=0), axis=-1).min() > 0


def test_a_fast_dancer_is_turned_back_earlier() -> None:
    motion = walk(1.2, 300.0, sway=0.3)
    away = np.linalg.norm(keep_in_room(motion, 6.0).trans[:, :2] - motion.trans[0, :2], axis=-1)
    assert away.max() <= 3.0


@pytest.mark.parametrize("speed", [0.1, 0.4, 1.0])
def test_steps_and_poses_stay_and_turning_is_gentle(speed: float) -> None:
    motion = walk(speed)
    before, after = encode(motion), encode(keep_in_room(motion, 6.0))
    rest = slice(YAW.stop, None)
    # steps are compared in the frame's heading, so that turning changes them only by the turn within the frame
    np.testing.assert_allclose(after[1:, rest][:, 3:], before[1:, rest][:, 3:], atol=1e-4)
    np.testing.assert_allclose(np.abs(after[1:, 1:3] - before[1:, 1:3]).max(), 0, atol=0.003)
    assert np.abs(np.degrees(after[1:, 0])).max() * FPS < 61
    assert np.abs(np.diff(after[1:, 0])).max() * FPS**2 < np.radians(400)


def test_a_dance_that_stays_away_from_the_wall_is_not_changed() -> None:
    motion = walk(0.1, 8.0)
    assert keep_in_room(motion, 6.0) is motion
    assert keep_in_room(walk(0.4), 0).trans[-1, 1] == walk(0.4).trans[-1, 1]


def test_invalid_diameters_are_refused() -> None:
    for diameter in (-1.0, float("nan"), 1e9):
        with pytest.raises(ValueError, match="diameter"):
            keep_in_room(walk(0.1, 2.0), diameter)
