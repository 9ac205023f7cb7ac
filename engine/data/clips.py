"""Clips for training and evaluation: motions with their style, all at one frame rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from engine.data.dataset import Clip
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import JOINT_NAMES

FRAME_RATE = 20.0
"""Frames a second of the motion that our checkpoints are trained on. `pack` writes it into the checkpoint."""
_UPPER = ("spine", "neck", "head", "collar", "shoulder", "elbow", "wrist")
UPPER_JOINTS = [joint for joint, name in enumerate(JOINT_NAMES) if any(part in name.lower() for part in _UPPER)]
"""Joints of the body above the pelvis. Hands are left out: they do not move in the data."""


@dataclass(frozen=True)
class StyledMotion:
    """A clip's motion with its name and dance style. floor_work: whether hands or back carry the dancer in parts."""

    name: str
    style: str
    motion: Motion
    floor_work: bool = False


def styled(clips: Sequence[Clip]) -> list[StyledMotion]:
    """The motions of clips, in their order. Raises DataError for one that cannot be read."""
    return [StyledMotion(clip.name, clip.style, clip.motion(), clip.floor_work) for clip in clips]


def at_rate(motion: Motion, rate: float = 1.0) -> Motion:
    """The motion played `rate` times as fast, sampled at `FRAME_RATE`."""
    if rate == 1 and motion.fps == FRAME_RATE:
        return motion
    count = int((len(motion) - 1) / motion.fps / rate * FRAME_RATE) + 1
    return sampled(motion, np.arange(count) / FRAME_RATE * rate)


def sampled(motion: Motion, times: NDArray[np.float64]) -> Motion:
    """The motion at times (N,) in seconds within it, as frames at `FRAME_RATE`; by cubic splines of the first two
    columns of rotation matrices, and of the pelvis.

    Straight lines between the frames of a recording at 25 or 30 frames/s, as `smpl_rig.motion.sample` has them, lose a
    fifth of the power at 4 to 6 Hz and a third and more at 6 to 8 Hz, before any network is trained.
    """
    if len(motion) < 2 or not len(times):
        return Motion(motion.poses[: len(times)], motion.trans[: len(times)], FRAME_RATE)
    columns = rot.matrix_to_six_d(motion.rotations().astype(np.float64))
    given = np.arange(len(motion)) / motion.fps
    poses = CubicSpline(given, columns)(times)
    return from_rotations(
        rot.six_d_to_matrix(poses), CubicSpline(given, motion.trans.astype(np.float64))(times), FRAME_RATE
    )
