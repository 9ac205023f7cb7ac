"""The tempo of an onset envelope: its autocorrelation, weighted by how likely each tempo is."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.audio.spectra import hann

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

_FASTEST = 320.0
"""Beats per minute."""
_BLOCK = 512
"""Windows that are transformed at once."""
_LEAST_POWER = float(np.finfo(np.float32).tiny)


def tempogram(onset: FloatArray, lags: int) -> _Array:
    """The mean autocorrelation (lags,) of all windows of `lags` frames of an onset envelope (T,), each under a Hann
    window and divided by its power: librosa's tempogram (Grosche, Müller, Kurth, "Cyclic tempogram", 2010), averaged
    over time. Beyond both ends the envelope falls to zero linearly."""
    half = lags // 2
    size = 1 << (2 * lags - 1).bit_length()
    windows = sliding_window_view(np.pad(onset.astype(np.float64), half, "linear_ramp"), lags)[: len(onset)]
    taper, total = hann(lags), np.zeros(size // 2 + 1)
    for start in range(0, len(windows), _BLOCK):
        block = windows[start : start + _BLOCK] * taper
        power = np.square(block).sum(axis=1)
        # the largest autocorrelation is that of lag 0, the power; a mean of transforms is the transform of the mean
        spectra = np.fft.rfft(block, size)
        weight = 1.0 / np.where(power < _LEAST_POWER, 1.0, power)
        total += weight @ (np.square(spectra.real) + np.square(spectra.imag))
    return np.fft.irfft(total / max(len(windows), 1), size)[:lags]


def likely_tempo(autocorrelation: _Array, rate: float, centre: float, octaves: float) -> float:
    """The likeliest tempo, beats per minute, of an autocorrelation (lags,) at `rate` frames a second, with a log-normal
    prior of a standard deviation of `octaves` around `centre`."""
    tempi = 60.0 * rate / np.arange(1, len(autocorrelation))
    prior = -0.5 * np.square(np.log2(tempi / centre) / octaves)
    score = np.log1p(1e6 * np.maximum(autocorrelation[1:], 0.0)) + np.where(tempi < _FASTEST, prior, -np.inf)
    return float(tempi[np.argmax(score)])
