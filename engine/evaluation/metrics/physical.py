"""Numbers about a motion alone: feet, floor, smoothness, plausibility, and distances between motions and between sets.

Joint positions are (T, 24, 3) in metres, Z up, floor at z = 0. Whatever contains a difference over time depends on the
frame rate: compare motions at the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig.skeleton import JOINT_INDEX, SOLE_BELOW_FOOT

Joints = NDArray[np.floating[Any]]

_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]
_ANKLES = [JOINT_INDEX["L_ankle"], JOINT_INDEX["R_ankle"]]
_FOOT_DOWN, _ANKLE_DOWN = 0.05, 0.08
_SKATE_SPEED = 0.5
_WINDOW = 2
"""Frames on either side over which kinetic features average velocities and accelerations."""
_STATISTICS_SECONDS = 4.0
FROZEN_SPEED = 0.05
"""Metres per second of mean joint speed below which a second of motion counts as frozen. Of the training split's real
seconds 0.2 % are slower."""


@dataclass(frozen=True)
class Drift:
    """How far a dancer gets from the start, in metres: at the farthest, and from start to end per minute."""

    farthest: float
    per_minute: float


@dataclass(frozen=True)
class Penetration:
    """Depth of the soles below the floor in metres: mean over all frames of the deeper foot, and the deepest."""

    mean: float
    worst: float


def foot_skate(joints: Joints, fps: float) -> float:
    """Share of frames in which a foot joint below 5 cm, or an ankle below 8 cm, moves sideways faster than 0.5 m/s."""
    if len(joints) < 2:
        return 0.0
    speed = np.linalg.norm(np.diff(joints[:, :, :2], axis=0), axis=-1) * fps
    height = joints[1:, :, 2]
    slides = [
        (height[:, indices] < limit) & (speed[:, indices] > _SKATE_SPEED)
        for indices, limit in ((_FEET, _FOOT_DOWN), (_ANKLES, _ANKLE_DOWN))
    ]
    return float(np.concatenate(slides, axis=1).any(axis=1).mean())


def penetration(joints: Joints) -> Penetration:
    """How deep the soles, `SOLE_BELOW_FOOT` under the foot joints, are below the floor."""
    depth = np.maximum(SOLE_BELOW_FOOT - joints[:, _FEET, 2], 0).max(axis=1)
    return Penetration(float(depth.mean()), float(depth.max()))


def freezing(joints: Joints, fps: float) -> float:
    """Share of whole seconds in which the mean speed of all joints is below `FROZEN_SPEED`; 0 under one second."""
    size = round(fps)
    count = (len(joints) - 1) // size
    if not count:
        return 0.0
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1) * fps
    return float((speed[: count * size].reshape(count, size).mean(axis=1) < FROZEN_SPEED).mean())


def drift(joints: Joints, fps: float) -> Drift:
    """How far the pelvis gets from where it started, on the floor."""
    distance = np.linalg.norm(joints[:, 0, :2] - joints[0, 0, :2], axis=-1)
    minutes = (len(joints) - 1) / fps / 60
    return Drift(float(distance.max()), float(distance[-1] / minutes) if minutes else 0.0)


def jerk(joints: Joints, fps: float) -> float:
    """Mean over frames and joints of the length of the third difference, m/s^3."""
    return float(_jerks(joints, fps).mean()) if len(joints) > 3 else 0.0


def jerk_at(joints: Joints, fps: float, seams: Sequence[int]) -> tuple[float, float]:
    """Mean jerk (at the seams, elsewhere) in m/s^3.

    A seam lies before its frame; the three third differences that cross it count as the seam's. Raises ValueError where
    one of the two sides is empty.
    """
    values = _jerks(joints, fps).mean(axis=1)
    near = np.zeros(len(values), bool)
    for seam in seams:
        near[max(seam - 3, 0) : max(seam, 0)] = True
    if near.all() or not near.any():
        raise ValueError(f"seams {list(seams)} do not divide {len(joints)} frames into seams and the rest.")
    return float(values[near].mean()), float(values[~near].mean())


def physical_foot_contact(joints: Joints, fps: float) -> float:
    """PFC of EDGE (Tseng et al. 2023), x 10^4, meant for 30 frames/s: does the root accelerate without a standing foot?

    Per frame: length of the root's acceleration with its upward part clamped at >= 0, divided by its maximum, times for
    each foot the smaller horizontal step of ankle and toe.
    """
    if len(joints) < 3:
        return 0.0
    acceleration = np.diff(joints[:, 0], n=2, axis=0) * fps**2
    acceleration[:, 2] = np.maximum(acceleration[:, 2], 0)
    force = np.linalg.norm(acceleration, axis=-1)
    if not force.max() > 0:
        return 0.0
    step = np.linalg.norm(np.diff(joints[:, :, :2], axis=0), axis=-1)[1:]
    left, right = (np.minimum(step[:, ankle], step[:, foot]) for ankle, foot in zip(_ANKLES, _FEET, strict=True))
    return float((force / force.max() * left * right).mean() * 1e4)


def kinetic_features(joints: Joints, fps: float, variant: str = "corrected") -> NDArray[np.float64]:
    """(72,): per joint the means over time of squared horizontal speed, squared vertical speed and acceleration.

    Velocities and accelerations are averaged over windows of +-2 frames. Meant for 60 frames/s. variant: "corrected",
    or "reference" for the acceleration as the public AIST++ toolbox computes it (a misplaced parenthesis divides only
    p[t-1] by the time step), for comparison with the literature. Raises ValueError under 4 frames.
    """
    if variant not in ("corrected", "reference"):
        raise ValueError(f"variant {variant!r} is neither 'corrected' nor 'reference'.")
    if len(joints) < 4:
        raise ValueError(f"{len(joints)} frames are too short for kinetic features; at least 4 are needed.")
    p = joints.astype(np.float64)
    step = np.diff(p, axis=0) * fps
    velocity = _windowed(step)
    arriving = step[:-1] if variant == "corrected" else p[1:-1] - p[:-2] * fps
    acceleration = _windowed((step[1:] - arriving) * fps)
    features = [
        (velocity[..., :2] ** 2).sum(axis=-1).mean(axis=0),
        (velocity[..., 2] ** 2).mean(axis=0),
        np.linalg.norm(acceleration, axis=-1).mean(axis=0),
    ]
    return np.stack(features, axis=-1).ravel()


def motion_statistics(joints: Joints, fps: float) -> NDArray[np.float64]:
    """(windows, 48): root-mean-square speed (24, m/s) and acceleration (24, m/s^2) of every joint in windows of 4 s.

    Square roots keep one wild window from deciding a Frechet distance, as it does with kinetic energies. A remainder
    shorter than a window is left out; a motion shorter than one window gives no row.
    """
    size = round(_STATISTICS_SECONDS * fps)
    count = len(joints) // size
    if not count:
        return np.zeros((0, 2 * joints.shape[1]))
    windows = joints[: count * size].astype(np.float64).reshape(count, size, -1, 3)
    speed = (np.diff(windows, axis=1) * fps) ** 2
    acceleration = (np.diff(windows, n=2, axis=1) * fps**2) ** 2
    return np.concatenate([np.sqrt(part.sum(axis=-1).mean(axis=1)) for part in (speed, acceleration)], axis=-1)


def frechet_distance(real: NDArray[np.float64], other: NDArray[np.float64], least_spread: float = 1e-9) -> float:
    """Frechet distance of two sets (N, D), (M, D) of features as Gaussians, both standardised by the real set.

    least_spread: a feature that spreads less in the real set is divided by this, so that one that hardly ever changes
    there does not decide alone. Formula: |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson and Landau 1982).
    Raises ValueError under 2 rows.
    """
    if min(len(real), len(other)) < 2:
        raise ValueError(
            f"{len(real)} and {len(other)} rows are too few for a Frechet distance; at least 2 are needed."
        )
    real, other = _standardised(real, real, least_spread), _standardised(other, real, least_spread)
    a, b = np.cov(real, rowvar=False), np.cov(other, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # the eigenvalues of A B are those of the symmetric root(A) B root(A), which eigh solves without complex numbers
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    shift = real.mean(axis=0) - other.mean(axis=0)
    return float(max(shift @ shift + np.trace(a) + np.trace(b) - 2 * cross, 0.0))


def diversity(features: NDArray[np.float64], real: NDArray[np.float64], least_spread: float = 1e-9) -> float:
    """Mean distance between all pairs of rows (N, D), standardised by the real set as in `frechet_distance`."""
    scaled = _standardised(features, real, least_spread)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
    return float(distances[np.triu_indices(len(scaled), 1)].mean()) if len(scaled) > 1 else 0.0


def _standardised(features: NDArray[np.float64], real: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    return (features - real.mean(axis=0)) / np.maximum(real.std(axis=0), least_spread)


def _jerks(joints: Joints, fps: float) -> NDArray[np.float64]:
    return np.linalg.norm(np.diff(joints.astype(np.float64), n=3, axis=0), axis=-1) * fps**3


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over +-`_WINDOW` frames along axis 0; near the ends over the frames that exist."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    start, stop = np.maximum(index - _WINDOW, 0), np.minimum(index + _WINDOW + 1, len(values))
    return (total[stop] - total[start]) / (stop - start)[:, None, None]
