"""The list of a dance's versions, and the text that it is kept as. Pure: nothing here touches Blender."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache

from engine.checks import is_count, is_number, shown

FORMAT = 1
LONGEST_NAME = 120
MOST_VERSIONS = 10_000
_LONGEST = 1 << 25
"""Characters of a list."""


@dataclass(frozen=True)
class Version:
    """What a dance was at a time. made: seconds since 1970. document, motion, keys, character: names of parts, in
    hexadecimal numbers; `keys` is empty where they were not as the add-on had written them. pose: the joints of one
    pose seen from in front of it, see `poses`. The others are as in `Dancer`."""

    number: int
    name: str
    made: float
    document: str
    motion: str
    keys: str
    character: str
    frame_start: int
    fps: float
    strip: str
    action: str
    beat_snap: float
    pose: str


@dataclass(frozen=True)
class History:
    """All versions, the oldest first. present: the number of the one that is danced."""

    present: int = 0
    versions: tuple[Version, ...] = ()

    def version(self, number: int) -> Version | None:
        """That version; None where there is none."""
        return next((version for version in self.versions if version.number == number), None)

    def with_version(self, version: Version) -> History:
        """With one more version, which is danced."""
        return History(version.number, (*self.versions, version))

    def next_number(self) -> int:
        """Of a new version."""
        return max((version.number for version in self.versions), default=0) + 1

    def without(self, numbers: set[int]) -> History:
        """Without these versions, but for the present one."""
        kept = tuple(v for v in self.versions if v.number not in numbers or v.number == self.present)
        return replace(self, versions=kept)

    def renamed(self, number: int, name: str) -> History:
        """With another name for a version."""
        versions = (replace(v, name=name[:LONGEST_NAME]) if v.number == number else v for v in self.versions)
        return replace(self, versions=tuple(versions))


def to_text(history: History) -> str:
    """The list as text."""
    versions = [asdict(version) for version in history.versions]
    return json.dumps({"format": FORMAT, "present": history.present, "versions": versions}, separators=(",", ":"))


@lru_cache(maxsize=16)
def from_text(text: str) -> History:
    """The list in a text. Raises ValueError with a clause that says what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError("it is longer than any list of versions")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no list of versions") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("it is of another version of the add-on")
    versions, present = data.get("versions"), data.get("present")
    if not isinstance(versions, list) or not is_count(present, 0, 2**31) or len(versions) > MOST_VERSIONS:
        raise ValueError("it is no list of versions")
    return History(present, tuple(map(_version, versions)))


def _version(data: object) -> Version:
    if not isinstance(data, dict):
        raise ValueError("one of its versions is none")
    for field in fields(Version):
        value = data.get(field.name)
        if not _FITS[field.type](value):
            raise ValueError(f"the {field.name.replace('_', ' ')} of one of its versions is {shown(value)}")
    return Version(**{field.name: data[field.name] for field in fields(Version)})


_FITS: dict[object, Callable[[object], bool]] = {
    "int": lambda value: is_count(value, -(2**31), 2**31 - 1),
    "float": is_number,
    "str": lambda value: isinstance(value, str),
}
