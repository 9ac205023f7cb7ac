"""The beats of a song as features hear them: their phase at any moment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

UNKNOWN_TEMPO = 100.0
"""Beats per minute of music whose tempo nobody knows."""


@dataclass(frozen=True)
class BeatTrack:
    """Beats of a song. times: (B,) seconds, rising. tempo: beats per minute over the whole song.

    strength: 0..1, how clearly beats are heard.
    bars: (D,) indices into times of the first beat of each bar. beats_per_bar: its metre.
    """

    times: NDArray[np.float64]
    tempo: float
    strength: float
    bars: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    beats_per_bar: int = 4


def beat_phase(track: BeatTrack, times: NDArray[np.floating]) -> FloatArray:
    """The beat phase (T,) at any `times` (seconds): 0 on a beat, rising to 1 just before the next.

    Before the first and after the last beat the mean tempo is used. Without beats the phase is 0.
    """
    if not len(track.times):
        return np.zeros(len(times), np.float32)
    period = 60.0 / track.tempo
    before = np.arange(-np.ceil(max(track.times[0] - times.min(initial=0.0), 0) / period) - 1, 0)
    after = np.arange(1, np.ceil(max(times.max(initial=0.0) - track.times[-1], 0) / period) + 2)
    beats = np.concatenate([track.times[0] + before * period, track.times, track.times[-1] + after * period])
    count = np.interp(times, beats, np.arange(len(beats)))
    return (count % 1.0).astype(np.float32)


def beat_features(track: BeatTrack, times: NDArray[np.floating]) -> FloatArray:
    """Cosine and sine (T, 2) of the beat phase at `times` (seconds); without beats zeros, which no phase gives."""
    if not len(track.times):
        return np.zeros((len(times), 2), np.float32)
    angle = 2 * np.pi * beat_phase(track, times)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)
