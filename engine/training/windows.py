"""Windows of motion features for training the codec: style-balanced sampling and data augmentation (tempo, mirroring,
mixed bodies)."""

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
"""Share of windows that get the upper body of another window. Such poses are in no clip, so the codec learns limbs
instead of memorising dancers."""
_UPPER_CHANNELS = [
    rep.JOINTS.start + 6 * slot + k
    for slot, joint in enumerate(rep.ROTATION_JOINTS)
    if joint in UPPER_JOINTS
    for k in range(6)
]


def style_weights(styles: Sequence[str], lengths: Sequence[int], power: float = 0.4) -> np.ndarray:
    """(n,) sampling weight of each clip: proportional to its length within a style, and to (length of the style)^power
    between styles. power 0.4 weighs each second by (length of its style)^-0.6.
    """
    total: Counter[str] = Counter()
    for style, length in zip(styles, lengths, strict=True):
        total[style] += length
    weights = np.array([length * total[s] ** (power - 1) for s, length in zip(styles, lengths, strict=True)])
    return weights / weights.sum()


class FeatureWindows:
    """Random windows of `frames` frames of clips, augmented. Raises DataError if no clip is long enough."""

    def __init__(self, clips: Sequence[StyledMotion], frames: int, augment: bool = True):
        rates = TEMPO_RATES if augment else (1.0,)
        self.frames = frames
        self.augment = augment
        self.features: list[np.ndarray] = []
        self.floor_work: list[bool] = []
        styles: list[str] = []
        for clip in clips:
            for rate in rates:
                motion = at_rate(clip.motion, rate)
                if len(motion) >= frames:
                    self.features.append(rep.encode(motion))
                    styles.append(clip.style)
                    self.floor_work.append(clip.floor_work)
        if not self.features:
            raise DataError(f"No clip is {frames / FRAME_RATE:.1f} s long. Give longer clips or a shorter window.")
        self.weights = style_weights(styles, [len(f) for f in self.features])

    def batch(self, generator: np.random.Generator, size: int) -> Tensor:
        """A random batch (size, frames, 128)."""
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
            # where arms carry the body, an upper body belongs to its own legs
            floor_work = np.array(self.floor_work)[picks]
            own = floor_work[mixed] | floor_work[others]
            mixed, others = mixed[~own], others[~own]
            for row, upper in zip(mixed, batch[others][..., _UPPER_CHANNELS], strict=True):
                batch[row][:, _UPPER_CHANNELS] = upper
        return torch.from_numpy(batch)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean (128,) and standard deviation (128,) of the channels over the clips and their mirror images; the
        deviation is shared within a group of channels."""
        everything = np.concatenate(self.features)
        everything = np.concatenate([everything, rep.mirror(everything)])
        mean = everything.mean(0)
        std = np.empty_like(mean)
        joint_groups = [slice(s, s + 6) for s in range(rep.JOINTS.start, rep.JOINTS.stop, 6)]
        for group in [rep.YAW, rep.STEP, rep.HEIGHT, rep.PELVIS, *joint_groups, rep.CONTACTS]:
            std[group] = max(float(np.sqrt(everything[:, group].var(0).mean())), 1e-3)
        return torch.from_numpy(mean), torch.from_numpy(std)
