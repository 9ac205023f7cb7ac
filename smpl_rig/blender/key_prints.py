"""What an armature's keys are, frame by frame, as numbers: whether somebody changed, moved or scaled them.

A frame's keys are those of the curves that `write_motion` makes which are nearer to it than to any other frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from .key_data import enum_value, read_keys
from .keyframes import CHANNELS, curves_of, place_of
from .rewrite import nearest

Prints = NDArray[np.int32]
MOST_STARTS = 4
"""Frames that are tried as a dance's first one."""


def key_prints(obj: bpy.types.Object, count: int, frame_start: float) -> Prints:
    """(count,) a fingerprint of the keys of each scene frame `frame_start` + k; any moved, changed, added or removed
    key gives its frame another one. Where the keys begin does not matter: moved together, they have the same prints."""
    total = np.zeros(count, np.uint64)
    first = frame_start - _offset(obj)
    bezier = enum_value("interpolation", "BEZIER")
    for number, curve in _numbered(obj):
        keys = read_keys(curve, "co")
        kinds = read_keys(curve, "interpolation")[:, 0]
        # handles matter where a Bezier curve begins or ends; in time they are rounded, since moving rounds them, too
        frames = nearest(keys[:, 0], first)
        begins = kinds == bezier
        ends = np.concatenate([[False], begins[:-1]])
        # what comes before the first frame or after the last is not the dance
        ends &= np.concatenate([[False], frames[:-1] >= 0])
        begins &= np.concatenate([frames[1:] < count, [False]])[: len(begins)]
        parts = [_bits(keys[:, 0] - first), _bits(keys[:, 1]), kinds.astype(np.uint64)]
        for name, matters in (("handle_left", ends), ("handle_right", begins)):
            handles = read_keys(curve, name)
            parts += [np.where(matters, _bits(np.round((handles[:, 0] - keys[:, 0]) * 64) + 0.0), 0)]
            parts += [np.where(matters, _bits(handles[:, 1]), 0)]
        mixed = np.full(len(keys), number, np.uint64)
        for part in parts:
            mixed = _mix(mixed ^ _mix(part + np.uint64(1)))
        _add(total, frames, mixed)
    return _folded(total)


def key_prints_before(obj: bpy.types.Object, count: int, frame_start: float, keyed_at: float) -> Prints:
    """`key_prints` as the first versions of the add-on made them, of keys that began at `keyed_at` then."""
    total = np.zeros(count, np.uint64)
    first = frame_start - _offset(obj)
    for number, curve in _numbered(obj):
        keys = read_keys(curve, "co")
        times = _bits(keys[:, 0].astype(np.float64) - first + keyed_at)
        _add(total, nearest(keys[:, 0], first), _mix(_mix(times + np.uint64(number << 32)) ^ _bits(keys[:, 1])))
    return _folded(total)


def key_range(obj: bpy.types.Object) -> tuple[float, float] | None:
    """The scene frames of the first and the last key; None where there are none."""
    times = [read_keys(curve, "co")[:, 0] for curve in curves_of(obj).values() if len(curve.keyframe_points)]
    if not times:
        return None
    offset = _offset(obj)
    return float(min(keys.min() for keys in times)) + offset, float(max(keys.max() for keys in times)) + offset


def key_starts(obj: bpy.types.Object, count: int) -> list[float]:
    """The scene frames that a dance of `count` frames may begin at, the likeliest first: there and at its end most
    curves have keys."""
    starts: Counter[float] = Counter()
    for curve in curves_of(obj).values():
        times = np.unique(np.round(read_keys(curve, "co")[:, 0].astype(np.float64), 2))
        starts.update(times[np.isin(np.round(times + (count - 1), 2), times)].tolist())
    return [time + _offset(obj) for time, _ in starts.most_common(MOST_STARTS)]


def other_keys(obj: bpy.types.Object, first: float, last: float) -> list[float]:
    """The scene frames of keys that are not between two scene frames, in order."""
    offset = _offset(obj)
    times = [read_keys(curve, "co")[:, 0] + offset for curve in curves_of(obj).values()]
    found = np.unique(np.concatenate(times)) if times else np.zeros(0)
    return [float(time) for time in found[(found < first - 0.5) | (found > last + 0.5)]]


def between_keys(obj: bpy.types.Object, frames: NDArray[np.int64], count: int, frame_start: float) -> NDArray[np.int64]:
    """The frames 0 to `count` that a changed key on one of `frames` may have changed: up to the keys beside it."""
    near = np.zeros(count, bool)
    first = frame_start - _offset(obj)
    curves = [np.unique(nearest(read_keys(curve, "co")[:, 0], first)) for curve in curves_of(obj).values()]
    for keys in curves:
        if not len(keys):
            continue  # baked to samples
        before = keys[np.maximum(np.searchsorted(keys, frames) - 1, 0)]
        after = keys[np.minimum(np.searchsorted(keys, frames, side="right"), len(keys) - 1)]
        for start, stop in zip(np.minimum(before, frames), np.maximum(after, frames), strict=True):
            near[max(start, 0) : stop + 1] = True
    return np.flatnonzero(near)


def _numbered(obj: bpy.types.Object) -> Iterator[tuple[int, bpy.types.FCurve]]:
    """The curves that there are, with their channels' numbers."""
    curves = curves_of(obj)
    return ((number, curves[channel]) for number, channel in enumerate(CHANNELS) if channel in curves)


def _offset(obj: bpy.types.Object) -> float:
    place = place_of(obj)
    return (place.offset or 0.0) if place is not None else 0.0


def _bits(values: NDArray[np.floating]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values.astype(np.float32)).view(np.uint32).astype(np.uint64)


def _add(total: NDArray[np.uint64], frames: NDArray[np.int64], mixed: NDArray[np.uint64]) -> None:
    inside = (frames >= 0) & (frames < len(total))
    # a sum does not depend on the order of a frame's keys, and 64 bits of it wrap around
    np.add.at(total, frames[inside], mixed[inside])


def _folded(total: NDArray[np.uint64]) -> Prints:
    return (total >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits (the finaliser of SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
    2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
