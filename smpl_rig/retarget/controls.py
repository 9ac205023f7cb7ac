"""The bones that are keyed, as a tree: where they are for given turns, and Blender's channels of them.

All is in armature space. A control follows the nearest control among its bone's ancestors (or the one that the map
says, for control rigs); bones between them rest relative to their parents. So the place of a control's head is

    place = place of followed + turn of followed @ along + still

with constants `along` and `still`; the latter belongs to bones in between that do not turn with their parents.
Blender's rotation channel is the rest of the turn in the axes of the resting bone (blender-facts: a bone's matrix is
its parent's posed matrix, times the rest of the bone relative to its parent's rest, times the channels):

    basis = rest^-1 base^-1 turn rest,    base = turn of followed, or the identity

and the location channel the rest of the place along the bone's own axes, or else its parent's, as the parent has turned
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from .rig import Rig
from .roles import (
    ARM,
    FINGER_ROLES,
    FINGERS,
    HEAD,
    HIPS,
    LEG,
    NECK,
    ROLES,
    SIDES,
    SPINE,
    TRUNK,
    TWIST_ROLES,
    TWISTED,
    CharacterMap,
    CharacterMapError,
    sided,
    twist,
)

_FREE = (*TRUNK, *(sided(side, "shoulder") for side in SIDES), *TWIST_ROLES)
"""Roles whose bones, and bones right below them, may hang anywhere on the body."""


@dataclass(frozen=True)
class Control:
    """A bone that is keyed. parent: the control that it follows, -1 for none. moves: it has a location of its own.
    turns: it has a rotation of its own."""

    bone: str
    parent: int
    moves: bool
    role: str
    turns: bool = True


@dataclass(frozen=True, eq=False)
class Solved:
    """Poses of all controls, armature space. turns: (T, C, 3, 3) from rest. places: (T, C, 3) of their heads."""

    turns: Array
    places: Array

    def __len__(self) -> int:
        return len(self.turns)


@dataclass(frozen=True, eq=False)
class _Link:
    """How a control hangs on the one that it follows."""

    along: Array
    still: Array
    turns: bool
    axes: Array
    axes_turn: bool


class Controls:
    """The tree of controls, `all` with those that others follow first.

    mover: the one that moves the hips. carried: a control that hangs elsewhere in the bone tree -> the control above it
    in the body, with which it is moved. by_role: role -> its controls. Raises CharacterMapError for bones that the rig
    lacks and for circles.
    """

    def __init__(self, rig: Rig, character: CharacterMap, with_fingers: bool) -> None:
        self.rig = rig
        u, _, v = np.linalg.svd(rig.rest[:, :3, :3].astype(np.float64))
        self._axes = u @ v  # single precision leaves them a little skewed
        roles = {
            name: role for role in ROLES if with_fingers or role not in FINGER_ROLES for name in character.of(role)
        }
        for name in (*roles, *character.parents, *filter(None, character.parents.values())):
            if name not in rig.index:
                raise CharacterMapError(f'The character has no bone "{name}". Choose another one under Character.')
        mover = character.of(HIPS)[0]
        while rig.connected[rig.index[mover]] and rig.parents[rig.index[mover]] >= 0 and mover not in character.parents:
            mover = rig.names[rig.parents[rig.index[mover]]]
            roles.setdefault(mover, HIPS)
        follows = {name: self._followed(name, roles, character.parents) for name in roles}
        carriers = {
            name: other
            for name, other in _above(character, roles).items()
            if name != mover and not rig.connected[rig.index[name]] and _hangs_elsewhere(name, other, roles, follows)
        }
        order = _ordered(follows, carriers)
        number = {name: index for index, name in enumerate(order)}
        self.mover = number[mover]
        self.all = tuple(
            Control(name, number.get(follows[name] or "", -1), name == mover or name in carriers, roles[name])
            for name in order
        )
        self.carried = {number[name]: number[other] for name, other in carriers.items()}
        self.bones = np.array([rig.index[name] for name in order])
        self._links = [self._link(control, character.parents) for control in self.all]
        self.by_role = {
            role: [number[name] for name in names]
            for role, names in character.items()
            if all(name in number for name in names)
        }

    def axes(self, bone: str) -> Array:
        """(3, 3) a bone's axes at rest."""
        return self._axes[self.rig.index[bone]]

    def location_axes(self, bone: str) -> Array:
        """(3, 3) the axes at rest along which a bone is moved: its own or its parent's."""
        index = self.rig.index[bone]
        parent = self.rig.parents[index]
        return self._axes[index] if self.rig.local_location[index] else np.eye(3) if parent < 0 else self._axes[parent]

    def _followed(self, name: str, roles: Mapping[str, str], parents: Mapping[str, str]) -> str | None:
        if name in parents:
            return parents[name] if parents[name] in roles else None
        return next(
            (self.rig.names[b] for b in self.rig.ancestors(self.rig.index[name]) if self.rig.names[b] in roles), None
        )

    def _link(self, control: Control, parents: Mapping[str, str]) -> _Link:
        rig, bone = self.rig, self.rig.index[control.bone]
        heads = rig.rest[:, :3, 3].astype(np.float64)
        axes = self.location_axes(control.bone)
        if control.parent < 0:
            return _Link(np.zeros(3), heads[bone], False, axes, False)
        followed = rig.index[self.all[control.parent].bone]
        if control.bone in parents:
            return _Link(heads[bone] - heads[followed], np.zeros(3), True, axes, True)
        line = [bone]
        while line[-1] != followed:
            line.append(rig.parents[line[-1]])
        along, still, turns = np.zeros(3), np.zeros(3), True
        for lower, upper in zip(reversed(line[:-1]), reversed(line[1:]), strict=True):
            if turns:
                along = along + heads[lower] - heads[upper]
            else:
                still = still + heads[lower] - heads[upper]
            if lower != bone:
                turns = turns and bool(rig.turns_along[lower])
        return _Link(along, still, turns and bool(rig.turns_along[bone]), axes, turns)

    def places(self, turns: Array, moved: Mapping[int, Array]) -> Array:
        """Places (T, C, 3) of turns (T, C, 3, 3), where the controls in `moved` have theirs (T, 3)."""
        places = np.empty((*turns.shape[:2], 3))
        heads = self.rig.rest[self.bones, :3, 3].astype(np.float64)
        for index, (control, link) in enumerate(zip(self.all, self._links, strict=True)):
            if index in moved:
                places[:, index] = moved[index]
            elif index in self.carried:
                above = self.carried[index]
                places[:, index] = places[:, above] + turns[:, above] @ (heads[index] - heads[above])
            else:
                places[:, index] = self._hanging(control, link, turns, places)
        return places

    @staticmethod
    def _hanging(control: Control, link: _Link, turns: Array, places: Array) -> Array:
        """Where (T, 3) the control is when nothing moves it."""
        if control.parent < 0:
            return np.broadcast_to(link.still, (len(turns), 3))
        return places[:, control.parent] + turns[:, control.parent] @ link.along + link.still

    def basis(self, solved: Solved) -> tuple[Array, Array]:
        """Blender's rotations as quaternions (T, C, 4), sign-continuous, and locations (T, C, 3), zero for controls
        that do not move."""
        turns, places = solved.turns.astype(np.float64), solved.places.astype(np.float64)
        local, locations = np.empty_like(turns), np.zeros_like(places)
        for index, (control, link) in enumerate(zip(self.all, self._links, strict=True)):
            rest, turn = self._axes[self.bones[index]], turns[:, index]
            base = turns[:, control.parent]
            if link.turns:
                turn = np.swapaxes(base, -1, -2) @ turn
            local[:, index] = rest.T @ turn @ rest
            if control.moves:
                away = places[:, index] - self._hanging(control, link, turns, places)
                if link.axes_turn:
                    away = np.einsum("tji,tj->ti", base, away)
                locations[:, index] = away @ link.axes
        return rot.make_continuous(rot.matrix_to_quaternion(local)), locations

    def posed(self, quaternions: Array, locations: Array) -> Solved:
        """What Blender shows for rotations (T, C, 4) and locations (T, C, 3); the inverse of `basis`."""
        local = rot.quaternion_to_matrix(quaternions.astype(np.float64))
        turns, places = np.empty_like(local), np.empty((*local.shape[:2], 3))
        for index, (control, link) in enumerate(zip(self.all, self._links, strict=True)):
            rest, base = self._axes[self.bones[index]], turns[:, control.parent]
            turn = rest @ local[:, index] @ rest.T
            turns[:, index] = base @ turn if link.turns else turn
            places[:, index] = self._hanging(control, link, turns, places)
            if control.moves:
                away = locations[:, index].astype(np.float64) @ link.axes.T
                if link.axes_turn:
                    away = np.einsum("tij,tj->ti", base, away)
                places[:, index] += away
        return Solved(turns, places)


