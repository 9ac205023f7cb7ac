"""Which bone is what: by the file's own map, the names of a known program, words of any language, or by structure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from . import bone_names
from .bone_tree import between, meeting, path, subtree
from .families import CENTRAL, Family, families, name_words, special_words
from .find_by_shape import Shape, find_by_shape
from .humanoid import further_limbs, why_no_humanoid
from .named_bones import NamedBones
from .rig import Rig
from .roles import (
    ARM,
    BODY_ROLES,
    FINGERS,
    HEAD,
    HIPS,
    LEG,
    LIMB_ROLES,
    NECK,
    REQUIRED,
    SIDES,
    SPINE,
    TRUNK,
    TWISTED,
    CharacterMap,
    sided,
    twist,
    words,
)  # fmt: skip

_ON_LIMB = 0.06
"""Of a limb's length: how far from its axis a helper bone that shares its twist may lie."""
_IN_LINE = 0.25
"""Of a limb's length: how far from its axis a bone in line may lie."""
_UNEVEN = 1.4
"""How much longer a part of a limb is than the one of the other side where one of both may be none."""
_LARGE_PART = 0.3
"""Share of the bones that hang on no helper bone, such as the first one of a tail."""
_LONGEST_FINGER = 5
"""Bones of a finger with the one in the palm and a tip."""
_IN_PALM = 0.5
"""Of the way from the wrist to a finger's second bone: a first bone that begins before is in the palm."""


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


@dataclass
class _Search:
    """A skeleton, without the tips that programs add, and what was found so far.

    roles: role -> bones from the body outwards. whole: the skeleton with its tips.
    """

    rig: Rig
    named: NamedBones
    family: Family
    roles: dict[str, list[int]]
    whole: Rig
    doubts: list[str] = field(default_factory=list)

    @property
    def parents(self) -> tuple[int, ...]:
        return self.rig.parents

    @property
    def used(self) -> set[int]:
        return {bone for bones in self.roles.values() for bone in bones}

    def first(self, role: str) -> int:
        """The first bone of a role, -1 for none."""
        bones = self.roles.get(role)
        return bones[0] if bones else -1


def find_roles(whole: Rig) -> FoundRoles:
    """The bones of a skeleton by role. It never raises: what it does not understand is missing in the map."""
    rig = whole
    named = NamedBones(rig.names, rig.parents, rig.deforms.tolist())
    control = next((family for family in families() if family.control and _has_controls(family, rig)), None)
    if control is not None:
        return _found(_Search(rig, named, control, named.whole_names(control), rig))
    tips = _tips(named)
    if tips:
        rig = _without(rig, tips)
        named = NamedBones(rig.names, rig.parents, rig.deforms.tolist())
    own = _own(rig)
    search = _Search(rig, named, _vrm() if own else named.family, own, whole)
    for role, bone in named.limbs.items():
        search.roles.setdefault(role, [bone])
    if not _all_named(search):
        _add_by_shape(search)
    _doubt_copies(search)
    _doubt_arms(search)
    _doubt_uneven(search)
    for side in SIDES:
        _without_lone_toe(search, side)
    _find_trunk(search)
    for side in SIDES:
        _extend_limbs(search, side)
        _find_fingers(search, side)
        _find_twists(search, side)
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


def _found(search: _Search) -> FoundRoles:
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
        if alike and all(child in tips for child in _children(bone, named.parents)):
            tips.add(bone)
    return tips


def _without(rig: Rig, bones: Collection[int]) -> Rig:
    """The skeleton without bones on which none hang that stay."""
    kept = [bone for bone in range(len(rig.names)) if bone not in bones]
    number = {bone: place for place, bone in enumerate(kept)} | {-1: -1}
    return replace(
        rig, names=tuple(rig.names[bone] for bone in kept),
        parents=tuple(number[rig.parents[bone]] for bone in kept), rest=rig.rest[kept], deforms=rig.deforms[kept],
        turns_along=rig.turns_along[kept], local_location=rig.local_location[kept], connected=rig.connected[kept],
    )  # fmt: skip


def _all_named(search: _Search) -> bool:
    """Whether names tell all of arms and legs that there can be, and the head."""
    roles, parents = search.roles, search.parents
    if any(role not in roles for role in REQUIRED if role != HIPS):
        return False
    if any((role in roles) != (_mirrored(role) in roles) for role in LIMB_ROLES):
        return False
    ends = (("forearm", "hand"), ("foot", "toes"))
    known = [
        search.first(sided(side, part)) for side in SIDES for part, beyond in ends if sided(side, beyond) not in roles
    ]
    named_head = HEAD in roles or any(search.named.means(bone, HEAD) for bone in range(len(parents)))
    return named_head and not any(bone in parents for bone in known)


