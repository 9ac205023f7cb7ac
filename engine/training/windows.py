"""Windows of motion features for the codec: tempo variants, mirroring and style-balanced sampling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.data.clips import FRAME_RATE, UPPER_JOINTS, StyledMotion, at_rate
from engine.errors import DataError
from engine.motion import representation as rep

TEMPO_RATES = (0.84, 0.92, 1.0, 1.09, 1.19)
"""Playback rates of the tempo augmentation."""
MIXED = 0.2
"""Share of windows whose upper body is another window's: poses that no clip holds, so that the codec rebuilds limbs
rather than remembers dancers."""
_UPPER_CHANNELS = [
    rep.JOINTS.start + 6 * slot + k
    for slot, joint in enumerate(rep.ROTATION_JOINTS)
    if joint in UPPER_JOINTS
    for k in range(6)
]


def style_weights(styles: Sequence[str], lengths: Sequence[int], power: float = 0.4) -> np.ndarray:
    """(n,) sampling weight per clip: proportional to length within a style, to (style length)^power between styles.

    power 0.4 is the same as weighting each second by count^-0.6.
    """
    total: Counter[str] = Counter()
    for style, length in zip(styles, lengths, strict=True):
        total[style] += length
    weights = np.array([length * total[s] ** (power - 1) for s, length in zip(styles, lengths, strict=True)])
    return weights / weights.sum()


class FeatureWindows:
    """Draws batches (B, frames, 128) of augmented windows; `statistics` gives the features' mean and std."""

    def __init__(self, clips: Sequence[StyledMotion], frames: int, augment: bool = True):
        rates = TEMPO_RATES if augment else (1.0,)
        self.frames = frames
        self.augment = augment
        self.features: list[np.ndarray] = []
        styles: list[str] = []
        for clip in clips:
            for rate in rates:
                motion = at_rate(clip.motion, rate)
                if len(motion) >= frames:
                    self.features.append(rep.encode(motion))
                    styles.append(clip.style)
        if not self.features:
            raise DataError(f"No clip is {frames / FRAME_RATE:.1f} s long. Give longer clips or a shorter window.")
        self.weights = style_weights(styles, [len(f) for f in self.features])

    def batch(self, generator: np.random.Generator, size: int) -> Tensor:
        """(size, frames, 128)."""
        picks = generator.choice(len(self.features), size, p=self.weights)
        windows = []
        for pick in picks:
            clip = self.features[pick]
            start = generator.integers(len(clip) - self.frames + 1)
            window = clip[start : start + self.frames]
            windows.append(rep.mirror(window) if self.augment and generator.random() < 0.5 else window)
        batch = np.stack(windows)
        if self.augment:
            mixed = np.flatnonzero(generator.random(size) < MIXED)
            others = (mixed + generator.integers(1, max(size, 2), len(mixed))) % size
            for row, upper in zip(mixed, batch[others][..., _UPPER_CHANNELS], strict=True):
                batch[row][:, _UPPER_CHANNELS] = upper
        return torch.from_numpy(batch)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean (128,) per channel and standard deviation (128,) shared within a group, mirrored copies included."""
        everything = np.concatenate(self.features)
        everything = np.concatenate([everything, rep.mirror(everything)])
        mean = everything.mean(0)
        std = np.empty_like(mean)
        joint_groups = [slice(s, s + 6) for s in range(rep.JOINTS.start, rep.JOINTS.stop, 6)]
        for group in [rep.YAW, rep.STEP, rep.HEIGHT, rep.PELVIS, *joint_groups, rep.CONTACTS]:
            std[group] = max(float(np.sqrt(everything[:, group].var(0).mean())), 1e-3)
        return torch.from_numpy(mean), torch.from_numpy(std)
