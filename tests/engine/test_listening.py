"""Listening: tempo, beats, bars and style of songs whose rhythm is known, and corrections of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from style_table import TABLE

from engine.audio.beats import beat_features
from engine.audio.composing.demo_song import DEMO_RATE, DEMO_STYLES, demo_song, write_demo_song
from engine.audio.files.decode import load_audio
from engine.audio.listening import heard_files
from engine.audio.listening.heard_files import heard_file, heard_song, is_kept
from engine.audio.listening.listen import Heard, corrected, listen
from engine.audio.listening.rhythm import at_octave, beats_in_style, part, played
from engine.audio.listening.song_styles import likely_styles
from engine.audio.music_features import music_features
from engine.audio.rates import SAMPLE_RATE
from engine.audio.resampling import resampled
from engine.checkpoint_index import StyleMusic, style_music
from engine.choreography import Correction
from engine.data.sources import UNKNOWN_PROVENANCE
from engine.data.style_patterns import StyledSong, with_patterns
from engine.heard_songs import FOLDER_VARIABLE

STYLES = TABLE.music


def song(style: str, seconds: float = 24.0, bpm: float | None = None) -> np.ndarray:
    return resampled(demo_song(style, seconds, bpm).mean(axis=1), DEMO_RATE, SAMPLE_RATE)


@pytest.fixture(scope="module")
def rumba() -> Heard:
    return listen(song("rumba"))


def late(times: np.ndarray, tempo: float) -> np.ndarray:
    """Seconds by which times are off the beats k * 60 / tempo."""
    return ((times * tempo / 60 + 0.5) % 1 - 0.5) * 60 / tempo


@pytest.mark.parametrize(("style", "bpm"), [(style, TABLE.tempo(style)) for style in DEMO_STYLES] + [("salsa", 150.0)])
def test_tempo_beats_and_bars_of_the_demo_song(style: str, bpm: float) -> None:
    heard = listen(song(style, bpm=bpm))
    rhythm, track = heard.rhythm, beats_in_style(heard.rhythm, TABLE.tempo(style))
    assert rhythm.beats_per_bar == STYLES[style].beats_per_bar
    assert track.tempo == pytest.approx(bpm, rel=0.02)
    assert np.mean(np.abs(late(track.times, bpm)) < 0.04) > 0.9
    bar = bpm / STYLES[style].beats_per_bar
    if rhythm.tempo == pytest.approx(bpm, rel=0.02):
        assert np.mean(np.abs(late(rhythm.times[rhythm.bars], bar)) < 0.07) > 0.9
    assert 0 <= rhythm.confidence <= 1 and 0 <= rhythm.bar_confidence <= 1
    assert len(rhythm.strength) == len(rhythm.times) and 0 <= rhythm.strength.min() <= rhythm.strength.max() <= 1
    assert likely_styles(heard.evidence, rhythm, STYLES)[0][0] == style


def test_level_offset_and_silence_change_nothing(rumba: Heard) -> None:
    audio = song("rumba")
    silence = np.zeros(5 * SAMPLE_RATE, np.float32)
    for changed, shift in ((audio * 0.003, 0.0), (0.5 * audio + 0.3, 0.0), (np.concatenate([silence, audio]), 5.0)):
        rhythm = listen(changed.astype(np.float32)).rhythm
        assert rhythm.tempo == pytest.approx(rumba.rhythm.tempo, rel=0.01)
        again = np.abs((rhythm.times - shift)[:, None] - rumba.rhythm.times).min(axis=0)
        assert np.mean(again < 0.03) > 0.95 and rhythm.times[0] >= shift - 0.1


def test_a_tempo_that_changes_is_followed() -> None:
    first, second = song("rumba", 24.0, 90.0), song("rumba", 24.0, 112.0)
    rhythm = listen(np.concatenate([first, second])).rhythm
    early, later = rhythm.times[rhythm.times < 20], rhythm.times[rhythm.times > 28] - 24
    assert np.mean(np.abs(late(early, 90)) < 0.05) > 0.9
    assert np.mean(np.abs(late(later, 112)) < 0.05) > 0.9


def test_silence_has_no_beats() -> None:
    heard = listen(np.zeros(2 * SAMPLE_RATE, np.float32))
    track = beats_in_style(heard.rhythm, 87.0)
    assert not len(track.times) and track.tempo > 0 and heard.rhythm.confidence == 0
    assert not beat_features(track, np.arange(40) / 20).any()
    assert len(likely_styles(heard.evidence, heard.rhythm, STYLES)) == len(STYLES)


@pytest.mark.parametrize("seed", range(12))
def test_short_excerpts_of_anything_are_heard(seed: int) -> None:
    generator = np.random.default_rng(seed)
    audio = np.zeros(round(generator.uniform(1.0, 2.5) * SAMPLE_RATE), np.float32)
    kind = seed % 4
    if kind == 0:
        audio[generator.integers(0, len(audio), 3)] = generator.uniform(-1, 1, 3)
    elif kind == 1:
        audio[:] = 10 ** generator.uniform(-60, 0) * generator.standard_normal(len(audio))
    elif kind == 2:
        audio[-1] = 1.0
    else:
        audio[:] = np.sin(np.arange(len(audio)) * generator.uniform(0.001, 3))
    heard = listen(audio)
    track = beats_in_style(heard.rhythm, 124.0)
    assert np.isfinite(music_features(audio, track)).all() and np.isfinite(track.tempo) and track.tempo > 0
    assert np.isfinite(track.times).all() and np.isfinite(heard.rhythm.strength).all()
    styles = likely_styles(heard.evidence, heard.rhythm, STYLES)
    assert sum(weight for _, weight in styles) == pytest.approx(1)
    for correction in (Correction(tempo=184), Correction(tempo=33), Correction(one=0.5, anchors=(0.7,))):
        assert np.isfinite(corrected(heard, correction).times).all()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_half_and_double_are_half_and_double(rumba: Heard, factor: float) -> None:
    rhythm = corrected(rumba, Correction(tempo=factor * rumba.rhythm.tempo))
    assert rhythm.tempo == pytest.approx(factor * rumba.rhythm.tempo, rel=0.02) and rhythm.told
    assert np.mean(np.abs(late(rhythm.times, factor * 92.0)) < 0.05) > 0.9


def test_a_number_is_the_tempo(rumba: Heard) -> None:
    assert corrected(rumba, Correction(tempo=138)).tempo == pytest.approx(138, rel=0.05)
    right = corrected(rumba, Correction(tempo=92))
    assert np.array_equal(right.times, rumba.rhythm.times) and np.array_equal(right.bars, rumba.rhythm.bars)


def test_one_and_metre(rumba: Heard) -> None:
    beat = rumba.rhythm.times[9]
    moved = corrected(rumba, Correction(one=float(beat) + 0.05))
    assert 9 in moved.bars and np.array_equal(moved.times, rumba.rhythm.times)
    assert (np.diff(moved.bars) == 4).all() and moved.bars[0] < 4
    three = corrected(rumba, Correction(beats_per_bar=3, one=float(beat)))
    assert three.beats_per_bar == 3 and (np.diff(three.bars) == 3).all()
    six = corrected(rumba, Correction(beats_per_bar=6, one=float(beat)))
    assert six.beats_per_bar == 6 and (np.diff(six.bars) == 6).all() and 9 in six.bars


def test_a_nudged_beat_moves_the_grid_around_it(rumba: Heard) -> None:
    times = rumba.rhythm.times
    nudged = corrected(rumba, Correction(anchors=(float(times[15]) + 0.1, float(times[17]) - 0.1))).times
    shift = nudged - times
    assert shift[15] == pytest.approx(0.1) and shift[17] == pytest.approx(-0.1) and abs(shift[16]) < 0.01
    assert 0 < shift[12] < shift[14] < 0.1 and abs(shift[4]) < 1e-9 and abs(shift[30]) < 1e-9
    assert (np.diff(nudged) > 0).all()


def test_beats_from_a_file_are_the_beats(rumba: Heard) -> None:
    beats = tuple(np.arange(0.3, 20, 0.55))
    rhythm = corrected(rumba, Correction(beats=beats, beats_per_bar=4, one=0.3 + 0.55))
    np.testing.assert_allclose(rhythm.times, beats)
    assert rhythm.tempo == pytest.approx(60 / 0.55) and rhythm.bars[0] == 1 and rhythm.told


def test_what_is_told_is_not_counted_otherwise(rumba: Heard) -> None:
    told = corrected(rumba, Correction(tempo=2 * rumba.rhythm.tempo))
    assert at_octave(told, 92.0) is told
    assert at_octave(rumba.rhythm, 184.0).tempo == pytest.approx(2 * rumba.rhythm.tempo)
    half = at_octave(rumba.rhythm, 46.0)
    assert set(half.times) <= set(rumba.rhythm.times) and rumba.rhythm.times[rumba.rhythm.bars[1]] in half.times


def test_a_part_has_the_beats_of_the_whole(rumba: Heard) -> None:
    whole = rumba.rhythm
    track = part(whole, 6.0, 8.0, 1.25)
    inside = whole.times[(whole.times >= 6) & (whole.times < 16)]
    np.testing.assert_allclose(track.times, (inside - 6) / 1.25)
    assert track.tempo == pytest.approx(1.25 * whole.tempo)
    ones = whole.times[whole.bars]
    np.testing.assert_allclose(track.times[track.bars], (ones[(ones >= 6) & (ones < 16)] - 6) / 1.25)
    moved = played(Correction(tempo=100, one=8.5, anchors=(7.0,)), 6.0, 1.25)
    assert moved == Correction(tempo=125, one=2.0, anchors=(0.8,))


def test_a_file_is_heard_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = tmp_path / "song.wav", tmp_path / "heard"
    write_demo_song(file, "waltz", 12.0)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    assert not is_kept(file)
    first = heard_song(file)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(file.read_bytes())
    for forget in (False, True):
        if forget:
            monkeypatch.setattr(heard_files, "_in_memory", {})
        assert is_kept(copy)
        again = heard_file(copy, lambda: pytest.fail("it is heard again"))
        assert np.array_equal(again.rhythm.times, first.rhythm.times)
        assert np.array_equal(again.evidence.onset, first.evidence.onset)
    monkeypatch.setattr(heard_files, "_in_memory", {})
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:500])
    assert np.array_equal(heard_song(file).rhythm.times, first.rhythm.times)


def test_the_pattern_tells_styles_of_one_tempo_apart(tmp_path: Path) -> None:
    """Two made-up styles of the same tempo and metre, each with the pattern of a song."""
    songs = []
    for style in ("rumba", "cha-cha"):
        write_demo_song(tmp_path / f"{style}.wav", style, 20.0, 104.0)
        songs.append(StyledSong(tmp_path / f"{style}.wav", style, style, UNKNOWN_PROVENANCE))
    alike = {style: StyleMusic(104.0, 4) for style in ("rumba", "cha-cha")}
    learned = with_patterns(alike, songs)
    stored = {
        "styles": list(learned),
        "style_music": json.loads(json.dumps({k: asdict(v) for k, v in learned.items()})),
    }
    for styled in songs:
        heard = heard_song(styled.file)
        ((best, weight), _) = likely_styles(heard.evidence, heard.rhythm, style_music(stored))
        assert best == styled.style and weight > 0.6
        assert likely_styles(heard.evidence, heard.rhythm, alike)[0][1] == pytest.approx(0.5)


def test_of_styles_of_any_tempo_the_one_with_the_largest_prior_is_for_songs_that_fit_no_other() -> None:
    heard = listen(song("waltz"))
    styles = {"hip-hop": StyleMusic(92.0), "jazz": StyleMusic(), "modern": StyleMusic(prior=2.0)}
    found = dict(likely_styles(heard.evidence, heard.rhythm, styles))
    assert max(found, key=found.__getitem__) == "modern"
    assert found["modern"] == pytest.approx(2 * found["jazz"])


def test_a_style_of_a_wider_spread_is_less_likely_at_its_own_tempo_and_likelier_far_from_it() -> None:
    styles = {"narrow": StyleMusic(92.0, spread=0.12), "wide": StyleMusic(92.0, spread=0.3)}
    near, far = (listen(song("rumba", bpm=bpm)) for bpm in (92.0, 120.0))
    assert likely_styles(near.evidence, near.rhythm, styles)[0][0] == "narrow"
    assert likely_styles(far.evidence, far.rhythm, styles)[0][0] == "wide"


@pytest.mark.slow
def test_tempo_metre_and_style_of_the_real_songs(dance_data: Path) -> None:
    wrong = []
    for clip in json.loads((dance_data / "index.json").read_text())["clips"]:
        if clip["has_music"]:
            heard = listen(load_audio(dance_data / "wavs" / f"{clip['name']}.ogg", SAMPLE_RATE))
            tempo = beats_in_style(heard.rhythm, TABLE.tempo(clip["style"])).tempo
            style = likely_styles(heard.evidence, heard.rhythm, STYLES)[0][0]
            if abs(tempo / clip["bpm"] - 1) > 0.04 or style != clip["style"]:
                wrong.append((clip["name"], clip["bpm"], tempo, style))
    assert not wrong
