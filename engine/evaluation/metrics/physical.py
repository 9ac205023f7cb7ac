"""Physical metrics of a motion that only evaluation needs (see also `engine.motion.measures`), and distances between
sets of motions.

Joint positions are (T, 24, 3) in metres, Z up, floor at z = 0. Differences over time depend on the frame rate: compare
motions at the same rate only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.motion.measures import jerks
from smpl_rig.skeleton import JOINT_INDEX

Joints = NDArray[np.floating[Any]]

_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]
_ANKLES = [JOINT_INDEX["L_ankle"], JOINT_INDEX["R_ankle"]]
_WINDOW = 2
"""Frames on either side over which kinetic features average velocities and accelerations."""
_STATISTICS_SECONDS = 4.0


def jerk_at(joints: Joints, fps: float, seams: Sequence[int]) -> tuple[float, float]:
    """Mean jerk in m/s^3, at the seams and elsewhere.

    A seam lies before its frame; the three third differences that cross it are its own. Raises ValueError if there is
    nothing at seams, or nothing elsewhere.
    """
    values = jerks(joints, fps).mean(axis=1)
    near = np.zeros(len(values), bool)
    for seam in seams:
        near[max(seam - 3, 0) : max(seam, 0)] = True
    if near.all() or not near.any():
        raise ValueError(f"seams {list(seams)} do not divide {len(joints)} frames into seams and the rest.")
    return float(values[near].mean()), float(values[~near].mean())


def physical_foot_contact(joints: Joints, fps: float) -> float:
    """PFC of EDGE (Tseng et al. 2023), x 10^4: how much the root accelerates while no foot stands. For 30 frames/s.

    Mean over frames of: length of the root's acceleration, vertical part clamped at >= 0, divided by its maximum, times
    the smaller horizontal step of ankle and toe of the left foot, times that of the right foot.
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
    """(72,) kinetic features: for each joint the means of squared horizontal speed, squared vertical speed and
    acceleration.

    Velocities and accelerations are averaged over windows of +-2 frames. For 60 frames/s. variant: "corrected", or
    "reference" for the acceleration as the public AIST++ toolbox computes it (a misplaced parenthesis divides only
    p[t-1] by the time step), for comparison with the literature. Raises ValueError for fewer than 4 frames.
    """
    if variant not in ("corrected", "reference"):
        raise ValueError(f"variant {variant!r} is neither 'corrected' nor 'reference'.")
    if len(joints) < 4:
        raise ValueError(f"{len(joints)} frames are too short for kinetic features; at least 4 are needed.")
    p = joints.astype(np.float64)
    step = np.diff(p, axis=0) * fps
    velocity = _windowed(step)
    before = step[:-1] if variant == "corrected" else p[1:-1] - p[:-2] * fps
    acceleration = _windowed((step[1:] - before) * fps)
    features = [
        (velocity[..., :2] ** 2).sum(axis=-1).mean(axis=0),
        (velocity[..., 2] ** 2).mean(axis=0),
        np.linalg.norm(acceleration, axis=-1).mean(axis=0),
    ]
    return np.stack(features, axis=-1).ravel()


def motion_statistics(joints: Joints, fps: float) -> NDArray[np.float64]:
    """(windows, 48): root-mean-square speed (24, m/s) and acceleration (24, m/s^2) of every joint in windows of 4 s.

    With root mean squares one wild window does not dominate a Frechet distance, as it does with kinetic energies. A
    remainder shorter than a window is left out; a motion shorter than one window gives no row.
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
    """Frechet distance between two sets of features (N, D), (M, D) as Gaussians, both standardised by the real set.

    least_spread: least deviation to divide a feature by, so that one that hardly varies in the real set does not
    dominate. Formula: |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson and Landau 1982). Raises ValueError for
    fewer than 2 rows.
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
    """Mean distance between all pairs of rows (N, D), standardised by the real set as in `frechet_distance`; 0 for
    fewer than 2 rows."""
    scaled = _standardised(features, real, least_spread)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
    return float(distances[np.triu_indices(len(scaled), 1)].mean()) if len(scaled) > 1 else 0.0


def _standardised(features: NDArray[np.float64], real: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    return (features - real.mean(axis=0)) / np.maximum(real.std(axis=0), least_spread)


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over +-`_WINDOW` frames along axis 0; near the ends over the frames that exist."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    start, stop = np.maximum(index - _WINDOW, 0), np.minimum(index + _WINDOW + 1, len(values))
    return (total[stop] - total[start]) / (stop - start)[:, None, None]
