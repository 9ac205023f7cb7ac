"""The energy of a motion, and the one that a dance is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_engine import stepping

from engine.models.own.asked_energy import asked_energy, song_energy
from engine.motion.energy import MOST, energies, speeds
from smpl_rig.motion import Motion, mirror


def test_energy_counts_octaves_of_speed() -> None:
    slow = stepping(8.0, 60.0, 20.0)
    quick = Motion(slow.poses[::2], slow.trans[::2], 20.0)  # the same steps in half the time
    usual = float(speeds(slow).mean())
    inside = slice(10, -10)  # the ends have nothing to be averaged with
    assert energies(speeds(slow), usual, 2)[inside].mean() == pytest.approx(0.0, abs=0.05)
    assert energies(speeds(quick), usual, 2)[inside].mean() == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(speeds(mirror(slow)), speeds(slow), rtol=1e-4)


def test_standing_and_racing_stay_within_bounds() -> None:
    still = Motion(np.zeros((40, 72), np.float32), np.zeros((40, 3), np.float32), 20.0)
    assert energies(speeds(still), 0.7, 2).tolist() == [-MOST] * 20
    assert energies(np.full(40, 99.0), 0.7, 2).tolist() == [MOST] * 20
    assert len(speeds(still.cut(0, 1))) == 1


def features_of(loud: np.ndarray) -> np.ndarray:
    """Music features whose loudness and onsets follow a curve (T,) from 0 to 1."""
    beat = (np.arange(len(loud)) % 10 == 0) * 3.0
    features = np.zeros((len(loud), 37), np.float32)
    features[:, 0], features[:, 1] = beat * (0.3 + loud), -300 + 200 * loud
    return features


def test_a_song_is_energetic_where_it_is_loud_and_busy_against_its_own_middle() -> None:
    loud = np.repeat([0.2, 0.5, 0.9, 0.5], 200)
    found = song_energy(features_of(loud))
    middles = [found[start + 60 : start + 140].mean() for start in range(0, 800, 200)]
    assert middles[0] < -0.25 and middles[2] > 0.25
    assert abs(middles[1]) < 0.1 and abs(middles[3]) < 0.1
    assert np.abs(song_energy(features_of(np.full(400, 0.5)))[40:-40]).max() < 0.1


def test_asked_energy_joins_what_a_person_and_the_song_say() -> None:
    features = features_of(np.repeat([0.0, 1.0], 200))
    plain = asked_energy(np.full(200, 1.3), 0.0, features, 2)
    assert plain.tolist() == pytest.approx([np.log2(1.3)] * 200)
    half, whole = (asked_energy(np.ones(200), follow, features, 2) for follow in (0.5, 1.0))
    np.testing.assert_allclose(whole, 2 * half, atol=1e-6)
    assert whole[:50].mean() < -0.1 and whole[-50:].mean() > 0.1
