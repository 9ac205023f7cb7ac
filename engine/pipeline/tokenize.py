"""Motion files to tokens and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.checks import shown
from engine.errors import DataError
from engine.models.base import Checkpoint
from engine.models.loading import load_checkpoint
from engine.motion.body_frame import in_body_frame
from engine.motion.files.read import MAX_SECONDS, read_motion
from engine.runtime.device import choose_device
from smpl_rig.motion import Motion, MotionFileError, read_npz, resample


@dataclass(frozen=True)
class Tokens:
    """The tokens of a motion file.

    tokens: (N, K). error_mm: mean joint distance between the decoded motion and the file's, see `token_error`.
    """

    tokens: NDArray[np.int64]
    token_rate: float
    checkpoint: str
    error_mm: float


def tokenize(path: Path, checkpoint_name: str, device: str) -> Tokens:
    """Encode a motion file with a checkpoint's VQ-VAE. Raises EngineError."""
    motion = read_motion(path)
    return tokens_of(motion, load_checkpoint(checkpoint_name, choose_device(device).name), str(path))


def tokens_of(motion: Motion, checkpoint: Checkpoint, name: str = "The motion") -> Tokens:
    """The tokens of a motion at any frame rate. name: what the DataError about one that is too short calls it."""
    motion = resample(motion, checkpoint.frame_rate)
    length = len(motion) // checkpoint.stride * checkpoint.stride
    if length < checkpoint.stride:
        raise DataError(
            f"{name}: is too short ({motion.seconds:.2f} s). Give at least {1 / checkpoint.token_rate:g} s."
        )
    codes = checkpoint.encode(motion.cut(0, length))
    return Tokens(codes, checkpoint.token_rate, checkpoint.name, token_error(checkpoint.decode(codes), motion))


def token_error(decoded: Motion, original: Motion) -> float:
    """Mean joint distance in millimetres between two motions, place and facing aligned. What `original` has beyond the
    length of `decoded` is not compared."""
    difference = in_body_frame(decoded.joints()) - in_body_frame(original.cut(0, len(decoded)).joints())
    return float(np.linalg.norm(difference, axis=-1).mean() * 1000)


def decode(path: Path, checkpoint_name: str, device: str) -> Motion:
    """Decode the `tokens` of a .npz file. Raises EngineError."""
    checkpoint = load_checkpoint(checkpoint_name, choose_device(device).name)
    try:
        tokens = read_npz(path, ("tokens",)).get("tokens")
    except MotionFileError as error:
        raise DataError(str(error)) from error
    if tokens is None:
        raise DataError(f"{path}: holds no tokens. Give a file from `generate` or `tokenize`.")
    return decode_tokens(tokens, checkpoint, str(path))


def decode_tokens(tokens: NDArray[Any], checkpoint: Checkpoint, name: str = "The motion") -> Motion:
    """The motion of tokens (N, K), before feet are locked. name: what the DataError about tokens that do not fit the
    checkpoint calls them."""
    levels, codes = checkpoint.levels, checkpoint.codes
    fits = tokens.ndim == 2 and len(tokens) and tokens.shape[1] == levels and tokens.dtype.kind in "iu"
    if not fits or tokens.min() < 0 or tokens.max() >= codes:
        raise DataError(
            f"{name}: its tokens do not fit checkpoint {shown(checkpoint.name)}, which has {levels} levels of "
            f"{codes} codes. Give the checkpoint that they come from."
        )
    if len(tokens) > MAX_SECONDS * checkpoint.token_rate:
        raise DataError(f"{name}: has {len(tokens):,} token positions, more than {MAX_SECONDS / 60:g} minutes. Cut it.")
    return checkpoint.decode(tokens.astype(np.int64))


def save_tokens(path: Path, result: Tokens) -> None:
    """Write `tokens`, `token_rate` and `checkpoint` as .npz."""
    np.savez_compressed(path, tokens=result.tokens, token_rate=result.token_rate, checkpoint=result.checkpoint)
