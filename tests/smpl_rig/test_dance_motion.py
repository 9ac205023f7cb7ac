"""A dance's motion as bytes: what the user's frame rate adds to the frames is sampled again, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpl_rig.dance_motion import DanceMotion, pack_dance_motion, read_dance_motion, read_motion
from smpl_rig.motion import Motion, MotionFileError, npz_bytes, pack_npz, read_npz, sample, sample_straight

TOKEN_RATE, POSITIONS, FRAME_RATE = 10.0, 40, 20.0


def frames(seed: int) -> Motion:
    random, count = np.random.default_rng(seed), round(POSITIONS / TOKEN_RATE * FRAME_RATE)
    poses = np.cumsum(random.normal(0, 0.05, (count, 72)), axis=0)
    return Motion(poses.astype(np.float32), random.normal(0, 0.5, (count, 3)).astype(np.float32), FRAME_RATE)


def danced(seed: int, fps: float, seconds: float = 3.9) -> DanceMotion:
    made = frames(seed)
    motion = replace(sample(made, np.arange(round(seconds * fps)) / fps), fps=fps)
    return DanceMotion(motion, made)


def same(one: Motion, other: Motion) -> bool:
    return one.fps == other.fps and np.array_equal(one.poses, other.poses) and np.array_equal(one.trans, other.trans)


@given(st.integers(0, 99), st.sampled_from([12.0, 20.0, 23.976, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0, 120.0]))
def test_a_dance_comes_back_to_the_bit(seed: int, fps: float) -> None:
    dance = danced(seed, fps)
    data = pack_dance_motion(dance, (), seed=np.int64(seed))
    back = read_dance_motion(data, (), POSITIONS, TOKEN_RATE)
    assert same(back.motion, dance.motion) and same(back.frames, dance.frames) and same(read_motion(data), dance.motion)
    assert len(data) < 0.8 * len(pack_npz(dance.motion, **dance.arrays(())))


def test_poses_keyed_by_hand_come_back_to_the_bit() -> None:
    dance = danced(1, 30.0)
    poses = dance.motion.poses.copy()
    poses[17, 40] += 0.2
    mine = replace(dance, motion=replace(dance.motion, poses=poses))
    data = pack_dance_motion(mine, ())
    back = read_dance_motion(data, (), POSITIONS, TOKEN_RATE)
    assert same(back.motion, mine.motion) and same(back.frames, mine.frames)
    assert len(data) < len(pack_dance_motion(dance, ())) + 2000  # only what was changed is kept


def test_a_motion_longer_than_its_frames_is_kept_as_it_is() -> None:
    dance = danced(2, 30.0, seconds=7.0)
    assert same(read_motion(pack_dance_motion(dance, ())), dance.motion)


def test_what_earlier_versions_wrote_is_read() -> None:
    dance = danced(3, 60.0)
    back = read_dance_motion(pack_npz(dance.motion, **dance.arrays(())), (), POSITIONS, TOKEN_RATE)
    assert same(back.motion, dance.motion) and same(back.frames, dance.frames)

    count = len(dance.motion)
    straight = {"sampled_frames": np.int64(count), "frames_framerate": np.float64(FRAME_RATE)}
    data = npz_bytes({**straight, "mocap_framerate": np.float64(60), **dance.arrays(())})
    expected = replace(sample_straight(dance.frames, np.arange(count) / 60), fps=60.0)
    back = read_dance_motion(data, (), POSITIONS, TOKEN_RATE)
    assert same(back.motion, expected)
    again = read_dance_motion(pack_dance_motion(back, ()), (), POSITIONS, TOKEN_RATE)
    assert same(again.motion, expected)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("frames_between", np.int64(10**12), "cannot be sampled"),
        ("frames_between", np.int64(0), "cannot be sampled"),
        ("frames_between", np.array("many"), "cannot be sampled"),
        ("frames_between", np.zeros(0, np.int64), "cannot be sampled"),
        ("frames_framerate", np.float64("nan"), "no frame rate"),
        ("mocap_framerate", np.float64(-1), "no frame rate"),
        ("frames_poses", np.zeros((0, 72), np.float32), "do not match"),
        ("own_frames", np.array([0, 117], np.int32), "do not fit"),
        ("own_frames", np.array([0.5, 1.0]), "do not fit"),
        ("own_poses", np.zeros((2, 71), np.float32), "do not fit"),
        ("own_trans", np.full((2, 3), np.nan, np.float32), "own_trans"),
    ],
)
def test_damaged_bytes_are_one_sentence(name: str, value: object, sentence: str) -> None:
    from io import BytesIO

    dance = danced(4, 30.0)
    poses = dance.motion.poses.copy()
    poses[[3, 50]] += 0.1
    data = pack_dance_motion(replace(dance, motion=replace(dance.motion, poses=poses)), ())
    names = ("frames_between", "frames_framerate", "mocap_framerate", "frames_poses", "frames_trans")
    kept = read_npz(BytesIO(data), (*names, "own_frames", "own_poses", "own_trans"))
    with pytest.raises(MotionFileError, match=sentence):
        read_motion(npz_bytes({**kept, name: value}))
