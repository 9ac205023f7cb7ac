"""Beat tracking by dynamic programming (Ellis, "Beat Tracking by Dynamic Programming", 2007), as in librosa.

The best sequence of beats that ends in a frame is the best one that ends half a beat to two beats earlier, and that
frame. Half a beat of frames depends on earlier frames only, so they are computed at once.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

_TIGHTNESS = 100.0
"""Weight of a steady tempo against strong onsets."""
_SHARPNESS = 32.0
"""Standard deviations in a beat, of the bell by which an onset may be off."""
_FIRST = 0.01
"""Share of the strongest frame that the first beat has."""


def track_frames(onset: FloatArray, tempi: _Array, rate: float, trim: bool) -> NDArray[np.int64]:
    """The frames of the beats of an onset envelope (T,) at `rate` frames a second.

    tempi: (T,) beats per minute at each frame. trim: leave out weak beats at the beginning and the end, else only those
    where there is nothing at all.
    """
    spread = float(onset.std(ddof=1)) if len(onset) > 1 else 0.0
    if spread <= 0:
        return np.zeros(0, np.int64)
    periods = np.round(60.0 * rate / tempi).astype(np.int64)
    borders = np.flatnonzero(np.diff(periods)) + 1
    parts = [
        (int(first), int(stop), int(periods[first]))
        for first, stop in zip([0, *borders], [*borders, len(onset)], strict=True)
    ]
    score = _smoothed(onset.astype(np.float64) / spread, parts)
    before, total = _best_sequences(score, parts)
    frame, beats = _last_beat(total), list[int]()
    while frame >= 0:
        beats.append(frame)
        frame = int(before[frame])
    found = np.array(beats[::-1], np.int64)
    loud = np.flatnonzero(score > (_weak(score[found]) if trim else 0.0))
    return found[(found >= loud[0]) & (found <= loud[-1])] if len(loud) else found[:0]


def _smoothed(onset: _Array, parts: list[tuple[int, int, int]]) -> _Array:
    """The envelope under a bell whose width is a share of a beat. parts: first, stop and frames per beat."""
    score = np.empty(len(onset))
    for first, stop, period in parts:
        bell = np.exp(-0.5 * np.square(np.arange(-period, period + 1) * (_SHARPNESS / period)))
        begin = max(first - period, 0)
        whole = np.convolve(onset[begin : stop + period], bell)
        score[first:stop] = whole[first - begin + period : stop - begin + period]
    return score


def _best_sequences(score: _Array, parts: list[tuple[int, int, int]]) -> tuple[NDArray[np.int64], _Array]:
    """The beat before each frame (T,), -1 for none, and the score of the best sequence that ends there (T,)."""
    before = np.full(len(score), -1)
    longest = 2 * max(period for _, _, period in parts)
    # minus infinity before the beginning: there is no frame
    total = np.concatenate([np.full(longest, -np.inf), np.zeros(len(score))])
    for first, stop, period in parts:
        shortest = round(period / 2)
        lags = np.arange(2 * period, shortest - 1, -1)
        cost = _TIGHTNESS * np.square(np.log(lags / period))
        for start in range(first, stop, shortest):
            end = min(start + shortest, stop)
            earlier = total[longest + start - 2 * period : longest + end - shortest]
            chances = sliding_window_view(earlier, len(lags)) - cost
            best = len(lags) - 1 - np.argmax(chances[:, ::-1], axis=1)  # of equal ones the nearest
            gain = np.take_along_axis(chances, best[:, None], axis=1)[:, 0]
            found = np.isfinite(gain)
            frames = np.arange(start, end)
            before[start:end] = np.where(found, frames - lags[best], -1)
            total[longest + start : longest + end] = score[start:end] + np.where(found, gain, 0.0)
    begun = np.flatnonzero(score >= _FIRST * score.max())
    before[: begun[0]] = -1
    return before, total[longest:]


def _last_beat(total: _Array) -> int:
    """The last peak of the score that is at least half as high as the median peak."""
    rises = np.diff(total) > 0
    peaks = 1 + np.flatnonzero(rises & np.append(~rises[1:], True))
    high = peaks[total[peaks] >= 0.5 * np.median(total[peaks])] if len(peaks) else peaks
    return int(high[-1]) if len(high) else len(total) - 1


def _weak(strength: _Array) -> float:
    """The score up to which a beat at either end is weak, from that of all beats (B,): half of the root mean square of
    what a Hann window of five beats sums up."""
    smooth = np.convolve(strength, [0.0, 0.5, 1.0, 0.5, 0.0])[2:]
    return 0.5 * float(np.sqrt(np.square(smooth).mean()))
