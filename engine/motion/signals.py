"""Curves over time in numpy: smoothing, peaks, cubic splines. Each equals scipy's function of the same purpose
(tested), which a Python with numpy alone lacks."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
Real = TypeVar("Real", bound=np.floating[Any])
_TRUNCATE = 4.0
"""Standard deviations at which the bell of the smoothing ends."""


def smooth(values: NDArray[Real], deviation: float, ends: str = "symmetric") -> NDArray[Real]:
    """Values (T, ...) averaged over their first axis under a bell of that standard deviation, in samples, above 0.

    ends: how the values go on beyond both ends, for `numpy.pad`: "symmetric" mirrors them, "edge" repeats the last.
    As `scipy.ndimage.gaussian_filter1d` with the modes "reflect" and "nearest".
    """
    radius = int(_TRUNCATE * deviation + 0.5)
    bell = np.exp(-0.5 / deviation**2 * np.arange(radius + 1) ** 2)
    bell /= 2 * bell.sum() - bell[0]
    count, padding = len(values), [(radius, radius)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values.astype(np.float64), padding, mode=ends)  # type: ignore[call-overload]
    total = padded[radius : radius + count] * bell[0]
    for distance in range(radius, 0, -1):
        before, after = radius - distance, radius + distance
        total += (padded[before : before + count] + padded[after : after + count]) * bell[distance]
    return total.astype(values.dtype)


def peaks(curve: Curve, apart: int, prominence: float) -> NDArray[np.int64]:
    """Indices, rising, of the peaks of a curve (T,) that rise by at least `prominence` above the higher of the lowest
    points between them and the next higher samples on both sides; of peaks closer than `apart` the higher one stays.

    A plateau counts as one peak, in its middle. As `scipy.signal.find_peaks`.
    """
    if not len(curve):
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(np.diff(curve)) + 1  # where the curve has another value than before
    starts, stops = np.append(0, edges), np.append(edges, len(curve))
    levels = curve[starts]
    high = np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])) + 1
    tops = (starts[high] + stops[high] - 1) // 2
    tops = tops[_kept_apart(tops, curve[tops], apart)]
    lowest = np.maximum(_lowest_since_higher(curve), _lowest_since_higher(curve[::-1])[::-1])
    return tops[curve[tops] - lowest[tops] >= prominence].astype(np.int64)


def _kept_apart(tops: NDArray[np.int64], heights: Curve, apart: int) -> NDArray[np.bool_]:
    """Which peaks stay: the highest first, and of the others those that are not too close to one that stays."""
    kept = np.ones(len(tops), bool)
    for index in np.argsort(heights)[::-1]:
        if kept[index]:
            near = slice(*np.searchsorted(tops, [tops[index] - apart + 1, tops[index] + apart]))
            kept[near] = False
            kept[index] = True
    return kept


def _lowest_since_higher(curve: Curve) -> Curve:
    """The lowest value (T,) of the samples between each one and the last higher one before it."""
    lowest, higher = [], list[tuple[float, float]]()
    for value in curve.tolist():
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        lowest.append(low)
    return np.array(lowest)


def spline_at(values: Curve, places: Curve) -> Curve:
    """The cubic spline through values (T, ...) at the frames 0, 1, ..., T - 1, at `places` (n,) in frames: (n, ...).

    T is at least 2. Its third derivative is continuous at the second and the last but one frame ("not a knot"; de Boor,
    "A Practical Guide to Splines", 1978, chapter IV). As `scipy.interpolate.CubicSpline`.
    """
    slopes, steps = _slopes(values), np.diff(values, axis=0)
    before = np.clip(places.astype(np.int64), 0, len(values) - 2)
    part = (places - before).reshape(-1, *[1] * (values.ndim - 1))
    step, start, end = steps[before], slopes[before], slopes[before + 1]
    bend = start + end - 2 * step
    return values[before] + part * (start + part * (step - start - bend + part * bend))


def _slopes(values: Curve) -> Curve:
    """The spline's slopes (T, ...) at its frames, by elimination and substitution."""
    steps, count = np.diff(values, axis=0), len(values)
    if count == 2:
        return np.concatenate([steps, steps])
    if count == 3:  # a parabola
        bend = (steps[1] - steps[0]) / 2
        return np.stack([steps[0] - bend, steps[0] + bend, steps[1] + bend])
    slopes = np.empty_like(values)
    slopes[0] = (5 * steps[0] + steps[1]) / 2
    slopes[1:-1] = 3 * (steps[:-1] + steps[1:])
    slopes[-1] = (5 * steps[-1] + steps[-2]) / 2
    over = np.empty(count)  # what is above the diagonal, once the diagonal is 1
    over[0] = 2
    for frame in range(1, count - 1):
        pivot = 4 - over[frame - 1]
        over[frame] = 1 / pivot
        slopes[frame] = (slopes[frame] - slopes[frame - 1]) / pivot
    slopes[-1] = (slopes[-1] - 2 * slopes[-2]) / (1 - 2 * over[-2])
    for frame in range(count - 2, -1, -1):
        slopes[frame] -= over[frame] * slopes[frame + 1]
    return slopes
