"""Resampling: what is kept, what is removed, and the same in pieces as at once."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.resampling import Resampler, resampled

RATES = [(44_100, 10_240), (48_000, 10_240), (8_000, 10_240), (10_240, 44_100), (44_100, 24_000)]
ODD = [(44_100 * 1.0371, 10_240), (44_101, 10_240), (44_100 / 3.3, 10_240)]


def tone(frequency: float, rate: float, count: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(count) / rate)).astype(np.float32)


def middle(audio: np.ndarray) -> np.ndarray:
    return audio[len(audio) // 4 : -(len(audio) // 4)]


@pytest.mark.parametrize(("old", "new", "error"), [(*pair, 1e-6) for pair in RATES] + [(*pair, 2e-4) for pair in ODD])
def test_tones_below_both_limits_are_the_same_at_the_other_rate(old: float, new: float, error: float) -> None:
    for share in (0.01, 0.4, 0.9):
        frequency = share * min(old, new) / 2
        out = resampled(tone(frequency, old, round(2 * old)), old, new)
        assert len(out) == pytest.approx(2 * new, abs=1)
        assert np.abs(middle(out - tone(frequency, new, len(out)))).max() < error


@pytest.mark.parametrize(("old", "new"), [pair for pair in RATES + ODD if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_hold_is_gone(old: float, new: float) -> None:
    for frequency in np.linspace(new / 2, old / 2, 6)[:-1]:
        out = resampled(tone(frequency, old, round(2 * old)), old, new)
        assert np.abs(middle(out)).max() < 0.5e-5  # 100 dB below the tone


@pytest.mark.parametrize(("old", "new"), [(44_100, 10_240), (8_000, 10_240), (44_101.7, 10_240)])
def test_pieces_of_any_size_give_what_the_whole_gives(old: float, new: float) -> None:
    noise = np.random.default_rng(0).standard_normal(60_000).astype(np.float32)
    whole = resampled(noise, old, new)
    resampler, parts, place = Resampler(old, new), [], 0
    for size in (0, 1, 7, 30_000, 3, 29_000, 0, 10**6):
        parts.append(resampler.push(noise[place : place + size]))
        place += size
    assert np.array_equal(np.concatenate([*parts, resampler.finish()]), whole)


def test_time_is_kept_over_an_hour() -> None:
    """A click near the end of a long recording at an odd speed is where it belongs."""
    rate, at = 700.0 * 1.0377, 3_500.0
    clicks = np.zeros(round(3_600 * rate), np.float32)
    clicks[round(at * rate)] = 1.0
    out = resampled(clicks, rate, 500)
    assert np.argmax(out) / 500 == pytest.approx(round(at * rate) / rate, abs=0.001)


@pytest.mark.parametrize("rate", [10_000_000, 30_000_017.3])
def test_absurd_rates_need_no_absurd_memory(rate: float) -> None:
    out = resampled(np.ones(300_000, np.float32), rate, 10_240)
    assert len(out) == round(300_000 * 10_240 / rate) and np.abs(middle(out) - 1).max() < 0.01


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_few_samples_are_enough(count: int) -> None:
    out = resampled(np.ones(count, np.float32), 44_100, 10_240)
    assert len(out) == round(count * 10_240 / 44_100) and np.isfinite(out).all()


def test_the_same_rate_changes_nothing() -> None:
    noise = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert np.array_equal(resampled(noise, 8_000, 8_000), noise)
