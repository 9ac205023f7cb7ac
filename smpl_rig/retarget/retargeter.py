"""Motions of the SMPL body on a character, and what a person changed there back on the SMPL body."""

from __future__ import annotations

from ..motion import Motion
from .controls import Solved
from .reading import read_changes
from .solver import Solver


class Retargeter(Solver):
    """Turns motions of the SMPL body into poses of a character, and back; see `Solver` for what it needs."""

    def read(self, now: Solved, like: Motion) -> Motion:
        """`like`, the motion that was keyed, changed by what differs between what is shown `now` and `solve(like)`.

        Frames that do not differ come back to the bit; fingers and bones that share a twist are not read.
        """
        return read_changes(self, now, like)
