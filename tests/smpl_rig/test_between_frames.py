"""Motions between their frames: every frame is met, quick movements are kept, nothing swings past where it rests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpl_rig.motion import Motion, sample, sample_straight

FPS = 20.0


def wave(hertz: float, seconds: float = 4.0) -> Motion:
    """The left elbow bends and the pelvis moves sideways, as a wave."""
    times = np.arange(round(seconds * FPS)) / FPS
    poses, trans = np.zeros((len(times), 24, 3)), np.zeros((len(times), 3))
    poses[:, 18, 1] = 0.5 * np.sin(2 * np.pi * hertz * times)
    trans[:, 0] = 0.1 * np.cos(2 * np.pi * hertz * times)
    return Motion(poses.reshape(len(times), -1).astype(np.float32), trans.astype(np.float32), FPS)


@given(st.integers(0, 99))
def test_frames_are_met_exactly(seed: int) -> None:
    random = np.random.default_rng(seed)
    poses = np.cumsum(random.normal(0, 0.05, (30, 72)), axis=0).astype(np.float32)
    motion = Motion(poses, random.normal(0, 0.5, (30, 3)).astype(np.float32), FPS)
    found = sample(motion, np.arange(30) / FPS)
    np.testing.assert_allclose(found.joints(), motion.joints(), atol=1e-5)
    beyond = sample(motion, np.array([-1.0, 5.0]))
    np.testing.assert_allclose(beyond.joints(), motion.joints()[[0, -1]], atol=1e-5)


@pytest.mark.parametrize(("hertz", "least"), [(2.0, 0.98), (5.0, 0.85)])
def test_quick_movements_keep_their_strength(hertz: float, least: float) -> None:
    """At 60 frames/s the wave is as wide as at 20, which straight lines make narrower."""
    motion, times = wave(hertz), np.arange(180) / 60
    truth = np.sin(2 * np.pi * hertz * times)
    kept = [
        float((each(motion, times).poses[:, 18 * 3 + 1] / 0.5) @ truth / (truth @ truth))
        for each in (sample, sample_straight)
    ]
    assert least < kept[0] < 1.01 and kept[1] < kept[0]


@given(st.integers(2, 8), st.floats(0.01, 0.3))
def test_what_rests_does_not_swing_past_its_place(frames: int, step: float) -> None:
    """A body that moves evenly and then stands, at once."""
    path = np.minimum(np.arange(20), frames) * step
    poses = np.zeros((20, 24, 3))
    poses[:, 18, 1] = path
    trans = np.stack([path, 0 * path, 0 * path], 1)
    motion = Motion(poses.reshape(20, -1).astype(np.float32), trans.astype(np.float32), FPS)
    found = sample(motion, np.arange(0, 19 / FPS, 0.004))
    for values in (found.trans[:, 0], found.poses[:, 18 * 3 + 1]):
        assert values.max() < frames * step + 1e-5 and np.diff(values).min() > -1e-5


def test_one_frame_is_a_motion() -> None:
    motion = wave(1.0).cut(0, 1)
    found = sample(motion, np.array([0.0, 0.3]))
    np.testing.assert_array_equal(found.trans, np.repeat(motion.trans, 2, axis=0))
