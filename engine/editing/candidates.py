"""Which of several ways to fill a span is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.editing.splice import Fitted
from engine.motion.body_frame import in_body_frame

LARGEST_CM, LARGEST_DEGREES = 40.0, 40.0
"""Correction of path and heading, per second of span, above which a candidate counts as bad."""
FEWEST = 8
"""Candidates of a long span."""
_POSITIONS = 1280
"""Of all candidates of a shorter one together: short spans are quick to write."""

# What a correction at the limits above, 10 m/s^2 beside the seams and 10 cm from the other candidates cost against a
# nat of likelihood per code. Chosen on gaps of real dances, where the likelihood says most about the distance from the
# real moves (correlation -0.56); of several draws the one most like the others is the least bad guess (minimum Bayes
# risk: Kumar & Byrne 2004).
_CORRECTION, _SEAM, _UNUSUAL = 0.5, 0.5, 1.0


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

    def cost(self, seconds: float, unusual: float) -> float:
        """Lower is better. unusual: metres from the other candidates."""
        limit = max(seconds, 0.5)
        far = np.hypot(
            self.fitted.correction_cm / (LARGEST_CM * limit), self.fitted.correction_degrees / (LARGEST_DEGREES * limit)
        )
        seam = self.fitted.seam_acceleration / 10
        return float(_CORRECTION * far + _SEAM * seam + _UNUSUAL * unusual / 0.1 - self.likelihood)


def how_many(positions: int, most: int) -> int:
    """Candidates for a span of so many positions."""
    return min(most, max(FEWEST, _POSITIONS // positions))


def ranked(candidates: Sequence[Candidate], seconds: float) -> list[Candidate]:
    """Best first; those within the limits before all others."""
    unusual = distances([candidate.fitted.motion.joints() for candidate in candidates])
    costs = [candidate.cost(seconds, far) for candidate, far in zip(candidates, unusual, strict=True)]
    order = sorted(range(len(costs)), key=lambda index: (not candidates[index].is_good(seconds), costs[index]))
    return [candidates[index] for index in order]


def distances(dances: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """(V,) mean joint distance in metres of each of V dances (T, 24, 3) from the others, pelvis and facing aligned."""
    bodies = np.stack([in_body_frame(joints) for joints in dances])
    apart = np.array([np.linalg.norm(bodies - body, axis=-1).mean((1, 2)) for body in bodies])
    return apart.sum(1) / max(len(dances) - 1, 1)
