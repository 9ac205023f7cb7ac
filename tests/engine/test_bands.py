"""Band powers, coherence and the tell-apart test: what they say of motions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.evaluation.metrics.bands import BANDS, band_powers, compare_bands, pooled, velocity_windows
from engine.evaluation.metrics.tell_apart import WindowSet, describe, tell_apart, tell_halves_apart

FPS = 20.0


def swinging(hertz: float, metres: float, seconds: float = 8.0, late: float = 0.0) -> np.ndarray:
    """(T, 2, 3): a joint that swings along x, another one that goes steadily along y."""
    times = np.arange(round(seconds * FPS) + 1) / FPS
    joints = np.zeros((len(times), 2, 3))
    joints[:, 0, 0] = metres * np.sin(2 * np.pi * hertz * (times - late))
    joints[:, 1, 1] = 0.3 * times
    return joints


def test_a_movement_is_in_the_band_of_its_frequency() -> None:
    window = velocity_windows(swinging(5.0, 0.01), FPS)[0]
    powers = band_powers(window, FPS)
    assert powers.shape == (len(BANDS), 2)
    assert powers[:, 0].argmax() == 3 and powers[3, 0] > 0.99 * powers[:, 0].sum()


@pytest.mark.parametrize(("late", "coherence"), [(0.0, 1.0), (0.05, 0.0), (0.1, -1.0)])
def test_half_as_far_has_a_quarter_of_the_power_and_late_is_incoherent(late: float, coherence: float) -> None:
    sums = compare_bands(swinging(5.0, 0.02), swinging(5.0, 0.01, late=late), FPS)
    assert sums.power[3] == pytest.approx(0.25, rel=0.02)
    assert sums.coherence[3] == pytest.approx(coherence, abs=0.02)
    twice = pooled([sums, sums])
    np.testing.assert_allclose(twice.power, sums.power)


def test_another_heading_does_not_matter() -> None:
    real = swinging(3.0, 0.02)
    turned = real[..., [1, 0, 2]] * [1, -1, 1] + 3.0
    assert compare_bands(real, turned, FPS).coherence[2] == pytest.approx(1.0, abs=1e-6)


def body(seed: int, tremble: float) -> np.ndarray:
    """(T, 24, 3) joints that wander, with a tremble at 7 Hz."""
    generator = np.random.default_rng(seed)
    times = np.arange(400) / FPS
    place = generator.normal(size=(24, 3))
    waves = [(0.4, 0.1), (1.1, 0.1), (7.0, tremble)]
    return place + sum(
        metres * np.sin(2 * np.pi * hertz * times[:, None, None] + generator.normal(size=(24, 3)))
        for hertz, metres in waves
    )


def test_a_tremble_tells_sets_apart_and_nothing_else_does() -> None:
    def sets(seeds: range, tremble: float) -> list[WindowSet]:
        return [WindowSet(str(seed), describe(body(seed, tremble), FPS, range(24))) for seed in seeds]

    real = sets(range(8), 0.002)
    assert np.mean(list(tell_apart(real, sets(range(8), 0.02)).values())) > 0.9
    assert np.mean(list(tell_apart(real, sets(range(8), 0.002)).values())) <= 0.6
    assert np.mean(list(tell_halves_apart(real).values())) < 0.75
    assert tell_apart(real[:1], real[:1]) == {} == tell_halves_apart(real[:1])
