"""What of an armature a motion is keyed on.

`keyframes`, `rewrite` and `key_prints` know curves and this protocol, and not whose bones they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import bpy
import numpy as np
from numpy.typing import NDArray

from ..key_fit import Effect
from ..motion import Motion
from . import compat, rotation_modes
from .compat import Place, pose_of

Channel = tuple[str, int]
"""Data path and array index of an F-curve."""
Curves = dict[Channel, bpy.types.FCurve]
Floats = NDArray[np.floating[Any]]
Frames = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEET_TOLERANCE, TOLERANCE = 0.0005, 0.001
"""Metres that a curve may move the farthest joint that its own joint turns: where that may be a foot, which stands on a
floor, and elsewhere. In a dance joints are 0.5 mm off in the mean, and its keys are a sixth of its frames."""
LARGEST_TURN = 2e-3
"""The most that a rotation's numbers may be off, where a joint moves little: a quarter of a degree in a quaternion."""
SAME_REST = 0.01
"""Distance of quaternions, and metres, beyond which a rest pose has changed: half a degree, a centimetre."""
USUAL_RATE, MOST_GROWTH = 30.0, 2.0
"""Frames a second up to which these tolerances hold, and how much they grow at most beyond it: most frames lie between
two of the checkpoint's then."""
REST = {
    "location": (0.0, 0.0, 0.0),
    "scale": (1.0, 1.0, 1.0),
    "rotation_quaternion": (1.0, 0.0, 0.0, 0.0),
    "rotation_axis_angle": (0.0, 0.0, 1.0, 0.0),
    "rotation_euler": (0.0, 0.0, 0.0),
}
"""A pose bone's properties as it rests."""


@dataclass(frozen=True)
class Rotation:
    """A bone's rotation. mode: see `rotation_modes`. first: the number of its first channel; the others follow."""

    bone: str
    mode: str
    first: int

    @property
    def channels(self) -> slice:
        """Its channels, of all."""
        return slice(self.first, self.first + rotation_modes.width_of(self.mode))


class Keying(Protocol):
    """How a motion is keyed on an armature. Everything that raises raises ArmatureError with a sentence."""

    @property
    def armature(self) -> bpy.types.Object:
        """The object."""

    @property
    def channels(self) -> Sequence[Channel]:
        """(C,) the F-curves of a dance, in an order that stays: fingerprints depend on it."""

    @property
    def bones(self) -> Sequence[str]:
        """(C,) the bone whose channel each is."""

    @property
    def resting(self) -> Collection[str]:
        """Data paths that would change how the channels look: nothing is keyed there during a dance."""

    @property
    def rotations(self) -> Sequence[Rotation]:
        """The bones' rotations among the channels."""

    @property
    def units(self) -> float:
        """How many of the armature's units are a metre."""

    def is_alone(self, first: float, last: float) -> bool:
        """Whether channels alone say the pose from one scene frame to another: nothing else came in between that poses
        the bones."""

    def stage(self) -> Floats:
        """(4, 4) the world of a motion in the armature's space."""

    def check(self) -> None:
        """Raise ArmatureError unless a motion can be keyed. Changes nothing."""

    def tolerances(self) -> Floats:
        """(C,) what keys may leave of the channels' values, at the usual frame rate."""

    def effect(self) -> Effect | None:
        """What the channels do together that keys keep as well, whatever the frame rate; None where the tolerances are
        enough."""

    def values(self, motion: Motion, frames: Frames | None = None) -> Floats:
        """(N, C) the channels' values that show frames (N,) of a motion, or all of them."""

    def read(self, motion: Motion, frames: Frames, times: Floats) -> Motion:
        """What is keyed now at scene frames (N,), which are frames (N,) of a motion that was keyed."""

    def keeping(self, motion: Motion, frames: Frames, times: Floats) -> str:
        """How it is keyed, as a record keeps it, with what is shown at scene frames (N,) and no motion holds: frames
        (N,) of this one, which shows the rest of it."""

    def differ(self, motion: Motion, frames: Frames, times: Floats) -> Bools:
        """(N,) where another pose is keyed at scene frames (N,) than in frames (N,) of the motion."""

    def moved_rest(self, motion: Motion, frames: Frames, times: Floats) -> str | None:
        """A bone that rests in another pose than when the motion was keyed, of which scene frames (N,), frames (N,) of
        the motion, are as they were."""

    def prepare(self) -> None:
        """Set what else of the pose would change how the channels look."""


