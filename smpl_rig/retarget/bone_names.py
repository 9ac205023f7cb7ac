"""Names of bones in canonical form: letter case, separators and leading zeros do not matter, sides are taken out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_CODE = re.compile(r"\[[^]]*\]")
_COMBINING = re.compile("[\u0300-\u036f]")

_SERIAL, _FEWEST_SERIAL = 0.9, 12
"""Share of names that end with a number of their own, and how many names there are at least where that is no chance."""

_TITLE = 0.7
"""Share of names that begin with one word which says nothing then."""


@dataclass(frozen=True)
class NameWords:
    """Words that mean the same in all names, as `families/general.json` has them.

    sides: each word for left or right -> "L" or "R". middles: words for neither. fillers: say nothing anywhere;
    endings: say nothing at the end. glued: prefixes that some exporters leave without a separator. helpers: words of
    bones beside the body's: controls, tips, clothes. others: those of them that no bone of a limb has.
    """

    sides: Mapping[str, str]
    middles: frozenset[str]
    fillers: frozenset[str]
    endings: frozenset[str]
    glued: tuple[str, ...]
    helpers: frozenset[str]
    others: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """One way to read a bone's name: a known key on a side, after a prefix.

    side: "L", "R" or "". number: what follows the key, -1 for nothing. prefix: with a word at the end that says
    nothing about the body but tells copies of a limb apart ("fk").
    """

    bone: int
    side: str
    key: str
    number: int
    prefix: str


def canonical(name: str, words: NameWords) -> str:
    """A name without side as `Reading.key` has it: "Spine_01" -> "spine1"."""
    return _key([word for word in split(name, words) if word not in words.fillers])


def split(name: str, words: NameWords) -> list[str]:
    """The words of a name in lower case and its numbers, without a namespace before a colon or a bar, and without a
    code in square brackets."""
    text = _COMBINING.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)))
    text = unicodedata.normalize("NFC", text).replace("ß", "ss")
    text = _CODE.sub(" ", text) if _CODE.sub("", text).strip() else text
    for word in words.sides:
        if not word.isascii():
            text = text.replace(word, f" {word} ")
    parts = [[word.lower() for word in _WORD.findall(part)] for part in re.split(r"[:|]", text)]
    found = parts[-1]
    if all(word in words.sides or word.isdigit() for word in found):
        found = [word for part in parts for word in part]
    for glued in words.glued:
        if len(found) > 1 and found[0] == glued:
            del found[: 2 if len(found) > 2 and found[1].isdigit() else 1]
        elif found and found[0].startswith(glued) and found[0] != glued:
            found[0] = found[0][len(glued) :]
    return found or [name.lower()]


def without_common(names: Sequence[list[str]]) -> list[list[str]]:
    """The words of all names without those that all begin or end with, as a model's name."""
    names = [list(words) for words in names]
    for end in (0, -1):
        while len(names) > 2 and len({words[end] for words in names}) == 1 and max(map(len, names)) > 1:
            for words in names:
                if len(words) > 1:
                    del words[end]
    return names


def without_title(names: Sequence[list[str]], words: NameWords) -> list[list[str]]:
    """The words of all names without a first one that most have, where it would make helpers of them all: that of a
    character who is called after a sword."""
    first = Counter(name[0] for name in names if len(name) > 1).most_common(1)
    title, count = first[0] if first else ("", 0)
    if title not in words.helpers or count < _TITLE * len(names):
        return [list(name) for name in names]
    return [name[1:] if len(name) > 1 and name[0] == title else list(name) for name in names]


def without_serial(names: Sequence[list[str]]) -> list[list[str]]:
    """The words of all names without the number at the end, where (nearly) each has one of its own, as some converters
    of files add it."""
    serials = [words[-1] for words in names if len(words) > 1 and words[-1].isdigit()]
    if len(names) < _FEWEST_SERIAL or len(serials) < _SERIAL * len(names) or len(set(serials)) < len(serials):
        return [list(words) for words in names]
    return [words[:-1] if len(words) > 1 and words[-1].isdigit() else list(words) for words in names]


def readings(bone: int, name: Sequence[str], known: Collection[str], words: NameWords) -> list[Reading]:
    """All ways to read the words of a bone's name with a key of `known`, with or without a number behind it."""
    name = [word for word in name if word not in words.fillers] or list(name)
    found: dict[Reading, None] = {}
    for side, rest, ending in _sides(name, words):
        for start in range(len(rest)):
            if not words.helpers.isdisjoint(rest[:start]):
                break
            key, prefix = _key(rest[start:]), "".join([*rest[:start], *ending])
            for one_side, one_key in [(side, key)] if side else [(side, key), *_glued_sides(key, words)]:
                for whole, number in _numbered(one_key):
                    if whole in known:
                        reading = Reading(bone, one_side, whole, number, prefix)
                        found[reading] = None
    return list(found)


def _sides(name: list[str], words: NameWords) -> Iterable[tuple[str, list[str], list[str]]]:
    """A name's side, its other words and an ending taken from them, as they may be meant."""
    sided = [("", name)]
    for place, word in enumerate(name):
        if word in words.sides and len(name) > 1:
            sided.append((words.sides[word], name[:place] + name[place + 1 :]))
    for side, words_left in sided:
        rest, ending = words_left, list[str]()
        yield side, rest, ending
        if len(rest) > 2 and rest[-1].isdigit() and rest[-2] in words.endings:
            rest, ending = [*rest[:-2], rest[-1]], [rest[-2]]
            yield side, rest, ending
        while len(rest) > 1 and (rest[-1] in words.endings or (not side and rest[-1] in words.middles)):
            ending = ending if rest[-1] in words.middles else [rest[-1], *ending]
            rest = rest[:-1]
            yield side, rest, ending


def _glued_sides(key: str, words: NameWords) -> Iterable[tuple[str, str]]:
    """A side at an end of a key without separator or change of case: "leftarm", "handr"."""
    for start in (key, key[1:]) if key.startswith("m") else (key,):
        yield "", start
        for word, side in words.sides.items():
            if start.startswith(word):
                yield side, start[len(word) :]
            bare = start.rstrip("0123456789.")
            if bare.endswith(word):
                yield side, bare[: -len(word)] + start[len(bare) :]


def _numbered(key: str) -> Iterable[tuple[str, int]]:
    yield key, -1
    bare = key.rstrip("0123456789.")
    if bare and bare != key:
        yield bare, int(key[len(bare) :].split(".", maxsplit=1)[0][:6] or 0)


def _key(name: Sequence[str]) -> str:
    """Words and numbers in one, a point between two numbers."""
    key = ""
    for word in name:
        number = word.isdigit()
        key += ("." if number and key[-1:].isdigit() else "") + (str(int(word[:9])) if number else word)
    return key
