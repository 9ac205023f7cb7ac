"""The motion of a choreography: at the user's frame rate, at the checkpoint's, and the clips that its variants use; and
what edits need of its songs, so that a dance can be edited without them.

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

from .motion import (
    ORIGIN,
    PELVIS,
    RATE_NAMES,
    Motion,
    MotionFileError,
    frame_rate,
    load_npz,
    npz_bytes,
    numbers,
    pack_npz,
    read_npz,
    sample,
    sample_straight,
)
from .skeleton import JOINT_COUNT

_MUSIC = ("music_features", "music_beats")
_LENGTH, _FRAMES_RATE = "frames_between", "frames_framerate"
"""Of a motion that is sampled from the frames: how many there are, and the frames' own rate."""
_STRAIGHT_LENGTH = "sampled_frames"
"""The first in dances of earlier versions, which were sampled along straight lines."""
_OWN = ("own_frames", "own_poses", "own_trans")
"""The frames of such a motion that are not what is sampled: set by hand, or beside moves that were generated again."""
_FRAMES = ("frames_poses", "frames_trans")
_ON_A_FRAME = 1e-6
"""Distance in frames within which a time counts as a frame's."""


@dataclass(frozen=True)
class DanceMusic:
    """The music of a choreography, all its songs. features: (N * stride, C), as the checkpoint computed them. beats:
    (B,) seconds of the dance, rising."""

    features: NDArray[np.float32]
    beats: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays in an .npz."""
        return dict(zip(_MUSIC, (self.features, self.beats), strict=True))


@dataclass(frozen=True)
class DanceMotion:
    """A choreography's motion.

    motion: at the user's frame rate. frames: all N * stride frames at the checkpoint's frame rate. clips: motions that
    variants use, by name, one frame longer than their positions where the dance goes on. music: None in dances of the
    first versions, whose songs are read again.
    """

    motion: Motion
    frames: Motion
    clips: Mapping[str, Motion] = field(default_factory=dict)
    music: DanceMusic | None = None

    def with_frames(self, frames: Motion, clips: Mapping[str, Motion]) -> DanceMotion:
        """The same dance with other frames; the motion between frames that did not change is copied."""
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
        return replace(self, motion=replace(self.motion, poses=poses, trans=trans), frames=frames, clips=clips)

    def arrays(self, clips: Iterable[str]) -> dict[str, NDArray[Any]]:
        """The arrays in an .npz beside those of `motion`: the frames, the named clips and the music. Their `_trans` are
        positions of the pelvis joint in every file."""
        motions = {"frames": self.frames, **{f"clip_{name}": self.clips[name] for name in sorted(clips)}}
        arrays: dict[str, NDArray[Any]] = {
            f"{name}_{key}": getattr(motion, key) for name, motion in motions.items() for key in ("poses", "trans")
        }
        return arrays if self.music is None else {**arrays, **self.music.arrays()}


def pack_dance_motion(dance: DanceMotion, clips: Iterable[str], **extra: Any) -> bytes:
    """A dance motion as the bytes of an .npz that engine and add-on give each other and keep in a .blend, with the
    named clips and any extra arrays or texts.

    Frames at the user's rate are left out where they are just what `sample` makes of the frames, as most are;
    `read_motion` samples them again.
    """
    arrays = {**extra, **dance.arrays(clips)}
    motion, frames = dance.motion, dance.frames
    if not _covers(frames, len(motion), motion.fps):
        return pack_npz(motion, **arrays)
    own = np.flatnonzero(~_same(motion, _sampled(frames, len(motion), motion.fps)))
    if len(own):
        arrays |= dict(zip(_OWN, (own.astype(np.int32), motion.poses[own], motion.trans[own]), strict=True))
    arrays |= {_LENGTH: np.int64(len(motion)), "mocap_framerate": np.float64(motion.fps)}
    return npz_bytes({ORIGIN: PELVIS, _FRAMES_RATE: np.float64(frames.fps), **arrays})


def read_motion(data: bytes) -> Motion:
    """The motion at the user's rate in the bytes of `pack_dance_motion` or `pack_npz`. Raises MotionFileError."""
    wanted = ("poses", _LENGTH, _STRAIGHT_LENGTH, _FRAMES_RATE, *_FRAMES, *_OWN, *RATE_NAMES)
    arrays = read_npz(BytesIO(data), wanted)
    said = arrays.get(_LENGTH, arrays.get(_STRAIGHT_LENGTH))
    if "poses" in arrays or said is None or any(name not in arrays for name in (_FRAMES_RATE, *_FRAMES)):
        return load_npz(BytesIO(data))
    length = int(said.reshape(-1)[0]) if said.dtype.kind == "i" and said.size == 1 else 0
    fps = frame_rate("It", arrays, length)
    frames = _motion(arrays, *_FRAMES, frame_rate("It", {"fps": arrays[_FRAMES_RATE]}, 1))
    if not _covers(frames, length, fps):
        raise MotionFileError(
            f"it has {len(frames)} frames at {frames.fps:g} a second, of which {length} at {fps:g} a second cannot be "
            "sampled. Generate the dance again."
        )
    if _LENGTH not in arrays:
        return replace(sample_straight(frames, np.arange(length) / fps), fps=fps)
    return _with_own(_sampled(frames, length, fps), arrays)


