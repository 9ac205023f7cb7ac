"""The motion of a choreography: what the user gets, what is edited, and what is kept beside it.

Edits happen at the checkpoint's frame rate, a whole number of frames a token position. The motion at the user's frame
rate is sampled from those frames; where they did not change it is copied, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .motion import Motion, MotionFileError, load_npz, read_npz, sample

_ON_A_FRAME = 1e-6
"""Frames by which a time may miss a frame and still be that frame."""


@dataclass(frozen=True)
class DanceMotion:
    """A dance's motion as it is kept.

    motion: at the user's frame rate. frames: all N * stride frames at the checkpoint's. clips: motions that variants
    are kept in, by name, one frame longer than their positions where the dance goes on.
    """

    motion: Motion
    frames: Motion
    clips: Mapping[str, Motion] = field(default_factory=dict)

    def with_frames(self, frames: Motion, clips: Mapping[str, Motion]) -> DanceMotion:
        """The same dance with other frames; what of the motion lies between equal frames is copied."""
        same = _same(self.frames, frames)
        position = np.arange(len(self.motion)) / self.motion.fps * frames.fps
        position = np.where(np.abs(position - np.round(position)) < _ON_A_FRAME, np.round(position), position)
        before, after = np.floor(position).astype(int), np.ceil(position).astype(int)
        last = len(frames) - 1
        copied = same[np.minimum(before, last)] & same[np.minimum(after, last)]
        new = ~copied
        poses, trans = self.motion.poses.copy(), self.motion.trans.copy()
        if new.any():
            sampled = sample(frames, position[new] / frames.fps)
            poses[new], trans[new] = sampled.poses, sampled.trans
        return DanceMotion(replace(self.motion, poses=poses, trans=trans), frames, clips)

    def arrays(self, clips: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """What an .npz holds beside `motion`: the frames and the named clips."""
        motions = {"frames": self.frames, **{f"clip_{name}": self.clips[name] for name in sorted(clips)}}
        return {f"{name}_{key}": getattr(motion, key) for name, motion in motions.items() for key in ("poses", "trans")}


def read_dance_motion(data: bytes, clips: Iterable[str], positions: int, token_rate: float) -> DanceMotion:
    """The motion in the bytes of an .npz, with the named clips. positions, `token_rate` of them a second: the length of
    its choreography, from which the frames' rate follows. Raises MotionFileError naming what is missing."""
    names = ["frames", *(f"clip_{name}" for name in sorted(clips))]
    keys = [(f"{name}_poses", f"{name}_trans") for name in names]
    motion = load_npz(BytesIO(data))
    arrays = read_npz(BytesIO(data), [key for pair in keys for key in pair])
    missing = [key for pair in keys for key in pair if key not in arrays]
    if missing:
        raise MotionFileError(f"no {missing[0]!r} in it, so it cannot be edited. Generate the dance again.")
    fps = len(arrays[keys[0][0]]) / positions * token_rate
    frames, *kept = (_motion(arrays, *pair, fps) for pair in keys)
    return DanceMotion(motion, frames, dict(zip(sorted(clips), kept, strict=True)))


def clip_name(motion: Motion) -> str:
    """The name under which a motion is kept: the same motion, the same name."""
    return hashlib.sha256(motion.poses.tobytes() + motion.trans.tobytes()).hexdigest()[:16]


def _same(one: Motion, other: Motion) -> NDArray[np.bool_]:
    return (one.poses == other.poses).all(axis=1) & (one.trans == other.trans).all(axis=1)


def _motion(arrays: Mapping[str, NDArray[Any]], poses: str, trans: str, fps: float) -> Motion:
    return Motion(arrays[poses].astype(np.float32), arrays[trans].astype(np.float32), fps)
