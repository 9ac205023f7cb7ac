"""Annotated beats in a text file, as programs that mark beats write them: the second of a beat on every line, and after
it, in some, its number in the bar. What follows a `#` is a comment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..bounded_files import read_text
from ..checks import shown
from ..errors import ChoreographyError

_LARGEST = 4 * 2**20
"""Bytes."""


def annotated_beats(file: Path) -> dict[str, Any]:
    """What a file of beats says, by the names of a `Correction`: the beats, and metre and first one where it numbers
    beats of bars. Raises ChoreographyError."""
    try:
        lines = read_text(file, _LARGEST).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ChoreographyError(
            f"{file}: cannot be read ({reason}). Give a text file with the seconds of beats."
        ) from error
    beats, numbers = list[float](), list[float]()
    for count, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            values = [float(word) for word in words[:2]]
        except ValueError:
            raise ChoreographyError(
                f"{file}: line {count} is {shown(line)}. Give the second of a beat, and after it, if you like, its "
                "number in the bar."
            ) from None
        beats.append(values[0])
        numbers += values[1:]
    said: dict[str, Any] = {"beats": beats}
    if len(numbers) == len(beats) and 1 in numbers:
        said |= {"one": beats[numbers.index(1)], "beats_per_bar": int(max(numbers))}
    return said
