"""Changes of what sounds for longer than an onset: the harmony, and the loudness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.evidence import HARMONY_RATE

Array = NDArray[np.float64]


def harmony_change(harmony: Array, times: Array, seconds: Array) -> Array:
    """How different the harmony (H, 12) is after each of `times` (T,) from before it, 0..1. seconds: (T,), of which the
    means before and after are compared."""
    before, after = _means(harmony, times, seconds)
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.where(lengths > 1e-9, 1 - (before * after).sum(axis=1) / np.maximum(lengths, 1e-9), 0.0)


def rise(loud: Array, times: Array, seconds: Array) -> Array:
    """By how much values (H, 1) are larger after each of `times` than before it (T,)."""
    before, after = _means(loud, times, seconds)
    return np.maximum(after - before, 0.0)[:, 0]


def _means(values: Array, times: Array, seconds: Array) -> tuple[Array, Array]:
    """The sums of values (H, C) over so many seconds before and after each of `times`."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])

    def up_to(moments: Array) -> Array:
        places = np.clip(moments * HARMONY_RATE + 0.5, 0, len(values))
        low = places.astype(np.int64)
        part = (places - low)[:, None]
        return np.asarray(total[low] * (1 - part) + total[np.minimum(low + 1, len(values))] * part)

    middle = up_to(times)
    return middle - up_to(times - seconds), up_to(times + seconds) - middle
