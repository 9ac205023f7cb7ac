"""The mix of a song's channels to one, in which all of them can be heard.

Usually it is their mean. Where channels are copies of each other with the sign reversed (a wide or miswired stereo, a
subwoofer wired in reverse), the mean loses what they share, up to the whole song. Then the low-frequency channel is
left out, else the channels get the signs that they have in common with the loudest one, else that one is used alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_CANCELLED = 0.1
"""Share of the energy of a mix of unrelated channels below which channels count as cancelling each other: that of two
equally loud channels with a correlation of -0.9."""
_LOW_FREQUENCY = ("LFE", "LFE2")


class Downmix:
    """A mix of channels, which also measures how the channels of what it mixes are related."""

    def __init__(self, weights: FloatArray | None = None) -> None:
        """weights: (C,) of the channels; None for their mean."""
        self._weights = weights
        self._names: tuple[str, ...] = ()
        self._products = np.zeros((0, 0))  # (C, C) sums of the products of each two channels

    def mixed(self, channels: FloatArray) -> FloatArray:
        """The mix (samples,) of channels (C, samples)."""
        if self._weights is None or len(self._weights) != len(channels):
            with np.errstate(all="ignore"):
                return channels.mean(axis=0, dtype=np.float32)
        return self._weights @ channels

    def measure(self, channels: FloatArray, names: Sequence[str]) -> None:
        """Measure channels (C, samples), the next part of the song. Of a song that changes its channels, only those
        parts count that have the first ones."""
        if not self._names:
            self._names = tuple(names)
            self._products = np.zeros((len(channels), len(channels)))
        if len(channels) == len(self._products) > 1:
            with np.errstate(all="ignore"):  # samples that are no numbers are refused elsewhere
                products = channels @ channels.T
            if np.isfinite(products).all():
                self._products += products

    def cancels(self) -> bool:
        """Whether the channels that were measured cancel each other in their mean."""
        count = len(self._products)
        return self._weights is None and count > 1 and not self._keeps(np.full(count, 1 / count))

    def audible(self) -> Downmix:
        """The mix for the channels that were measured."""
        count = len(self._products)
        loudest = int(np.argmax(np.diag(self._products)))
        low = np.array([name in _LOW_FREQUENCY for name in self._names])
        signs = np.where(self._products[loudest] < 0, -1.0, 1.0)
        tried = [~low / max(count - low.sum(), 1), signs / count]
        weights = next((mix for mix in tried if self._keeps(mix)), np.arange(count) == loudest)
        return Downmix(weights.astype(np.float32))

    def _keeps(self, weights: NDArray[np.floating]) -> bool:
        """Whether a mix keeps the energy that its channels have, or there is none."""
        unrelated = float(np.square(weights) @ np.diag(self._products))
        return float(weights @ self._products @ weights) >= _CANCELLED * unrelated
