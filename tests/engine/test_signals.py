"""Smoothing, peaks and splines equal scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from engine.motion.signals import peaks, smooth, spline_at


@pytest.mark.parametrize("shape", [(1,), (2, 3), (7,), (40, 2, 2), (300, 3)])
@pytest.mark.parametrize("deviation", [0.1, 0.3, 1.5, 9.0, 30.0])
@pytest.mark.parametrize(("ends", "mode"), [("symmetric", "reflect"), ("edge", "nearest")])
def test_smoothing_equals_scipys(shape: tuple[int, ...], deviation: float, ends: str, mode: str) -> None:
    """Also where the bell is much longer than the curve."""
    values = np.random.default_rng(1).normal(size=shape)
    expected = gaussian_filter1d(values, deviation, axis=0, mode=mode)
    np.testing.assert_allclose(smooth(values, deviation, ends), expected, rtol=0, atol=1e-14)
    single = values.astype(np.float32)
    found = smooth(single, deviation, ends)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, gaussian_filter1d(single, deviation, axis=0, mode=mode), atol=1e-6)


@settings(max_examples=150)
@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 20), st.floats(0, 6), st.booleans())
def test_peaks_equal_scipys(values: list[int], apart: int, prominence: float, plateaus: bool) -> None:
    """With plateaus; where peaks are equally high and near each other, which one stays is open, so those differ."""
    curve = np.array(values, np.float64)
    if plateaus:
        apart = 1
    else:
        curve += np.random.default_rng(len(values)).random(len(values))
    expected, _ = find_peaks(curve, distance=apart, prominence=prominence)
    assert peaks(curve, apart, prominence).tolist() == expected.tolist()


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 50, 2000])
def test_splines_equal_scipys(count: int) -> None:
    generator = np.random.default_rng(count)
    values = generator.normal(size=(count, 3, 2))
    places = np.concatenate([generator.uniform(0, count - 1, 200), [0, count - 1]])
    expected = CubicSpline(np.arange(count), values)(places)
    np.testing.assert_allclose(spline_at(values, places), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(spline_at(values, np.arange(count) * 1.0), values, atol=1e-12)
