"""Checkpoints, and what they encode and decode: music as features, motions as tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.models.base import Checkpoint, Music
from engine.models.loading import cached_checkpoint, find_checkpoint
from engine.motion.files.read import read_motion
from engine.pipeline import tokenize
from engine.pipeline.generate import positions_for
from engine.pipeline.song import read_song
from engine.pipeline.tokenize import Tokens
from engine.runtime.device import AUTO, choose_device
from smpl_rig.motion import Motion

DEFAULT = "default"
"""The checkpoint that is shipped."""


def load_checkpoint(name: str | Path = DEFAULT, device: str = AUTO) -> Checkpoint:
    """A checkpoint by name or folder, kept in memory for the next call. device: auto, cpu, cuda, mps. It has `styles`,
    `frame_rate`, `token_rate`, `levels` and `codes`; see `engine.models.base.Checkpoint`. Raises CheckpointError."""
    return cached_checkpoint(find_checkpoint(str(name)), choose_device(device).name)


def opened(checkpoint: Checkpoint | str | Path, device: str = AUTO) -> Checkpoint:
    """A checkpoint that may have been loaded already."""
    return load_checkpoint(checkpoint, device) if isinstance(checkpoint, str | Path) else checkpoint


def encode_music(
    song: str | Path,
    checkpoint: Checkpoint | str | Path = DEFAULT,
    *,
    style: str | None = None,
    start: float = 0.0,
    seconds: float | None = None,
) -> Music:
    """What a checkpoint hears of a song: `features` (F, C) at its frame rate, `beats`, and the `style` that fits where
    none is given. start, seconds: the part of the file, None to its end. Raises EngineError."""
    used = opened(checkpoint)
    part = read_song(Path(song), start, seconds, 1.0)
    return used.music(part, style, positions_for(part.seconds, used), lambda _: None)


def encode(motion: Motion | str | Path, checkpoint: Checkpoint | str | Path = DEFAULT) -> Tokens:
    """The tokens (N, K) of a motion or a motion file (.npz, .bvh), and how far they are from it, millimetres. Raises
    EngineError."""
    moved = motion if isinstance(motion, Motion) else read_motion(Path(motion))
    return tokenize.tokens_of(moved, opened(checkpoint))


def decode(tokens: NDArray[Any], checkpoint: Checkpoint | str | Path = DEFAULT) -> Motion:
    """The motion of tokens (N, K) at the checkpoint's frame rate, before feet are locked. Raises EngineError."""
    return tokenize.decode_tokens(tokens, opened(checkpoint))
