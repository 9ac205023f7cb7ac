"""The mix of a song's channels to one, in which all of them can be heard.

Usually it is their mean. Where channels are copies of each other with the sign reversed (a wide or miswired stereo, a
subwoofer wired in reverse), the mean loses what they share, up to the whole song. A low-frequency channel that takes
the bass from the others gets the other sign. Where the mean still loses the song, the low-frequency channel is left
out, else the channels get the signs that they have in common with the loudest one, else that one is used alone. A part
of a song that its mix loses, as of a file joined from two recordings, gets a mix of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

_CANCELLED = 0.1
"""Share of the energy of a mix of unrelated channels below which channels count as cancelling each other: that of two
equally loud channels with a correlation of -0.9."""
_LOW_FREQUENCY = ("LFE", "LFE2")
_REVERSED = 0.25
"""Share of a low-frequency channel's energy by which the others' bass is against it, from which on it is reversed. What
is heard in all channels together loses little of its energy when only their bass cancels, so that says nothing."""
_STRETCH = 0.25
"""Seconds that are measured at once."""
_LEAST_PART = 2.0
"""Seconds from which on a part of a song has a mix of its own: a shorter one is an effect that is meant so."""
_QUIET, _SILENT = 1e-3, 1e-6
"""Share of the song's mean energy below which a part needs no mix of its own, and a stretch says nothing."""
_FADE = 0.01
"""Seconds before and after the border of two mixes in which one becomes the other."""


class Downmix:
    """A mix of channels, which also measures how the channels of what it mixes are related."""

    def __init__(self, borders: Sequence[float] = (), weights: Sequence[_Array] = ()) -> None:
        """weights: (C,) of the channels in each part of the song, none for their mean. borders: seconds in the file
        between two parts."""
        self._weights = [np.asarray(each, np.float32) for each in weights]
        self._times = [border + side * _FADE for border in borders for side in (-1, 1)]
        self._names: tuple[str, ...] = ()
        self._products = np.zeros((0, 0))  # (C, C) sums of the products of each two channels
        self._stretches: dict[int, _Array] = {}  # the same of each stretch
        self._seconds = _STRETCH  # of a stretch, a whole number of samples

    def mixed(self, channels: FloatArray, begin: int, rate: int) -> FloatArray:
        """The mix (samples,) of channels (C, samples), which begin at a sample of the file."""
        if not self._weights or len(self._weights[0]) != len(channels):
            with np.errstate(all="ignore"):
                return channels.mean(axis=0, dtype=np.float32)
        first, last = np.searchsorted(self._times, (begin / rate, (begin + channels.shape[1]) / rate))
        if first == last and first % 2 == 0:
            return self._weights[first // 2] @ channels
        times = (begin + np.arange(channels.shape[1])) / rate
        mix = np.zeros(channels.shape[1], np.float32)
        for channel, samples in enumerate(channels):
            values = np.repeat([weights[channel] for weights in self._weights], 2)[1:-1]
            mix += np.interp(times, self._times, values).astype(np.float32) * samples
        return mix

    def measure(self, channels: FloatArray, names: Sequence[str], begin: int, rate: int) -> None:
        """Measure channels (C, samples), the next part of the song, which begins at a sample of the file. Of a song
        that changes its channels, only those parts count that have the first ones."""
        if not self._names:
            self._names = tuple(names)
            self._products = np.zeros((len(channels), len(channels)))
        if len(channels) != len(self._products) or len(channels) < 2:
            return
        with np.errstate(all="ignore"):  # samples that are no numbers are refused elsewhere
            products = channels @ channels.T
        if not np.isfinite(products).all():
            return
        self._products += products
        length = round(_STRETCH * rate)
        self._seconds = length / rate
        for number in range(begin // length, (begin + channels.shape[1] - 1) // length + 1):
            part = channels[:, max(number * length - begin, 0) : (number + 1) * length - begin]
            self._stretches[number] = self._stretches.get(number, 0.0) + (part @ part.T).astype(np.float64)

    def cancels(self) -> bool:
        """Whether the channels that were measured cancel each other in their mean, or do so in a part of the song."""
        if len(self._products) < 2 or self._weights:
            return False
        return bool((self._mean() < 0).any()) or not self._keeps_mean() or bool(self._lost_parts())

    def audible(self) -> Downmix:
        """The mix for the channels that were measured."""
        whole = self._usual()
        borders: list[float] = []
        mixes = [whole]
        for first, stop in self._lost_parts():
            mixes += [self._best(self._sum(first, stop)), whole]
            borders += [first * self._seconds, stop * self._seconds]
        return Downmix(borders, mixes)

    def _keeps_mean(self) -> bool:
        return _keeps(self._mean(), self._products)

    def _mean(self) -> _Array:
        """The weights of the mean, negative for a low-frequency channel that is reversed."""
        low = self._low()
        against = self._products[:, ~low].sum(axis=1) < -_REVERSED * np.diag(self._products)
        return np.where(low & against, -1.0, 1.0) / len(self._products)

    def _low(self) -> NDArray[np.bool_]:
        return np.array([name in _LOW_FREQUENCY for name in self._names])

    def _usual(self) -> _Array:
        """The weights for the song on the whole."""
        return self._mean() if self._keeps_mean() else self._best(self._products)

    def _best(self, products: _Array) -> _Array:
        """The weights for a part with these products that its usual mix loses."""
        count = len(products)
        loudest = int(np.argmax(np.diag(products)))
        low = self._low()
        signs = np.where(products[loudest] < 0, -1.0, 1.0)
        tried = [~low / max(count - low.sum(), 1), signs / count]
        alone = (np.arange(count) == loudest).astype(np.float64)
        return next((mix for mix in tried if _keeps(mix, products)), alone)

    def _lost_parts(self) -> list[tuple[int, int]]:
        """The parts of the song, as stretches first..stop (half-open), that its usual mix loses."""
        usual = self._usual()
        mean = float(np.trace(self._products)) / max(len(self._stretches), 1)
        parts: list[tuple[int, int]] = []
        lost = False
        for number in sorted(self._stretches):
            products = self._stretches[number]
            if np.trace(products) > _SILENT * mean:
                lost = not _keeps(usual, products)
            if lost and parts and parts[-1][1] == number:
                parts[-1] = (parts[-1][0], number + 1)
            elif lost:
                parts.append((number, number + 1))
        return [
            (first, stop)
            for first, stop in parts
            if (stop - first) * self._seconds >= _LEAST_PART
            and np.trace(self._sum(first, stop)) > _QUIET * mean * (stop - first)
        ]

    def _sum(self, first: int, stop: int) -> _Array:
        return sum((self._stretches[number] for number in range(first, stop)), np.zeros_like(self._products))


def _keeps(weights: _Array, products: _Array) -> bool:
    """Whether a mix keeps the energy that channels with these products have, or there is none."""
    unrelated = float(np.square(weights) @ np.diag(products))
    return float(weights @ products @ weights) >= _CANCELLED * unrelated
