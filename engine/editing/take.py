"""The motion that belongs to a choreography: what the user gets, what is edited, and what is kept beside it.

Edits happen at the checkpoint's frame rate (20 a second), a whole number of frames a token position. The motion at the
user's frame rate is sampled from those frames; where they did not change it is copied, bit for bit.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints import FRAME_RATE
from engine.choreography import Choreography, MotionFile, from_json, to_json
from engine.errors import ChoreographyError, DataError
from smpl_rig.motion import Motion, MotionFileError, load_npz, read_npz, sample, save_npz

_ON_A_FRAME = 1e-6
"""Frames by which a time may miss a frame and still be that frame."""


@dataclass(frozen=True)
class Take:
    """motion: at the user's frame rate. frames: all N * stride frames at the checkpoint's. clips: motions that variants
    are kept in, by name, one frame longer than their positions where the dance goes on."""

    motion: Motion
    frames: Motion
    clips: Mapping[str, Motion] = field(default_factory=dict)

    def with_frames(self, frames: Motion, clips: Mapping[str, Motion]) -> Take:
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
        return Take(replace(self.motion, poses=poses, trans=trans), frames, clips)


def clip_name(motion: Motion) -> str:
    """The name under which a motion is kept: the same motion, the same name."""
    return hashlib.sha256(motion.poses.tobytes() + motion.trans.tobytes()).hexdigest()[:16]


def write_take(file: Path | IO[bytes], document: Choreography, take: Take) -> None:
    """Write the AMASS-style .npz with what editing needs; clips that no variant is kept in are left out."""
    clips = {name: take.clips[name] for name in sorted(document.clips)}
    arrays = {f"clip_{name}_{key}": getattr(clip, key) for name, clip in clips.items() for key in ("poses", "trans")}
    save_npz(
        file,
        take.motion,
        tokens=np.array(document.tokens, np.int64),
        token_rate=np.float64(document.token_rate),
        frames_poses=take.frames.poses,
        frames_trans=take.frames.trans,
        checkpoint=document.checkpoint.name,
        seed=np.int64(document.seed),
        style=document.style or "",
        **arrays,
    )


def read_take(data: bytes, document: Choreography, name: str) -> Take:
    """The motion of a document from the bytes of its .npz. Raises DataError naming what is missing."""
    names = ["frames_poses", "frames_trans"]
    clips = [[f"clip_{clip}_{key}" for key in ("poses", "trans")] for clip in sorted(document.clips)]
    try:
        motion = load_npz(io.BytesIO(data))
        arrays = read_npz(io.BytesIO(data), [*names, *(key for pair in clips for key in pair)])
        frames = _motion(arrays, *names)
        kept = {clip: _motion(arrays, *pair) for clip, pair in zip(sorted(document.clips), clips, strict=True)}
    except MotionFileError as error:
        raise DataError(f"{name}: {error}") from error
    except KeyError as error:
        raise DataError(f"{name}: no {error} in it, so it cannot be edited. Generate the dance anew.") from error
    stride = FRAME_RATE / document.token_rate
    if len(frames) != round(len(document) * stride):
        raise DataError(
            f"{name}: holds {len(frames)} frames, but its choreography has {len(document)} positions of {stride:g}. "
            "Give the motion that belongs to it."
        )
    return Take(motion, frames, kept)


def load_choreography(path: Path) -> tuple[Choreography, Take]:
    """A document and the motion beside it. Raises ChoreographyError, DataError."""
    try:
        document = from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ChoreographyError(f"{path}: is not text ({error}). Give a choreography (.json).") from error
    except ChoreographyError as error:
        raise ChoreographyError(f"{path}: {error}") from error
    if document.motion is None:
        raise ChoreographyError(f"{path}: names no motion beside it. Write it with `generate --choreography`.")
    motion = path.parent / document.motion.name
    try:
        data = motion.read_bytes()
    except OSError as error:
        raise DataError(
            f"{motion}: the motion of {path.name} cannot be read ({error.strerror}). Put it back."
        ) from error
    if hashlib.sha256(data).hexdigest() != document.motion.sha256:
        raise DataError(f"{motion}: is not the motion that {path.name} was written with. Put that one back.")
    return document, read_take(data, document, str(motion))


def document_beside(document: Choreography, motion: Path) -> str:
    """The document as JSON text that names the motion file, which lies in the folder it will be written to."""
    return to_json(replace(document, motion=MotionFile(motion.name, hashlib.sha256(motion.read_bytes()).hexdigest())))


def _same(one: Motion, other: Motion) -> NDArray[np.bool_]:
    return (one.poses == other.poses).all(axis=1) & (one.trans == other.trans).all(axis=1)


def _motion(arrays: Mapping[str, NDArray], poses: str, trans: str) -> Motion:
    return Motion(arrays[poses].astype(np.float32), arrays[trans].astype(np.float32), FRAME_RATE)
