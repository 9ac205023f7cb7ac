"""The music features our decoder hears: librosa's 35 and the beat phase, 20 times a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack, beat_features, track_beats
from engine.audio.librosa_features import FEATURE_COUNT, FRAME_RATE, SAMPLE_RATE, librosa_features

MUSIC_FEATURES = FEATURE_COUNT + 2


def music_features(audio: NDArray[np.float32], tempo: float | None) -> tuple[NDArray[np.float32], BeatTrack]:
    """Mono audio (samples,) at `SAMPLE_RATE` -> (T, 37) features and the beats they were made with.

    Frame k is centred on second k / 20. tempo: usual beats per minute of the style, which decides which of several
    plausible tempi counts as the beat; None where nothing is known.
    """
    track = track_beats(audio, SAMPLE_RATE, tempo)
    features = librosa_features(audio, tempo)
    times = np.arange(len(features)) / FRAME_RATE
    return np.concatenate([features, beat_features(track, times)], axis=1).astype(np.float32), track
