"""Summary of many dances by row and style: means, their spread over seeds, and distances between sets of dances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.codec import ALL
from engine.evaluation.dances import REAL
from engine.evaluation.measure import TOLD_APART, MeasuredDance
from engine.evaluation.metrics.physical import diversity, frechet_distance
from engine.evaluation.metrics.tell_apart import WindowSet, tell_apart, tell_halves_apart

WITH_SONG = "with a song"
"""A group besides the styles and `ALL`: the clips that have a song, which are in every row."""

FEATURE_SETS: dict[str, float] = {"kinetic": 1e-9, "kinetic_reference": 1e-9, "geometric": 0.02, "statistics": 1e-9}
"""Features that sets of dances are compared by, with the least spread that each is standardised with. It is large for
the shares of geometric relations: some never hold in a small real set, and one frame of them would outweigh everything
else."""
_WORST = frozenset({"sink_worst_mm"})
_MEDIAN = frozenset({"novelty_mm"})
Sets = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Figure:
    """A figure over seeds. mean: of the seeds' means. spread: their standard deviation, None for a single seed."""

    mean: float
    spread: float | None


@dataclass(frozen=True)
class Group:
    """The figures of a row's dances in one style (or `WITH_SONG`, `ALL`). windows: number of 4 s windows per seed."""

    clips: int
    windows: int
    figures: dict[str, Figure]


Summary = dict[str, dict[str, Group]]
"""Row -> style or group -> figures."""


def summarise(measured: Sequence[MeasuredDance], training: Mapping[str, Sequence[Sets]]) -> Summary:
    """The figures of every row and group. training: `set_windows` of the training clips, by style.

    Sets are compared seed by seed, so that a larger set does not favour a row with more seeds. They are compared with
    the real dances of the split and with those of the training split in the same styles; for real dances the latter is
    the control: the distance between two samples of real dancing.
    """
    summary: Summary = {}
    real = [m for m in measured if m.row == REAL]
    for row in dict.fromkeys(m.row for m in measured):
        dances = [m for m in measured if m.row == row]
        summary[row] = {}
        told = _told_apart(dances, real, is_real=row == REAL)
        for group in _groups(dances):
            chosen = _chosen(dances, group)
            near = _pooled([m.windows for m in _chosen(real, group)])
            far = _pooled([sets for style in sorted({m.style for m in chosen}) for sets in training.get(style, ())])
            seeds = [[m for m in chosen if m.seed == seed] for seed in sorted({m.seed for m in chosen})]
            by_seed = [
                _seed_figures(dances, near, far, is_real=row == REAL) | _mean_shares(dances, told) for dances in seeds
            ]
            windows = [sum(len(m.windows["statistics"]) for m in dances) for dances in seeds]
            summary[row][group] = Group(len({m.clip for m in chosen}), round(float(np.mean(windows))), _over(by_seed))
    return summary


def _groups(dances: Sequence[MeasuredDance]) -> list[str]:
    groups = sorted({m.style for m in dances})
    if any(m.has_song for m in dances):
        groups.append(WITH_SONG)
    if any(not m.has_song for m in dances):
        groups.append(ALL)
    return groups


def _chosen(dances: Sequence[MeasuredDance], group: str) -> list[MeasuredDance]:
    return [m for m in dances if group in (ALL, m.style) or (group == WITH_SONG and m.has_song)]


def _seed_figures(dances: Sequence[MeasuredDance], near: Sets, far: Sets, is_real: bool) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name in dict.fromkeys(name for m in dances for name in m.figures):
        values = [m.figures[name] for m in dances if name in m.figures]
        figures[name] = max(values) if name in _WORST else float(np.mean(values))
    sets = _pooled([m.windows for m in dances])
    for name, rows in sets.items():
        if name not in FEATURE_SETS and len(rows):
            figures[name] = float(np.median(rows) if name in _MEDIAN else np.mean(rows))
    for name, least in FEATURE_SETS.items():
        for other, reference in (("split", near), ("train", far)):
            known = name in reference and min(len(reference[name]), len(sets[name])) > 1
            if known and not (is_real and other == "split"):
                figures[f"{name}_to_{other}"] = frechet_distance(reference[name], sets[name], least)
        if name in near and min(len(near[name]), len(sets[name])) > 1:
            figures[f"{name}_diversity"] = diversity(sets[name], near[name], least)
    return figures


Shares = dict[tuple[str, int], dict[str, float]]
"""By name of the joints and seed: the share of windows that are told right, by clip."""


def _told_apart(dances: Sequence[MeasuredDance], real: Sequence[MeasuredDance], is_real: bool) -> Shares:
    """How well a classifier that knows the other clips tells the dances of a row from real ones, seed by seed; real
    dances are told from each other, in halves."""
    shares: Shares = {}
    for name in TOLD_APART:
        for seed in sorted({m.seed for m in dances}):
            mine = _described([m for m in dances if m.seed == seed], name)
            clips = {each.clip for each in mine}
            shares[name, seed] = (
                tell_halves_apart(mine)
                if is_real
                else tell_apart(_described([m for m in real if m.clip in clips], name), mine)
            )
    return shares


def _described(dances: Sequence[MeasuredDance], name: str) -> list[WindowSet]:
    return [WindowSet(m.clip, m.described[name]) for m in dances if name in m.described]


def _mean_shares(dances: Sequence[MeasuredDance], told: Shares) -> dict[str, float]:
    figures = {}
    for name in TOLD_APART:
        known = [told[name, m.seed][m.clip] for m in dances if m.clip in told[name, m.seed]]
        if known:
            figures[name] = float(np.mean(known))
    return figures


def _over(seeds: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    figures = {}
    for name in dict.fromkeys(name for seed in seeds for name in seed):
        values = [seed[name] for seed in seeds if name in seed]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        figures[name] = Figure(float(np.mean(values)), spread)
    return figures


def _pooled(sets: Sequence[Sets]) -> dict[str, NDArray[np.float64]]:
    names = dict.fromkeys(name for each in sets for name in each)
    return {name: np.concatenate([each[name] for each in sets if name in each]) for name in names}
