"""Resampling by any ratio: a low-pass filter and the change of rate, both on the spectra of overlapping blocks.

The filter is a sinc under a Kaiser window (Oppenheim and Schafer, "Discrete-Time Signal Processing", section 7.5): flat
up to 0.91 of the lower rate's Nyquist frequency, 125 dB down at it. A block's spectrum is multiplied by the filter's,
moved by the fraction of a sample at which its first output lies, cut to (or filled up to) as many bins as the block has
outputs, and transformed back; what the ends of the block reach into is cut off. This is the same as a polyphase filter,
in a tenth of its multiplications.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

_PASSED = 0.913
"""Share of the lower rate's Nyquist frequency up to which nothing is lost."""
_ATTENUATION = 125.0
"""Decibels."""
_SMALLEST, _USUAL = 512, 4096
"""Samples of a block at the lower rate: at least so many in any case, and for ratios that occur. Up to twice as many
are used."""
_MOST = 1 << 22
"""Samples of a block at the higher rate that only an absurd ratio needs more than."""
_NEAR = 1e-6
"""Samples; block lengths whose ratios are off by this more than the best one's are as good."""


class Resampler:
    """Changes the rate of samples that come piece by piece. from_rate, to_rate: any positive numbers.

    The sound is zero before its beginning and after its end. Output k is the input at from_rate / to_rate * k.
    """

    def __init__(self, from_rate: float, to_rate: float) -> None:
        self._step = from_rate / to_rate
        self._inputs, self._outputs = _block_lengths(self._step)
        lowest = min(1.0, 1.0 / self._step)  # the lower Nyquist frequency, of that of the input
        half = math.ceil((_ATTENUATION - 8) / (2.285 * math.pi * (1 - _PASSED)) / 2 / lowest)
        self._response = _low_pass(half, lowest * (1 + _PASSED) / 2, self._inputs)
        self._edge = math.ceil(half / self._step) + 1
        self._kept = self._outputs - 2 * self._edge
        self._waiting = np.zeros(0, np.float32)
        self._first = 0  # where in the input `_waiting` begins
        self._received = self._given = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """What can be given after the next samples (n,)."""
        if self._step == 1:
            return samples
        self._received += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        parts = [np.zeros(0, np.float32)]
        while self._start()[0] + self._inputs <= self._received:
            parts.append(self._block())
        return np.concatenate(parts)

    def finish(self) -> FloatArray:
        """The rest, after the last samples."""
        if self._step == 1:
            return np.zeros(0, np.float32)
        total = math.floor(self._received / self._step + 0.5)
        before, parts = self._given, [np.zeros(0, np.float32)]
        while self._given < total:
            parts.append(self._block())
        return np.concatenate(parts)[: total - before]

    def _start(self) -> tuple[int, float]:
        """The first sample of the next block, and the fraction of a sample later at which its first output lies."""
        place = (self._given - self._edge) * self._step
        return math.floor(place), place - math.floor(place)

    def _block(self) -> FloatArray:
        """The next outputs."""
        start, fraction = self._start()
        self._waiting = self._waiting[max(start - self._first, 0) :]
        self._first = max(start, self._first)
        before = self._first - start
        samples = self._waiting[: self._inputs - before]
        block = np.pad(samples.astype(np.float64), (before, self._inputs - before - len(samples)))
        bins = min(self._inputs, self._outputs) // 2 + 1
        spectrum = np.fft.rfft(block)[:bins] * self._response[:bins]
        if fraction:
            spectrum *= np.exp(2j * np.pi / self._inputs * fraction * np.arange(bins))
        moved = np.fft.irfft(spectrum, self._outputs)[self._edge : self._edge + self._kept]
        self._given += self._kept
        return (moved * (self._outputs / self._inputs)).astype(np.float32)


def resampled(audio: FloatArray, from_rate: float, to_rate: float) -> FloatArray:
    """Audio (samples,) at another rate."""
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.push(audio.astype(np.float32, copy=False)), resampler.finish()])


def _low_pass(half: int, cutoff: float, length: int) -> _Array:
    """The response (1 + length // 2,) of a filter of 2 * half + 1 samples. cutoff: of the Nyquist frequency."""
    place = np.arange(-half, half + 1)
    window = np.kaiser(2 * half + 1, 0.1102 * (_ATTENUATION - 8.7))
    taps = window * np.sinc(cutoff * place)
    around = np.zeros(length)
    around[place] = taps / taps.sum()
    return np.fft.rfft(around).real


def _block_lengths(step: float) -> tuple[int, int]:
    """Inputs and outputs of a block, whose ratio is `step` or very near it."""
    ratio = max(step, 1.0 / step)
    least = max(_SMALLEST, min(_USUAL, int(_MOST / ratio)))
    lower = np.arange(least, 2 * least + 1)
    off = np.abs(lower * ratio - np.round(lower * ratio))
    good = [int(count) for count in lower[off <= off.min() + _NEAR]]
    count = min(good[:16], key=lambda count: max(_largest_factor(count), _largest_factor(round(count * ratio))))
    other = round(count * ratio)
    return (other, count) if step > 1 else (count, other)


def _largest_factor(number: int) -> int:
    """The largest prime factor; a transform of a length with small ones is fast."""
    factor = 2
    while factor * factor <= number:
        if number % factor:
            factor += 1
        else:
            number //= factor
    return number
