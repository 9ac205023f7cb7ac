"""How a dance is keyed on a character, as a record keeps it. Nothing here needs numpy: panels read records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ..retarget.roles import LIMBS, CharacterMap, from_json, to_json

VERSION = 2
"""Version 1 had no IK."""
_MODES = frozenset({"QUATERNION", "AXIS_ANGLE", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"})
MARKS = 6
"""Numbers that tell the pose of one frame from that of another, see `character_keying.marks_of`."""
_SAME_AXES = 0.99995
"""Scalar product of quaternions from which on bones rest alike: an angle of a degree."""


@dataclass(frozen=True)
class KeptFingers:
    """Fingers that a person has posed, which are in no motion. bones: the controls. frames: frame of the dance, counted
    from 0 -> the marks of the body's pose then, and a quaternion a bone. In a frame with another pose of the body, such
    as that of another variant, they do not count."""

    bones: tuple[str, ...] = ()
    frames: Mapping[int, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyedCharacter:
    """How a dance is keyed on a character.

    map, hands: see `Retargeter`. to_world: (16,) armature to world when it was keyed, row by row: the object's matrix,
    and what the pose of a bone that carries all controls did to them. modes: control ->
    its rotation mode, in the order of channels. moving: controls that have a location, the hips' first; poles of IK
    have nothing else. rest: (C,) of each of `bones`, where its head rests and the quaternion of its axes, armature
    space. degrees, metres: what keys may leave of a turn and of places, 0 for the usual. fingers: those that are not as
    `hands` says. ik: limbs that IK moves.
    """

    map: CharacterMap
    hands: str
    to_world: tuple[float, ...]
    modes: Mapping[str, str]
    moving: tuple[str, ...]
    rest: tuple[tuple[float, ...], ...]
    degrees: float = 0.0
    metres: float = 0.0
    fingers: KeptFingers = KeptFingers()
    ik: tuple[str, ...] = ()

    @property
    def bones(self) -> tuple[str, ...]:
        """All controls, those last that do not turn."""
        return (*self.modes, *(bone for bone in self.moving if bone not in self.modes))

    def to_json(self) -> str:
        """As text, for records."""
        values = {
            "version": VERSION,
            "map": to_json(self.map),
            "hands": self.hands,
            "to_world": list(self.to_world),
            "modes": [list(item) for item in self.modes.items()],
            "moving": list(self.moving),
            "rest": [[round(value, 6) for value in each] for each in self.rest],
            "degrees": self.degrees,
            "metres": self.metres,
            "fingers": {
                "bones": list(self.fingers.bones),
                "frames": [[frame, *(round(x, 6) for x in each)] for frame, each in self.fingers.frames.items()],
            },
            "ik": list(self.ik),
        }
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    def with_fingers_of(self, former: KeyedCharacter) -> KeyedCharacter:
        """With the fingers kept in another one, if their bones are there and rest alike."""
        fingers = former.fingers
        ours, theirs = (dict(zip(each.bones, each.rest, strict=True)) for each in (self, former))
        alike = all(bone in ours and _rest_alike(ours[bone], theirs[bone]) for bone in fingers.bones)
        return replace(self, fingers=fingers) if alike else self


def _rest_alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return abs(sum(a * b for a, b in zip(one[3:], other[3:], strict=True))) > _SAME_AXES


@lru_cache(maxsize=8)
def read_character(text: str) -> KeyedCharacter:
    """What `KeyedCharacter.to_json` wrote. Raises ValueError with a clause that says what is wrong."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its character is no JSON ({error})") from error
    if not isinstance(data, dict) or data.get("version") not in (1, VERSION):
        found = data.get("version") if isinstance(data, dict) else None
        raise ValueError(f"its character has version {str(found)[:20]}, this add-on reads up to {VERSION}")
    try:
        read = KeyedCharacter(
            map=from_json(data["map"]),
            hands=str(data["hands"]),
            to_world=tuple(float(value) for value in data["to_world"]),
            modes={str(bone): str(mode) for bone, mode in data["modes"]},
            moving=tuple(str(bone) for bone in data["moving"]),
            rest=tuple(tuple(float(value) for value in each) for each in data["rest"]),
            degrees=float(data["degrees"]),
            metres=float(data["metres"]),
            fingers=_read_fingers(data.get("fingers", {"bones": [], "frames": []})),
            ik=tuple(str(limb) for limb in data["ik"]) if data["version"] > 1 else (),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its character is damaged ({error})") from error
    sound = len(read.to_world) == 16 and len(read.rest) == len(read.bones) and {len(each) for each in read.rest} == {7}
    fingers = read.fingers.frames.values()
    sound = sound and {len(each) for each in fingers} <= {MARKS + 4 * len(read.fingers.bones)}
    numbers = (*read.to_world, *(value for each in (*read.rest, *fingers) for value in each))
    finite = all(map(math.isfinite, numbers))
    known = set(read.modes.values()) <= _MODES and {*read.fingers.bones} <= set(read.modes)
    known = known and set(read.ik) <= set(LIMBS)
    turning = set(read.moving) <= set(read.modes) or read.ik
    if not (sound and finite and known and turning and read.moving):
        raise ValueError(f"its character is damaged ({text[:20]})")
    return read


def _read_fingers(data: Mapping[str, list[list[float]]]) -> KeptFingers:
    bones = tuple(str(bone) for bone in data["bones"])
    frames = {int(frame): tuple(float(value) for value in each) for frame, *each in data["frames"]}
    return KeptFingers(bones, frames)
