"""The music features in numpy: equal to librosa's where they are librosa's, in blocks as at once, without other
libraries, and a chroma that hears notes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest

from engine.audio import chroma as chroma_module
from engine.audio import spectra
from engine.audio.beats import BeatTrack
from engine.audio.chroma import chroma
from engine.audio.composing.demo_song import DEMO_RATE, DEMO_STYLES, demo_song
from engine.audio.listening.listen import listen
from engine.audio.listening.rhythm import beats_in_style
from engine.audio.music_features import MUSIC_FEATURES, half_a_beat_late, music_features
from engine.audio.onsets import onset_strength
from engine.audio.original.librosa_features import CHROMA, MFCC, ONSET, PEAK, librosa_features
from engine.audio.rates import HOP, SAMPLE_RATE
from engine.audio.resampling import resampled
from engine.audio.spectra import mel_db

SECONDS = 24.0
TRACK = BeatTrack(np.arange(0.5, SECONDS, 0.5), 120.0, 1.0)


def excerpt(style: str, seconds: float = SECONDS) -> np.ndarray:
    """A song with chords, bass and drums, and some noise."""
    song = resampled(demo_song(style, seconds).mean(axis=1), DEMO_RATE, SAMPLE_RATE)
    noise = np.random.default_rng(0).standard_normal(len(song)) * 1e-3
    return (song + noise).astype(np.float32)


def clicks(period: float, seconds: float = 20.0) -> np.ndarray:
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    audio[(np.arange(0.3, seconds, period) * SAMPLE_RATE).astype(int)] = 1.0
    return audio


def near(mine: np.ndarray, librosas: np.ndarray) -> bool:
    """Whether two arrays differ by no more than 1e-4 of the largest value."""
    return mine.shape == librosas.shape and np.abs(mine - librosas).max() <= 1e-4 * np.abs(librosas).max()


SOUNDS = {style: excerpt(style) for style in DEMO_STYLES} | {"clicks": clicks(0.5), "silence": clicks(100.0)}


@pytest.mark.parametrize("name", SOUNDS)
def test_what_is_librosas_equals_it(name: str) -> None:
    mine, theirs = music_features(SOUNDS[name], TRACK), librosa_features(SOUNDS[name])
    assert mine.shape == (len(theirs), MUSIC_FEATURES) and mine.dtype == np.float32
    for columns in (ONSET, MFCC):
        assert near(mine[:, columns], theirs[:, columns])
    assert np.array_equal(mine[:, PEAK], theirs[:, PEAK])


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize(("window", "hop"), [(2048, 512), (1024, 128)])
def test_onsets_equal_librosas(name: str, window: int, hop: int) -> None:
    shape = {"sr": SAMPLE_RATE, "hop_length": hop}
    power = librosa.feature.melspectrogram(y=SOUNDS[name], n_fft=window, **shape)
    decibels = mel_db(SOUNDS[name], window, hop)
    assert near(decibels, librosa.power_to_db(power).T)
    theirs = librosa.onset.onset_strength(S=librosa.power_to_db(power), n_fft=window, **shape)
    assert near(onset_strength(decibels, window, hop), theirs)


def test_the_onset_of_a_beat_is_where_librosa_hears_it() -> None:
    """The network learned to hear beats there (column 34), and their phase at the beats themselves."""
    audio = SOUNDS["clicks"]
    track = beats_in_style(listen(audio).rhythm, 120.0)
    mine, theirs = (np.flatnonzero(each[:, 34]) for each in (music_features(audio, track), librosa_features(audio)))
    assert len(theirs) > 30 and np.abs(mine[:, None] - theirs).min(axis=0).max() <= 1


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = SOUNDS["rumba"]
    whole, heard = music_features(audio, TRACK), listen(audio)
    monkeypatch.setattr(spectra, "_BLOCK", 3 * chroma_module._WINDOW)
    np.testing.assert_allclose(music_features(audio, TRACK), whole, atol=1e-4)
    assert np.array_equal(listen(audio).rhythm.times, heard.rhythm.times)


@pytest.mark.parametrize("samples", [1, 100, 511, 512, SAMPLE_RATE, SAMPLE_RATE + 1])
def test_any_length_has_a_frame_for_each_twentieth_of_a_second(samples: int) -> None:
    for audio in (SOUNDS["waltz"][:samples], np.zeros(samples, np.float32), np.ones(samples, np.float32)):
        track = beats_in_style(listen(audio).rhythm, None)
        features = music_features(audio, track)
        assert features.shape == (1 + samples // HOP, MUSIC_FEATURES) and np.isfinite(features).all()
        assert np.isfinite(track.tempo) and track.tempo > 0


def tones(frequencies: list[float], seconds: float = 5.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.sum([0.2 * np.sin(2 * np.pi * f * time) for f in frequencies], axis=0).astype(np.float32)


@pytest.mark.parametrize("octave", [3, 4, 5, 6])
@pytest.mark.parametrize("chord", [(0, 4, 7), (2, 5, 9), (11, 3, 6)])
def test_chroma_is_what_notes_sound_in_any_octave(octave: int, chord: tuple[int, ...]) -> None:
    heard = chroma(tones([440.0 * 2 ** (octave - 4 + (note - 9) / 12) for note in chord]))[50]
    assert set(np.argsort(heard)[-3:]) == set(chord)
    assert heard[list(chord)].min() > 3 * np.delete(heard, chord).max()
    assert np.linalg.norm(heard) == pytest.approx(1, abs=1e-5)


def test_chroma_is_close_to_cens_on_music() -> None:
    pairs = [(chroma(SOUNDS[name]), librosa_features(SOUNDS[name])[:, CHROMA]) for name in DEMO_STYLES]
    mine, theirs = (np.concatenate(each) for each in zip(*pairs, strict=True))
    assert np.mean([np.corrcoef(mine[:, k], theirs[:, k])[0, 1] for k in range(12)]) > 0.9


def test_silence_has_no_chroma() -> None:
    assert not chroma(np.zeros(SAMPLE_RATE, np.float32)).any()


def test_beats_of_clicks_are_where_the_clicks_are() -> None:
    track = beats_in_style(listen(clicks(0.6)).rhythm, 100.0)
    late = track.times % 0.6 - 0.3
    assert track.tempo == pytest.approx(100, rel=0.01)
    assert np.abs(late[1:-1]).max() < 0.02


def test_a_dance_hears_its_song_without_any_library_but_numpy(tmp_path: Path) -> None:
    blocked = ["scipy", "librosa", "numba", "soxr", "av", "torch", "soundfile", "sklearn"]
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
from engine.audio.composing.demo_song import write_demo_song
from engine.audio.music_features import music_features
from engine.audio.listening.song_styles import likely_styles
from engine.checkpoint_index import StyleMusic
from engine.pipeline.song import read_song
from pathlib import Path
file = Path(sys.argv[1]) / "song.wav"
write_demo_song(file, "waltz", 12.0)
song = read_song(file, 1.0, 8.0, 1.1)
known = dict(rumba=StyleMusic(92.0), salsa=StyleMusic(175.0), waltz=StyleMusic(87.0, 3))
styles = likely_styles(song.heard.evidence, song.rhythm, known)
beats = song.beats(87.0)
features = music_features(song.samples, beats)
print(styles[0][0], features.shape, len(beats.times) > 5)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "waltz (146, 37) True"


def test_half_a_beat_late_is_what_was_heard_half_a_beat_before() -> None:
    """At 120 beats a minute that is a quarter of a second: five frames."""
    features = music_features(SOUNDS["clicks"], TRACK)
    late = half_a_beat_late(features)
    assert late is not None and late.shape == features.shape
    np.testing.assert_allclose(late[10:-5, :-2], features[5:-10, :-2], atol=1e-6)
    np.testing.assert_allclose(late[:, -2:], -features[:, -2:], atol=1e-6)
    assert half_a_beat_late(music_features(SOUNDS["clicks"], BeatTrack(np.zeros(0), 120.0, 0.0))) is None
