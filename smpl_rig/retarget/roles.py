"""What a bone is in a humanoid, and the map from roles to the bones of a character."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SIDES = ("L", "R")
HIPS, SPINE, NECK, HEAD = "hips", "spine", "neck", "head"
TRUNK = (HIPS, SPINE, NECK, HEAD)
ARM = ("shoulder", "upper_arm", "forearm", "hand")
LEG = ("thigh", "shin", "foot", "toes")
FINGERS = ("thumb", "index", "middle", "ring", "little")
TWISTED = ("upper_arm", "forearm", "thigh", "shin")
"""Limbs that may have helper bones which share their twist."""


def sided(side: str, part: str) -> str:
    """The role of a part on a side: `L_forearm`."""
    return f"{side}_{part}"


def twist(role: str) -> str:
    """The role of the bones beside a limb's that share its twist: `L_forearm_twist`."""
    return f"{role}_twist"


LIMB_ROLES = tuple(sided(side, part) for side in SIDES for part in (*ARM, *LEG))
FINGER_ROLES = tuple(sided(side, finger) for side in SIDES for finger in FINGERS)
TWIST_ROLES = tuple(twist(sided(side, part)) for side in SIDES for part in TWISTED)
BODY_ROLES = (*TRUNK, *LIMB_ROLES)
ROLES = (*BODY_ROLES, *FINGER_ROLES, *TWIST_ROLES)
LIMBS = tuple(sided(side, limb) for limb in ("arm", "leg") for side in SIDES)
"""Arms and legs as wholes, which a control rig may move through IK."""
PARTS_OF = {"arm": ("upper_arm", "forearm", "hand"), "leg": ("thigh", "shin", "foot")}
"""Of a limb: its upper part, its lower part, and its end, which IK leads."""
REQUIRED = (HIPS, *(sided(side, part) for side in SIDES for part in ("upper_arm", "forearm", "thigh", "shin", "foot")))
"""Without these there is no dance. Spine, neck, head, shoulders, hands, toes and fingers may be missing."""
VERSION = 1


class CharacterMapError(ValueError):
    """A map from roles to bones cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class CharacterMap:
    """Which bones of a character have which role.

    bones: role -> bone names from the body outwards; spine, neck and fingers are chains, a limb may consist of several
    bones in line (upper arm 1 and 2), and `hips` of several that all turn with the pelvis, of which the first one is
    moved. parents: for control rigs, mapped bone -> the mapped bone that it follows ("" for none), where that is not
    its ancestor in the bone tree. family: whose names they are, for people; "" where they were found by structure.
    """

    bones: Mapping[str, tuple[str, ...]]
    family: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)

    def of(self, role: str) -> tuple[str, ...]:
        """The bones of a role; empty where it has none."""
        return self.bones.get(role, ())

    @property
    def names(self) -> tuple[str, ...]:
        """All mapped bones, role by role."""
        return tuple(name for role in ROLES for name in self.of(role))

    @property
    def missing(self) -> tuple[str, ...]:
        """Required roles without a bone."""
        return tuple(role for role in REQUIRED if not self.of(role))

    def items(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Roles that have bones, in the order of `ROLES`."""
        return ((role, self.of(role)) for role in ROLES if self.of(role))


def check_map(character: CharacterMap) -> None:
    """Raise CharacterMapError for a map that lacks a required role or gives one bone two roles."""
    if character.missing:
        missing = _listed([words(role) for role in character.missing])
        raise CharacterMapError(f"No bone was found for {missing}. Choose them under Character.")
    roles: dict[str, str] = {}
    for role, names in character.items():
        for name in names:
            if name in roles:
                raise CharacterMapError(
                    f'Bone "{name}" is both {words(roles[name])} and {words(role)}. Choose another one for one of them '
                    "under Character."
                )
            roles[name] = role


def words(role: str) -> str:
    """A role for people: left forearm."""
    side = {"L_": "left ", "R_": "right "}.get(role[:2], "")
    return side + (role[2:] if side else role).replace("_", " ")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def to_json(character: CharacterMap) -> str:
    """The map as text, for records and presets."""
    return json.dumps(
        {
            "version": VERSION,
            "family": character.family,
            "bones": {role: list(names) for role, names in character.items()},
            "parents": dict(character.parents),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def from_json(text: str) -> CharacterMap:
    """The map that `to_json` wrote. Raises CharacterMapError with a clause that says what is wrong."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CharacterMapError(f"it is no JSON ({error})") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise CharacterMapError(f"its version is {str(found)[:20]}, this add-on reads {VERSION}")
    bones, parents, family = data.get("bones"), data.get("parents", {}), data.get("family", "")
    if not isinstance(bones, dict) or not isinstance(parents, dict) or not isinstance(family, str):
        raise CharacterMapError("it lacks its bones")
    unknown = sorted(set(bones) - set(ROLES))
    if unknown:
        raise CharacterMapError(f"it has the unknown role {unknown[0][:40]}")
    if not all(map(_are_names, bones.values())) or not _are_names([*parents, *parents.values()]):
        raise CharacterMapError("its bones are not names")
    return CharacterMap({role: tuple(names) for role, names in bones.items()}, family, parents)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
