"""What an armature's keys are, frame by frame, as numbers: whether somebody changed, moved or scaled them.

A frame's keys are those of the keying's curves which are nearer to it than to any other frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .key_data import Keys, enum_value, read_keys
from .keying import Keying, curves_of, place_of
from .rewrite import nearest

Prints = NDArray[np.int32]
MOST_STARTS = 4
"""Frames that are tried as a dance's first one."""


class DanceKeys:
    """The keys of an armature's dance as they are now, all curves one after the other. Frames are the scene's, and
    frames of the dance count from its first one."""

    def __init__(self, keying: Keying) -> None:
        curves, place, channels = curves_of(keying), place_of(keying), keying.channels
        numbers = [number for number, channel in enumerate(channels) if channel in curves]
        present = [curves[channels[number]] for number in numbers]
        self._offset = (place.offset or 0.0) if place is not None else 0.0
        lengths = [len(curve.keyframe_points) for curve in present]
        self._borders = np.cumsum([0, *lengths])
        self._channel = np.repeat(np.array(numbers, np.uint64), lengths)
        self._co, self._left, self._right = (
            _joined([read_keys(curve, name) for curve in present], 2) for name in ("co", "handle_left", "handle_right")
        )
        self._kind = _joined([read_keys(curve, "interpolation") for curve in present], 1)[:, 0]
        self._prints: dict[tuple[int, float], Prints] = {}

    def prints(self, count: int, frame_start: float) -> Prints:
        """(count,) a fingerprint of the keys of each frame `frame_start` + k; any moved, changed, added or removed key
        gives its frame another one. Where the keys begin does not matter: moved together, they have the same
        prints."""
        asked = count, frame_start
        if asked not in self._prints:
            self._prints[asked] = self._fingerprint(count, frame_start - self._offset)
        return self._prints[asked]

    def _fingerprint(self, count: int, first: float) -> Prints:
        times, values = self._co.T
        frames = nearest(times, first)
        # handles matter where a Bezier curve begins or ends; in time they are rounded, since moving rounds them, too
        begins = self._kind == enum_value("interpolation", "BEZIER")
        ends = np.roll(begins, 1)
        # what comes before the first frame or after the last is not the dance
        ends &= np.roll(frames, 1) >= 0
        begins = begins & (np.roll(frames, -1) < count)
        inside = self._borders[(self._borders > 0) & (self._borders < len(frames))]
        ends[:1], ends[inside], begins[-1:], begins[inside - 1] = False, False, False, False
        parts = [_bits(times - first), _bits(values), self._kind.astype(np.uint64)]
        for handles, matters in ((self._left, ends), (self._right, begins)):
            parts += [np.where(matters, _bits(np.round((handles[:, 0] - times) * 64) + 0.0), 0)]
            parts += [np.where(matters, _bits(handles[:, 1]), 0)]
        mixed = self._channel
        for part in parts:
            mixed = _mix(mixed ^ _mix(part + np.uint64(1)))
        return _summed(count, frames, mixed)

    def prints_before(self, count: int, frame_start: float, keyed_at: float) -> Prints:
        """`prints` as the first versions of the add-on made them, of keys that began at `keyed_at` then."""
        first = frame_start - self._offset
        times = _bits(self._co[:, 0].astype(np.float64) - first + keyed_at)
        mixed = _mix(_mix(times + (self._channel << np.uint64(32))) ^ _bits(self._co[:, 1]))
        return _summed(count, nearest(self._co[:, 0], first), mixed)

    def range(self) -> tuple[float, float] | None:
        """The frames of the first and the last key; None where there are none."""
        times = self._co[:, 0]
        return (float(times.min()) + self._offset, float(times.max()) + self._offset) if len(times) else None

    def starts(self, count: int) -> list[float]:
        """The frames that a dance of `count` frames may begin at, the likeliest first: there and at its end most curves
        have keys."""
        starts: Counter[float] = Counter()
        for times in self._by_curve(np.round(self._co[:, 0].astype(np.float64), 2)):
            starts.update(times[np.isin(np.round(times + (count - 1), 2), times)].tolist())
        return [time + self._offset for time, _ in starts.most_common(MOST_STARTS)]

    def others(self, first: float, last: float) -> list[float]:
        """The frames of keys that are not between two frames, in order."""
        found = np.unique(self._co[:, 0] + self._offset)
        return [float(time) for time in found[(found < first - 0.5) | (found > last + 0.5)]]

    def between(self, frames: NDArray[np.int64], count: int, frame_start: float) -> NDArray[np.int64]:
        """The frames 0 to `count` of the dance that a changed key on one of `frames` may have changed: up to the keys
        beside it."""
        near = np.zeros(count, bool)
        places = nearest(self._co[:, 0], frame_start - self._offset)
        for keys in self._by_curve(places):
            if not len(keys):
                continue  # baked to samples
            before = keys[np.maximum(np.searchsorted(keys, frames) - 1, 0)]
            after = keys[np.minimum(np.searchsorted(keys, frames, side="right"), len(keys) - 1)]
            for start, stop in zip(np.minimum(before, frames), np.maximum(after, frames), strict=True):
                near[max(start, 0) : stop + 1] = True
        return np.flatnonzero(near)

    def _by_curve(self, values: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """The different values of each curve's keys, rising."""
        return map(np.unique, np.split(values, self._borders[1:-1]))


def _joined(parts: list[Keys], width: int) -> Keys:
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def _bits(values: NDArray[np.floating]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values.astype(np.float32)).view(np.uint32).astype(np.uint64)


def _summed(count: int, frames: NDArray[np.int64], mixed: NDArray[np.uint64]) -> Prints:
    inside = (frames >= 0) & (frames < count)
    # a sum does not depend on the order of a frame's keys, and 64 bits of it wrap around; sums of halves are exact in
    # float64, and adding these up is many times as fast as `np.add.at` of older numpys
    low, high = (
        np.bincount(frames[inside], half[inside].astype(np.float64), count).astype(np.uint64)
        for half in (mixed & np.uint64(0xFFFFFFFF), mixed >> np.uint64(32))
    )
    total = low + (high << np.uint64(32))
    return (total >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits (the finaliser of SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
    2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
