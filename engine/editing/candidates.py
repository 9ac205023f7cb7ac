"""Which of several ways to fill a span is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.editing.splice import Fitted

LARGEST_CM, LARGEST_DEGREES = 40.0, 40.0
"""Correction of path and heading, per second of span, above which a candidate counts as bad."""
TRIED, TRIED_AGAIN = 8, 24
"""Candidates of the first try, and of a second one where all of the first are bad."""

# What a correction at the limits above and 10 m/s^2 beside the seams cost against a nat of likelihood per code. Chosen
# on gaps of real dances, where the likelihood says most about the distance from the real moves (correlation -0.56).
_CORRECTION, _SEAM = 1.0, 1.0


@dataclass(frozen=True)
class Candidate:
    """codes: (n, K) of the span. likelihood: of what follows, mean nats per code."""

    codes: NDArray[np.int64]
    seed: int
    likelihood: float
    fitted: Fitted

    def is_good(self, seconds: float) -> bool:
        """Whether the corrections of a span of that length stay below the limits."""
        limit = max(seconds, 0.5)
        return (
            self.fitted.correction_cm <= LARGEST_CM * limit
            and self.fitted.correction_degrees <= LARGEST_DEGREES * limit
        )

    def cost(self, seconds: float) -> float:
        """Lower is better."""
        limit = max(seconds, 0.5)
        far = np.hypot(
            self.fitted.correction_cm / (LARGEST_CM * limit), self.fitted.correction_degrees / (LARGEST_DEGREES * limit)
        )
        return float(_CORRECTION * far + _SEAM * self.fitted.seam_acceleration / 10 - self.likelihood)


def ranked(candidates: Sequence[Candidate], seconds: float) -> list[Candidate]:
    """Best first; those within the limits before all others."""
    return sorted(candidates, key=lambda candidate: (not candidate.is_good(seconds), candidate.cost(seconds)))
