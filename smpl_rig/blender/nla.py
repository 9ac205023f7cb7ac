"""Actions in NLA strips of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np

from ..motion import Motion
from . import compat
from .compat import Place
from .keyframes import attributes, fill, fit
from .keying import Bools, Keying

SAME = 1e-5
"""Metres, and units of rotations, within which two values of a channel are one."""


def add_strip(obj: bpy.types.Object, place: Place, track_name: str) -> bpy.types.NlaStrip:
    """A strip that plays a place's action on the frames of its keys, named as the action, on a new track above all
    others."""
    data = obj.animation_data or obj.animation_data_create()
    assert data is not None
    track = data.nla_tracks.new()
    track.name = track_name
    strip = track.strips.new(place.action.name, math.floor(place.action.frame_range[0]), place.action)
    replace(place, holder=strip).assign()
    strip.frame_start_ui = strip.action_frame_start  # which may be between two frames
    return strip


def track_of(strip: bpy.types.NlaStrip) -> bpy.types.NlaTrack:
    """The track that a strip is on."""
    data = compat.animation_of(strip)
    return next(track for track in data.nla_tracks if strip in track.strips[:])


def layer(keying: Keying, shown: Motion, below: Motion, time: float, name: str) -> Place:
    """A new action with keys only for what differs between two motions of the same length, to be played above the keys
    of `below`, so that `shown` is seen. time: of the first frame in the action. The action is not assigned yet."""
    values, present = keying.values(shown), keying.values(below)
    differs: Bools = np.any(np.abs(values - present) > SAME, axis=0, keepdims=True)[0]
    for rotation in keying.rotations:  # which is keyed as a whole or not at all
        differs[rotation.channels] = differs[rotation.channels].any()
    place = compat.new_place(keying.armature, name)
    for number, keys in enumerate(fit(keying, values, shown.fps)):
        if differs[number]:
            curve = place.add(*keying.channels[number], keying.bones[number])
            fill(curve, [attributes(keys, time, 1.0)])
    return place


def follow(strip: bpy.types.NlaStrip, other: bpy.types.NlaStrip) -> None:
    """Let a strip play the same of its action, when and as often as another one does."""
    strip.action_frame_start, strip.action_frame_end = other.action_frame_start, other.action_frame_end
    strip.scale, strip.repeat = other.scale, other.repeat
    strip.frame_start_ui = other.frame_start
    strip.extrapolation, strip.use_reverse = other.extrapolation, other.use_reverse


def has_key(action: bpy.types.Action | None, key: str) -> bool:
    """Whether an action has a custom property."""
    return action is not None and action.get(key) is not None


def tracks_with(obj: bpy.types.Object, key: str) -> Sequence[bpy.types.NlaTrack]:
    """The tracks, from below, that have a strip whose action has a custom property."""
    data = obj.animation_data
    tracks = data.nla_tracks[:] if data is not None else []
    return [t for t in tracks if any(has_key(s.action, key) for s in t.strips)]
