"""Strength of movement by frequency: what of a dance's accents a motion keeps.

Millimetres hardly see movements above 4 Hz: they are small, and pop, break and hip-hop live on them. Joint positions
are (T, J, 3) in metres, Z up, at 20 frames/s or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Joints = NDArray[np.floating[Any]]

BANDS = ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, 10.0))
"""Frequencies in Hz: from the first up to, not with, the second; the last one with it."""
SECONDS = 4.0
"""Length of the windows, which overlap by half."""


@dataclass(frozen=True)
class BandSums:
    """Sums over windows, frequencies of a band, joints and axes, (bands,) each: power of the real motion, of the other
    one, and their cross power, of which the real part counts."""

    real: NDArray[np.float64]
    other: NDArray[np.float64]
    cross: NDArray[np.float64]

    @property
    def power(self) -> NDArray[np.float64]:
        """(bands,) the other motion's power over the real one's."""
        return self.other / np.maximum(self.real, _LEAST)

    @property
    def coherence(self) -> NDArray[np.float64]:
        """(bands,) 1: the same movement at the same moment; 0: as strong, perhaps, but at any moment."""
        return self.cross / np.maximum(np.sqrt(self.real * self.other), _LEAST)


_LEAST = 1e-12


def compare_bands(real: Joints, other: Joints, fps: float) -> BandSums:
    """The sums for a motion and its copy, of the same joints and frames.

    Both may go different ways: each window of the copy is turned about the vertical as a whole so that its velocities
    fit best.
    """
    pairs = zip(velocity_windows(real, fps), velocity_windows(other, fps), strict=True)
    sums = np.zeros((3, len(BANDS)))
    for ours, copied in pairs:
        a, b = _spectrum(ours), _spectrum(_turned_to(ours, copied))
        products = (np.abs(a) ** 2, np.abs(b) ** 2, (a * b.conj()).real)
        sums += [_by_band(product.sum(axis=(1, 2)), fps) for product in products]
    return BandSums(*sums)


def pooled(parts: Sequence[BandSums]) -> BandSums:
    """The sums over several clips."""
    return BandSums(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in ("real", "other", "cross")))


def band_powers(velocities: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """(bands, J) mean power of velocities (T, J, 3) of a window, m²/s²."""
    power = (np.abs(_spectrum(velocities)) ** 2).sum(axis=2) / len(velocities) ** 2
    return _by_band(power, fps)


def velocity_windows(joints: Joints, fps: float) -> NDArray[np.float64]:
    """(windows, frames, J, 3) joint velocities, m/s, of windows of `SECONDS` that overlap by half."""
    velocity = np.diff(joints.astype(np.float64), axis=0) * fps
    size = round(SECONDS * fps)
    if len(velocity) < size:
        return np.zeros((0, size, *joints.shape[1:]))
    windows = np.lib.stride_tricks.sliding_window_view(velocity, size, axis=0)[:: size // 2]
    return np.moveaxis(windows, -1, 1)


def _spectrum(velocities: NDArray[np.float64]) -> NDArray[np.complex128]:
    """(frequencies, J, 3)"""
    return np.fft.rfft(velocities * np.hanning(len(velocities) + 2)[1:-1, None, None], axis=0)


def _by_band(values: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Sums (bands, ...) of values (frequencies, ...)."""
    frequencies = np.arange(len(values)) / SECONDS
    last = BANDS[-1][1]
    inside = [
        (frequencies >= low) & ((frequencies < high) | (high == frequencies) & (high == last)) for low, high in BANDS
    ]
    return np.stack([values[each].sum(axis=0) for each in inside])


def _turned_to(target: NDArray[np.float64], velocities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Velocities (T, J, 3) turned about Z by the angle that fits them best to `target`, in the least-squares sense."""
    a, b = ((v[..., 0] + 1j * v[..., 1]) for v in (target, velocities))
    cross = (a * b.conj()).sum()
    turned = b * (cross / abs(cross) if abs(cross) > 0 else 1.0)
    return np.stack([turned.real, turned.imag, velocities[..., 2]], axis=-1)
