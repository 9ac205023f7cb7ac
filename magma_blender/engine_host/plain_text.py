"""Text from elsewhere made fit to be shown: short, on one line, and nothing that a label or a terminal refuses."""

from __future__ import annotations

import re
import reprlib
import textwrap
import unicodedata
from collections.abc import Iterable

LONGEST = 600
"""Letters of a sentence that is shown as it came."""
ELLIPSIS = "…"
_SCANNED = 4
"""How many times the wanted length is looked at: what is dropped may stand in between."""
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_BREAKABLE = re.compile(r"\s+|[^\s⺀-鿿＀-￯]+[、。，：；！？）」』”]*|[（「『“]*[⺀-鿿＀-￯][、。，：；！？）」』”]*")
"""What stays together at the end of a line: a word, or a Chinese or Japanese letter, with its punctuation."""
_UNSHOWN = {"Cc": " ", "Cs": _UNKNOWN, "Co": _UNKNOWN, "Cn": _UNKNOWN, "Cf": "", "Zl": " ", "Zp": " "}
"""What control characters and line breaks, lone surrogates (of file names that are not UTF-8), letters that no font
has, and marks that turn the direction of what follows become. Joiners, which some scripts need, are such marks, too;
their words stay readable."""


def shown(value: object, longest: int = LONGEST) -> str:
    """A value as one line of at most `longest` letters; what is cut ends with an ellipsis."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    is_cut = len(text) > longest * _SCANNED
    text = "".join(_UNSHOWN.get(unicodedata.category(letter), letter) for letter in text[: longest * _SCANNED])
    text = " ".join(text.split())
    if len(text) > longest or is_cut:
        text = text[: longest - 1].rstrip() + ELLIPSIS
    return text


def fitted(lines: Iterable[str], width: int, most: int) -> tuple[list[str], bool]:
    """(at most `most` lines of at most `width` letters for text of any length, whether something was cut).

    Chinese and Japanese letters count twice, and a line may end after each. A line's indentation stays. What is cut
    ends with an ellipsis.
    """
    parts: list[str] = []
    for line in lines:
        if len(parts) == most:
            break
        indent = line[: min(len(line) - len(line.lstrip(" ")), width // 2)]
        # a word longer than a line is broken, so this many letters fill the lines that are left
        text = shown(line, width * (most - len(parts) + 1))
        wrap = textwrap.wrap if _is_narrow(text) else _wrapped
        parts += wrap(text, width, initial_indent=indent, subsequent_indent=indent) or [""]
    else:
        if len(parts) <= most:
            return parts, False
    parts = parts[:most]
    if parts:
        last = parts[-1]
        while _cells(last) > width - 1:
            last = last[:-1]
        parts[-1] = last.rstrip() + ELLIPSIS
    return parts, True


def _is_narrow(text: str) -> bool:
    return text.isascii() or _cells(text) == len(text)


def _cells(text: str) -> int:
    """How many letters' width a text takes up."""
    return len(text) if text.isascii() else len(text) + sum(unicodedata.east_asian_width(one) in "WF" for one in text)


def _wrapped(text: str, width: int, initial_indent: str, subsequent_indent: str) -> list[str]:
    """As `textwrap.wrap`, for text that has no spaces between its words."""
    lines, line = [], initial_indent
    for piece in _BREAKABLE.findall(text):
        if line.strip() and _cells(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = subsequent_indent
        for letter in piece if line.strip() else piece.lstrip():
            if line.strip() and _cells(line + letter) > width:  # a piece longer than a line
                lines.append(line.rstrip())
                line = subsequent_indent
            line += letter
    return [*lines, line.rstrip()] if line.strip() else lines
