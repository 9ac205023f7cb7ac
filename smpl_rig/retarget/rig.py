"""A skeleton at rest, as any program has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rig:
    """A skeleton at rest. `armature` is the object's own space, with its units and axes.

    names: of all bones, parents before children. parents: (B,) index of each bone's parent, -1 for none. rest:
    (B, 4, 4) where bones rest, armature space: columns are a bone's axes (unit length, right-handed) and its head.
    Tails are not here: imported ones lie. to_world: (4, 4) the object's matrix: armature to Z-up world, metres; it may
    scale (also unevenly), turn and mirror. deforms: (B,) whether vertices hang on the bone. turns_along: (B,) whether a
    bone turns with its parent. local_location: (B,) whether a bone is moved along its own rest axes, else along its
    parent's posed ones. connected: (B,) whether it cannot be moved from its parent's tail. feet: by side, (K, 3) points
    of the mesh that hang on foot and toes, armature space; empty where there is no mesh. own_map: role -> bone, where
    the file says it itself (VRM).
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Floats
    to_world: Floats
    deforms: Bools
    turns_along: Bools
    local_location: Bools
    connected: Bools
    feet: Mapping[str, Floats] = field(default_factory=dict)
    own_map: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each bone by its name."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def heads(self) -> Floats:
        """(B, 3) heads in the world, metres."""
        placed: Floats = self.rest[:, :3, 3] @ self.to_world[:3, :3].T + self.to_world[:3, 3]
        return placed

    def ancestors(self, bone: int) -> list[int]:
        """From a bone's parent up to the root."""
        found = []
        while (bone := self.parents[bone]) >= 0:
            found.append(bone)
        return found