def _above(character: CharacterMap, roles: Mapping[str, str]) -> dict[str, str]:
    """The bone above each bone in a body, whatever the tree is: mapped bone -> mapped bone."""
    above: dict[str, str] = {}

    def hang(names: tuple[str, ...], below: str) -> str:
        for name in names:
            above[name] = below
            below = name
        return below

    hips = hang(character.of(HIPS)[1:], character.of(HIPS)[0])
    chest = hang(character.of(SPINE), hips)
    hang(character.of(NECK) + character.of(HEAD), chest)
    for side in SIDES:
        for root, line in ((chest, ARM), (hips, LEG)):
            below = root
            for part in line:
                below = hang(character.of(sided(side, part)), below)
            if line == ARM:
                for finger in FINGERS:
                    hang(character.of(sided(side, finger)), below)
        for part in TWISTED:
            for name in character.of(twist(sided(side, part))):
                above[name] = character.of(sided(side, part))[0]
    return {name: other for name, other in above.items() if name in roles and other in roles}


def _hangs_elsewhere(name: str, above: str, roles: Mapping[str, str], follows: Mapping[str, str | None]) -> bool:
    """Whether a bone does not move with the bone above it in the body."""
    line = []
    at = follows[name]
    while at is not None and at not in line:
        line.append(at)
        at = follows[at]
    if roles[name] in _FREE or roles[above] in _FREE:
        return not line
    return above not in line


def _ordered(follows: Mapping[str, str | None], carriers: Mapping[str, str]) -> list[str]:
    """Bones after those that they follow and that carry them. Raises CharacterMapError for a circle."""
    order: dict[str, None] = {}

    def visit(name: str, line: tuple[str, ...]) -> None:
        if name in line:
            raise CharacterMapError(f'Bone "{name}" follows itself. Correct the parents under Character.')
        for other in (follows[name], carriers.get(name)):
            if other is not None and other not in order:
                visit(other, (*line, name))
        order[name] = None

    for name in follows:
        if name not in order:
            visit(name, ())
    return list(order)
