"""Clips for training and evaluation: motions with their style, all at one frame rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import Clip
from smpl_rig.motion import Motion, sample
from smpl_rig.skeleton import JOINT_NAMES

FRAME_RATE = 20.0
"""Frames a second of the motion that our checkpoints are trained on. `pack` writes it into the checkpoint."""
_UPPER = ("spine", "neck", "head", "collar", "shoulder", "elbow", "wrist")
UPPER_JOINTS = [joint for joint, name in enumerate(JOINT_NAMES) if any(part in name.lower() for part in _UPPER)]
"""Joints of the body above the pelvis. Hands are left out: they do not move in the data."""


@dataclass(frozen=True)
class StyledMotion:
    """A clip's motion with its name and dance style."""

    name: str
    style: str
    motion: Motion


def styled(clips: Sequence[Clip]) -> list[StyledMotion]:
    """The motions of clips, in their order. Raises DataError for one that cannot be read."""
    return [StyledMotion(clip.name, clip.style, clip.motion()) for clip in clips]


def at_rate(motion: Motion, rate: float = 1.0) -> Motion:
    """The motion played `rate` times as fast, sampled at `FRAME_RATE`."""
    count = int((len(motion) - 1) / motion.fps / rate * FRAME_RATE) + 1
    played = sample(motion, np.arange(count) / FRAME_RATE * rate)
    return Motion(played.poses, played.trans, FRAME_RATE)
