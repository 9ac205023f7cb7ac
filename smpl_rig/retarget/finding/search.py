"""A skeleton in which roles are sought, what was found so far, and what all who seek ask of bones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..families import Family, name_words, special_words
from ..rig import Rig
from ..roles import NECK
from .bone_tree import subtree
from .named_bones import NamedBones


@dataclass
class Search:
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


def without(rig: Rig, bones: Collection[int]) -> Rig:
    """The skeleton without bones on which none hang that stay."""
    kept = [bone for bone in range(len(rig.names)) if bone not in bones]
    number = {bone: place for place, bone in enumerate(kept)} | {-1: -1}
    return replace(
        rig, names=tuple(rig.names[bone] for bone in kept),
        parents=tuple(number[rig.parents[bone]] for bone in kept), rest=rig.rest[kept], deforms=rig.deforms[kept],
        turns_along=rig.turns_along[kept], local_location=rig.local_location[kept], connected=rig.connected[kept],
    )  # fmt: skip


def children(bone: int, parents: Sequence[int]) -> list[int]:
    """The bones right below a bone."""
    return [child for child, parent in enumerate(parents) if parent == bone]


def words_of(kind: str, name: Iterable[str]) -> bool:
    """Whether one of these words is special, or ends with one that is, as "foretwist" does."""
    special = special_words(kind)
    return any(
        word in special
        or any(word.endswith(end) and word not in name_words().helpers for end in special if len(end) > 2)
        for word in name
    )


def mirrored(role: str) -> str:
    """A limb's role on the other side."""
    return {"L": "R", "R": "L"}[role[0]] + role[1:]


def above_neck(search: Search, head: int) -> int:
    """The bone on a neck that was taken for the head; else the head."""
    others = name_words().helpers
    above = [bone for bone in children(head, search.parents) if others.isdisjoint(search.named.words[bone])]
    if not search.named.means(head, NECK) or not above:
        return head
    return max(above, key=lambda bone: (len(subtree(bone, search.parents)), -bone))
