"""The fingers of a hand, by name, and by shape where names say nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..families import name_words
from ..roles import FINGERS, sided
from .bone_tree import path, subtree
from .search import Search, children, words_of

_LONGEST_FINGER = 5
"""Bones of a finger with the one in the palm and a tip."""
_IN_PALM = 0.5
"""Of the way from the wrist to a finger's second bone: a first bone that begins before is in the palm."""


def find_fingers(search: Search, side: str) -> None:
    """The bones of the fingers that hang on a hand, or on a forearm without one."""
    last = next((b for b in (search.first(sided(side, part)) for part in ("hand", "forearm")) if b >= 0), -1)
    if last < 0:
        return
    below = set(subtree(last, search.parents)) - search.used
    chains: list[tuple[str, list[int]]] = []
    for bone in sorted(below):
        name, parent = search.named.words[bone], search.parents[bone]
        if search.rig.names[bone].startswith("_") or words_of("tips", name) or words_of("twists", name):
            continue
        finger = next((each for each, chain in chains if parent in chain), "") or _finger(search, bone, side)
        if not finger or (finger != "thumb" and words_of("palms", name)):
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


def _find_fingers_by_shape(search: Search, side: str, hand: int, free: Sequence[int]) -> None:
    """Unnamed fingers: chains in a hand. The thumb begins nearest to the wrist, the others follow in line."""
    heads, parents = search.rig.heads, search.parents
    chains = []
    for tip in free:
        chain = [tip]
        while parents[chain[0]] in free and len(children(parents[chain[0]], parents)) == 1:
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


def _finger(search: Search, bone: int, side: str) -> str:
    """Which finger a bone of the hand is by its name; "" where the name does not say it."""
    meant = [
        (meaning.rank, meaning.part) for reading, meaning in search.named.meanings(bone)
        if meaning.part in FINGERS and reading.side in ("", side)
    ]  # fmt: skip
    return min(meant)[1] if meant else ""


def _without_palm(search: Search, hand: int, finger: str, chain: list[int]) -> list[int]:
    """Three bones at most; of four the first one is in the palm or the last one is a tip."""
    heads = search.rig.heads
    if len(chain) > 3 and finger != "thumb":
        near, far = (float(np.linalg.norm(heads[bone] - heads[hand])) for bone in chain[:2])
        if near < _IN_PALM * far:
            chain = chain[1:]
    return chain[:3]