def _without_lone_toe(search: _Search, side: str) -> None:
    """Where each toe has a bone of its own on the foot, the feet end in stiff toes: one that bends alone would look
    broken."""
    foot, parents = search.first(sided(side, "foot")), search.parents
    toes = search.first(sided(side, "toes"))
    below = subtree(foot, parents, [toes]) if foot >= 0 else []
    tips = [bone for bone in below if "toe" in "".join(search.named.words[bone]) and bone not in parents]
    if len(tips) > 2:
        search.roles.pop(sided(side, "toes"), None)


def _virtual_parents(search: _Search) -> dict[str, str]:
    """Mapped bones of a control rig that follow another one by constraints."""
    names, found = search.rig.names, {}
    for part, other in (search.family.follows or {}).items():
        for side in SIDES:
            bone, leader = search.first(sided(side, part)), search.first(sided(side, other))
            if bone >= 0 and leader >= 0:
                found[names[bone]] = names[leader]
    return found


def _add_by_shape(search: _Search) -> None:
    """Limbs and head that names do not tell, by where the joints are."""
    roles = search.roles
    shape = _by_shape(search)
    limbs, head, sure = shape.limbs, shape.head, shape.sure
    known = {role: bones[0] for role, bones in roles.items() if role in limbs}
    if sum(limbs[_mirrored(role)] == bone for role, bone in known.items() if _mirrored(role) in limbs) > len(known) / 2:
        limbs, sure = {_mirrored(role): bone for role, bone in limbs.items()}, True
    added: list[str] = []
    for parts, limb in ((ARM, "arms"), (LEG, "legs")):
        pair = [sided(side, part) for side in SIDES for part in parts]
        if any(role in limbs and limbs[role] != known.get(role, limbs[role]) for role in pair if role in REQUIRED):
            # names and shape say different things: one of both, never a mixture
            if all(role in roles for role in pair if role in REQUIRED):
                continue
            if any(role not in limbs for role in pair if role in REQUIRED):
                continue
            for role in pair:
                roles.pop(role, None)
            search.doubts.append(
                f"Names do not tell all bones of the {limb}, so those were taken that lie as {limb} do."
            )
            roles.update({role: [limbs[role]] for role in pair if role in limbs})
            continue
        added += [role for role in pair if role in limbs and role not in roles and limbs[role] not in search.used]
    roles.update({role: [limbs[role]] for role in added})
    if (
        head >= 0
        and HEAD not in roles
        and not any(search.named.means(bone, HEAD) for bone in range(len(search.parents)))
    ):
        roles[HEAD] = [head]
    if added and not known:
        search.doubts.append("The names of the bones say nothing: arms and legs were found by where they are.")
    elif added:
        said = ", ".join(words(role) for role in added[:3]) + (" and others" if len(added) > 3 else "")
        search.doubts.append(f"Found by place, since no name says it: {said}.")
    if shape.others and any(role in added for role in LIMB_ROLES if role[2:] in ARM):
        other = search.rig.names[shape.others[0]]
        search.doubts.append(f'Other limbs, from bone "{other}" on, might be the arms as well.')
    if added and not sure:
        search.doubts.append("Neither feet nor knees show where the character faces: left and right may be swapped.")


def _by_shape(search: _Search) -> Shape:
    """Arms, legs and head by where the joints are, of bones whose names do not say that they are something else."""
    rig, others = search.rig, _helpers(search)
    tries = [_without(rig, others)] if others else []
    tries += [rig] if search.whole is rig else [rig, search.whole]  # tips tell how far hands and feet reach
    best = Shape({}, -1, False)
    for each in tries:
        shape = find_by_shape(each.heads, each.parents, each.deforms.tolist())
        if each is not rig:
            number = {bone: rig.index[name] for bone, name in enumerate(each.names) if name in rig.index}
            limbs = {role: number[bone] for role, bone in shape.limbs.items() if bone in number}
            also = tuple(number[bone] for bone in shape.others if bone in number)
            shape = Shape(limbs, number.get(shape.head, -1), shape.sure, also)
        if len(shape.limbs) > len(best.limbs):
            best = shape
        if best.sure and all(role in best.limbs for role in REQUIRED if role != HIPS):
            break
    limbs = {role: bone for role, bone in best.limbs.items() if role in REQUIRED or not _is_tip(search, bone)}
    for parts, those in ((ARM, LEG), (LEG, ARM)):
        pair = [limbs[role] for side in SIDES for role in (sided(side, part) for part in parts) if role in limbs]
        if any(bone in others or _says_one_of(search, bone, those, parts) for bone in pair):
            limbs = {role: bone for role, bone in limbs.items() if role[2:] not in parts}
    return replace(best, limbs=limbs, head=_no_tip(search, best.head))


