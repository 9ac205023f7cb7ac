"""Skeletons that are made for tests: the body of one person with the names, and the helper bones, of any program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import ARM, FINGERS, LEG, SIDES, sided, twist

Point = tuple[float, float, float]

TRUNK: Mapping[str, tuple[Point, Point]] = {
    "hips": ((0, 0, 0.95), (0, 0, 1.0)), "spine": ((0, 0.01, 1.05), (0, 0.02, 1.40)),
    "neck": ((0, 0.02, 1.48), (0, 0, 1.56)), "head": ((0, 0, 1.58), (0, 0, 1.75)),
}  # fmt: skip
"""Where the first bone of a part of the trunk begins and the last one ends."""
LEFT: Mapping[str, tuple[Point, Point]] = {
    "shoulder": ((0.02, 0, 1.44), (0.18, 0.01, 1.43)), "upper_arm": ((0.18, 0.01, 1.43), (0.45, 0.02, 1.43)),
    "forearm": ((0.45, 0.02, 1.43), (0.70, 0, 1.43)), "hand": ((0.70, 0, 1.43), (0.78, 0, 1.43)),
    "thigh": ((0.09, 0, 0.92), (0.10, -0.01, 0.50)), "shin": ((0.10, -0.01, 0.50), (0.10, 0.03, 0.09)),
    "foot": ((0.10, 0.03, 0.09), (0.10, -0.10, 0.02)), "toes": ((0.10, -0.10, 0.02), (0.10, -0.16, 0.01)),
    "thumb": ((0.73, -0.03, 1.41), (0.79, -0.09, 1.39)), "index": ((0.79, -0.03, 1.43), (0.87, -0.03, 1.43)),
    "middle": ((0.795, -0.01, 1.43), (0.885, -0.01, 1.43)), "ring": ((0.79, 0.01, 1.43), (0.87, 0.01, 1.43)),
    "little": ((0.78, 0.03, 1.425), (0.84, 0.03, 1.425)),
}  # fmt: skip
_PARTS = (*LEG, *ARM, *FINGERS)


@dataclass(frozen=True)
class Naming:
    """A program's names. trunk and limbs: part -> names from the body outwards; in limbs, {s} stands for the side.

    sides: how the program writes left and right. root: bones above the hips. beside: helper bones, (name, the bone
    that it hangs on, how far along this bone from its head to its end); with {s} they are on both sides. twists: part
    -> helpers that share the limb's twist; they are among `beside`. hang: bone -> the bone that it hangs on, where
    that is another one than in the body; "" for none.
    """

    family: str
    trunk: Mapping[str, Sequence[str]]
    limbs: Mapping[str, Sequence[str]]
    sides: tuple[str, str] = ("L", "R")
    root: Sequence[str] = ()
    beside: Sequence[tuple[str, str, float]] = ()
    twists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hang: Mapping[str, str] = field(default_factory=dict)

    def roles(self) -> dict[str, tuple[str, ...]]:
        """The bones of each role, as `find_roles` should find them."""
        found = {part: tuple(names) for part, names in self.trunk.items()}
        for side, word in zip(SIDES, self.sides, strict=True):
            for part, names in self.limbs.items():
                found[sided(side, part)] = tuple(name.format(s=word) for name in names)
            for part, names in self.twists.items():
                found[twist(sided(side, part))] = tuple(name.format(s=word) for name in names)
        return found


@dataclass
class _Bones:
    parents: dict[str, str] = field(default_factory=dict)
    places: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    ends: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def chain(self, names: Sequence[str], parent: str, start: Sequence[float], end: Sequence[float]) -> str:
        """Add bones in line; returns the last one."""
        one, other = np.array(start, np.float64), np.array(end, np.float64)
        for number, name in enumerate(names):
            self.parents[name], parent = parent, name
            self.places[name] = one + (other - one) * number / len(names)
            self.ends[name] = one + (other - one) * (number + 1) / len(names)
        return parent


def build(naming: Naming) -> Rig:
    """A person with these names, in metres, who faces -Y in a T-pose."""
    bones = _Bones()
    top = bones.chain(naming.root, "", (0, 0, 0), (0, 0, 0))
    for part, (start, end) in TRUNK.items():
        top = bones.chain(naming.trunk.get(part, ()), top, start, end)
    hips = naming.trunk["hips"]
    spine = naming.trunk.get("spine") or hips
    if len(hips) > 1 and naming.trunk.get("spine"):
        bones.parents[naming.trunk["spine"][0]] = hips[0]
    for mirror, word in zip((1, -1), naming.sides, strict=True):
        flip = np.array([mirror, 1, 1])
        ends: dict[str, str] = {}
        for part in _PARTS:
            if part in naming.limbs:
                if part in FINGERS:
                    parent = ends.get("hand", ends["forearm"])
                else:
                    limb = ARM if part in ARM else LEG
                    above = [ends[other] for other in limb[: limb.index(part)] if other in ends]
                    parent = above[-1] if above else (spine if part in ARM else hips)[-1]
                names = [name.format(s=word) for name in naming.limbs[part]]
                start, end = (np.array(point) * flip for point in LEFT[part])
                ends[part] = bones.chain(names, parent, start, end)
        for name, on, share in naming.beside:
            bone = on.format(s=word)
            place = bones.places[bone] + share * (bones.ends[bone] - bones.places[bone])
            bones.parents.setdefault(name.format(s=word), bone)
            bones.places.setdefault(name.format(s=word), place)
            bones.ends.setdefault(name.format(s=word), place + 0.01)
        for bone, other in naming.hang.items():
            bones.parents[bone.format(s=word)] = other.format(s=word)
    return rig_of(bones.parents, bones.places)


def rig_of(parents: Mapping[str, str], places: Mapping[str, Sequence[float] | NDArray[np.float64]]) -> Rig:
    """A skeleton of bones with these parents ("" for none) and heads."""
    order: list[str] = []
    while len(order) < len(parents):
        order += [name for name, parent in parents.items() if name not in order and (not parent or parent in order)]
    count = len(order)
    rest = np.tile(np.eye(4), (count, 1, 1))
    rest[:, :3, 3] = np.array([places[name] for name in order]).reshape(-1, 3)
    yes = np.ones(count, bool)
    return Rig(
        tuple(order), tuple(order.index(parents[name]) if parents[name] else -1 for name in order), rest, np.eye(4),
        yes, yes, yes, ~yes,
    )  # fmt: skip


def without(rig: Rig, *pieces: str) -> Rig:
    """A skeleton without the bones in whose names these pieces are, and without what hangs on them."""
    gone: set[int] = set()
    for bone, name in enumerate(rig.names):
        if any(piece in name for piece in pieces) or rig.parents[bone] in gone:
            gone.add(bone)
    parents = {name: rig.names[rig.parents[bone]] if rig.parents[bone] >= 0 else ""
               for bone, name in enumerate(rig.names) if bone not in gone}  # fmt: skip
    return rig_of(parents, dict(zip(rig.names, rig.rest[:, :3, 3], strict=True)))


@dataclass(frozen=True)
class Shuffled:
    """A skeleton in another order; names: its bones' names -> their former ones."""

    rig: Rig
    names: Mapping[str, str]


def shuffled_rig(rig: Rig, chance: Random, names: Sequence[str]) -> Shuffled:
    """The same skeleton with other names, siblings in any order."""
    order: list[int] = []
    open_bones = [bone for bone, parent in enumerate(rig.parents) if parent < 0]
    while open_bones:
        bone = open_bones.pop(chance.randrange(len(open_bones)))
        order.append(bone)
        open_bones += [child for child, parent in enumerate(rig.parents) if parent == bone]
    moved = replace(
        rig, names=tuple(names[bone] for bone in order),
        parents=tuple(order.index(rig.parents[bone]) if rig.parents[bone] >= 0 else -1 for bone in order),
        rest=rig.rest[order], deforms=rig.deforms[order], turns_along=rig.turns_along[order],
        local_location=rig.local_location[order], connected=rig.connected[order], own_map={},
    )  # fmt: skip
    return Shuffled(moved, dict(zip(names, rig.names, strict=True)))


def turned(rig: Rig, angle: float) -> Rig:
    """The same skeleton, turned about the vertical by an angle in radians."""
    sine, cosine = np.sin(angle), np.cos(angle)
    turn = np.array([[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return replace(rig, to_world=turn @ rig.to_world)
