"""What is heard of songs whose rhythm is known: what a dancer would notice if it were wrong.

The songs are short and of the half to develop with; `benchmarks.listening` measures whole songs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from style_table import TABLE

from benchmarks.composed_songs import RATE, ComposedSong, composed_song, plan_of, write_song
from benchmarks.rhythm_scores import Reference, beats_f, f_measure, same_tempo, tempo_error
from engine.audio.composing.demo_song import DEMO_RATE, demo_song
from engine.audio.files.decode import load_audio
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import Rhythm
from engine.audio.rates import SAMPLE_RATE

SECONDS = 16.0
PLAIN = [seed for seed in range(30) if plan_of(seed).kind.condition == "plain"]
WALTZ = next(seed for seed in PLAIN if plan_of(seed).kind.style == "waltz")
RUMBA = next(seed for seed in PLAIN if plan_of(seed).kind.style == "rumba")


@cache
def song(seed: int) -> ComposedSong:
    return composed_song(seed, SECONDS)


def of_condition(condition: str) -> ComposedSong:
    return song(next(seed for seed in range(30) if plan_of(seed).kind.condition == condition))


def heard(folder: Path, samples: np.ndarray, rate: int = RATE) -> Rhythm:
    """What is heard of a file with these samples (n, C)."""
    soundfile.write(folder / "song.wav", samples, rate, format="WAVEX", subtype="FLOAT")
    return heard_song(folder / "song.wav").rhythm


def reference(of: ComposedSong) -> Reference:
    return Reference(of.tempi, TABLE.tempo(of.kind.style), of.beats)


def check(rhythm: Rhythm, of: ComposedSong) -> None:
    """That a dancer would agree with the tempo and the beats, at the song's octave or at another."""
    assert tempo_error(rhythm.tempo, reference(of)) in ("right", "octave"), (rhythm.tempo, of.tempi)
    if tempo_error(rhythm.tempo, reference(of)) == "right":
        assert beats_f(rhythm.times, reference(of)) > 0.8
    assert np.all(np.diff(rhythm.times) > 0)
    assert np.all(np.isin(rhythm.bars, np.arange(len(rhythm.times))))


@pytest.mark.parametrize("seed", PLAIN, ids=[f"{seed} {plan_of(seed).kind.style}" for seed in PLAIN])
def test_no_song_is_heard_at_two_thirds_of_its_tempo(seed: int, tmp_path: Path) -> None:
    check(heard(tmp_path, song(seed).samples), song(seed))


@pytest.mark.parametrize("condition", ["silence", "offset", "inverted stereo", "inverted LFE", "drift"])
def test_what_is_unusual_about_a_song_does_not_hide_its_beat(condition: str, tmp_path: Path) -> None:
    unusual = of_condition(condition)
    rhythm = heard(tmp_path, unusual.samples)
    check(rhythm, unusual)
    if condition == "silence":
        assert rhythm.times[0] > unusual.beats[0] - 1.0  # no beats before the music


@pytest.mark.parametrize("bpm", [140, 150, 175])
def test_a_fast_song_is_not_danced_slowly(bpm: int, tmp_path: Path) -> None:
    rhythm = heard(tmp_path, demo_song("salsa", SECONDS, bpm), DEMO_RATE)
    assert tempo_error(rhythm.tempo, Reference((float(bpm),))) in ("right", "octave")


def test_a_quiet_song_has_the_beats_of_a_loud_one(tmp_path: Path) -> None:
    loud = song(RUMBA).samples
    one, other = heard(tmp_path, loud), heard(tmp_path, loud * 10 ** (-50 / 20))
    assert same_tempo(one.tempo, other.tempo) and one.beats_per_bar == other.beats_per_bar
    assert f_measure(one.times, other.times) > 0.95


def test_a_song_of_inverted_channels_has_the_beats_of_its_mono(tmp_path: Path) -> None:
    mono = song(RUMBA).samples.mean(axis=1)
    one, other = heard(tmp_path, mono[:, None]), heard(tmp_path, np.stack([mono, -mono], axis=1))
    assert f_measure(one.times, other.times) > 0.95


