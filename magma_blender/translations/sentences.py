"""Which template a sentence was made from, so that a sentence made in English, here or in the engine's process, can be
said in another language. Knows no Blender."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

PLACEHOLDER = re.compile(r"\{(\w+)\}")
_SENTENCE_END = re.compile(r"(?<=[.:!?]) ")
_MOST_SENTENCES = 12
"""Of one message that are looked at one by one."""
LONGEST = 2000
"""Letters of a message that is looked at: longer ones are somebody's data."""
_FEW_SIGNS = 5
"""With fewer of its own, a template fits many texts by chance, and its values are single words."""
_DEEPEST = 3
"""How deep a value of a sentence may be a clause with values of its own."""
_LIST = ", "
_QUOTES = "\"'“”‘’„`"

Word = Callable[[str], str]
"""What a template is in the user's language; itself where that is not known."""


@dataclass(frozen=True)
class _Template:
    """A template cut at its values. weight: its signs that are no values."""

    text: str
    names: tuple[str, ...]
    first: str
    between: tuple[str, ...]
    last: str
    weight: int

    def places(self, text: str) -> list[tuple[int, int]] | None:
        """Where the values are in a text made from this template, each as short as it can be; else None."""
        at, end = len(self.first), len(text) - len(self.last)
        if end < at or not text.startswith(self.first) or not text.endswith(self.last):
            return None
        found = []
        for piece in self.between:
            place = text.find(piece, at, end)
            if place < 0:
                return None
            found.append((at, place))
            at = place + len(piece)
        found.append((at, end))
        if self.weight < _FEW_SIGNS and any(" " in text[start:stop] for start, stop in found):
            return None
        return found


@dataclass(frozen=True)
class _Value:
    text: str
    is_quoted: bool
    """A name that a user gave stands in quotation marks, and is not translated even where it could be."""


@dataclass(frozen=True)
class _Found:
    template: str
    values: tuple[tuple[str, _Value], ...]


def names_in(template: str) -> list[str]:
    """The names of a template's values, in their order."""
    return PLACEHOLDER.findall(template)


class Sentences:
    """All templates there are."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._templates: list[_Template] = []
        for text in templates:
            if PLACEHOLDER.search(text):
                self._templates.append(_cut(text))
            else:
                self._whole.add(text)
        # of those that fit, the one that explains most of a sentence
        self._templates.sort(key=lambda template: -template.weight)
        self._parts = lru_cache(maxsize=512)(self._find_parts)

    def translated(self, text: str, word: Word) -> str:
        """A message of one or more sentences, on one or more lines; what was made from no template stays as it is."""
        if len(text) > LONGEST:
            return text
        return "\n".join(_said(self._parts(line), word, self, 0) for line in text.split("\n"))

    def _find_parts(self, line: str) -> tuple[_Found | str, ...]:
        return tuple(self._cover(line))

    def _cover(self, line: str) -> Iterator[_Found | str]:
        listed = [self._match(piece) for piece in line.split(_LIST, _MOST_SENTENCES)] if _LIST in line else [None]
        if all(listed):
            for number, piece in enumerate(listed):
                yield from (_LIST,) if number else ()
                yield piece or ""
            return
        found = self._match(line)
        if found is not None:
            yield found
            return
        indent = line[: len(line) - len(line.lstrip())]
        if indent:
            yield indent
        pieces = _SENTENCE_END.split(line[len(indent) :], _MOST_SENTENCES)
        first = 0
        while first < len(pieces):
            if first:
                yield " "
            # sentences that belong together come before each alone
            last = len(pieces)
            while last > first + 1 and self._match(" ".join(pieces[first:last])) is None:
                last -= 1
            part = " ".join(pieces[first:last])
            yield self._match(part) or part
            first = last

    def _match(self, text: str) -> _Found | None:
        if text in self._whole:
            return _Found(text, ())
        for template in self._templates:
            places = template.places(text)
            if places is not None:
                values = [_Value(text[start:stop], _is_quoted(text, start, stop)) for start, stop in places]
                return _Found(template.text, tuple(zip(template.names, values, strict=True)))
        return None


def _cut(text: str) -> _Template:
    pieces = PLACEHOLDER.split(text)
    first, *between, last = pieces[::2]
    return _Template(text, tuple(pieces[1::2]), first, tuple(between), last, sum(map(len, pieces[::2])))


def _is_quoted(text: str, start: int, stop: int) -> bool:
    return start > 0 and stop < len(text) and text[start - 1] in _QUOTES and text[stop] in _QUOTES


def _said(parts: Iterable[_Found | str], word: Word, sentences: Sentences, depth: int) -> str:
    return "".join(part if isinstance(part, str) else _filled(part, word, sentences, depth) for part in parts)


def _filled(found: _Found, word: Word, sentences: Sentences, depth: int) -> str:
    values = {
        name: value.text
        if value.is_quoted or depth == _DEEPEST
        else _said(sentences._parts(value.text), word, sentences, depth + 1)
        for name, value in found.values
    }
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), word(found.template))
