"""How well a plain classifier tells a set of dances from real ones: the honest figure for "does it move like a person".

Windows of 4 s are described by the means and spreads of the pose and by the strength of movement in each band of
frequencies; a logistic regression learns to tell both sets apart and is asked about clips that it has not seen. 0.5: it
cannot; 1: every window is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from engine.evaluation.metrics.bands import band_powers, velocity_windows
from engine.motion.body_frame import in_body_frame
from smpl_rig.skeleton import JOINT_NAMES

Joints = NDArray[np.floating[Any]]
Rows = NDArray[np.float64]

_LEG = ("hip", "knee", "ankle", "foot")
UPPER = [joint for joint, name in enumerate(JOINT_NAMES) if not any(part in name.lower() for part in _LEG)]
"""Joints without legs: the foot lock leaves its own traces there."""
FOLDS = 10
_LEAST_POWER = 1e-6
"""m²/s²: weaker movements than this are all the same."""
_PENALTY = 1.0
"""Of squared weights, for features with a deviation of 1."""


@dataclass(frozen=True)
class WindowSet:
    """The windows of a motion. clip: what is left out together; the copies of a clip have its name. rows: (n, D)."""

    clip: str
    rows: Rows


def describe(joints: Joints, fps: float, chosen: Sequence[int]) -> Rows:
    """(n, D) features of the windows of (T, 24, 3) joints, of the `chosen` ones."""
    body = in_body_frame(joints)
    body[:, 0, 2] = joints[:, 0, 2]  # the pelvis is the origin: its height says more
    velocity = velocity_windows(joints[:, list(chosen)], fps)
    size = velocity.shape[1]
    rows = []
    for index, window in enumerate(velocity):
        first = index * (size // 2)
        pose = body[first : first + size, list(chosen)]
        strength = np.log(band_powers(window, fps) + _LEAST_POWER)
        rows.append(np.concatenate([pose.mean(axis=0).ravel(), pose.std(axis=0).ravel(), strength.ravel()]))
    return np.array(rows).reshape(len(rows), -1)


def tell_apart(real: Sequence[WindowSet], other: Sequence[WindowSet], seed: int = 0) -> dict[str, float]:
    """The share of windows that are told right, by clip: the mean of the shares of both sets. Empty for fewer
    than two clips with windows, or if a set has none.

    Cross-validated over clips: all windows of a clip and of its copies are asked together, after learning from the
    others. A clip that is in one set only counts there.
    """
    sets = [(each.clip, each.rows, label) for label, group in enumerate((real, other)) for each in group]
    sets = [each for each in sets if len(each[1])]
    clips = sorted({clip for clip, _, _ in sets})
    if len(clips) < 2 or len({label for _, _, label in sets}) < 2:
        return {}
    order = np.random.default_rng(seed).permutation(len(clips))
    fold = {clips[place]: index % FOLDS for index, place in enumerate(order)}
    rows = np.concatenate([rows for _, rows, _ in sets])
    labels = np.concatenate([np.full(len(rows), label) for _, rows, label in sets])
    folds = np.concatenate([np.full(len(rows), fold[clip]) for clip, rows, _ in sets])
    names = np.concatenate([np.full(len(rows), clip, dtype=object) for clip, rows, _ in sets])
    right = np.full(len(rows), np.nan)
    for index in range(min(FOLDS, len(clips))):
        asked = folds == index
        if len(np.unique(labels[~asked])) == 2:
            right[asked] = (_fitted(rows[~asked], labels[~asked], rows[asked]) > 0) == labels[asked]
    shares = {}
    for clip in clips:
        mine = [right[(names == clip) & (labels == label)] for label in (0, 1)]
        known = [part[~np.isnan(part)].mean() for part in mine if (~np.isnan(part)).any()]
        if known:
            shares[clip] = float(np.mean(known))
    return shares


def tell_halves_apart(sets: Sequence[WindowSet], rounds: int = 5) -> dict[str, float]:
    """The control: random halves of the clips of one set, told apart as two sets; by clip, the mean over `rounds`."""
    found: dict[str, list[float]] = {}
    for seed in range(rounds):
        order = np.random.default_rng(seed).permutation(len(sets))
        halves = [sets[index] for index in order[::2]], [sets[index] for index in order[1::2]]
        for clip, share in tell_apart(*halves, seed).items():
            found.setdefault(clip, []).append(share)
    return {clip: float(np.mean(shares)) for clip, shares in found.items()}


def _fitted(rows: Rows, labels: NDArray[np.int64], asked: Rows) -> Rows:
    """The scores of `asked` (m, D), > 0 for label 1, by a logistic regression on rows (n, D). Both labels weigh the
    same."""
    mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    x = np.concatenate([(rows - mean) / spread, np.ones((len(rows), 1))], axis=1)
    signs = np.where(labels == 1, 1.0, -1.0)
    weight = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))

    def loss(w: Rows) -> tuple[float, Rows]:
        margin = signs * (x @ w)
        value = (weight * np.logaddexp(0, -margin)).sum() + 0.5 * _PENALTY * (w[:-1] ** 2).sum()
        slope = -weight * signs * np.exp(-np.logaddexp(0, margin))
        gradient = x.T @ slope
        gradient[:-1] += _PENALTY * w[:-1]
        return float(value), gradient

    w = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    scores: Rows = np.concatenate([(asked - mean) / spread, np.ones((len(asked), 1))], axis=1) @ w
    return scores
