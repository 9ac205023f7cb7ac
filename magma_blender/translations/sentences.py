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
"""Of one message: more are looked at as they stand, one by one."""
LONGEST = 4000
"""Letters of a message that is looked at: longer ones are somebody's data."""
_DEEPEST = 3
"""How deep a value of a sentence may be a clause with values of its own."""
_QUOTES = "\"'“”‘’„`"

Word = Callable[[str], str]
"""What a template is in the user's language; itself where that is not known."""


@dataclass(frozen=True)
class _Template:
    """A template cut at its values. weight: its letters that are no values."""

    text: str
    names: tuple[str, ...]
    first: str
    last: str
    pattern: re.Pattern[str]
    weight: int


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
        found = self._match(line)
        if found is not None:
            yield found
            return
        indent = line[: len(line) - len(line.lstrip())]
        if indent:
            yield indent
        pieces = _SENTENCE_END.split(line[len(indent) :])
        first = 0
        while first < len(pieces):
            if first:
                yield " "
            # sentences that belong together come before each alone
            last = len(pieces) if len(pieces) <= _MOST_SENTENCES else first + 1
            while last > first + 1 and self._match(" ".join(pieces[first:last])) is None:
                last -= 1
            part = " ".join(pieces[first:last])
            yield self._match(part) or part
            first = last

    def _match(self, text: str) -> _Found | None:
        if text in self._whole:
            return _Found(text, ())
        for template in self._templates:
            if text.startswith(template.first) and text.endswith(template.last):
                match = template.pattern.fullmatch(text)
                if match is not None:
                    values = zip(template.names, match.groups(), strict=True)
                    quoted = [_is_quoted(text, *match.span(number + 1)) for number in range(len(template.names))]
                    return _Found(
                        template.text,
                        tuple(
                            (name, _Value(value, is_quoted))
                            for (name, value), is_quoted in zip(values, quoted, strict=True)
                        ),
                    )
        return None


def _cut(text: str) -> _Template:
    pieces = PLACEHOLDER.split(text)
    letters = pieces[::2]
    pattern = "(.*?)".join(re.escape(piece) for piece in letters)
    return _Template(text, tuple(pieces[1::2]), letters[0], letters[-1], re.compile(pattern), sum(map(len, letters)))


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
