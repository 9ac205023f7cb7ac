"""Beats and bars together, by dynamic programming: the best sequence of beats, each of which is the first, second ...
of its bar (as Ellis, "Beat Tracking by Dynamic Programming", 2007, for beats alone).

The best sequence that ends with the second beat of a bar in a frame is the best one that ends with a first beat about a
period earlier, and that frame. The shortest beat is longer than a block of frames, so a block is computed at once.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TIGHTNESS = 1000.0
"""Weight of a steady tempo against onsets."""
_SHORTEST, _LONGEST = 0.7, 1.4
"""Periods between two beats."""


def track_bars(score: Array, periods: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The frames of the beats (B,), and which beat of its bar each is (B,), 0 for the first.

    score: (T, M) how good every frame is for each of the M beats of a bar. periods: (T,) frames between two beats.
    """
    count, beats = score.shape
    before = np.full((count, beats), -1)
    longest = int(np.ceil(_LONGEST * periods.max()))
    # minus infinity before the beginning: there is no frame
    total = np.concatenate([np.full((longest, beats), -np.inf), np.zeros((count, beats))])
    start = 0
    while start < count:
        period = periods[start]
        shortest, furthest = max(int(_SHORTEST * period), 1), int(np.ceil(_LONGEST * period))
        end = min(start + shortest, count)
        lags = np.arange(furthest, shortest - 1, -1)
        cost = _TIGHTNESS * np.square(np.log(lags / period))
        earlier = np.roll(total[longest + start - furthest : longest + end - shortest], 1, axis=1)
        chances = sliding_window_view(earlier, len(lags), axis=0) - cost
        best = chances.argmax(axis=2)
        gain = np.take_along_axis(chances, best[:, :, None], axis=2)[:, :, 0]
        found = np.isfinite(gain) & (gain > 0)
        before[start:end] = np.where(found, np.arange(start, end)[:, None] - lags[best], -1)
        total[longest + start : longest + end] = score[start:end] + np.where(found, gain, 0.0)
        start = end
    total = total[longest:]
    last = max(count - int(np.ceil(periods[-1])), 0) if count else 0
    frame, place = np.unravel_index(int(total[last:].argmax()), total[last:].shape) if count else (-1, 0)
    frames, places = list[int](), list[int]()
    frame, place = int(frame) + last, int(place)
    while count and frame >= 0:
        frames.append(frame)
        places.append(place)
        frame, place = int(before[frame, place]), (place - 1) % beats
    return np.array(frames[::-1], np.int64), np.array(places[::-1], np.int64)
