"""What the panel says about the last request that ended."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from .client_errors import ClientError
from .plain_text import shown

LOG_LINES = 8
"""Lines of the log that an error shows."""
MOST_LINES = 400
"""Lines of a report."""
_DEEPEST = 8
"""How deep a report's parts may be inside each other."""


@dataclass(frozen=True)
class Notice:
    """What to say. details: lines for a closer look, of the log for example."""

    text: str
    is_error: bool = False
    details: tuple[str, ...] = ()

    def whole(self) -> str:
        """All of it: a panel shows the beginning only."""
        return "\n".join([self.text, *self.details])


def of_error(error: ClientError) -> Notice:
    """What went wrong in the engine, with the end of its log."""
    return Notice(str(error), is_error=True, details=tuple(error.details.splitlines()[-LOG_LINES:]))


def describe(report: object) -> list[str]:
    """The lines of a report of the engine (nested dictionaries and lists) as people read them, up to MOST_LINES."""
    return list(itertools.islice(_lines(report, 0), MOST_LINES))


def _lines(report: object, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if depth > _DEEPEST:
        yield indent + shown(report)
    elif isinstance(report, dict):
        for key, value in report.items():
            if isinstance(value, (dict, list)) and value:
                yield f"{indent}{shown(key)}:"
                yield from _lines(value, depth + 1)
            else:
                yield f"{indent}{shown(key)}: {'' if value is None else shown(value)}"
    elif isinstance(report, list):
        for entry in report:
            yield from _lines(entry, depth + 1 if isinstance(entry, list) else depth)
    else:
        yield indent + shown(report)
