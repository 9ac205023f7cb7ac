"""librosa features: equal to librosa's own, frame by frame, and bounded in memory."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import soxr

from engine.audio.composing.demo_song import demo_song
from engine.audio.original import librosa_features as lf


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return soxr.resample(demo_song("waltz", 12).mean(axis=1), 44_100, lf.SAMPLE_RATE)


def test_equal_to_plain_librosa(song: np.ndarray) -> None:
    rate, hop = lf.SAMPLE_RATE, lf.HOP
    features = lf.librosa_features(song)
    assert features.shape == (1 + len(song) // hop, 35) and features.dtype == np.float32
    onset = librosa.onset.onset_strength(y=song, sr=rate, hop_length=hop)
    np.testing.assert_allclose(features[:, 0], onset, atol=1e-4)
    mfcc = librosa.feature.mfcc(y=song, sr=rate, n_mfcc=20, hop_length=hop)
    np.testing.assert_allclose(features[:, 1:21], mfcc.T, atol=1e-2)
    chroma = librosa.feature.chroma_cens(y=song, sr=rate, hop_length=hop)
    np.testing.assert_allclose(features[:, 21:33], chroma.T, atol=1e-5)
    peaks = librosa.onset.onset_detect(onset_envelope=onset, sr=rate, hop_length=hop)
    np.testing.assert_array_equal(np.flatnonzero(features[:, 33]), peaks)
    _, beats = librosa.beat.beat_track(onset_envelope=onset, sr=rate, hop_length=hop)
    np.testing.assert_array_equal(np.flatnonzero(features[:, 34]), beats)


def test_frames_are_centred_on_twentieths_of_a_second(song: np.ndarray) -> None:
    """A click at second 3 gives the strongest onset within a frame or two of frame 60."""
    clicks = np.zeros(lf.SAMPLE_RATE * 6, np.float32)
    clicks[lf.SAMPLE_RATE * 3] = 1.0
    assert abs(int(np.argmax(lf.librosa_features(clicks)[:, 0])) - 60) <= 2


def test_the_tempo_prior_changes_the_beats(song: np.ndarray) -> None:
    slow = lf.librosa_features(song, tempo_prior=60)[:, 34].sum()
    fast = lf.librosa_features(song, tempo_prior=240)[:, 34].sum()
    assert fast > 1.5 * slow


def test_features_of_silence_and_of_one_second_are_finite() -> None:
    features = lf.librosa_features(np.zeros(lf.SAMPLE_RATE, np.float32))
    assert features.shape == (21, 35) and np.isfinite(features).all()


def test_long_songs_are_analysed_in_blocks_with_equal_result(song: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    long = np.tile(song, 6)
    whole = lf.librosa_features(long)
    tuning = librosa.estimate_tuning(y=long, sr=lf.SAMPLE_RATE, bins_per_octave=36)
    monkeypatch.setattr(lf, "_BLOCK", 500)
    monkeypatch.setattr(librosa, "estimate_tuning", lambda **_: tuning)
    blocks = lf.librosa_features(long)
    np.testing.assert_allclose(blocks[:, :21], whole[:, :21], atol=1e-2)
    np.testing.assert_allclose(blocks[:, 21:33], whole[:, 21:33], atol=2e-3)