def _helpers(search: _Search) -> set[int]:
    """Bones whose names say that they are no part of a body: controls, wings, skirts; and what hangs on them."""
    found: set[int] = set()
    for bone, name in enumerate(search.named.words):
        if not name_words().others.isdisjoint(name):
            below = subtree(bone, search.parents)
            if len(below) < _LARGE_PART * len(search.parents):
                found |= set(below)
    return found


def _says_one_of(search: _Search, bone: int, parts: Sequence[str], own: Sequence[str]) -> bool:
    """Whether a bone's name says that it is one of some parts, and of none of its own."""
    said = {meaning.part for _, meaning in search.named.meanings(bone)}
    return not said.isdisjoint(parts) and said.isdisjoint(own)


def _is_tip(search: _Search, bone: int) -> bool:
    """Whether a bone at the end of a chain says that it is no more than the end."""
    return bone >= 0 and bone not in search.parents and not special_words("tips").isdisjoint(search.named.words[bone])


def _no_tip(search: _Search, head: int) -> int:
    """The head that the shape tells, or the bone below where that is only its top; -1 where it is something else."""
    if head < 0 or not name_words().helpers.isdisjoint(set(search.named.words[head]) - special_words("tips")):
        return -1
    below = search.parents[head]
    arms = {bone for side in SIDES for bone in path(search.first(sided(side, "upper_arm")), search.parents)}
    in_trunk = below in arms or search.named.means(below, NECK) or search.named.means(below, SPINE)
    return below if _is_tip(search, head) and not in_trunk else _above_neck(search, head)


def _above_neck(search: _Search, head: int) -> int:
    """The bone on a neck that was taken for the head; else the head."""
    others = name_words().helpers
    above = [bone for bone in _children(head, search.parents) if others.isdisjoint(search.named.words[bone])]
    if not search.named.means(head, NECK) or not above:
        return head
    return max(above, key=lambda bone: (len(subtree(bone, search.parents)), -bone))


def _doubt_copies(search: _Search) -> None:
    """Say it where limbs are there several times, as controls."""
    if all(sum(word in name for name in search.named.words) > 1 for word in ("fk", "ik")):
        search.doubts.append(
            "This rig has FK and IK copies of limbs and is of no known kind: the bones that deform the mesh were taken."
        )


def _doubt_arms(search: _Search) -> None:
    """Say it where there are other arms."""
    more = further_limbs(search.rig, search.named, search.roles, ARM)
    if more:
        search.doubts.append(f'There are other arms, from bone "{search.rig.names[more[0]]}" on, which do not dance.')


def _doubt_uneven(search: _Search) -> None:
    """Say it where a part of a limb is much longer than the one of the other side."""
    lengths: dict[tuple[str, str], float] = {}
    for side in SIDES:
        for part, after in (*pairwise(ARM), *pairwise(LEG)):
            one, other = search.first(sided(side, part)), search.first(sided(side, after))
            if min(one, other) >= 0:
                lengths[side, part] = float(np.linalg.norm(search.rig.heads[one] - search.rig.heads[other]))
    both = {
        part: (lengths["L", part], lengths["R", part])
        for _, part in lengths
        if {("L", part), ("R", part)} <= set(lengths)
    }
    uneven = [part for part, pair in both.items() if max(pair) > _UNEVEN * min(pair)]
    if uneven:
        search.doubts.append(
            f"The left {words(uneven[0])} is not as long as the right one: one of them may be another bone."
        )


def _mirrored(role: str) -> str:
    return {"L": "R", "R": "L"}[role[0]] + role[1:]


