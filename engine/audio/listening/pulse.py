"""Which tempo and metre a stretch of music has: evidence at every tempo of a grid, weighed with learned weights.

For a beat of period P the onset strength of each band, without its slow changes, tells

- its autocorrelation at P/4 ... 8P, where bars of three and of four beats, and halves and thirds of a beat, repeat, and
  so the autocorrelation of the changes of harmony;
- its spectrum at fractions and multiples of the beat's frequency, which, unlike the autocorrelation, has no peaks at
  slower tempi than the music's (Peeters, "Template-based estimation of time-varying tempo", 2007);
- how usual the tempo is.

A softmax over all tempi and metres with linear weights makes likelihoods of them. The weights were learned from songs
with known tempo and metre (`benchmarks/learn_listening.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.evidence import BANDS, RATE, Evidence, HalfArray
from engine.audio.listening.slow_changes import harmony_change

Array = NDArray[np.float64]

SLOWEST, FASTEST = 48.0, 220.0
TEMPI: Array = np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), 0.012))
"""Beats per minute, 1.2 % apart."""
METRES = (4, 3, 2)
"""Beats of a bar; those of a bar of two are in thirds (6/8)."""
_PERIODS: Array = 60.0 * RATE / TEMPI
_MULTIPLES = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 3 / 2, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Of the period, at which the autocorrelation is read."""
_HARMONICS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)
"""Of the beat's frequency, at which the spectrum is read."""
_TOLERANCE = (-0.012, -0.006, 0.0, 0.006, 0.012)
"""Shares of a period by which it may be off."""
_SLOW = 2 * RATE
"""Frames over which the onset strength's slow changes are taken."""
_SMOOTH = 1.5
"""Frames, the standard deviation of the bell under which onsets that are nearly together are one."""
_SPECTRUM_WINDOW = 8 * RATE
_USUAL = 110.0
_CHORD = 0.5
"""Seconds before and after a moment whose harmony is compared."""


def pulses(onset: HalfArray) -> Array:
    """The onset strength (T, BANDS) of every band without its slow changes: smoothed, above its mean of two seconds,
    with mean 0 and deviation 1; zeros for a band without onsets."""
    reach = int(4 * _SMOOTH)
    bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / _SMOOTH))
    found = np.zeros(onset.shape)
    for band, values in enumerate(onset.T.astype(np.float64)):
        smooth = np.convolve(values, bell / bell.sum())[reach : reach + len(values)]
        above = np.maximum(smooth - 0.8 * moving_mean(smooth, _SLOW), 0.0)
        spread = above.std()
        if spread > 1e-9:
            found[:, band] = (above - above.mean()) / spread
    return found


def harmony_pulse(evidence: Evidence) -> Array:
    """The changes of harmony (T, 1) at the frames of the onset strength, without their slow changes, with mean 0 and
    deviation 1; zeros where there is no harmony."""
    times = np.arange(len(evidence.onset)) / RATE
    change = harmony_change(evidence.harmony.astype(np.float64), times, np.full(len(times), _CHORD))
    above = np.maximum(change - moving_mean(change, _SLOW), 0.0)
    spread = above.std()
    return ((above - above.mean()) / spread if spread > 1e-9 else np.zeros(len(times)))[:, None]


def moving_mean(values: Array, half: int) -> Array:
    """The mean (T,) of the values (T,) up to `half` frames before and after each."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    last, first = np.minimum(places + half + 1, len(values)), np.maximum(places - half, 0)
    return (total[last] - total[first]) / (last - first)


def descriptors(pulse: Array) -> Array:
    """The evidence (tempi, D) of a stretch of pulses (T, BANDS + 1), the last of harmony, at every tempo."""
    longest = min(int(_MULTIPLES[-1] * _PERIODS[0] * 1.02), len(pulse) - 2)
    repeats = _autocorrelation(pulse, longest)
    whole = _at_multiples(repeats[:, :BANDS].mean(axis=1))
    columns = [whole, *(_at_multiples(repeats[:, each]) for each in (0, 3, BANDS)), _at_harmonics(pulse[:, :BANDS])]
    octaves = np.log2(TEMPI / _USUAL)
    beat, two, three, four, six, eight = whole[:, [5, 7, 8, 9, 10, 11]].T
    columns.append(
        np.column_stack(
            [
                octaves,
                np.square(octaves),
                np.square(np.maximum(octaves - 0.6, 0.0)),
                np.square(np.maximum(-octaves - 0.5, 0.0)),
                np.minimum(beat, two),
                np.minimum(beat, three),
                np.minimum(four, eight) - six,
                np.minimum(three, six) - four,
                np.maximum(four + eight, three + six),
            ]
        )
    )
    return np.column_stack(columns)


def _autocorrelation(pulse: Array, lags: int) -> Array:
    """The correlation (1 + lags, BANDS) of each band with itself later, each over the frames that overlap."""
    count = len(pulse)
    size = 1 << (count + lags).bit_length()
    spectra = np.fft.rfft(pulse, size, axis=0)
    products = np.fft.irfft(np.square(spectra.real) + np.square(spectra.imag), size, axis=0)[: lags + 1]
    overlap = (count - np.arange(lags + 1.0))[:, None]
    return products / overlap / np.maximum(products[0] / count, 1e-9)


def _at_multiples(repeats: Array) -> Array:
    """What an autocorrelation (lags,) has at multiples of every period, (tempi, multiples); 0 beyond its end."""
    lags = np.outer(_PERIODS, _MULTIPLES)
    places = np.arange(len(repeats))
    return np.max([np.interp(lags * (1 + off), places, repeats, right=0.0) for off in _TOLERANCE], axis=0)


def _at_harmonics(pulse: Array) -> Array:
    """The logarithm of what the spectrum of all bands together has at fractions and multiples of every beat's
    frequency, (tempi, harmonics)."""
    together = pulse.sum(axis=1)
    together /= max(float(together.std()), 1e-9)
    width = min(_SPECTRUM_WINDOW, len(together))
    taper = np.hanning(width)
    size = 16 * _SPECTRUM_WINDOW
    starts = range(0, len(together) - width + 1, max(width // 2, 1))
    spectra = [np.abs(np.fft.rfft(together[start : start + width] * taper, size)) for start in starts]
    spectrum = np.mean(spectra, axis=0) / width
    places = np.outer(TEMPI / 60.0, _HARMONICS) * (size / RATE)
    return np.log(np.interp(places, np.arange(len(spectrum)), spectrum) + 1e-3)


def likelihoods(pulse: Array, weights: Array) -> Array:
    """The logarithms of the likelihoods (tempi, METRES) of a stretch of pulses (T, BANDS + 1); all the same where
    nothing is heard. weights: (1 + D, METRES), the first row for any stretch."""
    score = descriptors(pulse) @ weights[1:] + weights[0] if pulse.any() else np.zeros((len(TEMPI), len(METRES)))
    return np.asarray(score - score.max() - np.log(np.exp(score - score.max()).sum()))
