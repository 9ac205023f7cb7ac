"""What the names of a skeleton's bones say: the program they come from, the limbs, the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from .. import bone_names
from ..bone_names import Reading
from ..families import CENTRAL, Family, Meaning, families, general, known_keys, name_words
from ..roles import FINGERS, HEAD, NECK, REQUIRED, SPINE, sided
from .bone_tree import path, subtree
from .find_limbs import find_limbs

_ENOUGH = 0.85
"""Share of a family's bones that a skeleton must have to be one of it."""
_MARKED = 4
"""How many names more a family's mark is worth."""


class NamedBones:
    """The bones of a skeleton by name. parents: before their children. deforms: whether vertices hang on each bone."""

    def __init__(self, names: Sequence[str], parents: Sequence[int], deforms: Sequence[bool] = ()) -> None:
        self.names, self.parents = tuple(names), tuple(parents)
        self.deforms = tuple(deforms) or (False,) * len(names)
        split = [bone_names.split(name, name_words()) for name in names]
        bare = bone_names.without_common(bone_names.without_serial(split))
        self.words = bone_names.without_title(bare, name_words())
        """The words of each name, without those that all have and without serial numbers."""

    @cached_property
    def readings(self) -> tuple[tuple[Reading, ...], ...]:
        """By bone, all ways to read its name."""
        known, words = known_keys(), name_words()
        return tuple(tuple(bone_names.readings(bone, name, known, words)) for bone, name in enumerate(self.words))

    @cached_property
    def _best(self) -> tuple[Family, dict[str, int]]:
        every = [reading for ways in self.readings for reading in ways]
        anyhow = find_limbs(every, general(), self.names, self.parents, self.deforms)
        for family in self._likely():
            found = find_limbs(every, family, self.names, self.parents, self.deforms)
            if _complete(found) >= _complete(anyhow):
                agree = all(found.get(role, bone) == bone for role, bone in anyhow.items())
                return family, anyhow | found if agree else found
        return general(), anyhow

    @property
    def family(self) -> Family:
        """Whose names they are; the general words where no family's are."""
        return self._best[0]

    @property
    def limbs(self) -> dict[str, int]:
        """The first bone of each role of arms and legs that is named."""
        return self._best[1]

    def meanings(self, bone: int, family: Family | None = None) -> Iterator[tuple[Reading, Meaning]]:
        """What a bone's name can mean; by default in the words of the skeleton's family, or else in general ones."""
        for each in (family,) if family else (self.family, general()):
            said = False
            for reading in self.readings[bone]:
                for meaning in each.meanings.get(reading.key, ()):
                    if (not reading.side or meaning.part not in CENTRAL) and (reading.number < 0 or not each.name):
                        said = True
                        yield reading, meaning
            if said:
                return

    def means(self, bone: int, part: str, side: str = "") -> bool:
        """Whether a bone's name says that it is this part of the body."""
        return any(m.part == part and reading.side == side for reading, m in self.meanings(bone))

    def head(self, chest: int, limbs: Sequence[int]) -> int:
        """The head by its name, else the last bone of a spine or neck beyond the arms; -1 for none.

        chest: where the arms meet, -1 for nowhere; limbs: their first bones.
        """
        barred = {bone for limb in limbs for bone in subtree(limb, self.parents)}
        on_chest = set(subtree(chest, self.parents)) if chest >= 0 else set()
        named = [
            (bone not in on_chest, meaning.rank, len(reading.prefix), reading.number, self._depth(bone), bone)
            for bone in range(len(self.names)) if bone not in barred
            for reading, meaning in self.meanings(bone) if meaning.part == HEAD and not reading.side
        ]  # fmt: skip
        if named:
            return min(named)[-1]
        beyond = [b for b in on_chest - barred if b != chest and (self.means(b, SPINE) or self.means(b, NECK))]
        return max(sorted(beyond), key=self._depth, default=-1)

    def whole_names(self, family: Family) -> dict[str, list[int]]:
        """The bones of a family by their whole names, wherever they are in the tree."""
        chains: dict[str, dict[int, tuple[int, int]]] = {}
        for bone in range(len(self.names)):
            for reading, meaning in self.meanings(bone, family):
                if reading.number < 0 and not reading.prefix and bool(reading.side) != (meaning.part in CENTRAL):
                    role = sided(reading.side, meaning.part) if reading.side else meaning.part
                    chain = chains.setdefault(role, {})
                    chain[meaning.place] = min(chain.get(meaning.place, (meaning.rank, bone)), (meaning.rank, bone))
        return {role: [bone for _, (_, bone) in sorted(chain.items())] for role, chain in chains.items()}

    def _depth(self, bone: int) -> int:
        return len(path(bone, self.parents))

    def _likely(self) -> list[Family]:
        """Families that the names may be of, the most certain first."""
        scored = []
        for place, family in enumerate(families()):
            marked = any(mark.lower() in name.lower() for mark in family.marks for name in self.names)
            if family.control or (family.marks and not marked):
                continue
            matched = self._matched(family)
            body = sum(n * (1 if part in CENTRAL else 2) for part, n in family.chains.items() if part not in FINGERS)
            of_body = sum(part not in FINGERS for _, part, _ in matched)
            if of_body >= _ENOUGH * body:
                scored.append((body - of_body - 2 * len(matched) - _MARKED * marked, place, family))
        return [family for _, _, family in sorted(scored, key=lambda each: each[:2])]

    def _matched(self, family: Family) -> set[tuple[str, str, int]]:
        """The entries (side, part, place) of a family that names with one prefix are."""
        by_prefix: dict[str, set[tuple[str, str, int]]] = {}
        trunk: set[tuple[str, str, int]] = set()
        for bone in range(len(self.names)):
            for reading, meaning in self.meanings(bone, family):
                if reading.number < 0 and bool(reading.side) != (meaning.part in CENTRAL):
                    entries = by_prefix.setdefault(reading.prefix, set()) if reading.side else trunk
                    entries.add((reading.side, meaning.part, meaning.place))
        return trunk | max(by_prefix.values(), key=len, default=set())


def _complete(limbs: Mapping[str, int]) -> int:
    return sum(role in limbs for role in REQUIRED)
