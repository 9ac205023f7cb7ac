"""The music features of our checkpoints, 20 frames a second, for training and for dancing.

Columns, in this order: onset strength 1, MFCC 20, chroma 12, onset peak one-hot 1, beat one-hot 1, cosine and sine of
the beat phase. All but the chroma (see `engine.audio.chroma`) are what librosa's defaults give.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_tracking import track_frames
from engine.audio.beats import BeatTrack, beat_features, track_beats
from engine.audio.chroma import chroma
from engine.audio.onsets import onset_peaks, onset_strength
from engine.audio.rates import FRAME_RATE, HOP, SAMPLE_RATE
from engine.audio.spectra import cepstrum, mel_db
from engine.audio.tempo import likely_tempo, tempogram

FloatArray = NDArray[np.float32]

MUSIC_FEATURES = 37
_CEPSTRA = 20
_WINDOW = 2048
_LONGEST_LAG = 8
"""Seconds over which the envelope is compared with itself to find the tempo of the coarse beats."""
_USUAL_TEMPO, _OCTAVES = 120.0, 1.0
"""Centre of the prior of the coarse beats' tempo for a style without a usual one, and its standard deviation."""


def music_features(audio: FloatArray, tempo: float | None) -> tuple[FloatArray, BeatTrack]:
    """The features (T, 37) of mono audio (samples,) at `SAMPLE_RATE`, and the beats in them; T = 1 + samples // HOP.

    Frame k is centred on second k / 20, and the audio is zero outside its ends. tempo: usual beats per minute of the
    style, which decides between several plausible tempi; None if unknown.
    """
    track = track_beats(audio, SAMPLE_RATE, tempo)
    decibels = mel_db(audio, _WINDOW, HOP)
    onset = onset_strength(decibels, _WINDOW, HOP)
    columns: list[NDArray[Any]] = [
        onset,
        cepstrum(decibels, _CEPSTRA),
        chroma(audio),
        onset_peaks(onset),
        _coarse_beats(onset, tempo or _USUAL_TEMPO),
        beat_features(track, np.arange(len(onset)) / FRAME_RATE),
    ]
    return np.column_stack(columns).astype(np.float32), track


def _coarse_beats(onset: FloatArray, tempo: float) -> NDArray[np.bool_]:
    """Which frames of the features' own onset envelope (T,) are beats of one tempo near `tempo`. The network learned to
    hear these as well as the phase of the finely tracked beats."""
    beats = np.zeros(len(onset), bool)
    if onset.any():
        found = likely_tempo(tempogram(onset, _LONGEST_LAG * FRAME_RATE), FRAME_RATE, tempo, _OCTAVES)
        beats[track_frames(onset, np.full(len(onset), found), FRAME_RATE, trim=True)] = True
    return beats
