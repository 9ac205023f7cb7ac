"""Motions of the SMPL body on a character, and what a person changed there back on the SMPL body."""

from __future__ import annotations

from collections.abc import Collection

from ..motion import Motion
from ..rotations import Array
from .controls import Control, Solved
from .ik_controls import KeyedControls
from .reading import read_changes
from .rig import Bools, Rig
from .roles import CharacterMap
from .solver import Solver


class Retargeter(Solver):
    """Turns motions of the SMPL body into poses of a character, and back; see `Solver` for what it needs.

    ik: limbs of `roles.LIMBS` that are keyed by goal and pole.
    """

    def __init__(self, rig: Rig, character: CharacterMap, hands: str = "relaxed", ik: Collection[str] = ()) -> None:
        super().__init__(rig, character, hands)
        self._keyed = KeyedControls(self._tree, character.family, ik)

    @property
    def keyed(self) -> tuple[Control, ...]:
        """What is keyed, those last that do not turn."""
        return self._keyed.all

    @property
    def shown(self) -> list[str]:
        """The bones that show what the controls do."""
        return self._keyed.shown

    @property
    def moves(self) -> Bools:
        """(C, K) whether what is keyed moves or turns a control."""
        return self._keyed.moves

    @property
    def bends(self) -> frozenset[str]:
        """Bones that are keyed, and that the rig's own IK moves from there."""
        return self._keyed.bends

    def solve(self, motion: Motion, posed: Bools | None = None) -> Solved:
        """The motion on the character, see `Solver.solve`, as IK can show it."""
        return self._keyed.hinged(super().solve(motion, posed))

    def basis(self, solved: Solved) -> tuple[Array, Array]:
        """Blender's rotations as quaternions (T, K, 4), sign-continuous, and locations (T, K, 3) of what is keyed."""
        return self._keyed.basis(solved)

    def posed(self, quaternions: Array, locations: Array) -> Solved:
        """The poses that Blender shows for rotations (T, K, 4) and locations (T, K, 3); the inverse of `basis`."""
        return self._keyed.posed(quaternions, locations)

    def read(self, now: Solved, like: Motion) -> Motion:
        """`like`, the motion that was keyed, changed by what differs between what is shown `now` and `solve(like)`.

        Frames that do not differ come back to the bit; fingers and bones that share a twist are not read.
        """
        return read_changes(self, now, like)
