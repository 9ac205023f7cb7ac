"""Motion to tokens and back, for files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.models.checkpoints import FRAME_RATE, load_checkpoint
from engine.motion.body_frame import in_body_frame
from engine.runtime.device import choose_device
from smpl_rig.motion import Motion, MotionFileError, load_npz, read_npz, resample


@dataclass(frozen=True)
class Tokens:
    """tokens (N, K); error_mm: mean joint distance of the decoded motion, both with their pelvis in the same place."""

    tokens: NDArray[np.int64]
    token_rate: float
    checkpoint: str
    error_mm: float


def read_motion(path: Path) -> Motion:
    """A motion file by its ending: .npz or .bvh. Raises DataError."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file. Give a motion as .npz (AMASS-style) or .bvh.")
    if path.suffix.lower() == ".bvh":
        from engine.motion.files.bvh_import import read_bvh

        return read_bvh(path)
    try:
        return load_npz(path)
    except MotionFileError as error:
        raise DataError(str(error)) from error


def tokenize(path: Path, checkpoint_name: str, device: str) -> Tokens:
    """Encode a motion file with a checkpoint's VQ-VAE. Raises EngineError."""
    motion = resample(read_motion(path), FRAME_RATE)
    checkpoint = load_checkpoint(checkpoint_name, choose_device(device).name)
    stride = checkpoint.vqvae.config.stride
    length = len(motion) // stride * stride
    if length < stride:
        raise DataError(f"{path}: is too short ({motion.seconds:.2f} s). Give at least {stride / FRAME_RATE:g} s.")
    codes = checkpoint.encode(motion.cut(0, length))
    return Tokens(codes, checkpoint.token_rate, checkpoint.name, token_error(checkpoint.decode(codes), motion))


def token_error(decoded: Motion, original: Motion) -> float:
    """Mean joint distance in millimetres, both with their pelvis in the same place and turned to one side. What
    `original` has beyond the length of `decoded` is not compared."""
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
    config = checkpoint.vqvae.config
    fits = tokens.ndim == 2 and len(tokens) and tokens.shape[1] == config.levels and tokens.dtype.kind in "iu"
    if not fits or tokens.min() < 0 or tokens.max() >= config.codes:
        raise DataError(
            f"{path}: its tokens do not fit checkpoint {checkpoint.name!r}, which has {config.levels} levels of "
            f"{config.codes} codes. Name the checkpoint that wrote them."
        )
    return checkpoint.decode(tokens.astype(np.int64))


def save_tokens(path: Path, result: Tokens) -> None:
    """Write `tokens`, `token_rate` and `checkpoint` as .npz."""
    np.savez_compressed(path, tokens=result.tokens, token_rate=result.token_rate, checkpoint=result.checkpoint)
