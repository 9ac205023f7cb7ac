"""Few keys for many frames."""

from __future__ import annotations

import numpy as np
import pytest

from smpl_rig.key_fit import Effect, Keys, fit_keys

LONGEST = 32


def evaluated(keys: Keys, count: int) -> np.ndarray:
    """(count,) the curve of keys at every frame, by the formula of Bezier curves."""
    values = np.full(count, keys.values[0], np.float64)
    for index in range(len(keys.frames) - 1):
        start, stop = keys.frames[index : index + 2]
        t = np.arange(stop - start + 1) / (stop - start)
        ends = keys.values[index], keys.values[index + 1]
        handles = keys.after[index], keys.before[index + 1]
        piece = (1 - t) ** 3 * ends[0] + 3 * (1 - t) ** 2 * t * handles[0] + 3 * (1 - t) * t**2 * handles[1]
        values[start : stop + 1] = piece + t**3 * ends[1]
    return values


@pytest.mark.parametrize("phase", [0, 5])
def test_every_frame_is_within_the_tolerance_and_smooth_curves_need_few_keys(phase: int) -> None:
    frames = np.arange(200)
    noise = np.random.default_rng(0).normal(0, 0.3, 200)
    values = np.stack([np.sin(frames / 9), noise, 0.02 * frames, np.full(200, 0.7)], axis=1).astype(np.float32)
    tolerance = np.array([1e-3, 1e-3, 1e-3, 1e-3])
    fitted = fit_keys(values, tolerance, LONGEST, phase)
    for curve, keys in enumerate(fitted):
        assert keys.frames[0] == 0 and keys.frames[-1] == 199 and (np.diff(keys.frames) > 0).all()
        assert np.abs(evaluated(keys, 200) - values[:, curve]).max() <= tolerance[curve] + 1e-6
        grid = [frame for frame in range(200) if (frame + phase) % LONGEST == 0]
        assert set(grid) <= set(keys.frames.tolist())  # an edit fits few frames again
    counts = [len(keys.frames) for keys in fitted]
    assert counts[0] < 50 and counts[1] > 60 and counts[3] < 12


def test_what_does_not_change_is_straight_and_the_same_number() -> None:
    (keys,) = fit_keys(np.full((100, 1), 0.1, np.float32), np.array([1e-3]), LONGEST)
    assert keys.straight.all() and set(keys.values.tolist()) == {float(np.float32(0.1))}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_motions(count: int) -> None:
    values = np.arange(count, dtype=np.float32)[:, None] ** 2
    (keys,) = fit_keys(values, np.array([1e-6]), LONGEST)
    assert np.abs(evaluated(keys, count) - values[:, 0]).max() < 1e-5


def test_what_the_keys_of_a_chain_leave_does_not_add_up() -> None:
    """The end of a chain of bones stays in its place though each of them turns it; keys that do no harm stay."""
    count, bones, tolerance, limit = 200, 12, 1e-3, 3e-3
    moving = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (count, bones)), axis=0)
    moving[96:] = moving[95]  # nothing is left of where nothing moves
    angles = np.concatenate([moving, 0.05 * np.random.default_rng(1).normal(size=(count, 1))], axis=1)

    def end(values: np.ndarray) -> np.ndarray:
        """(N, 1, 3) where it is, of bones of a tenth of a metre; the last curve is none of theirs."""
        turned = np.cumsum(values[:, :bones], axis=1)
        place = 0.1 * np.stack([np.cos(turned), np.sin(turned), 0 * turned], axis=-1).sum(axis=1)
        return place[:, None]

    values, tolerances = angles.astype(np.float32), np.full(bones + 1, tolerance)
    effect = Effect(end, np.array([limit * 0.1]), np.arange(bones + 1)[None] < bones)
    alone, together = fit_keys(values, tolerances, LONGEST), fit_keys(values, tolerances, LONGEST, effect=effect)
    away = [
        np.linalg.norm(end(np.stack([evaluated(keys, count) for keys in fitted], axis=1)) - end(values), axis=-1).max()
        for fitted in (alone, together)
    ]
    assert away[0] > 1.5 * limit * 0.1 and away[1] <= limit * 0.1
    assert sum(len(keys.frames) for keys in together) > sum(len(keys.frames) for keys in alone)
    for one, other in zip(alone, together, strict=True):
        assert (one.frames[one.frames >= 96] == other.frames[other.frames >= 96]).all()
    assert (alone[-1].frames == together[-1].frames).all()
