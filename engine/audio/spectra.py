"""Short-time power spectra, mel spectra in decibels, and mel cepstra, as librosa's defaults define them.

Spectra are computed in blocks of frames, so that an hour needs little memory beside the result, and in double
precision, so that every numpy gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.audio.rates import SAMPLE_RATE

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

MEL_BANDS = 128
_BLOCK = 1 << 20
"""Samples of all windows that are transformed at once, 8 MB."""
_GROUP = 16
"""Filters that are multiplied at once."""
_LEAST_POWER = 1e-10
_RANGE = 80.0
"""Decibels below the loudest moment that are heard."""
_LINEAR_BELOW, _LINEAR_STEP = 1000.0, 200.0 / 3
"""Hertz up to which a mel is a constant step, and that step."""
_LOG_STEP = np.log(6.4) / 27.0


def frame_count(samples: int, hop: int) -> int:
    """How many frames `power_spectra` gives."""
    return 1 + samples // hop


def power_spectra(audio: FloatArray, window: int, hop: int) -> Iterator[_Array]:
    """Blocks (frames, 1 + window // 2) of the power spectrum of audio (samples,), `frame_count` frames in all.

    Frame k is centred on sample k * hop, under a periodic Hann window; the audio is zero outside its ends.
    """
    count = frame_count(len(audio), hop)
    taper = hann(window)
    block = _BLOCK // window
    for start in range(0, count, block):
        stop = min(start + block, count)
        first, last = start * hop - window // 2, (stop - 1) * hop + window - window // 2
        piece = np.pad(audio[max(first, 0) : last], (max(-first, 0), max(last - len(audio), 0)))
        spectra = np.fft.rfft(sliding_window_view(piece, window)[::hop] * taper)
        yield np.square(spectra.real) + np.square(spectra.imag)


def mel_db(audio: FloatArray, window: int, hop: int) -> FloatArray:
    """Mel power (T, 128) in decibels of audio (samples,) at `SAMPLE_RATE`, at most `_RANGE` below its largest value."""
    power = np.concatenate([_mel_power(block, window) for block in power_spectra(audio, window, hop)])
    decibels = np.float32(10.0) * np.log10(np.maximum(power, np.float32(_LEAST_POWER)))
    return np.maximum(decibels, decibels.max() - np.float32(_RANGE))


def cepstrum(decibels: FloatArray, count: int) -> _Array:
    """The first `count` mel cepstral coefficients (T, count) of a mel spectrum (T, B): its orthonormal cosine transform
    (DCT-II)."""
    bands = decibels.shape[1]
    basis = np.cos(np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(count))) * np.sqrt(2.0 / bands)
    basis[:, 0] /= np.sqrt(2.0)
    return decibels @ basis


def _mel_power(power: _Array, window: int) -> FloatArray:
    """The mel power (T, 128) of power spectra (T, 1 + window // 2)."""
    weights = mel_weights(window)
    mel = np.empty((len(power), MEL_BANDS), np.float32)
    for first in range(0, MEL_BANDS, _GROUP):  # few bins lie under each filter
        group = weights[first : first + _GROUP]
        bins = np.flatnonzero(group.any(axis=0))
        under = slice(bins[0], bins[-1] + 1)
        mel[:, first : first + _GROUP] = power[:, under] @ group[:, under].T
    return mel


@cache
def mel_weights(window: int) -> _Array:
    """Triangular filters (128, 1 + window // 2) of the same area, equally spaced in mels (Slaney, "Auditory Toolbox",
    1998: linear up to 1000 Hz, then 27 steps for a factor of 6.4), from 0 to half of `SAMPLE_RATE`."""
    frequencies = np.arange(1 + window // 2) * (SAMPLE_RATE / window)
    highest = _LINEAR_BELOW / _LINEAR_STEP + np.log(SAMPLE_RATE / 2 / _LINEAR_BELOW) / _LOG_STEP
    mels = np.linspace(0.0, highest, MEL_BANDS + 2)
    above = mels - _LINEAR_BELOW / _LINEAR_STEP
    edges = np.where(above < 0, mels * _LINEAR_STEP, _LINEAR_BELOW * np.exp(_LOG_STEP * above))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(np.minimum(rising, falling), 0.0) * (2.0 / (high - low))


def hann(length: int) -> _Array:
    """A periodic Hann window (length,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi / length * np.arange(length))