ASIDE_KEY = "magma_aside"
"""Custom property of an action whose dance is kept in an NLA strip beside the armature's own."""


def place_of(keying: Keying) -> Place | None:
    """Where the keys are: of the object's places that have any of the channels, the first that shows its values as they
    are, has all channels, and is not muted; what only comes near to that where there is none."""
    ours = frozenset(keying.channels)
    found: list[tuple[tuple[bool, bool, bool], Place]] = []
    for place in compat.places(keying.armature):
        if isinstance(place.holder, bpy.types.NlaStrip) and place.action.get(ASIDE_KEY) is not None:
            continue
        present = ours.intersection((curve.data_path, curve.array_index) for curve in place.curves())
        if not present:
            continue
        lacks = place.is_layer, len(present) < len(ours), place.is_muted
        if not any(lacks):
            return place
        found.append((lacks, place))
    return min(found, key=lambda one: one[0])[1] if found else None


def curves_of(keying: Keying) -> Curves:
    """The F-curves of the channels that animate the object."""
    place = place_of(keying)
    return curves_at(place, keying) if place is not None else {}


def curves_at(place: Place, keying: Keying) -> Curves:
    """The F-curves of the channels at a place."""
    curves = {(curve.data_path, curve.array_index): curve for curve in place.curves()}
    return {channel: curves[channel] for channel in keying.channels if channel in curves}


def is_modified(curve: bpy.types.FCurve) -> bool:
    """Whether a curve plays something else than its keys."""
    return curve.mute or any(not modifier.mute for modifier in curve.modifiers)


def tolerance_growth(fps: float) -> float:
    """How much larger the tolerances are at a frame rate."""
    return float(np.clip(fps / USUAL_RATE, 1.0, MOST_GROWTH))


class KeyedValues:
    """What an armature's own keys make of its bones. Constraints, drivers and the NLA are not seen, but that a strip
    may hold the keys; a channel without keys, or with a muted curve, has its present value."""

    def __init__(self, keying: Keying, times: Floats) -> None:
        place = place_of(keying)
        present = place.curves() if place is not None else compat.fcurves(keying.armature)
        self._curves = {(curve.data_path, curve.array_index): curve for curve in present if not curve.mute}
        self._times = np.asarray(times, np.float64) - ((place.offset or 0.0) if place is not None else 0.0)
        self._pose = pose_of(keying.armature)

    def rotations(self, bone: str) -> Floats:
        """(N, 4) unit quaternions of a bone, in its present rotation mode."""
        pose_bone = self._pose.bones[bone]
        mode = pose_bone.rotation_mode
        name = rotation_modes.property_of(mode)
        return rotation_modes.to_quaternions(mode, self.of(bone, name, getattr(pose_bone, name)[:]))

    def locations(self, bone: str) -> Floats:
        """(N, 3) locations of a bone."""
        return self.of(bone, "location", self._pose.bones[bone].location[:])

    def of(self, bone: str, name: str, present: Sequence[float]) -> Floats:
        """(N, len(present)) one of a bone's properties."""
        path = bone_path(bone, name)
        values = np.empty((len(self._times), len(present)))
        for index, value in enumerate(present):
            curve = self._curves.get((path, index))
            values[:, index] = value if curve is None else [curve.evaluate(time) for time in self._times]
        return values


def bone_path(bone: str, name: str) -> str:
    """The data path of a pose bone's property."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{name}'
