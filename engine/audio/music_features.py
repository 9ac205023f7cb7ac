"""The music features of our checkpoints: librosa's 35 and the beat phase, 20 frames a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack, beat_features, track_beats
from engine.audio.librosa_features import FEATURE_COUNT, FRAME_RATE, SAMPLE_RATE, librosa_features

MUSIC_FEATURES = FEATURE_COUNT + 2


def music_features(audio: NDArray[np.float32], tempo: float | None) -> tuple[NDArray[np.float32], BeatTrack]:
    """The features (T, 37) of mono audio (samples,) at `SAMPLE_RATE`, and the beats in them.

    Frame k is centred on second k / 20. tempo: usual beats per minute of the style, which decides between several
    plausible tempi; None if unknown.
    """
    track = track_beats(audio, SAMPLE_RATE, tempo)
    features = librosa_features(audio, tempo)
    times = np.arange(len(features)) / FRAME_RATE
    return np.concatenate([features, beat_features(track, times)], axis=1).astype(np.float32), track
