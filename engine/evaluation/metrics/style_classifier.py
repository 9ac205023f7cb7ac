"""Which style is this motion in, or in none? The style of the nearest training window, with a reject option.

Nearest in poses over 1.6 s (see `evaluation.novelty`). Statistics of windows, tried first (regularised linear and
quadratic discriminants), tell the styles apart as well but mistake the average shaking of random tokens for a dance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics.novelty import Joints, Nearest, TrainingWindows

ACCEPTED = 0.95
"""Share of held-out real windows that the reject distance lets pass."""
REJECTED = ""
"""The style of a window that is in none."""


@dataclass(frozen=True)
class StyleClassifier:
    """styles: of the training clips. reject: metres beyond which a window is in no style, None for never."""

    training: TrainingWindows
    styles: tuple[str, ...]
    reject: float | None

    def classify(self, nearest: Nearest) -> list[str]:
        """The style of every window that was searched for, or `REJECTED`."""
        limit = np.inf if self.reject is None else self.reject
        found = zip(nearest.distances, nearest.clips, strict=True)
        return [REJECTED if distance > limit else self.styles[clip] for distance, clip in found]


def fit_styles(clips: Sequence[tuple[str, Joints]], fps: float) -> StyleClassifier:
    """A classifier from (style, (T, 24, 3) joints in the body's frame) of clips.

    The reject distance accepts `ACCEPTED` of the clips' own windows when the clip they are from is left out. With a
    single clip nothing is rejected.
    """
    training = TrainingWindows([joints for _, joints in clips], fps)
    held_out: list[NDArray[np.float64]] = [
        training.nearest(joints, leave_out=index).distances for index, (_, joints) in enumerate(clips)
    ]
    distances = np.concatenate([np.zeros(0), *held_out])
    reject = float(np.quantile(distances, ACCEPTED)) if len(distances) else None
    return StyleClassifier(training, tuple(style for style, _ in clips), reject)