def _find_trunk(search: _Search) -> None:
    """Hips, spine, neck and head: from the tree between legs, arms and head."""
    roles, parents = search.roles, search.parents
    thighs = [search.first(sided(side, "thigh")) for side in SIDES]
    arms = [next((b for b in (search.first(sided(side, part)) for part in ARM) if b >= 0), -1) for side in SIDES]
    if max(thighs) < 0 or max(arms) < 0:
        return
    legs, chest = (
        meeting(one, other, parents) if min(one, other) >= 0 else parents[max(one, other)]
        for one, other in ((thighs[0], thighs[1]), (arms[0], arms[1]))
    )
    thighs, arms = ([bone for bone in pair if bone >= 0] for pair in (thighs, arms))
    if HEAD not in roles:
        head = search.named.head(chest, [*thighs, *arms])
        if head >= 0:
            roles[HEAD] = [_above_neck(search, head)]
    top = search.first(HEAD)
    # in the deforming bones of some control rigs, limbs are roots of their own
    chest = chest if chest >= 0 else next((b for b in reversed(path(top, parents)) if search.named.means(b, SPINE)), -1)
    legs = legs if legs >= 0 else next((b for b in path(chest, parents) if search.named.means(b, HIPS)), -1)
    if legs < 0 or chest < 0:
        return
    center = meeting(legs, chest, parents)
    if center < 0:
        center = legs
    above = [bone for bone in path(center, parents)[:-1] if search.named.means(bone, HIPS)]
    hips = [center, *between(center, legs, parents)]
    if above and not search.named.means(center, HIPS) and search.named.means(center, SPINE):
        hips = [above[-1], *between(above[-1], legs, parents)]
    spine = [bone for bone in between(center, chest, parents) if bone not in hips]
    while spine and search.named.means(spine[0], HIPS):
        hips.append(spine.pop(0))
    neck = between(chest, top, parents)[:-1] if top >= 0 else []
    while neck and search.named.means(neck[0], SPINE):
        spine.append(neck.pop(0))
    while spine and search.named.means(spine[-1], NECK):
        neck.insert(0, spine.pop())
    for role, bones in ((HIPS, hips), (SPINE, spine), (NECK, neck)):
        if bones:
            roles.setdefault(role, bones)


def _extend_limbs(search: _Search, side: str) -> None:
    """Bones in line that belong to a limb's part as well."""
    heads, roles = search.rig.heads, search.roles
    for limb in (ARM, LEG):
        have = [part for part in limb if sided(side, part) in roles]
        for part, after in pairwise(have):
            start, end = search.first(sided(side, part)), search.first(sided(side, after))
            axis = heads[end] - heads[start]
            length = float(np.linalg.norm(axis))
            if limb.index(after) > limb.index(part) + 1:
                continue
            for bone in between(start, end, search.parents)[:-1]:
                if length < 1e-9 or bone in search.used:
                    continue
                if after == "foot" and bone == search.parents[end] and _words_of("tips", search.named.words[bone]):
                    roles.setdefault(sided(side, "toes"), roles[sided(side, after)])  # the end of a leg is an ankle
                    roles[sided(side, after)] = [bone]
                    break
                if search.named.means(bone, after, side) and not search.named.means(bone, part, side):
                    if after == "toes":  # ball and toes
                        roles[sided(side, after)] = [bone]
                        break
                    continue
                away = heads[bone] - heads[start]
                share = float(away @ axis) / length**2
                aside = float(np.linalg.norm(away - share * axis)) / length
                if 0.05 < share < 0.95 and aside < _IN_LINE:
                    roles[sided(side, part)].append(bone)
    hand = roles.get(sided(side, "hand"), [])
    if len(hand) == 1:  # wrist and hand
        beside = [b for b in _children(hand[0], search.parents) if search.named.means(b, "hand", side)]
        if any(
            child in search.parents for child in _children(hand[0], search.parents)
        ):  # then the hand carries the fingers
            beside = [bone for bone in beside if bone in search.parents]
        above = [b for b in [search.parents[hand[0]]] if b not in search.used and search.named.means(b, "hand", side)]
        roles[sided(side, "hand")] = [*above, hand[0], *beside[:1]]


def _children(bone: int, parents: Sequence[int]) -> list[int]:
    return [child for child, parent in enumerate(parents) if parent == bone]


def _words_of(kind: str, name: Iterable[str]) -> bool:
    """Whether one of these words is special, or ends with one that is, as "foretwist" does."""
    special = special_words(kind)
    return any(
        word in special
        or any(word.endswith(end) and word not in name_words().helpers for end in special if len(end) > 2)
        for word in name
    )


