"""What the rhythm of a song is heard from: onsets in bands, and harmony. Small enough to be kept: a minute takes 30 kB.

1. The audio is divided by the level of its loud moments, so a quiet export is heard as a loud one.
2. Power spectra of 50 ms, 80 a second, without what is below 30 Hz (an offset, rumble), are summed in narrow bands, and
   the logarithm of one plus each sum taken: rises of quiet and of loud sounds count alike.
3. The onset strength of a wide band is the mean rise of its narrow ones over two frames (spectral flux).
4. Harmony is the share of each pitch class in spectra of 0.6 s, 10 a second (see `engine.audio.chroma`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.audio.chroma import CLASSES, pitch_shares
from engine.audio.rates import SAMPLE_RATE
from engine.audio.spectra import frame_count, power_spectra

FloatArray = NDArray[np.float32]
HalfArray = NDArray[np.float16]
_Array = NDArray[np.float64]

RATE = 80
"""Frames of onset strength a second."""
HARMONY_RATE = 10
"""Frames of harmony a second."""
BANDS = 5
_HOP, _WINDOW = SAMPLE_RATE // RATE, 512
_HARMONY_HOP = SAMPLE_RATE // HARMONY_RATE
_EDGES = (30.0, 140.0, 400.0, 1100.0, 2600.0, 5120.0)
"""Hertz between the wide bands: bass (kick), low middle, middle, high middle (snare), treble (hat)."""
_NARROW = 8
"""Narrow bands in each wide one."""
_GAIN = 1e4
"""By how much the loud moments are louder than what is too quiet to be a note."""
_LAG = 2
"""Frames over which a rise is measured."""
_LOUD = 0.9
"""Share of the moments that are quieter than the level."""
_LARGEST = np.float32(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Evidence:
    """onset: (T, BANDS) onset strength at `RATE`; frame k is about second k / RATE. harmony: (H, 12) shares of the
    pitch classes at `HARMONY_RATE`; zeros where nothing sounds. loudness: (H,) power relative to the song's loud
    moments. All in half precision."""

    onset: HalfArray
    harmony: HalfArray
    loudness: HalfArray

    @property
    def seconds(self) -> float:
        """The length of the song."""
        return len(self.onset) / RATE


def evidence_of(audio: FloatArray, progress: Callable[[float], None]) -> Evidence:
    """The evidence of a whole song (samples,) at `SAMPLE_RATE`. progress: called with the fraction done."""
    level = _level(audio)
    onset = np.zeros((frame_count(len(audio), _HOP), BANDS), np.float32)
    weights = _narrow_bands()
    before = np.zeros((_LAG, weights.shape[1]))
    place = 0
    for power in power_spectra(audio, _WINDOW, _HOP):
        heard = np.concatenate([before, np.log1p(_GAIN / level * (power @ weights))])
        rises = np.maximum(heard[_LAG:] - heard[:-_LAG], 0.0)
        onset[place : place + len(power)] = rises.reshape(len(power), BANDS, _NARROW).mean(axis=2)
        before = heard[-_LAG:]
        place += len(power)
        progress(0.6 * place / len(onset))
    onset[:_LAG] = 0.0  # where the file begins, everything rises
    count = frame_count(len(audio), _HARMONY_HOP)
    harmony, loudness = np.zeros((count, CLASSES), np.float32), np.zeros(count, np.float32)
    place = 0
    for shares, power in pitch_shares(audio, _HARMONY_HOP):
        harmony[place : place + len(shares)] = shares
        loudness[place : place + len(shares)] = power
        place += len(shares)
        progress(0.6 + 0.4 * place / count)
    loudness /= np.float32(max(float(np.quantile(loudness, _LOUD)), 1e-20))
    # rounded as they are kept, so that a song that was kept is heard as it was when it was new
    return Evidence(*(np.minimum(each, _LARGEST).astype(np.float16) for each in (onset, harmony, loudness)))


def _level(audio: FloatArray) -> float:
    """The power in one spectrum of the song's loud moments, without what is below the lowest band."""
    weights = _narrow_bands().sum(axis=1)
    step = max(len(audio) // (4096 * _HOP), 1) * _HOP  # some thousand moments are enough
    powers = [power @ weights for power in power_spectra(audio, _WINDOW, step)]
    return max(float(np.quantile(np.concatenate(powers), _LOUD)), 1e-12)


@cache
def _narrow_bands() -> _Array:
    """Weights (1 + window // 2, BANDS * _NARROW) of the bins in the narrow bands: triangles as wide as a bin, at
    least."""
    frequencies = np.arange(1 + _WINDOW // 2) * (SAMPLE_RATE / _WINDOW)
    edges = np.concatenate(
        [np.geomspace(low, high, _NARROW, endpoint=False) for low, high in pairwise(_EDGES)] + [[_EDGES[-1]]]
    )
    centres = np.sqrt(edges[1:] * edges[:-1])
    width = np.maximum(np.diff(edges), SAMPLE_RATE / _WINDOW)
    return np.maximum(1 - np.abs(frequencies[:, None] - centres) / width, 0.0)
