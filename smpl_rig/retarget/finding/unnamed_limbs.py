"""Limbs and head that names do not tell, by where the joints are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..families import name_words, special_words
from ..roles import ARM, HEAD, HIPS, LEG, LIMB_ROLES, NECK, REQUIRED, SIDES, SPINE, sided, words
from .bone_tree import path, subtree
from .find_by_shape import Shape, find_by_shape
from .search import Search, above_neck, mirrored, without

_LARGE_PART = 0.3
"""Share of the bones that hang on no helper bone, such as the first one of a tail."""


def add_by_shape(search: Search) -> None:
    """Limbs and head that names do not tell, by where the joints are."""
    roles = search.roles
    shape = _by_shape(search)
    limbs, head, sure = shape.limbs, shape.head, shape.sure
    known = {role: bones[0] for role, bones in roles.items() if role in limbs}
    if sum(limbs[mirrored(role)] == bone for role, bone in known.items() if mirrored(role) in limbs) > len(known) / 2:
        limbs, sure = {mirrored(role): bone for role, bone in limbs.items()}, True
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


def _by_shape(search: Search) -> Shape:
    """Arms, legs and head by where the joints are, of bones whose names do not say that they are something else."""
    rig, others = search.rig, _helpers(search)
    tries = [without(rig, others)] if others else []
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


def _helpers(search: Search) -> set[int]:
    """Bones whose names say that they are no part of a body: controls, wings, skirts; and what hangs on them."""
    found: set[int] = set()
    for bone, name in enumerate(search.named.words):
        if not name_words().others.isdisjoint(name):
            below = subtree(bone, search.parents)
            if len(below) < _LARGE_PART * len(search.parents):
                found |= set(below)
    return found


def _says_one_of(search: Search, bone: int, parts: Sequence[str], own: Sequence[str]) -> bool:
    """Whether a bone's name says that it is one of some parts, and of none of its own."""
    said = {meaning.part for _, meaning in search.named.meanings(bone)}
    return not said.isdisjoint(parts) and said.isdisjoint(own)


def _is_tip(search: Search, bone: int) -> bool:
    """Whether a bone at the end of a chain says that it is no more than the end."""
    return bone >= 0 and bone not in search.parents and not special_words("tips").isdisjoint(search.named.words[bone])


def _no_tip(search: Search, head: int) -> int:
    """The head that the shape tells, or the bone below where that is only its top; -1 where it is something else."""
    if head < 0 or not name_words().helpers.isdisjoint(set(search.named.words[head]) - special_words("tips")):
        return -1
    below = search.parents[head]
    arms = {bone for side in SIDES for bone in path(search.first(sided(side, "upper_arm")), search.parents)}
    in_trunk = below in arms or search.named.means(below, NECK) or search.named.means(below, SPINE)
    return below if _is_tip(search, head) and not in_trunk else above_neck(search, head)
