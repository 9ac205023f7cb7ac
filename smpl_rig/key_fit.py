"""Few keys that say what many frames do: curves of a value a frame, as cubic pieces between keys.

A piece from frame i to k is a Bezier curve whose handles lie at a third of its length, so that time is linear along it
and its value the cubic with Bernstein coefficients (value, handle, handle, value). Its ends are the frames' own values;
its handles are the least-squares fit of the frames between.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_PATIENCE = 2
"""Lengths that may fail before longer ones are not tried: a longer piece may fit where a shorter one does not."""


@dataclass(frozen=True)
class Keys:
    """Keys of one curve. frames: (n,) whole numbers, from 0 on. values: (n,). before, after: (n,) values of the handles
    on both sides, each at a third of the way to the next key. straight: (n,) whether the piece after it is a line."""

    frames: NDArray[np.int64]
    values: Floats
    before: Floats
    after: Floats
    straight: NDArray[np.bool_]


def fit_keys(values: Floats, tolerance: Floats, longest: int, phase: int = 0) -> list[Keys]:
    """Keys of the curves `values` (T, C), each within its `tolerance` (C,) at every frame; the first and the last frame
    are keys.

    longest: frames of the longest piece. It is also the grid on which every curve has a key, so that an edit fits few
    frames again. phase: how many frames after a frame of the grid the first one is.

    Greedy: every piece is as long as the tolerance lets it be.
    """
    count = len(values)
    borders = sorted({0, count - 1, *range((-phase) % longest, count, longest)})
    curves = range(len(tolerance))
    rows = [(curve, first, last) for first, last in itertools.pairwise(borders) for curve in curves]
    pieces = _pieces(values.T.astype(np.float64), np.array(rows, np.int64).reshape(-1, 3), tolerance, longest)
    limits = np.searchsorted(pieces["curve"], range(len(tolerance) + 1))
    return [_joined(values[:, curve], pieces[limits[curve] : limits[curve + 1]]) for curve in curves]


_PIECE = np.dtype(
    [("curve", np.int64), ("start", np.int64), ("stop", np.int64), ("out", float), ("into", float), ("straight", bool)]
)


def _pieces(values: Floats, rows: NDArray[np.int64], tolerance: Floats, longest: int) -> NDArray[np.void]:
    """All pieces, sorted by curve and start. values: (C, T). rows: (n, 3) curve, first and last frame of what is fitted
    beside each other."""
    found = []
    curve, start, last = rows.T.copy()
    while len(curve):
        best = np.zeros(len(curve), _PIECE)
        best["curve"], best["start"] = curve, start
        failed, trying = np.zeros(len(curve), int), np.arange(len(curve))
        for length in range(1, longest + 1):
            trying = trying[(start[trying] + length <= last[trying]) & (failed[trying] < _PATIENCE)]
            if not len(trying):
                break
            wanted = values[curve[trying, None], start[trying, None] + np.arange(length + 1)]
            line, cubic, solve = _basis(length)
            limit = tolerance[curve[trying], None]
            straight_line = wanted[:, [0, -1]] @ line
            straight = (np.abs(straight_line - wanted) <= np.minimum(limit, _EXACT)).all(axis=1)
            ends = wanted[:, [0, -1]] @ cubic[[0, 3]]
            handles = (wanted - ends) @ solve
            fits = straight | (np.abs(ends + handles @ cubic[1:3] - wanted) <= limit).all(axis=1)
            good = trying[fits]
            best["stop"][good] = start[good] + length
            best["out"][good], best["into"][good] = handles[fits].T
            best["straight"][good] = straight[fits]
            failed[good] = 0
            failed[trying[~fits]] += 1
        found.append(best)
        start = best["stop"].copy()
        left = start < last
        curve, start, last = curve[left], start[left], last[left]
    pieces = np.concatenate(found) if found else np.zeros(0, _PIECE)
    return pieces[np.lexsort((pieces["start"], pieces["curve"]))]


_EXACT = 1e-7
"""Distance from a line within which a piece is one."""


@lru_cache(maxsize=256)
def _basis(length: int) -> tuple[Floats, Floats, Floats]:
    """Of a piece of so many frames: (2, n) weights of its ends on a line, (4, n) of its coefficients, and (n, 2) what
    solves for the handles."""
    at = np.arange(length + 1) / length
    cubic = np.stack([(1 - at) ** 3, 3 * (1 - at) ** 2 * at, 3 * (1 - at) * at**2, at**3])
    return np.stack([1 - at, at]), cubic, np.linalg.pinv(cubic[1:3])


def _joined(values: Floats, pieces: NDArray[np.void]) -> Keys:
    frames = np.concatenate([[0], pieces["stop"]]).astype(np.int64)
    kept = values[frames]
    # beside a line, and at both ends of the curve, handles lie on it
    before, after = kept.astype(np.float64), kept.astype(np.float64)
    third = np.diff(before) / 3
    after[:-1] += third
    before[1:] -= third
    curved = ~pieces["straight"]
    after[:-1][curved], before[1:][curved] = pieces["out"][curved], pieces["into"][curved]
    return Keys(frames, kept, before, after, np.concatenate([pieces["straight"], [True]]))
