"""The naming schemes of bones, a table each in the folder `families`.

A table names the bones of each part of the body from the body outwards, without their side; "|" stands between names of
the same bone. `marks` are pieces of names of which a skeleton must have one. `control` marks a control rig, by bones
that it must have: its table names the controls to move, `settings` the custom properties that put them in charge,
`sides` how the names end, `follows` which part follows another one by constraints instead of the bone tree, and `ik`
the other controls of arms and legs, see `IkNames`.
`general.json` has the words of all tables and languages: the names of a part there are synonyms, the most certain
first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .bone_names import NameWords, canonical
from .roles import SIDES, sided

FOLDER = Path(__file__).parent / "families"
GENERAL = "general"
CENTRAL = ("hips", "spine", "neck", "head")
"""Parts without a side."""
Settings = tuple[tuple[str, str, float], ...]
"""(bone, custom property, value)."""


@dataclass(frozen=True)
class Meaning:
    """What a name says: `part` of the body, the `place` in that part's chain, and the `rank` among its synonyms."""

    part: str
    place: int
    rank: int


@dataclass(frozen=True)
class IkNames:
    """A limb's IK. goal: the control that its end goes with, hand or foot. pole: the one that its elbow or knee looks
    at. bend: the bone of the lower part that the IK bends, whose own pose is what it begins with. toes: the control of
    toes on the goal; empty for none. shown: the bones that show what upper part, lower part, end and toes do, whatever
    controls them. rest: controls that would move the limb as well. settings: the custom properties that put the IK in
    charge.
    """

    goal: str
    pole: str
    bend: str
    toes: str
    shown: tuple[str, ...]
    rest: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True)
class Family:
    """A naming scheme. meanings: canonical names -> what they can mean. chains: part -> number of its bones. ik: limb
    -> its IK, for control rigs."""

    name: str
    meanings: Mapping[str, tuple[Meaning, ...]]
    chains: Mapping[str, int]
    marks: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    follows: Mapping[str, str] | None = None
    settings: Settings = ()
    ik: Mapping[str, IkNames] = field(default_factory=dict)


@cache
def _general_table() -> dict[str, Any]:
    return _read(FOLDER / f"{GENERAL}.json")


@cache
def name_words() -> NameWords:
    """The words that mean the same in all families."""
    table = _general_table()
    sides = {word: side for side in SIDES for word in table["sides"][side]}
    helpers = frozenset(table["helpers"] + table["tips"] + table["twists"] + table["palms"])
    return NameWords(
        dict(sorted(sides.items(), key=lambda item: -len(item[0]))), frozenset(table["middles"]),
        frozenset(table["fillers"]), frozenset(table["endings"]), tuple(table["glued"]), helpers,
        frozenset(table["helpers"]),
    )  # fmt: skip


@cache
def special_words(kind: str) -> frozenset[str]:
    """Words of bones beside the body's: kind "twists", "palms" or "tips"."""
    return frozenset(_general_table()[kind])


@cache
def general() -> Family:
    """The words of all languages and programs."""
    return _family(_general_table())


@cache
def families() -> tuple[Family, ...]:
    """All naming schemes, by the name of their file."""
    return tuple(_family(_read(path)) for path in sorted(FOLDER.glob("*.json")) if path.stem != GENERAL)


@cache
def known_keys() -> frozenset[str]:
    """All canonical names that any table has."""
    return frozenset(key for family in (*families(), general()) for key in family.meanings)


def control_settings(family: str, ik: Collection[str] = ()) -> Settings:
    """What puts the mapped controls of a control rig in charge, or the IK of the limbs in `ik`; none for other rigs."""
    found = next((each for each in families() if each.name == family and each.control), None)
    if found is None:
        return ()
    values = {(bone, key): value for bone, key, value in found.settings}
    for limb in filter(found.ik.__contains__, ik):
        values |= {(bone, key): value for bone, key, value in found.ik[limb].settings}
    return tuple((bone, key, value) for (bone, key), value in values.items())


def ik_names(family: str) -> Mapping[str, IkNames]:
    """By limb, the IK of a family's control rigs; empty where none is known."""
    return next((each.ik for each in families() if each.name == family), {})


def _read(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


def _family(table: Mapping[str, Any]) -> Family:
    meanings: dict[str, list[Meaning]] = {}
    for part, chain in table["bones"].items():
        for place, names in enumerate(chain):
            for rank, name in enumerate(names.split("|")):
                meaning = Meaning(part, place, rank)
                known = meanings.setdefault(canonical(name, name_words()), [])
                if all(other.part != part for other in known):
                    known.append(meaning)
    settings = tuple(_settings(table.get("settings", {}), table.get("sides", ())))
    return Family(
        table["name"], {key: tuple(found) for key, found in meanings.items()},
        {part: len(chain) for part, chain in table["bones"].items()}, tuple(table.get("marks", ())),
        tuple(table.get("control", ())), table.get("follows"), settings,
        {sided(side, limb): _ik(names, side) for side in table.get("sides", ()) for limb, names in
         table.get("ik", {}).items()},
    )  # fmt: skip


def _ik(table: Mapping[str, Any], side: str) -> IkNames:
    def named(key: str) -> str:
        return str(table.get(key, "")).format(side=side)

    shown, rest = (tuple(name.format(side=side) for name in table[key]) for key in ("shown", "rest"))
    settings = tuple(_settings(table["settings"], (side,)))
    return IkNames(named("goal"), named("pole"), named("bend"), named("toes"), shown, rest, settings)


def _settings(table: Mapping[str, list[Any]], sides: Iterable[str]) -> Iterator[tuple[str, str, float]]:
    for bone, values in table.items():
        for name in [bone.format(side=side) for side in sides] if "{side}" in bone else [bone]:
            yield from ((name, key, float(value)) for key, value in zip(values[::2], values[1::2], strict=True))
