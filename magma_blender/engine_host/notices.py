"""What the panel says about the last request that ended."""

from __future__ import annotations

from dataclasses import dataclass

from .client_errors import ClientError

LOG_LINES = 8
"""Lines of the log that an error shows."""


@dataclass(frozen=True)
class Notice:
    """What to say. details: lines for a closer look, of the log for example."""

    text: str
    is_error: bool = False
    details: tuple[str, ...] = ()


def of_error(error: ClientError) -> Notice:
    """What went wrong in the engine, with the end of its log."""
    return Notice(str(error), is_error=True, details=tuple(error.details.splitlines()[-LOG_LINES:]))


def describe(report: object, indent: str = "") -> list[str]:
    """The lines of a report of the engine (nested dictionaries and lists) as people read them."""
    if isinstance(report, dict):
        lines = []
        for key, value in report.items():
            inner = describe(value, indent + "  ")
            if isinstance(value, (dict, list)) and inner:
                lines += [f"{indent}{key}:", *inner]
            else:
                lines.append(f"{indent}{key}: {'' if value is None else value}")
        return lines
    if isinstance(report, list):
        return [line for entry in report for line in describe(entry, indent)]
    return [f"{indent}{report}"]
