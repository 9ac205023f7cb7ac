"""Text from elsewhere made fit to be shown: short, on one line, and nothing that a label or a terminal refuses."""

from __future__ import annotations

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

    A line's indentation stays. What is cut ends with an ellipsis.
    """
    parts: list[str] = []
    for line in lines:
        if len(parts) == most:
            break
        indent = line[: min(len(line) - len(line.lstrip(" ")), width // 2)]
        # a word longer than a line is broken, so this many letters fill the lines that are left
        text = shown(line, width * (most - len(parts) + 1))
        parts += textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent) or [""]
    else:
        if len(parts) <= most:
            return parts, False
    parts = parts[:most]
    if parts:
        parts[-1] = parts[-1][: width - 1].rstrip() + ELLIPSIS
    return parts, True
