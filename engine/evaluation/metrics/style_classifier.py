"""Style classifier: the style of the nearest training window, or none if that is too far.

Windows are compared by their poses over 1.6 s (see `engine.evaluation.metrics.novelty`). Classifiers on statistics of
windows (regularised linear and quadratic discriminants) tell the styles apart as well, but accept the shaking of random
tokens as a dance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics.novelty import Joints, Nearest, TrainingWindows

ACCEPTED = 0.95
"""Share of held-out real windows that the reject distance accepts."""
REJECTED = ""
"""The style of a window that is in none of the styles."""


@dataclass(frozen=True)
class StyleClassifier:
    """A fitted classifier. styles: of the training clips. reject: distance in metres beyond which a window is in no
    style; None to reject none."""

    training: TrainingWindows
    styles: tuple[str, ...]
    reject: float | None

    def classify(self, nearest: Nearest) -> list[str]:
        """The style of each window, or `REJECTED`."""
        limit = np.inf if self.reject is None else self.reject
        found = zip(nearest.distances, nearest.clips, strict=True)
        return [REJECTED if distance > limit else self.styles[clip] for distance, clip in found]


def fit_styles(clips: Sequence[tuple[str, Joints]], fps: float) -> StyleClassifier:
    """A classifier fitted on clips: pairs of a style and (T, 24, 3) joints in the body's frame.

    The reject distance is chosen to accept `ACCEPTED` of the clips' own windows, each searched with its own clip left
    out. With a single clip nothing is rejected.
    """
    training = TrainingWindows([joints for _, joints in clips], fps)
    held_out: list[NDArray[np.float64]] = [
        training.nearest(joints, leave_out=index).distances for index, (_, joints) in enumerate(clips)
    ]
    distances = np.concatenate([np.zeros(0), *held_out])
    reject = float(np.quantile(distances, ACCEPTED)) if len(distances) else None
    return StyleClassifier(training, tuple(style for style, _ in clips), reject)
