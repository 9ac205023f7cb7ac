"""The bones of arms and legs, by what their names can mean and by their order in the tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..bone_names import Reading
from ..families import Family
from ..roles import ARM, LEG, SIDES, sided

Limb = Mapping[str, int]
"""Part -> the first bone of it."""

_REQUIRED, _OPTIONAL = 16.0, 10.0
"""What a found part is worth. A name's doubts count against it."""
_OTHER_PREFIX, _RANK, _PLACE, _NUMBER, _UNDERSCORE = 5.0, 0.3, 0.4, 0.1, 0.5
_DEFORMS = 1.0
_MOST_PREFIXES = 8
_LOOSE = ("foot", "hand", "toes", "shoulder")
"""Parts that in some rigs do not hang on their limb, or it on them."""

_PIECES = ("upper_arm", "forearm", "thigh", "shin")


@dataclass(frozen=True)
class _Candidate:
    bone: int
    side: str
    part: int
    worth: float
    prefix: str
    name: str


def find_limbs(
    readings: Sequence[Reading], family: Family, names: Sequence[str], parents: Sequence[int], deforms: Sequence[bool]
) -> dict[str, int]:
    """The first bone of each limb role (`L_forearm`) that names of a family tell."""
    found: dict[str, int] = {}
    for parts in (ARM, LEG):
        found |= _find_pair(parts, readings, family, names, parents, deforms)
    return found


def _find_pair(
    parts: tuple[str, ...], readings: Sequence[Reading], family: Family, names: Sequence[str], parents: Sequence[int],
    deforms: Sequence[bool],
) -> dict[str, int]:  # fmt: skip
    candidates = []
    lines = _numbered_lines(readings, family, parents)
    for reading in readings:
        if reading.bone in lines:
            continue
        for meaning in family.meanings.get(reading.key, ()) if reading.side else ():
            if meaning.part in parts:
                doubt = _RANK * meaning.rank + _PLACE * meaning.place + _NUMBER * min(max(reading.number, 0), 9)
                doubt += _UNDERSCORE * names[reading.bone].startswith("_") - _DEFORMS * deforms[reading.bone]
                worth = (_OPTIONAL if meaning.part in ("shoulder", "hand", "toes") else _REQUIRED) - doubt
                part = parts.index(meaning.part)
                candidates.append(_Candidate(reading.bone, reading.side, part, worth, reading.prefix, reading.key))
    counts = Counter(prefix for prefix, _, _ in {(each.prefix, each.side, each.part) for each in candidates})
    prefixes = sorted(counts, key=lambda prefix: (-counts[prefix], len(prefix), prefix))[:_MOST_PREFIXES]
    best: tuple[float, dict[str, int]] = (0.0, {})
    for prefix in prefixes:
        worth = 0.0
        limbs: dict[str, dict[int, int]] = {}
        for side in SIDES:
            mine = [each for each in candidates if each.side == side]
            gained, limb = _best_path(mine, prefix, len(parts), parents)
            limb |= _loose(mine, prefix, parts, limb)
            worth += gained
            limbs[side] = limb
        if worth > best[0]:
            for one, other in (SIDES, SIDES[::-1]):
                limbs[one] = _as_on_the_other(limbs[one], limbs[other], candidates)
            best = (
                worth,
                {sided(side, parts[part]): bone for side, limb in limbs.items() for part, bone in limb.items()},
            )
    return best[1]


def _as_on_the_other(
    limb: Mapping[int, int], other: Mapping[int, int], candidates: Sequence[_Candidate]
) -> dict[int, int]:
    """A limb with one name on both sides for one part: where an upper arm is called in another way than the one of the
    other side, the bone above it that is called shoulder is none."""
    names: dict[int, set[str]] = {}
    for each in candidates:
        names.setdefault(each.bone, set()).add(each.name)
    found: dict[int, int] = {}
    for part, bone in limb.items():
        same = [at for at, image in other.items() if names[bone] & names[image]]
        free = [at for at in same if at not in limb]
        found[part if part in same or not free else free[0]] = bone
    return found


def _numbered_lines(readings: Sequence[Reading], family: Family, parents: Sequence[int]) -> set[int]:
    """Bones in lines of three and more with one name and numbers, `arm`, `arm.001`, `arm.002`, where the name is one of
    a limb: which of its parts they are only their places tell."""
    named: dict[int, set[tuple[str, str, str]]] = {}
    for reading in readings:
        name = reading.key.rstrip("0123456789.")
        numbered = [family.meanings[key][0].part for key in (f"{name}1", f"{name}2") if key in family.meanings]
        if reading.side and len({part for part in numbered if part in _PIECES}) > 1:
            named.setdefault(reading.bone, set()).add((reading.side, name, reading.prefix))
    found: set[int] = set()
    for bone, names in named.items():
        line = [bone]
        while names & named.get(parents[line[-1]], set()):
            line.append(parents[line[-1]])
        if len(line) > 2:
            found |= set(line)
    return found


def _best_path(
    candidates: Sequence[_Candidate], prefix: str, count: int, parents: Sequence[int]
) -> tuple[float, dict[int, int]]:
    """The parts that are worth most, of bones that follow each other from the body outwards in the parts' order."""
    worths: dict[int, dict[int, float]] = {}
    for each in candidates:
        worth = each.worth - _OTHER_PREFIX * (each.prefix != prefix)
        mine = worths.setdefault(each.bone, {})
        mine[each.part] = max(worth, mine.get(each.part, 0.0))
    # for each bone, by the last part on the way to it: what that way is worth, and its bones
    nothing: dict[int, tuple[float, tuple[tuple[int, int], ...]]] = {-1: (0.0, ())}
    ways = {-1: nothing}
    best = nothing[-1]
    for bone, parent in enumerate(parents):
        ways[bone] = above = ways[parent]
        if bone not in worths:
            continue
        ways[bone] = mine_now = dict(above)
        for part, worth in worths[bone].items():
            before = max((way for last, way in above.items() if last < part), key=lambda way: way[0])
            way = before[0] + worth, (*before[1], (part, bone))
            if way[0] > mine_now.get(part, nothing[-1])[0]:
                mine_now[part] = way
            if way[0] > best[0]:
                best = way
    return best[0], dict(best[1])


def _loose(
    candidates: Sequence[_Candidate], prefix: str, parts: tuple[str, ...], limb: Mapping[int, int]
) -> dict[int, int]:
    """Ends of limbs and shoulders that are missing in a limb and stand elsewhere in the tree."""
    found: dict[int, int] = {}
    for part in range(len(parts)) if limb else ():
        if parts[part] in _LOOSE and part not in limb:
            taken = {*limb.values(), *found.values()}
            free = [c for c in candidates if c.part == part and c.prefix == prefix and c.bone not in taken]
            if free:
                found[part] = max(free, key=lambda each: each.worth).bone
    return found
