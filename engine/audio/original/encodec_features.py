"""The 128 music features of MAGMA's EnCodec checkpoints, at 20 frames a second.

Sound at 6,400 Hz is given to EnCodec's 24 kHz model as if it were 24 kHz, so its hop of 320 samples lasts 1/20 s.
Bandwidth 6.0 gives 8 codebooks, and a frame's feature is the sum of its 8 code vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio.original.encodec_model import DIMENSION, HOP, EnCodec, State, load_encodec
from engine.audio.original.encodec_weights import require_weights

SAMPLE_RATE = 6_400
FRAME_RATE = SAMPLE_RATE // HOP
FEATURE_COUNT = DIMENSION

BLOCK = 300
"""Frames (15 s) encoded at once: under 0.2 GB of memory, however long the song is. At least 7, the reach of the padding
at the beginning."""


def encodec_features(
    audio: NDArray[np.float32], device: str = "cpu", on_progress: Callable[[float], None] | None = None
) -> NDArray[np.float32]:
    """EnCodec features (T, 128), float32, T = ceil(samples / 320), of mono audio (samples,) at `SAMPLE_RATE`.

    Frame k begins at second k / 20 and depends on the sound up to second (k + 1) / 20. `on_progress` is called with the
    fraction done, about every 15 s of sound; an exception in it ends the work. Raises CheckpointError where EnCodec's
    weights have not been fetched.
    """
    return encode(_model(require_weights(), device), audio, on_progress)


@torch.inference_mode()
def encode(
    model: EnCodec, audio: NDArray[np.float32], on_progress: Callable[[float], None] | None = None
) -> NDArray[np.float32]:
    """`encodec_features` with a given model.

    The encoder's state passes from block to block, so no context is computed twice and the LSTM keeps its state: only
    float rounding differs from encoding the whole signal at once. Over 3 minutes with random weights all codes were
    equal and the latents within 3e-6 of their standard deviation; a code changes where two vectors are nearly as close
    as that.
    """
    device = model.codebooks.device
    features = np.empty((-(-len(audio) // HOP), FEATURE_COUNT), np.float32)
    states: list[State] | None = None
    for start in range(0, len(features), BLOCK):
        piece = torch.from_numpy(np.ascontiguousarray(audio[start * HOP : (start + BLOCK) * HOP], np.float32))
        # by default a GPU's convolutions round to 10 bits, which changes codes
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            codes, states = model.codes(piece.to(device)[None, None], states)
        features[start : start + BLOCK] = model.decode(codes).cpu().numpy()
        if on_progress is not None:
            on_progress(min((start + BLOCK) / len(features), 1.0))
    return features


@lru_cache(maxsize=1)
def _model(weights: Path, device: str) -> EnCodec:
    return load_encodec(weights, device)
