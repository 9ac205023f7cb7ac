"""What sounds around every moment, by which the place of beats and bars is heard: onsets in bands, changes of harmony.

The rhythm of a bar is its profile: these features at every quarter of its beats, averaged over all bars. How much like
the beginning of a bar a moment is, is a weighted sum of the features at the quarters of the beats after and before it;
the weights were learned from songs whose bars are known (`benchmarks/learn_listening.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.audio.listening.evidence import BANDS, RATE, Evidence
from engine.audio.listening.slow_changes import harmony_change, rise

Array = NDArray[np.float64]

SLOTS = 4
"""Of a beat."""
FEATURES = BANDS + 3
"""Onset strength of each band, change of harmony over one beat and over two, and rise of loudness."""
_REACH = 3
"""Frames before and after a moment in which an onset belongs to it."""
_STRONGEST = 4.0
"""Times the mean; more counts like this."""
_LOUD = 100.0
"""Power of loud moments over that of moments that are too quiet to matter."""


def features_around(evidence: Evidence, pulse: Array, tempi: Array) -> Array:
    """What sounds around every frame (T, FEATURES), each feature divided by its mean over the song.

    pulse: (T, BANDS) as from `engine.audio.listening.pulse.pulses`. tempi: (T,) beats per minute.
    """
    floor = np.pad(pulse - pulse.min(axis=0), ((_REACH, _REACH), (0, 0)))
    onsets = sliding_window_view(floor, 2 * _REACH + 1, axis=0).max(axis=2)
    times, periods = np.arange(len(pulse)) / RATE, 60.0 / tempi
    harmony = evidence.harmony.astype(np.float64)
    loud = np.log1p(_LOUD * evidence.loudness.astype(np.float64))[:, None]
    changes = [harmony_change(harmony, times, seconds) for seconds in (periods, 2 * periods)]
    found = np.column_stack([onsets, *changes, rise(loud, times, periods)])
    return np.minimum(found / np.maximum(found.mean(axis=0), 1e-6), _STRONGEST)


def bar_profile(features: Array, beats: Array, ones: NDArray[np.int64], beats_per_bar: int) -> Array:
    """The mean of the features (T, FEATURES) in every slot of a bar, (beats_per_bar * SLOTS, FEATURES). beats: (B,)
    seconds. ones: indices of the first beat of each bar; ones without that many beats after them are left out."""
    whole = ones[ones + beats_per_bar < len(beats)]
    if not len(whole):
        return np.ones((beats_per_bar * SLOTS, FEATURES))
    places = whole[:, None] + np.arange(beats_per_bar * SLOTS) / SLOTS
    frames = np.interp(places, np.arange(len(beats)), beats) * RATE
    return np.asarray(features[np.clip(np.round(frames).astype(np.int64), 0, len(features) - 1)].mean(axis=0))


def likeness_of_one(features: Array, tempi: Array, weights: Array) -> Array:
    """How much like the first beat of a bar every frame (T,) is. weights: (slots of a bar, FEATURES)."""
    frames = np.arange(len(features))
    slot = 60.0 * RATE / SLOTS / tempi
    total = np.zeros(len(features))
    for number, weight in enumerate(weights):
        values = features @ weight
        for place in (number, number - len(weights)):
            at = np.round(frames + place * slot).astype(np.int64)
            inside = (at >= 0) & (at < len(features))
            total += 0.5 * np.where(inside, values[np.clip(at, 0, len(features) - 1)], values.mean())
    return total
