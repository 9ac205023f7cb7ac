"""Which bone is what: by the file's own map, the names of a known program, words of any language, or by structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import bone_names
from ..families import CENTRAL, Family, families, name_words, special_words
from ..rig import Rig
from ..roles import BODY_ROLES, FINGERS, HEAD, HIPS, LIMB_ROLES, REQUIRED, SIDES, TRUNK, CharacterMap, sided, words
from .doubts import doubt_arms, doubt_copies, doubt_uneven
from .finger_bones import find_fingers
from .humanoid import why_no_humanoid
from .limb_bones import extend_limbs, find_twists, without_lone_toe
from .named_bones import NamedBones
from .search import Search, children, mirrored, without
from .trunk_bones import find_trunk
from .unnamed_limbs import add_by_shape


@dataclass(frozen=True)
class FoundRoles:
    """What a skeleton's bones are.

    doubts: sentences about what is ambiguous. not_humanoid: why it is none, a sentence; "" where it is one. expected:
    role -> number of bones that such a skeleton has.
    """

    map: CharacterMap
    doubts: tuple[str, ...] = ()
    not_humanoid: str = ""
    expected: Mapping[str, int] | None = None


def find_roles(whole: Rig) -> FoundRoles:
    """The bones of a skeleton by role. It never raises: what it does not understand is missing in the map."""
    rig = whole
    named = NamedBones(rig.names, rig.parents, rig.deforms.tolist())
    control = next((family for family in families() if family.control and _has_controls(family, rig)), None)
    if control is not None:
        return _found(Search(rig, named, control, named.whole_names(control), rig))
    tips = _tips(named)
    if tips:
        rig = without(rig, tips)
        named = NamedBones(rig.names, rig.parents, rig.deforms.tolist())
    own = _own(rig)
    search = Search(rig, named, _vrm() if own else named.family, own, whole)
    for role, bone in named.limbs.items():
        search.roles.setdefault(role, [bone])
    if not _all_named(search):
        add_by_shape(search)
    doubt_copies(search)
    doubt_arms(search)
    doubt_uneven(search)
    for side in SIDES:
        without_lone_toe(search, side)
    find_trunk(search)
    for side in SIDES:
        extend_limbs(search, side)
        find_fingers(search, side)
        find_twists(search, side)
    return _found(search)


def described(found: FoundRoles) -> str:
    """What was found, in a line: "Mixamo, 22 of 22 bones, 30 fingers"."""
    if not found.map.bones:
        return "no human bones"
    expected = found.expected or {}
    have = {role: len(found.map.of(role)) for role in BODY_ROLES}
    whole = sum(max(have[role], expected.get(role, 1)) for role in BODY_ROLES)
    fingers = sum(len(found.map.of(sided(side, finger))) for side in SIDES for finger in FINGERS)
    text = f"{found.map.family or 'Human skeleton'}, {sum(have.values())} of {whole} bones, {fingers or 'no'} fingers"
    missing = [words(role) for role in found.map.missing]
    return text + (f", no {' and no '.join(missing[:2])}" if missing else "")


def _found(search: Search) -> FoundRoles:
    names = search.rig.names
    bones = {role: tuple(names[bone] for bone in chain) for role, chain in search.roles.items() if chain}
    chains = search.family.chains
    expected = {}
    for role in BODY_ROLES:
        part = role if role in TRUNK else role[2:]
        expected[role] = chains.get(part, 0) if search.family.name else 1
    if search.family.name:
        expected |= {role: min(expected[role], max(len(bones.get(role, ())), 1)) for role in expected}
    character = CharacterMap(bones, search.family.name, _virtual_parents(search))
    return FoundRoles(
        character, tuple(search.doubts), why_no_humanoid(search.rig, search.named, search.roles), expected
    )


def _vrm() -> Family:
    return next(family for family in families() if family.name == "VRM")


def _own(rig: Rig) -> dict[str, list[int]]:
    """Roles that the file itself tells, in VRM's words for them."""
    vrm = _vrm()
    found: dict[str, dict[int, int]] = {}
    for human, name in rig.own_map.items():
        if name in rig.index:
            for reading in bone_names.readings(0, bone_names.split(human, name_words()), vrm.meanings, name_words()):
                for meaning in vrm.meanings[reading.key] if reading.number < 0 and not reading.prefix else ():
                    if bool(reading.side) != (meaning.part in CENTRAL):
                        role = sided(reading.side, meaning.part) if reading.side else meaning.part
                        found.setdefault(role, {})[meaning.place] = rig.index[name]
    return {role: [bone for _, bone in sorted(chain.items())] for role, chain in found.items()}


def _has_controls(family: Family, rig: Rig) -> bool:
    return all(name in rig.index for name in family.control)


def _tips(named: NamedBones) -> set[int]:
    """Bones that some programs add at the ends of chains, called as the last one with a word for an end."""
    tips: set[int] = set()
    for bone in reversed(range(len(named.names))):
        words, parent = named.words[bone], named.parents[bone]
        ends = [word for word in words if word not in special_words("tips")]
        alike = parent >= 0 and len(ends) < len(words) and ends == named.words[parent]
        if alike and all(child in tips for child in children(bone, named.parents)):
            tips.add(bone)
    return tips


def _all_named(search: Search) -> bool:
    """Whether names tell all of arms and legs that there can be, and the head."""
    roles, parents = search.roles, search.parents
    if any(role not in roles for role in REQUIRED if role != HIPS):
        return False
    if any((role in roles) != (mirrored(role) in roles) for role in LIMB_ROLES):
        return False
    ends = (("forearm", "hand"), ("foot", "toes"))
    known = [
        search.first(sided(side, part)) for side in SIDES for part, beyond in ends if sided(side, beyond) not in roles
    ]
    named_head = HEAD in roles or any(search.named.means(bone, HEAD) for bone in range(len(parents)))
    return named_head and not any(bone in parents for bone in known)


def _virtual_parents(search: Search) -> dict[str, str]:
    """Mapped bones of a control rig that follow another one by constraints."""
    names, found = search.rig.names, {}
    for part, other in (search.family.follows or {}).items():
        for side in SIDES:
            bone, leader = search.first(sided(side, part)), search.first(sided(side, other))
            if bone >= 0 and leader >= 0:
                found[names[bone]] = names[leader]
    return found
