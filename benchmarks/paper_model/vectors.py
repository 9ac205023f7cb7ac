"""HumanML3D vectors of dances: whole clips and their mirror images, and windows of them to train the VQ-VAE with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.clips import StyledMotion, at_rate
from engine.errors import DataError
from engine.motion import humanml3d
from engine.training.windows import TEMPO_RATES, style_weights
from smpl_rig.motion import Motion, mirror

LENGTHS = {64: 0.3, 128: 0.3, 320: 0.2, 960: 0.2}
"""Frames of a training window -> share of the windows. There are long ones, because the encoder has absolute positions,
the decoder's memory is unlimited, and both have to work on whole songs."""

Vectors = NDArray[np.float32]


def both_ways(motion: Motion) -> list[Vectors]:
    """Vectors (T - 1, 263) of a motion at 20 frames/s and of its mirror image, not normalised."""
    return [humanml3d.encode(side.joints()) for side in (motion, mirror(motion))]


class VectorWindows:
    """Draws batches of normalised windows of clips at several tempi and of their mirror images. mean, std: (263,)."""

    def __init__(self, clips: Sequence[StyledMotion]):
        played = [(clip.style, at_rate(clip.motion, rate)) for clip in clips for rate in TEMPO_RATES]
        played = [(style, motion) for style, motion in played if len(motion) > min(LENGTHS)]
        if not played:
            raise DataError(f"No clip is {min(LENGTHS) / humanml3d.FPS:.1f} s long. Give longer clips.")
        vectors = [side for _, motion in played for side in both_ways(motion)]
        self.styles = np.array([style for style, _ in played for _ in range(2)])
        self.mean, self.std = humanml3d.statistics(np.concatenate(vectors))
        self.vectors = [humanml3d.normalise(side, self.mean, self.std) for side in vectors]
        self.sizes = np.array([len(side) for side in self.vectors])

    def batch(self, generator: np.random.Generator, frames: int) -> Tensor:
        """(B, T, 263); T is one of `LENGTHS` that some clip has, B * T about `frames`."""
        shares = {length: share for length, share in LENGTHS.items() if length <= self.sizes.max()}
        length = int(generator.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
        long_enough = np.flatnonzero(self.sizes >= length)
        weights = style_weights(list(self.styles[long_enough]), list(self.sizes[long_enough]))
        windows = []
        for pick in generator.choice(long_enough, max(1, frames // length), p=weights):
            start = generator.integers(self.sizes[pick] - length + 1)
            windows.append(self.vectors[pick][start : start + length])
        return torch.from_numpy(np.stack(windows))
