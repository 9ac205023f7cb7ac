"""What the scene knows of songs' rhythms: as the engine heard them, and as the user corrected them.

It is one custom property of the scene, a text, with the songs by the content of their files: so a correction is offered
again for the same song, wherever that lies. The dances have theirs in their documents.
"""

from __future__ import annotations

import dataclasses
import json
import time
from functools import lru_cache
from pathlib import Path

import bpy

from engine.choreography import NO_CORRECTION, Choreography, Correction, correction_from
from engine.errors import ChoreographyError

from ..engine_host.answers import SongRhythm, read_rhythm
from ..errors import AnswerError

KEY = "magma_rhythms"
MOST_SONGS = 16
"""Those that were heard last."""
_LONGEST = 8 * 2**20
"""Characters of the property."""
_FRESH = 2.0
"""Seconds for which a panel believes what it has seen of a file: it is drawn many times a second."""
_sizes: dict[str, tuple[float, int | None]] = {}


@dataclasses.dataclass(frozen=True)
class KnownRhythm:
    """A song's rhythm, which heeds the correction. name, size: of its file."""

    rhythm: SongRhythm
    correction: Correction
    name: str
    size: int


def keep(scene: bpy.types.Scene, file: Path, rhythm: SongRhythm, correction: Correction) -> None:
    """Let the scene know the rhythm of a file."""
    try:
        size = file.stat().st_size
    except OSError:  # it has gone meanwhile
        return
    known = [each for each in all_known(scene) if each.rhythm.sha256 != rhythm.sha256]
    new = KnownRhythm(rhythm, correction, file.name, size)
    stored = [dataclasses.asdict(each) for each in [*known, new][-MOST_SONGS:]]
    scene[KEY] = json.dumps(stored, separators=(",", ":"))
    _sizes.clear()


def all_known(scene: bpy.types.Scene) -> tuple[KnownRhythm, ...]:
    """Every song that the scene knows; what is damaged is left out, since the engine can hear it again."""
    text = scene.get(KEY)
    return _read(text) if isinstance(text, str) and len(text) <= _LONGEST else ()


def of_content(scene: bpy.types.Scene, sha256: str) -> KnownRhythm | None:
    """What the scene knows of a song by its content."""
    return next((known for known in all_known(scene) if known.rhythm.sha256 == sha256), None)


def correction_of(scene: bpy.types.Scene, sha256: str) -> Correction:
    """How the user corrected a song."""
    known = of_content(scene, sha256)
    return known.correction if known is not None else NO_CORRECTION


def outdated(scene: bpy.types.Scene, document: Choreography) -> list[tuple[int, Correction]]:
    """The songs of a dance, by number, whose rhythm was corrected otherwise since."""
    known = {each.rhythm.sha256: each.correction for each in all_known(scene)}
    return [
        (number, known[audio.sha256])
        for number, audio in enumerate(document.audio)
        if known.get(audio.sha256, audio.correction) != audio.correction
    ]


def of_file(scene: bpy.types.Scene, file: Path) -> KnownRhythm | None:
    """What the scene knows of a file, for drawing: only names and sizes are compared, and not at every call."""
    known = [each for each in all_known(scene) if each.name == file.name]
    size = _size(file) if known else None
    return next((each for each in known if each.size == size), None)


def _size(file: Path) -> int | None:
    now, key = time.monotonic(), str(file)
    if key not in _sizes or not now - _FRESH < _sizes[key][0]:
        if len(_sizes) > MOST_SONGS:
            _sizes.clear()
        try:
            _sizes[key] = (now, file.stat().st_size)
        except (OSError, ValueError):
            _sizes[key] = (now, None)
    return _sizes[key][1]


@lru_cache(maxsize=2)
def _read(text: str) -> tuple[KnownRhythm, ...]:
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    found = (_known(entry) for entry in stored[:MOST_SONGS]) if isinstance(stored, list) else ()
    return tuple(known for known in found if known is not None)


def _known(entry: object) -> KnownRhythm | None:
    match entry:
        case {"rhythm": rhythm, "correction": correction, "name": str(name), "size": int(size)}:
            try:
                return KnownRhythm(read_rhythm(rhythm), correction_from(correction), name, size)
            except (AnswerError, ChoreographyError):
                return None
    return None
