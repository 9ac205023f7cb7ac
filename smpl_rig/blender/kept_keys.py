"""The keys on a dance's own frames as arrays, read so that they can be put back bit for bit.

Keys before and after the dance are the animator's: they are neither read nor touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import compat
from .compat import Place
from .key_data import KEY_ATTRIBUTES, Attributes, Keys, enum_value, read_keys
from .keyframes import check_free, fill
from .keying import Bools, Channel, Curves, Keying, curves_at, place_of
from .rewrite import hold_handles, nearest

PLACES = ("co", "handle_left", "handle_right")
KINDS = ("interpolation", "handle_left_type", "handle_right_type", "type")
SHAPES = ("easing", "back", "amplitude", "period")
"""Those that only matter where a curve swings or bounces from key to key, which only an animator's does."""


@dataclass(frozen=True)
class KeptKeys:
    """The keys of a dance. channels: (C,) of its curves. counts: (C,) keys of each. values: attributes of all keys,
    (n, width) each, one curve after the other, in the order of their times; `SHAPES` where they matter. base: the time
    of the dance's first frame."""

    channels: list[Channel]
    counts: NDArray[np.int64]
    values: Attributes
    base: float


def keep_keys(keying: Keying, count: int, frame_start: int) -> KeptKeys | None:
    """The keys of a dance's `count` frames from scene frame `frame_start` on; None where it has no action that plays
    as it is."""
    place = place_of(keying)
    if place is None or place.offset is None:
        return None
    base = frame_start - place.offset
    curves, inside = curves_at(place, keying), {}
    for channel, curve in curves.items():
        places = read_keys(curve, "co")
        inside[channel] = places, _on_frames(places, base, count)
    counts = [int(inside[channel][1].sum()) if channel in inside else 0 for channel in keying.channels]
    values: Attributes = {"co": _joined([places[which] for places, which in inside.values()], "co")}
    for name in (*PLACES[1:], *KINDS):
        values[name] = _joined([read_keys(curve, name)[inside[channel][1]] for channel, curve in curves.items()], name)
    if (values["interpolation"] > enum_value("interpolation", "BEZIER")).any():
        for name in SHAPES:
            parts = [read_keys(curve, name)[inside[channel][1]] for channel, curve in curves.items()]
            values[name] = _joined(parts, name)
    return KeptKeys(list(keying.channels), np.array(counts), values, base)


def put_keys_back(keying: Keying, kept: KeptKeys, frame_start: int, former: tuple[int, int]) -> None:
    """Give the curves of a dance these keys in place of those they have there, with the dance's first frame at scene
    frame `frame_start`. former: the first scene frame of what is danced now, and how many frames that has.

    Raises ArmatureError, with nothing changed, where somebody else says the pose.
    """
    check_free(keying)
    place = place_of(keying)
    assert place is not None and place.offset is not None
    place = compat.own_action(place)
    assert place.offset is not None
    base = frame_start - place.offset
    stops = np.cumsum(kept.counts).tolist()
    rows = {channel: slice(*pair) for channel, pair in zip(kept.channels, pairwise([0, *stops]), strict=True)}
    moved = np.array([base - kept.base, 0.0], np.float32)
    present = curves_at(place, keying)
    for channel, bone in zip(keying.channels, keying.bones, strict=True):
        mine = {name: values[rows[channel]] for name, values in kept.values.items()}
        if base != kept.base:
            mine |= {name: mine[name] + moved for name in PLACES}
        _replace(place, present, channel, bone, mine, (former[0] - place.offset, former[1]))


def _replace(
    place: Place, present: Curves, channel: Channel, bone: str, mine: Attributes, former: tuple[float, int]
) -> None:
    curve = present.get(channel) or place.add(*channel, bone)
    old = {name: read_keys(curve, name) for name in KEY_ATTRIBUTES}
    inside = _on_frames(old["co"], *former)
    if inside.sum() == len(mine["co"]) and all(np.array_equal(old[name][inside], mine[name]) for name in mine):
        return
    outside = {name: values[~inside] for name, values in old.items()}
    curve.keyframe_points.clear()
    if not len(mine["co"]) and inside.all():
        place.remove(curve)
        return
    parts = [mine, outside] if len(outside["co"]) else [mine]
    fill(curve, parts)
    for part in parts:
        hold_handles(curve, part)


def _on_frames(places: Keys, base: float, count: int) -> Bools:
    """Which keys are nearer to one of a dance's frames than to any other."""
    frames = nearest(places[:, 0], base)
    return (frames >= 0) & (frames < count)


def _joined(parts: list[Keys], name: str) -> Keys:
    kind, width = KEY_ATTRIBUTES[name]
    return np.concatenate(parts) if parts else np.zeros((0, width), kind)
