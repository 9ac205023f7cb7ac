"""Hips, spine, neck and head, from the tree between legs and arms."""

from __future__ import annotations

from ..roles import ARM, HEAD, HIPS, NECK, SIDES, SPINE, sided
from .bone_tree import between, meeting, path
from .search import Search, above_neck


def find_trunk(search: Search) -> None:
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
            roles[HEAD] = [above_neck(search, head)]
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
