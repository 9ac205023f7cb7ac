"""The energy that a dance is asked to have: what a person asks for, and how loud and busy its song is.

Loudness is the first cepstral coefficient of the music features, which is the mean of the mel spectrum in decibels;
busyness is the onset strength. Both are averaged over a few seconds, so that verses and choruses show and beats do not.
A song that stays the same gives nearly zero throughout, whatever its level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.rates import FRAME_RATE
from engine.choreography import Choreography
from engine.motion.signals import smooth

_ONSET, _LOUDNESS = 0, 1
"""Columns of `engine.audio.music_features`."""
_DEVIATION = 1.5
"""Standard deviation, seconds, of the bell under which both are averaged."""
_LEAST_LOUDNESS, _LEAST_ONSET = 40.0, 0.25
"""Smallest spreads that count as a whole change: 40 of the coefficient are 3.5 dB; a typical song has an onset strength
of 1 to 2."""


_RANGE = 0.6
"""Binary logarithm of how much faster than usual a dance is that follows its song fully, where the song is at its
most."""


def asked_energy(
    ratios: NDArray[np.floating], follow: float, features: NDArray[np.float32], stride: int
) -> NDArray[np.float32]:
    """(N,) energies (see `engine.motion.energy`) of token positions.

    ratios: (N,) how fast the motion is to be against what is usual in its style. follow: 0 to 1, how much it follows
    the energy of the song, of which features (N * stride, 37) are given.
    """
    song = song_energy(features)[: len(ratios) * stride].reshape(len(ratios), stride).mean(-1)
    return (np.log2(ratios) + follow * _RANGE * song).astype(np.float32)


def energy_of(document: Choreography, features: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """(N,) the energies that a document asks for."""
    spans = document.spans
    ratios = [document.energy if span.energy is None else span.energy for span in spans for _ in range(len(span))]
    return asked_energy(np.array(ratios), document.song_energy, features, stride)


def song_energy(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T,) from -1, the calmest that songs get, over 0, the song's own middle, to 1, for music features (T, 37)."""
    parts = []
    for column, least in ((_LOUDNESS, _LEAST_LOUDNESS), (_ONSET, _LEAST_ONSET)):
        level = smooth(features[:, column].astype(np.float64), _DEVIATION * FRAME_RATE)
        low, middle, high = np.percentile(level, (10, 50, 90))
        parts.append((level - middle) / max(high - low, least))
    return np.clip(np.mean(parts, axis=0), -1, 1).astype(np.float32)
