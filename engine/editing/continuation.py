"""Motions from elsewhere: read, continued in time, and compared with their tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Checkpoint
from engine.motion.files.read import read_motion
from engine.pipeline.tokenize import token_error
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion, resample, sample
from smpl_rig.skeleton import JOINT_COUNT


def read_clip(path: Path, frame_rate: float) -> Motion:
    """A motion file at a frame rate. Raises DataError."""
    return resample(read_motion(path), frame_rate)


def token_error_mm(checkpoint: Checkpoint, motion: Motion, codes: NDArray[np.int64]) -> float:
    """Mean joint distance of the decoded codes (n, K) from the motion, both with their pelvis in the same place, mm."""
    return token_error(checkpoint.decode(codes), motion)


def continued(motion: Motion, times: NDArray[np.float64]) -> Motion:
    """The motion at `times` (N,), seconds; before its beginning it comes out of where it goes: time is turned back, and
    so are the movements."""
    ahead = sample(motion, np.abs(times))
    first = motion.cut(0, 1)
    start = rot.axis_angle_to_quaternion(first.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    later = rot.axis_angle_to_quaternion(ahead.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    back = rot.quaternion_multiply(rot.quaternion_multiply(start, rot.quaternion_conjugate(later)), start)
    before = times < -1e-6
    poses = np.where(before[:, None], rot.quaternion_to_axis_angle(back).reshape(len(times), -1), ahead.poses)
    trans = np.where(before[:, None], 2.0 * first.trans - ahead.trans, ahead.trans)
    now = np.abs(times) <= 1e-6
    poses[now], trans[now] = first.poses, first.trans
    return Motion(poses.astype(np.float32), trans.astype(np.float32), motion.fps)


def going_on(motion: Motion) -> Motion:
    """The motion with one frame more, in which it goes on as it moved before."""
    backwards = replace(motion, poses=motion.poses[::-1], trans=motion.trans[::-1])
    after = continued(backwards, np.array([-1 / motion.fps]))
    poses, trans = np.concatenate([motion.poses, after.poses]), np.concatenate([motion.trans, after.trans])
    return replace(motion, poses=poses, trans=trans)
