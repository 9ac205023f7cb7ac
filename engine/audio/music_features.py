"""The music features of our checkpoints, 20 frames a second, for training and for dancing.

Columns, in this order: onset strength 1, MFCC 20, chroma 12, onset peak one-hot 1, beat one-hot 1, cosine and sine of
the beat phase. Onset strength, its peaks and the MFCC are what librosa's defaults give; for the chroma see
`engine.audio.chroma`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack, beat_features
from engine.audio.chroma import chroma
from engine.audio.onsets import onset_peaks, onset_strength
from engine.audio.rates import FRAME_RATE, HOP
from engine.audio.spectra import cepstrum, mel_db

FloatArray = NDArray[np.float32]

MUSIC_FEATURES = 37
_CEPSTRA = 20
_WINDOW = 2048
_ONSET_DELAY = 0.08
"""Seconds by which the peaks of the features' own onset strength follow the beats. The network learned to hear the
beats there as well as in their phase."""


def music_features(audio: FloatArray, track: BeatTrack) -> FloatArray:
    """The features (T, 37) of mono audio (samples,) at `SAMPLE_RATE` whose beats are known; T = 1 + samples // HOP.

    Frame k is centred on second k / 20, and the audio is zero outside its ends.
    """
    decibels = mel_db(audio, _WINDOW, HOP)
    onset = onset_strength(decibels, _WINDOW, HOP)
    columns: list[NDArray[Any]] = [
        onset,
        cepstrum(decibels, _CEPSTRA),
        chroma(audio),
        onset_peaks(onset),
        _beat_frames(track, len(onset)),
        beat_features(track, np.arange(len(onset)) / FRAME_RATE),
    ]
    return np.column_stack(columns).astype(np.float32)


def half_a_beat_late(features: FloatArray) -> FloatArray | None:
    """The features (T, 37) of the same music with all of it half a beat late; None where no beat was found in it."""
    cosine, sine = features[:, -2], features[:, -1]
    if not np.any(cosine) and not np.any(sine):
        return None
    phase = np.maximum.accumulate(np.unwrap(np.arctan2(sine, cosine)))
    frames = np.arange(len(features))
    late = features[np.clip(np.round(np.interp(phase - np.pi, phase, frames)).astype(np.int64), 0, len(features) - 1)]
    late[:, -2:] = -features[:, -2:]  # frames are up to a tenth of a beat apart, the phase is known exactly
    return late


def _beat_frames(track: BeatTrack, count: int) -> NDArray[np.bool_]:
    """Which of `count` frames have the onset of a beat."""
    beats = np.zeros(count, bool)
    frames = np.round((track.times + _ONSET_DELAY) * FRAME_RATE).astype(np.int64)
    beats[frames[frames < count]] = True
    return beats
