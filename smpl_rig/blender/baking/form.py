"""How a character is to be baked."""

from __future__ import annotations

from dataclasses import dataclass

AS_DANCED, IN_PLACE, ROOT_BONE = "DANCED", "IN_PLACE", "ROOT"
"""Where the horizontal way of the hips goes: nowhere else, away, or onto a bone at the floor."""


@dataclass(frozen=True)
class Form:
    """units: of length, a metre of the scene. y_up: whether bones have Y up. keeps_place: whether the character stands
    where it does in the scene, else at the origin, facing ahead. travel: one of the three above. deform_only: whether
    bones that no vertices hang on are left out. scales: whether bones may be scaled; else only their places follow from
    it."""

    units: float
    y_up: bool
    keeps_place: bool
    travel: str
    deform_only: bool
    scales: bool
