"""The tempo at every moment of a song, and its metre: the likeliest path through the tempi of overlapping windows.

The tempo drifts from window to window, or changes, which costs as much as it is rare. The whole song speaks in every
window, so that a passage without drums has the tempo of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.evidence import RATE
from engine.audio.listening.pulse import TEMPI, likelihoods

Array = NDArray[np.float64]

_WINDOW, _HOP = 12 * RATE, 3 * RATE
_BLOCK = 300 * RATE
"""Frames that speak as a whole; a longer recording is a medley more often than one song."""
_DRIFT, _CHANGE = 0.3, 4.0
"""What a step to the next tempo of the grid costs, and any change."""
_SAME = 0.04
"""Share by which two tempi may differ and be one."""
_SHORT = 3 * RATE
"""Frames before and after a moment in which its tempo is heard, to find where the tempo changes."""


@dataclass(frozen=True)
class TempoEvidence:
    """The likelihoods (windows, tempi, METRES), logarithms, of windows of a song of `frames` frames. centres:
    (windows,) frames. mean: (tempi, METRES), of the whole song and its windows, as of one that is like all of them."""

    frames: int
    centres: Array
    windows: Array
    mean: Array


def tempo_evidence(pulse: Array, weights: Array) -> TempoEvidence:
    """The likelihoods of tempi and metres in pulses (T, BANDS + 1), the last of harmony."""
    count = len(pulse)
    starts = np.arange(0, max(count - _WINDOW, 0) + _HOP, _HOP)
    starts = np.minimum(starts, max(count - _WINDOW, 0))
    windows = np.stack([likelihoods(pulse[start : start + _WINDOW], weights) for start in starts]) * (_HOP / _WINDOW)
    centres = starts + min(_WINDOW, count) / 2
    blocks = max(round(count / _BLOCK), 1)
    for number in range(blocks):
        first, stop = count * number // blocks, count * (number + 1) // blocks
        inside = (centres >= first) & (centres < stop)
        whole = likelihoods(pulse[first:stop], weights)
        windows[inside] += whole / max(int(inside.sum()), 1)
    return TempoEvidence(
        count, np.asarray(centres, np.float64), windows, windows.sum(axis=0) / (blocks + len(starts) * _HOP / _WINDOW)
    )


def near(tempi: Array | float) -> NDArray[np.bool_]:
    """Which tempi of the grid (..., tempi) are the same as `tempi` (...,), but for a drift."""
    return np.asarray(np.abs(np.log(TEMPI / np.asarray(tempi)[..., None])) < np.log1p(_SAME))


def likeliest(found: TempoEvidence, metres: Sequence[int], allowed: NDArray[np.bool_]) -> tuple[int, NDArray[np.int64]]:
    """The likeliest of `metres` (indices of METRES), and the likeliest tempo in every window as an index of the grid,
    (windows,). allowed: (windows, tempi) which are."""
    paths = [(metre, *_path(np.where(allowed, found.windows[:, :, metre], -np.inf))) for metre in metres]
    metre, path, _ = max(paths, key=lambda found: found[2])
    return metre, path


def _path(scores: Array) -> tuple[NDArray[np.int64], float]:
    """The best path (windows,) through scores (windows, tempi), and its score."""
    best, origins = scores[0], list[NDArray[np.int64]]()
    grid = np.arange(scores.shape[1])
    for score in scores[1:]:
        ways = np.full((4, len(grid)), -np.inf)
        ways[0] = best
        ways[1, 1:], ways[2, :-1] = best[:-1] - _DRIFT, best[1:] - _DRIFT
        ways[3] = best.max() - _CHANGE
        way = ways.argmax(axis=0)
        origins.append(np.choose(way, [grid, grid - 1, grid + 1, np.full(len(grid), best.argmax())]))
        best = ways.max(axis=0) + score
    chosen = [int(best.argmax())]
    for origin in reversed(origins):
        chosen.append(int(origin[chosen[-1]]))
    return np.array(chosen[::-1]), float(best.max())


def tempo_frames(found: TempoEvidence, path: Array, pulse: Array) -> Array:
    """The tempo at every frame (T,), from that of every window. A drift goes on steadily; a change is where the pulses
    (T, BANDS) say."""
    frames = np.arange(found.frames)
    tempi = np.empty(found.frames)
    changes = np.flatnonzero(~_same(path[:-1], path[1:]))
    first = 0
    for begin, end in pairwise([0, *(changes + 1), len(path)]):
        stop = found.frames if end == len(path) else _change(found, path, end, pulse)
        stop = max(stop, first)
        logs = np.interp(frames[first:stop], found.centres[begin:end], np.log(path[begin:end]))
        tempi[first:stop] = np.exp(logs)
        first = stop
    return tempi


def _same(one: Array, two: Array) -> NDArray[np.bool_]:
    return np.asarray(np.abs(np.log(one / two)) < np.log1p(_SAME))


def _change(found: TempoEvidence, path: Array, window: int, pulse: Array) -> int:
    """The frame at which the tempo changes to that of a window: before it the old one is heard, after it the new."""
    first = int(max(found.centres[window - 1] - _WINDOW / 2, 0))
    stop = int(min(found.centres[window] + _WINDOW / 2, found.frames))
    together = pulse[first:stop].sum(axis=1)
    difference = _heard(together, path[window - 1]) - _heard(together, path[window])
    return first + int(np.cumsum(difference).argmax())


def _heard(pulse: Array, tempo: float) -> Array:
    """How much of a tempo, and of its half beats, is heard around every frame of a pulse (T,)."""
    bell = np.hanning(2 * _SHORT + 1)
    angle = 2j * np.pi * tempo / 60.0 / RATE * np.arange(len(pulse))
    waves = [np.convolve(pulse * np.exp(times * angle), bell, "same") for times in (1, 2)]
    return np.asarray(sum(np.abs(wave) for wave in waves))
