"""Composed songs: what they say of themselves is what can be heard in them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.composed_songs import HALVES, RATE, ComposedSong, composed_song, plan_of, write_song
from engine.audio.files.wav_source import open_wav

SECONDS = 5.0


def seed_of(condition: str | None = None, **wanted: object) -> int:
    """The first seed of a kind."""
    return next(
        seed
        for seed in range(30)
        if (condition is None or plan_of(seed).kind.condition == condition)
        and all(getattr(plan_of(seed).kind, name) == value for name, value in wanted.items())
    )


def song_with(condition: str | None = None, **wanted: object) -> ComposedSong:
    return composed_song(seed_of(condition, **wanted), SECONDS)


def loudness(song: ComposedSong, times: np.ndarray) -> np.ndarray:
    """How much energy below 120 Hz there is in the 80 ms after each time."""
    mono = song.samples[:, 0].astype(np.float64)
    width = round(0.08 * RATE)
    pieces = np.stack([mono[round(time * RATE) :][:width] for time in times if round(time * RATE) + width <= len(mono)])
    spectrum = np.fft.rfft(pieces * np.hanning(width), 8192, axis=1)
    return np.square(np.abs(spectrum[:, : round(120 * 8192 / RATE)])).sum(axis=1)


def test_the_same_seed_gives_the_same_song() -> None:
    one, again, other = composed_song(3, 4.0), composed_song(3, 4.0), composed_song(4, 4.0)
    assert np.array_equal(one.samples, again.samples) and np.array_equal(one.beats, again.beats)
    assert one.samples.dtype == np.float32
    assert one.samples.shape != other.samples.shape or not np.array_equal(one.samples, other.samples)


def test_both_halves_have_the_same_kinds_in_another_order() -> None:
    kinds = {half: [plan_of(seed).kind for seed in seeds] for half, seeds in HALVES.items()}
    assert Counter(kinds["dev"]) == Counter(kinds["reported"])
    assert kinds["dev"] != kinds["reported"]
    tempi = [plan_of(seed).tempo for seeds in HALVES.values() for seed in seeds]
    assert min(tempi) < 70 and max(tempi) > 180 and len(set(tempi)) == 60
    everything = {text for kind in kinds["dev"] for text in (kind.style, kind.metre, kind.condition, kind.swing)}
    assert everything >= {"waltz", "rumba", "cha-cha", "salsa", "pop", "hip-hop", "house", "break", "3/4", "6/8", "8"}


def test_four_on_the_floor_is_heard_on_every_beat() -> None:
    song = song_with(band="drums")
    on, between = loudness(song, song.beats[1:-1]), loudness(song, song.beats[1:-1] - 0.12)
    assert np.median(on / np.maximum(between, 1e-12)) > 5


def test_a_waltz_has_its_bass_on_the_one() -> None:
    song = composed_song(seed_of("silence", style="waltz"), 10.0)
    ones = np.isin(song.beats, song.ones)
    heard = loudness(song, song.beats[:-1])
    assert np.median(heard[ones[:-1]]) > 2 * np.median(heard[~ones[:-1]])
    assert np.array_equal(song.ones, song.beats[::3])


@pytest.mark.parametrize("seed", [seed_of(beats_per_bar=2), seed_of("change"), seed_of("drift"), seed_of(swing="8")])
def test_beats_follow_the_tempo(seed: int) -> None:
    song = composed_song(seed, 10.0)
    periods = np.diff(song.beats)
    assert np.all(periods > 0)
    assert song.beats[0] >= 0 and song.beats[-1] < len(song.samples) / RATE
    tempi = 60 / periods
    if song.kind.condition == "change":
        first, second = song.tempi
        assert abs(second / first - 1) > 0.1
        assert np.allclose(np.sort(np.unique(tempi.round(6))), np.sort([first, second]), atol=1e-4)
    elif song.kind.condition == "drift":
        assert tempi.max() / tempi.min() == pytest.approx(1.04, abs=0.01)
        assert np.abs(np.diff(tempi)).max() < 1
    else:
        assert np.allclose(tempi, song.tempi[0])


def test_what_is_unusual_about_a_file_can_be_measured() -> None:
    silent = song_with("silence", style="cha-cha")
    assert silent.beats[0] > 2 and np.abs(silent.samples[: round((silent.beats[0] - 0.7) * RATE)]).max() == 0
    assert 20 * np.log10(np.abs(song_with("quiet").samples).max()) == pytest.approx(-50, abs=0.1)
    assert abs(song_with("offset").samples.mean()) > 0.15
    inverted = song_with("inverted stereo").samples
    assert np.abs(inverted.mean(axis=1)).max() < 1e-6 < np.abs(inverted).max()
    surround = song_with("inverted LFE").samples
    assert surround.shape[1] == 6
    everything, without = surround.sum(axis=1), np.delete(surround, 3, axis=1).sum(axis=1)
    power = [np.square(np.abs(np.fft.rfft(mix)[: round(80 * len(mix) / RATE)])).sum() for mix in (everything, without)]
    assert power[0] < 0.05 * power[1]  # the inverted subwoofer takes the bass away


def test_a_written_song_is_read_with_its_loudspeakers(tmp_path: Path) -> None:
    song = composed_song(seed_of("inverted LFE"), 4.0)
    write_song(tmp_path / "song.wav", song)
    with open_wav(tmp_path / "song.wav") as source:
        parts = list(source.parts(0))
    assert tuple(parts[0].names) == ("FL", "FR", "FC", "LFE", "BL", "BR")
    read = np.concatenate([part.channels for part in parts], axis=1).T
    assert np.allclose(read, song.samples, atol=1e-4)
