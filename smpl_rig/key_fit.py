"""Few keys that say what many frames do: curves of a value a frame, as cubic pieces between keys.

A piece from frame i to k is a Bezier curve whose handles lie at a third of its length, so that time is linear along it
and its value the cubic with Bernstein coefficients (value, handle, handle, value). Its ends are the frames' own values;
its handles are the least-squares fit of the frames between.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_PATIENCE = 2
"""Lengths that may fail before longer ones are not tried: a longer piece may fit where a shorter one does not."""
_ROUNDS, _MARGIN = 4, 1.2
"""Times that tolerances are made finer for an effect, and by how much more than it is too large."""


@dataclass(frozen=True)
class Keys:
    """Keys of one curve. frames: (n,) whole numbers, from 0 on. values: (n,). before, after: (n,) values of the handles
    on both sides, each at a third of the way to the next key. straight: (n,) whether the piece after it is a line."""

    frames: NDArray[np.int64]
    values: Floats
    before: Floats
    after: Floats
    straight: Bools


@dataclass(frozen=True, eq=False)
class Effect:
    """What curves do together, such as joints at the end of a chain that each of its rotations moves.

    places: from values (N, C) of all curves to (N, J, 3). limits: (J,) how far each may be from where the curves'
    own values have it. moves: (J, C) whether a curve moves it.
    """

    places: Callable[[Floats], Floats]
    limits: Floats
    moves: Bools


def fit_keys(
    values: Floats, tolerance: Floats, longest: int, phase: int = 0, effect: Effect | None = None
) -> list[Keys]:
    """Keys of the curves `values` (T, C), each within its `tolerance` (C,) at every frame; the first and the last frame
    are keys.

    longest: frames of the longest piece. It is also the grid on which every curve has a key, so that an edit fits few
    frames again. phase: how many frames after a frame of the grid the first one is. effect: what the keys keep as well;
    where small errors of several curves add up to more than it allows, these have a finer tolerance from one frame of
    the grid to the next.

    Greedy: every piece is as long as the tolerance lets it be.
    """
    count, curves = len(values), len(tolerance)
    borders = np.array(sorted({0, count - 1, *range((-phase) % longest, count, longest)}), np.int64)
    rows = np.array([(c, *ends) for ends in itertools.pairwise(borders) for c in range(curves)], np.int64)
    rows, tracks = rows.reshape(-1, 3), values.T.astype(np.float64)
    pieces = _pieces(tracks, rows, np.tile(tolerance, len(borders) - 1), longest)
    if effect is not None and len(rows):
        pieces = _refined(pieces, tracks, rows, tolerance, longest, effect)
    ends = np.searchsorted(pieces["curve"], range(curves + 1))
    return [_joined(values[:, curve], pieces[ends[curve] : ends[curve + 1]]) for curve in range(curves)]


def _refined(
    pieces: NDArray[np.void], tracks: Floats, rows: NDArray[np.int64], tolerance: Floats, longest: int, effect: Effect
) -> NDArray[np.void]:
    """Pieces with an effect within its limits, as far as a few rounds lead there; arguments as in `_pieces`, but
    tolerance: (C,)."""
    curves = len(tolerance)
    starts, stops = rows[::curves, 1], rows[::curves, 2]  # of the parts between frames of the grid
    wanted = effect.places(tracks.T)
    finer = np.tile(tolerance, (len(starts), 1))
    left = np.arange(len(starts))
    for _ in range(_ROUNDS):
        frames = np.concatenate([np.arange(starts[part], stops[part]) for part in left])
        shown = effect.places(_shown(pieces, tracks, frames).T)
        away = np.linalg.norm(shown - wanted[frames], axis=-1) / effect.limits
        first = np.concatenate([[0], np.cumsum(stops[left] - starts[left])[:-1]])
        worst = np.maximum.reduceat(away, first, axis=0)  # (parts, J); the last frame is a key, and exact
        excess = np.where(effect.moves, worst[:, :, None], 0).max(axis=1)
        changed = (excess > 1).any(axis=1)
        left, excess = left[changed], excess[changed]
        if not len(left):
            break
        again = np.zeros(finer.shape, bool)
        again[left] = excess > 1
        finer[left] /= np.where(excess > 1, _MARGIN * excess, 1)
        part = np.searchsorted(starts, pieces["start"], side="right") - 1
        fitted = _pieces(tracks, rows[again.ravel()], finer[again], longest)
        pieces = np.concatenate([pieces[~again[part, pieces["curve"]]], fitted])
        pieces = pieces[np.lexsort((pieces["start"], pieces["curve"]))]
    return pieces


def _shown(pieces: NDArray[np.void], tracks: Floats, frames: NDArray[np.int64]) -> Floats:
    """What curves (C, T) with these pieces are at frames (N,): (C, N)."""
    curves, count = tracks.shape
    keys = pieces["curve"] * count + pieces["start"]
    at = np.searchsorted(keys, np.arange(curves)[:, None] * count + frames, side="right") - 1
    piece = pieces[at]
    share = (frames - piece["start"]) / (piece["stop"] - piece["start"])
    rows = np.arange(curves)[:, None]
    first, last = tracks[rows, piece["start"]], tracks[rows, piece["stop"]]
    curved = _weighted(share, first, piece["out"], piece["into"], last)
    return np.where(piece["straight"], first + share * (last - first), curved)


def _weighted(at: Floats, first: Floats, out: Floats, into: Floats, last: Floats) -> Floats:
    """The cubic with these Bernstein coefficients at 0..1."""
    other = 1 - at
    return other**3 * first + 3 * other * at * (other * out + at * into) + at**3 * last


_PIECE = np.dtype(
    [("curve", np.int64), ("start", np.int64), ("stop", np.int64), ("out", float), ("into", float), ("straight", bool)]
)


def _pieces(values: Floats, rows: NDArray[np.int64], tolerance: Floats, longest: int) -> NDArray[np.void]:
    """All pieces, sorted by curve and start. values: (C, T). rows: (n, 3) curve, first and last frame of what is fitted
    beside each other. tolerance: (n,)."""
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
            limit = tolerance[trying, None]
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
        curve, start, last, tolerance = curve[left], start[left], last[left], tolerance[left]
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
