"""What of a character is keyed: the controls of its body, or for limbs that its IK moves, goal, pole and bend.

The body is solved, read and compared by the controls of its FK, whose poses are those of the limbs that are shown. What
is keyed comes from there and leads back to there.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from .controls import Control, Controls, Solved
from .families import ik_names
from .ik_limb import IkLimb, Led
from .rig import Bools
from .roles import LIMBS, PARTS_OF, CharacterMapError, sided, words


class KeyedControls:
    """The keyed controls of a tree, `all` with those first that others follow, and those last that do not turn.

    ik: limbs that IK moves. bends: bones among these that the rig's own constraints hold, see `ik_limb`. Raises
    CharacterMapError where the character has no such IK.
    """

    def __init__(self, tree: Controls, family: str, ik: Collection[str]) -> None:
        self._tree = tree
        known = ik_names(family)
        unknown = [limb for limb in ik if limb not in known]
        if unknown:
            raise CharacterMapError(
                f"The character's {words(unknown[0])} has no IK controls that are known. Switch its IK off under "
                "Character."
            )
        self.limbs = [IkLimb(tree, limb, known[limb]) for limb in LIMBS if limb in ik]
        led = {number for limb in self.limbs for number in (*limb.parts, *limb.toes)}
        self._kept = [number for number in range(len(tree.all)) if number not in led]
        self.bends = frozenset(limb.names.bend for limb in self.limbs)
        self.all = tuple(self._controls()) if ik else tree.all

    def _controls(self) -> list[Control]:
        """Goals, bends and toes, limb by limb, what is left of the body, poles."""
        led: list[Control] = []
        poles: list[Control] = []
        place: dict[int, int] = {}
        for limb in self.limbs:
            side, kind = limb.limb.split("_")
            roles, goal = [sided(side, part) for part in PARTS_OF[kind]], len(led)
            place |= {limb.parts[2]: goal, **dict.fromkeys(limb.toes, goal + 2)}
            led += [Control(limb.names.goal, -1, True, roles[2]), Control(limb.names.bend, -1, False, roles[1])]
            led += [Control(limb.names.toes, goal, False, self._tree.all[toes].role) for toes in limb.toes]
            poles.append(Control(limb.names.pole, -1, True, limb.limb, turns=False))
        place |= {number: len(led) + index for index, number in enumerate(self._kept)}
        body = [self._tree.all[number] for number in self._kept]
        return [*led, *(Control(c.bone, place.get(c.parent, -1), c.moves, c.role) for c in body), *poles]

    @property
    def shown(self) -> list[str]:
        """The bones that show what the controls of the body do."""
        names = [control.bone for control in self._tree.all]
        for limb in self.limbs:
            for number, name in zip((*limb.parts, *limb.toes), limb.names.shown, strict=False):
                names[number] = name
        return names

    @property
    def moves(self) -> Bools:
        """(C, K) whether what is keyed moves a control of the body, or turns it."""
        own: dict[int, list[int]] = {number: [] for number in range(len(self._tree.all))}
        goal = 0
        for index, limb in enumerate(self.limbs):
            count = 2 + len(limb.toes)
            for number in (*limb.parts, *limb.toes):
                own[number] = [*range(goal, goal + count), len(self.all) - len(self.limbs) + index]
            goal += count
        for index, number in enumerate(self._kept):
            own[number] = [goal + index]
        moves = np.zeros((len(own), len(self.all)), bool)
        for number, control in enumerate(self._tree.all):  # those first that others follow
            if control.parent >= 0:
                moves[number] = moves[control.parent]
            moves[number, own[number]] = True
        return moves

    def hinged(self, solved: Solved) -> Solved:
        """The poses that are nearest to others and that the IK can show: elbows and knees have a hinge."""
        if not self.limbs:
            return solved
        turns, places = solved.turns.copy(), solved.places.copy()
        for limb in self.limbs:
            upper, lower, _ = limb.parts
            turns[:, upper], turns[:, lower] = limb.hinged(solved)
            places[:, lower] = places[:, upper] + turns[:, upper] @ limb.to_lower
        return Solved(turns, places)

    def basis(self, solved: Solved) -> tuple[Array, Array]:
        """Blender's rotations as quaternions (T, K, 4), sign-continuous, and locations (T, K, 3) of `all`, zero for
        controls that do not move."""
        quaternions, locations = self._tree.basis(solved)
        if not self.limbs:
            return quaternions, locations
        turned, moved, poles = [], [], []
        for limb in self.limbs:
            led = limb.led(solved)
            turned += [self._relative(limb.names.goal, led.turns), limb.bend_turns(led.bend)]
            turned += [self._relative(limb.names.toes, solved.turns[:, toes], led.turns) for toes in limb.toes]
            moved += [self._location(limb.names.goal, led.goal)]
            moved += [np.zeros((len(solved), 3))] * (len(turned) - len(moved))
            poles.append(self._location(limb.names.pole, led.pole))
        still = np.tile([1.0, 0.0, 0.0, 0.0], (len(solved), len(poles), 1))
        turns = np.concatenate([np.stack(turned, axis=1), quaternions[:, self._kept], still], axis=1)
        places = np.concatenate([np.stack(moved, axis=1), locations[:, self._kept], np.stack(poles, axis=1)], axis=1)
        return rot.make_continuous(turns), places

    def posed(self, quaternions: Array, locations: Array) -> Solved:
        """The poses of the body that Blender shows for rotations (T, K, 4) and locations (T, K, 3) of `all`."""
        if not self.limbs:
            return self._tree.posed(quaternions, locations)
        count, first = len(quaternions), len(self.all) - len(self.limbs) - len(self._kept)
        body, moved = (
            np.tile([1.0, 0.0, 0.0, 0.0], (count, len(self._tree.all), 1)),
            np.zeros((count, len(self._tree.all), 3)),
        )
        kept = slice(first, first + len(self._kept))
        body[:, self._kept], moved[:, self._kept] = quaternions[:, kept], locations[:, kept]
        # what limbs hang on does not depend on what they do
        solved = self._tree.posed(body, moved)
        turns, goal = solved.turns.copy(), 0
        for number, limb in enumerate(self.limbs):
            upper, lower, end = limb.parts
            turns[:, end] = self._turns(limb.names.goal, quaternions[:, goal])
            led = Led(
                turns[:, end],
                self._place(limb.names.goal, locations[:, goal]),
                self._place(limb.names.pole, locations[:, number - len(self.limbs)]),
                limb.bend_of(quaternions[:, goal + 1]),
            )
            turns[:, upper], turns[:, lower] = limb.followed(solved.places[:, upper], led)
            for toes in limb.toes:
                turns[:, toes] = turns[:, end] @ self._turns(limb.names.toes, quaternions[:, goal + 2])
            goal += 2 + len(limb.toes)
        led_ones = [number for limb in self.limbs for number in (*limb.parts, *limb.toes)]
        body[:, led_ones] = self._tree.basis(Solved(turns, solved.places))[0][:, led_ones]
        return self._tree.posed(body, moved)

    def _relative(self, bone: str, turns: Array, base: Array | None = None) -> Array:
        """(T, 4) the rotation of a bone that turns by (T, 3, 3) from its rest on something that turns by `base`."""
        axes, turned = self._tree.axes(bone), turns if base is None else np.swapaxes(base, -1, -2) @ turns
        return rot.matrix_to_quaternion(axes.T @ turned @ axes)

    def _turns(self, bone: str, quaternions: Array) -> Array:
        """The inverse of `_relative`."""
        axes = self._tree.axes(bone)
        return axes @ rot.quaternion_to_matrix(quaternions.astype(np.float64)) @ axes.T

    def _location(self, bone: str, places: Array) -> Array:
        """(T, 3) the location channel of a bone at places (T, 3), which hangs on what carries all controls alone."""
        rig = self._tree.rig
        return (places - rig.rest[rig.index[bone], :3, 3]) @ self._tree.location_axes(bone)

    def _place(self, bone: str, locations: Array) -> Array:
        """The inverse of `_location`."""
        rig = self._tree.rig
        away: Array = locations.astype(np.float64) @ self._tree.location_axes(bone).T
        return away + rig.rest[rig.index[bone], :3, 3]