def test_silence_before_a_song_moves_its_beats(tmp_path: Path) -> None:
    samples = song(RUMBA).samples
    later = np.concatenate([np.zeros((4 * RATE, 2), np.float32), samples])
    one, other = heard(tmp_path, samples), heard(tmp_path, later)
    assert same_tempo(one.tempo, other.tempo)
    assert f_measure(one.times + 4.0, other.times) > 0.95


def test_a_waltz_is_heard_in_three_and_its_ones_are_on_the_bass(tmp_path: Path) -> None:
    waltz = song(WALTZ)
    rhythm = heard(tmp_path, waltz.samples)
    assert rhythm.beats_per_bar == 3
    assert f_measure(waltz.ones, rhythm.times[rhythm.bars]) > 0.7
    assert heard(tmp_path, song(RUMBA).samples).beats_per_bar == 4


def test_an_excerpt_has_the_rhythm_of_the_whole(tmp_path: Path) -> None:
    whole = song(WALTZ)
    rhythm = heard(tmp_path, whole.samples)
    for start in (1.3, 3.9):
        excerpt = heard(tmp_path, whole.samples[round(start * RATE) : round((start + 12) * RATE)])
        assert same_tempo(rhythm.tempo, excerpt.tempo) and rhythm.beats_per_bar == excerpt.beats_per_bar


def test_a_change_of_tempo_is_followed(tmp_path: Path) -> None:
    seed = next(k for k in range(30) if plan_of(k).kind.condition == "change" and plan_of(k).kind.style == "rumba")
    changing = composed_song(seed, 40.0)
    rhythm = heard(tmp_path, changing.samples)
    turn = changing.beats[int(np.argmax(np.abs(np.diff(changing.beats, 2)))) + 1]
    for part, tempo in zip((changing.beats <= turn, changing.beats >= turn), changing.tempi, strict=True):
        beats = changing.beats[part]
        inside = rhythm.times[(rhythm.times >= beats[0] - 0.2) & (rhythm.times <= beats[-1] + 0.2)]
        local = replace(reference(changing), tempi=(tempo,), beats=beats)
        assert tempo_error(60 / float(np.median(np.diff(inside))), local) == "right"
        assert beats_f(inside, local) > 0.8


def test_a_song_written_to_a_file_with_its_subwoofer_reversed_is_heard(tmp_path: Path) -> None:
    surround = of_condition("inverted LFE")
    write_song(tmp_path / "surround.wav", surround)
    check(heard_song(tmp_path / "surround.wav").rhythm, surround)


def test_a_reversed_subwoofer_does_not_take_the_bass_away(tmp_path: Path) -> None:
    surround = of_condition("inverted LFE")
    write_song(tmp_path / "surround.wav", surround)
    mono, front = load_audio(tmp_path / "surround.wav", SAMPLE_RATE), surround.samples[:, 0]

    def bass(samples: np.ndarray, rate: int) -> float:
        """The share of the power that is below 100 Hz."""
        power = np.square(np.abs(np.fft.rfft(samples)))[: round(2000 * len(samples) / rate)]
        return float(power[: round(100 * len(samples) / rate)].sum() / power.sum())

    assert bass(mono, SAMPLE_RATE) > 0.3 * bass(front, RATE)


def test_what_is_heard_says_how_sure_it_is(tmp_path: Path) -> None:
    rhythm = heard(tmp_path, song(WALTZ).samples)
    noise = heard(tmp_path, 0.2 * np.random.default_rng(1).standard_normal((round(SECONDS * RATE), 2)))
    assert 0 <= noise.confidence < rhythm.confidence <= 1
    assert rhythm.strength.shape == rhythm.times.shape and 0 <= rhythm.strength.min() <= rhythm.strength.max() <= 1
    silence = heard(tmp_path, np.zeros((3 * RATE, 2)))
    assert len(silence.times) == 0 == len(silence.bars)