def _with_own(motion: Motion, arrays: Mapping[str, NDArray[Any]]) -> Motion:
    """The motion with its own frames among the arrays, if there are any. Raises MotionFileError."""
    if not all(name in arrays for name in _OWN):
        return motion
    which, poses, trans = (arrays[name] for name in _OWN)
    fits = which.ndim == 1 and which.dtype.kind == "i" and not ((which < 0) | (which >= len(motion))).any()
    if not fits or poses.shape != (len(which), 3 * JOINT_COUNT) or trans.shape != (len(which), 3):
        raise MotionFileError("its own frames do not fit it, so they cannot be read. Generate the dance again.")
    changed = replace(motion, poses=motion.poses.copy(), trans=motion.trans.copy())
    changed.poses[which], changed.trans[which] = (
        numbers("It", name, values) for name, values in zip(_OWN[1:], (poses, trans), strict=True)
    )
    return changed


def read_dance_motion(data: bytes, clips: Iterable[str], positions: int, token_rate: float) -> DanceMotion:
    """The dance motion in the bytes of an .npz, with the named clips.

    positions, token_rate: those of its choreography, from which the frame rate of `frames` follows. Raises
    MotionFileError that names what is missing.
    """
    names = ["frames", *(f"clip_{name}" for name in sorted(clips))]
    keys = [(f"{name}_poses", f"{name}_trans") for name in names]
    motion = read_motion(data)
    arrays = read_npz(BytesIO(data), [*(key for pair in keys for key in pair), *_MUSIC])
    missing = [key for pair in keys for key in pair if key not in arrays]
    if missing:
        raise MotionFileError(f"it has no {missing[0]!r}, so it cannot be edited. Generate the dance again.")
    frames, *kept = (_motion(arrays, *pair, token_rate) for pair in keys)
    fps = len(frames) / positions * token_rate
    frames, *kept = (replace(each, fps=fps) for each in (frames, *kept))
    return DanceMotion(motion, frames, dict(zip(sorted(clips), kept, strict=True)), _music(arrays))


def clip_name(motion: Motion) -> str:
    """The name of a motion, by its content: the same motion, the same name."""
    return hashlib.sha256(motion.poses.tobytes() + motion.trans.tobytes()).hexdigest()[:16]


def _music(arrays: Mapping[str, NDArray[Any]]) -> DanceMusic | None:
    """The music among the arrays; None where there is none that could be used, so that the song is read instead."""
    features, beats = (arrays.get(name) for name in _MUSIC)
    if features is None or beats is None or features.dtype.kind != "f" or beats.dtype.kind != "f":
        return None
    fits = features.ndim == 2 and beats.ndim == 1 and bool(np.isfinite(features).all() and np.isfinite(beats).all())
    if not fits or (np.diff(beats) <= 0).any():
        return None
    return DanceMusic(features.astype(np.float32), beats.astype(np.float64))


def _covers(frames: Motion, length: int, fps: float) -> bool:
    """Whether frames last as long as a motion of `length` frames at `fps`."""
    return 1 <= length <= frames.seconds * fps + 1


def _sampled(frames: Motion, length: int, fps: float) -> Motion:
    return replace(sample(frames, np.arange(length) / fps), fps=fps)


def _same(one: Motion, other: Motion) -> NDArray[np.bool_]:
    return (one.poses == other.poses).all(axis=1) & (one.trans == other.trans).all(axis=1)


def _motion(arrays: Mapping[str, NDArray[Any]], poses: str, trans: str, fps: float) -> Motion:
    motion = Motion(numbers("It", poses, arrays[poses]), numbers("It", trans, arrays[trans]), fps)
    count = len(motion.poses) if motion.poses.ndim else 0
    if not count or motion.poses.shape != (count, 3 * JOINT_COUNT) or motion.trans.shape != (count, 3):
        raise MotionFileError(
            f"its {poses} {motion.poses.shape} and {trans} {motion.trans.shape} do not match, so it cannot be edited. "
            "Generate the dance again."
        )
    return motion
