"""Onset strength of a mel spectrum, and its peaks, as librosa's defaults define them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_AROUND = 2
"""Frames on each side of a peak that it is compared with."""
_ABOVE = 0.07
"""How far a peak is above the mean around it, of the range of the whole envelope."""


def onset_strength(decibels: FloatArray, window: int, hop: int) -> FloatArray:
    """The onset strength (T,) of a mel spectrum (T, B) in decibels: the mean over the bands of how much it rises from
    frame to frame (spectral flux). window, hop: samples, of the spectrum; the flux of a frame is moved half a window
    later, to where the window's centre has reached what began at its end."""
    flux = np.maximum(np.diff(decibels, axis=0), np.float32(0.0)).mean(axis=1)
    later = 1 + window // (2 * hop)
    return np.concatenate([np.zeros(later, np.float32), flux])[: len(decibels)]


def onset_peaks(onset: FloatArray) -> NDArray[np.bool_]:
    """Which frames of an onset envelope (T,) stand out from the five around them."""
    span = onset.max() - onset.min()
    if span <= 0:
        return np.zeros(len(onset), bool)
    level = (onset - onset.min()).astype(np.float64) / span
    width = 2 * _AROUND + 1
    count = np.convolve(np.ones(len(level)), np.ones(width))[_AROUND : _AROUND + len(level)]
    mean = np.convolve(level, np.ones(width))[_AROUND : _AROUND + len(level)] / count
    return level >= mean + _ABOVE