def _find_fingers(search: _Search, side: str) -> None:
    last = next((b for b in (search.first(sided(side, part)) for part in ("hand", "forearm")) if b >= 0), -1)
    if last < 0:
        return
    below = set(subtree(last, search.parents)) - search.used
    chains: list[tuple[str, list[int]]] = []
    for bone in sorted(below):
        name, parent = search.named.words[bone], search.parents[bone]
        if search.rig.names[bone].startswith("_") or _words_of("tips", name) or _words_of("twists", name):
            continue
        finger = next((each for each, chain in chains if parent in chain), "") or _finger(search, bone, side)
        if not finger or (finger != "thumb" and _words_of("palms", name)):
            continue
        above = [chain for each, chain in chains if each == finger and chain[-1] in path(bone, search.parents)]
        if above:
            above[0].append(bone)
        else:
            chains.append((finger, [bone]))
    for finger in FINGERS:
        longest = max((chain for each, chain in chains if each == finger), key=len, default=[])
        if longest:
            search.roles.setdefault(sided(side, finger), _without_palm(search, last, finger, longest))
    _find_fingers_by_shape(search, side, last, sorted(below - {bone for _, chain in chains for bone in chain}))


def _find_fingers_by_shape(search: _Search, side: str, hand: int, free: Sequence[int]) -> None:
    """Unnamed fingers: chains in a hand. The thumb begins nearest to the wrist, the others follow in line."""
    heads, parents = search.rig.heads, search.parents
    chains = []
    for tip in free:
        chain = [tip]
        while parents[chain[0]] in free and len(_children(parents[chain[0]], parents)) == 1:
            chain.insert(0, parents[chain[0]])
        helpers = any(not name_words().helpers.isdisjoint(search.named.words[bone]) for bone in chain)
        if tip not in parents and 1 < len(chain) <= _LONGEST_FINGER and not helpers:
            chains.append(_without_palm(search, hand, "", chain))
    open_fingers = [finger for finger in FINGERS if sided(side, finger) not in search.roles]
    thumb = search.first(sided(side, "thumb"))
    if not 1 < len(chains) + (thumb >= 0) <= len(FINGERS):
        return
    chains.sort(key=lambda chain: float(np.linalg.norm(heads[chain[0]] - heads[hand])))
    if thumb < 0:
        search.roles[sided(side, "thumb")] = chains.pop(0)
        thumb = search.first(sided(side, "thumb"))
    places = {chain[0]: heads[chain[:2]].mean(axis=0) for chain in chains}
    away = {first: float(np.linalg.norm(place - heads[thumb])) for first, place in places.items()}
    if chains:  # along the line from the one next to the thumb to the one farthest from it
        near, far = (places[pick(away, key=lambda first: away[first])] for pick in (min, max))
        chains.sort(key=lambda chain: float((places[chain[0]] - near) @ (far - near)))
    for finger, chain in zip([each for each in open_fingers if each != "thumb"], chains, strict=False):
        search.roles[sided(side, finger)] = chain


def _finger(search: _Search, bone: int, side: str) -> str:
    """Which finger a bone of the hand is by its name; "" where the name does not say it."""
    meant = [
        (meaning.rank, meaning.part) for reading, meaning in search.named.meanings(bone)
        if meaning.part in FINGERS and reading.side in ("", side)
    ]  # fmt: skip
    return min(meant)[1] if meant else ""


def _without_palm(search: _Search, hand: int, finger: str, chain: list[int]) -> list[int]:
    """Three bones at most; of four the first one is in the palm or the last one is a tip."""
    heads = search.rig.heads
    if len(chain) > 3 and finger != "thumb":
        near, far = (float(np.linalg.norm(heads[bone] - heads[hand])) for bone in chain[:2])
        if near < _IN_PALM * far:
            chain = chain[1:]
    return chain[:3]


def _find_twists(search: _Search, side: str) -> None:
    """Bones beside a limb's that share its twist, by name or since they lie on its axis."""
    heads, roles = search.rig.heads, search.roles
    for limb in (ARM, LEG):
        for part, after in pairwise(limb):
            start, end = search.first(sided(side, part)), search.first(sided(side, after))
            if part not in TWISTED or start < 0 or end < 0:
                continue
            axis = heads[end] - heads[start]
            length = float(np.linalg.norm(axis))
            used = search.used
            beside: dict[int, float] = {}
            for bone in subtree(start, search.parents, [end])[1:]:
                if bone in used or length < 1e-9:
                    continue
                away = heads[bone] - heads[start]
                share = float(away @ axis) / length**2
                aside = float(np.linalg.norm(away - share * axis)) / length
                plain = name_words().helpers.isdisjoint(search.named.words[bone]) and bone not in search.parents
                lies = 0.05 < share < 0.95 and aside < _ON_LIMB and plain and bool(search.rig.deforms[bone])
                if _words_of("twists", search.named.words[bone]) or lies:
                    beside[bone] = share
            if beside:
                roles[twist(sided(side, part))] = sorted(beside, key=lambda bone: (round(beside[bone], 3), bone))
