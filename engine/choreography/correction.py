"""What a person says of a song's rhythm, where it was heard wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from ..checks import is_count, is_number, shown
from ..errors import ChoreographyError

SLOWEST, FASTEST = 20.0, 400.0
"""Beats per minute."""
MOST_BEATS = 40_000
"""Of all songs of a dance together. Panels draw all beats."""
LATEST_BEAT = 1e6
"""Seconds; hundreds of the longest dances."""
LONGEST_BAR = 12
"""Beats of a bar that a person may say."""


@dataclass(frozen=True)
class Correction:
    """A correction of a song's rhythm; all of it optional, all times in seconds of the file. Raises ChoreographyError.

    tempo: beats per minute. one: a moment at which a bar begins. beats_per_bar: the metre. anchors: moments that are
    beats, rising (markers that were moved). beats: all beats, rising, as from a file of annotations; no others are
    tracked then.
    """

    tempo: float | None = None
    one: float | None = None
    beats_per_bar: int | None = None
    anchors: tuple[float, ...] = ()
    beats: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.tempo is not None and not is_number(self.tempo, SLOWEST, FASTEST):
            raise ChoreographyError(
                f"The tempo is {shown(self.tempo)}. Give {SLOWEST:g} to {FASTEST:g} beats per minute."
            )
        if self.one is not None and not is_number(self.one):
            raise ChoreographyError(f"The one is at {shown(self.one)}. Give the second at which a bar begins.")
        if self.beats_per_bar is not None and not is_count(self.beats_per_bar, 2, LONGEST_BAR):
            raise ChoreographyError(f"The metre is {shown(self.beats_per_bar)}. Give 2 to {LONGEST_BAR} beats a bar.")
        for name, times in (("anchors", self.anchors), ("beats", self.beats)):
            if len(times) > MOST_BEATS or not rises(times):
                raise ChoreographyError(
                    f"The {name} of the correction do not rise. Give at most {MOST_BEATS} seconds, each after the one "
                    "before."
                )
        if len(self.beats) == 1:
            raise ChoreographyError("One beat alone has no tempo. Give the seconds of two beats or more.")

    def __bool__(self) -> bool:
        return self != NO_CORRECTION


def rises(times: tuple[float, ...]) -> bool:
    """Whether all are seconds that a song may have, each larger than the one before."""
    return all(is_number(time, -LATEST_BEAT, LATEST_BEAT) for time in times) and all(
        one < two for one, two in pairwise(times)
    )


def correction_from(data: object) -> Correction:
    """A correction from plain values by name; None is none. Raises ChoreographyError."""
    if data is None:
        return NO_CORRECTION
    names = {field.name for field in fields(Correction)}
    if not isinstance(data, Mapping) or not set(data) <= names:
        raise ChoreographyError(
            f"The correction of the rhythm is {shown(data)}. Use some of {', '.join(sorted(names))}."
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items() if value is not None
    }
    for name in ("anchors", "beats"):
        if not isinstance(values.get(name, ()), tuple):
            raise ChoreographyError(f"The {name} of the correction are {shown(values[name])}. Give a list of seconds.")
    return Correction(**values)


NO_CORRECTION = Correction()
