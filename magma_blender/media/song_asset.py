"""The songs of a dance as files that move: found by their content, and kept as paths relative to the .blend.

A song may have moved with the .blend or without it; its strip may have been relinked or renamed; it may have been
packed. Its path in a document is a hint, its content says which file it is.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import bpy

from engine.bounded_files import check_file
from engine.choreography import Audio, Choreography, relative_path, relink, with_paths
from engine.errors import ChoreographyError
from engine.file_hash import file_sha256

from ..errors import StripError
from . import derived_sounds, strips

_FRESH = 2.0
"""Seconds for which a panel believes what it has seen: it is drawn many times a second."""
_seen: dict[tuple[object, ...], tuple[float, str | None]] = {}


def located(document: Choreography, spare: Path) -> Choreography:
    """The document with absolute paths, for the engine: of the files that have the songs' content, else where they
    were last seen, since most edits need no song. spare: the data folder's sounds."""

    def path_of(audio: Audio) -> str:
        try:
            return str(find(audio, spare) or absolute(audio))
        except StripError:
            return str(absolute(audio))

    return with_paths(document, path_of)


def stored(document: Choreography) -> Choreography:
    """The document with paths relative to the .blend (`//songs/song.wav`), as far as there are any, to be kept in
    it."""
    folder = os.path.dirname(bpy.data.filepath)  # noqa: PTH120 - text to text
    return with_paths(document, lambda audio: _stored_path(audio.path, folder))


def _stored_path(path: str, folder: str) -> str:
    if not folder or path.startswith("//") or not os.path.isabs(path):  # noqa: PTH117 - text
        return path
    relative = relative_path(path, folder)
    return path if relative is None else f"//{relative}"


def absolute(audio: Audio) -> Path:
    """Where a song was last seen."""
    return Path(os.path.abspath(bpy.path.abspath(audio.path)))  # noqa: PTH100 - without following links


def find(audio: Audio, spare: Path) -> Path | None:
    """The file with a song's content, if it is anywhere: where it was last seen, beside the .blend, among the sounds
    and videos of this file (packed ones get a file), or among the sounds that were derived. Raises StripError where a
    packed one cannot be unpacked."""
    for path in _candidates(audio):
        if _is_song(path, audio):
            return path
    for packed in _packed():
        if audio.size not in (None, packed.size):
            continue
        data = bytes(packed.data)
        if hashlib.sha256(data).hexdigest() == audio.sha256:
            return derived_sounds.keep(data, Path(audio.file_name).suffix, spare)
    return derived_sounds.find(audio.sha256, spare)


def missing(document: Choreography, spare: Path) -> str | None:
    """The name of the first song that is not to be seen anywhere, for drawing: only sizes are compared, and not at
    every call."""
    key = (bpy.data.filepath, *((audio.path, audio.sha256, audio.size) for audio in document.audio))
    now = time.monotonic()
    if key not in _seen or not now - _FRESH < _seen[key][0]:
        if len(_seen) > 16:
            _seen.clear()
        _seen[key] = (now, next((a.file_name for a in document.audio if not _seems_there(a, spare)), None))
    return _seen[key][1]


def forget() -> None:
    """Look again at the next `missing`."""
    _seen.clear()


def relinked(document: Choreography, file: Path, another: bool, spare: Path) -> Choreography:
    """The document with a song in another file, see `engine.choreography.relink`. Raises ChoreographyError."""
    try:
        sha256, size = file_sha256(file), check_file(file).st_size
    except OSError as error:
        raise ChoreographyError(f"{file} cannot be read ({error.strerror}): choose the song of the dance.") from error
    gone = [number for number, audio in enumerate(document.audio) if find(audio, spare) is None]
    return relink(document, str(file), sha256, size, gone, another)


def _candidates(audio: Audio) -> Iterator[Path]:
    yield absolute(audio)
    if bpy.data.filepath:
        yield Path(bpy.data.filepath).parent / audio.file_name
    for sound in bpy.data.sounds:
        if sound.filepath:
            yield Path(bpy.path.abspath(sound.filepath, library=sound.library))
    for scene in bpy.data.scenes:
        if scene.sequence_editor is not None:
            for strip in strips.all_strips(scene.sequence_editor):
                if strip.type == "MOVIE":
                    yield Path(bpy.path.abspath(strip.filepath))


def _packed() -> list[bpy.types.PackedFile]:
    return [sound.packed_file for sound in bpy.data.sounds if sound.packed_file is not None]


def _is_song(path: Path, audio: Audio) -> bool:
    try:
        return audio.size in (None, check_file(path).st_size) and file_sha256(path) == audio.sha256
    except OSError:  # not there, not readable, or no path
        return False


def _seems_there(audio: Audio, spare: Path) -> bool:
    return (
        any(_may_be(path, audio) for path in _candidates(audio))
        or any(audio.size in (None, packed.size) for packed in _packed())
        or any(derived_sounds.named(audio.sha256, spare))
    )


def _may_be(path: Path, audio: Audio) -> bool:
    try:
        size = check_file(path).st_size
    except OSError:
        return False
    # documents of the first versions know no size
    return path.name == audio.file_name if audio.size is None else size == audio.size
