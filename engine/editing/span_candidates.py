"""Ranking of the candidates for one span of a dance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.editing.splice import Fitted
from engine.motion.body_frame import in_body_frame

LARGEST_CM, LARGEST_DEGREES = 40.0, 40.0
"""Corrections of path and heading per second of span above which a candidate counts as bad."""
FEWEST = 8
"""Number of candidates for a long span."""
_POSITIONS = 1280
"""Token positions of all candidates for a shorter span together: short spans are generated quickly."""

# Costs, in nats of likelihood per code, of a correction at the limits above, of 10 m/s^2 beside the seams, and of 10 cm
# distance from the other candidates. Chosen on gaps cut into real dances, where the likelihood tells most about the
# distance from the real moves (correlation -0.56). Of several samples the one nearest to the others is the safest
# choice (minimum Bayes risk: Kumar & Byrne 2004).
_CORRECTION, _SEAM, _UNUSUAL = 0.5, 0.5, 1.0


@dataclass(frozen=True)
class Candidate:
    """A candidate for a span, fitted into the dance.

    codes: (n, K) of the span. likelihood: mean log-likelihood of the tokens after the span, nats per code.
    """

    codes: NDArray[np.int64]
    seed: int
    likelihood: float
    fitted: Fitted

    def is_good(self, seconds: float) -> bool:
        """Whether its corrections stay below the limits for a span of this length."""
        limit = max(seconds, 0.5)
        return (
            self.fitted.correction_cm <= LARGEST_CM * limit
            and self.fitted.correction_degrees <= LARGEST_DEGREES * limit
        )

    def cost(self, seconds: float, unusual: float) -> float:
        """The cost of the candidate; lower is better. unusual: mean distance from the other candidates, metres."""
        limit = max(seconds, 0.5)
        correction = np.hypot(
            self.fitted.correction_cm / (LARGEST_CM * limit), self.fitted.correction_degrees / (LARGEST_DEGREES * limit)
        )
        seam = self.fitted.seam_acceleration / 10
        return float(_CORRECTION * correction + _SEAM * seam + _UNUSUAL * unusual / 0.1 - self.likelihood)


def how_many(positions: int, most: int) -> int:
    """Number of candidates for a span of so many positions, at most `most`."""
    return min(most, max(FEWEST, _POSITIONS // positions))


def ranked(candidates: Sequence[Candidate], seconds: float) -> list[Candidate]:
    """The candidates for a span of so many seconds, best first; those within the limits come before all others."""
    unusual = distances([candidate.fitted.joints for candidate in candidates])
    costs = [candidate.cost(seconds, distance) for candidate, distance in zip(candidates, unusual, strict=True)]
    order = sorted(range(len(costs)), key=lambda index: (not candidates[index].is_good(seconds), costs[index]))
    return [candidates[index] for index in order]


def distances(motions: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """(V,) mean joint distance in metres of each of V motions (T, 24, 3) from the others, place and facing aligned."""
    bodies = in_body_frame(np.concatenate(motions)).reshape(len(motions), -1, 3)
    planes = np.ascontiguousarray(np.moveaxis(bodies, -1, 0))  # (3, V, T * 24)
    total = np.zeros(len(motions))
    for index in range(len(motions) - 1):
        squares = np.square(planes[:, index + 1 :] - planes[:, index : index + 1]).sum(0)
        away = np.sqrt(squares, out=squares).mean(1)
        total[index] += away.sum()
        total[index + 1 :] += away
    return total / max(len(motions) - 1, 1)
