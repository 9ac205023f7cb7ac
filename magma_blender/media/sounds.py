"""From a strip to a file on disk that the engine can open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import StripError
from . import audibility, mixdown, strips
from .strips import Excerpt, Strip

CACHE_LIMIT = 20
"""Sound files kept in the cache; the oldest go first."""


@dataclass(frozen=True)
class Source:
    """A file the engine can open, and what is played of it. first: the scene frame at which it is heard."""

    file: Path
    excerpt: Excerpt
    first: int


def source_of(scene: bpy.types.Scene, strip: Strip, cache: Path) -> Source:
    """The strip's file and excerpt. Packed sound is unpacked and what only Blender knows mixed down, into `cache`.

    Raises StripError.
    """
    first, end = audibility.audible_frames(scene, strip)
    if strip.type == "MOVIE":
        raise StripError(
            f'Blender plays no sound with the movie strip "{strip.name}": add the sound of its file (Add > Sound) and '
            "select that strip."
        )
    fps = strips.frame_rate(scene)
    if mixdown.is_needed(scene, strip):
        for inside in strips.sounds_inside(strip):
            _sound_of(inside)
        _make_room(cache)
        # Blender mixes down from frame 0 on: what the strip plays before that counts as silence
        silent = max(0, -first) / fps
        file = mixdown.mix_down(scene, strip, (first, end), cache)
        return Source(file, Excerpt(-silent, (end - first) / fps, 1.0), first)
    whole = strips.excerpt(strip, fps)
    played = whole.part((first - strip.frame_final_start) / fps, (end - first) / fps)
    sound = _sound_of(strip)
    packed = sound.packed_file
    return Source(_unpack(sound, packed, cache) if packed is not None else _path_of(sound), played, first)


def _sound_of(strip: Strip) -> bpy.types.Sound:
    """The sound of a sound strip, which is there: packed or as a file."""
    if strip.sound is None:
        raise StripError(f'The strip "{strip.name}" has no sound: choose a file in its Source panel.')
    if strip.sound.packed_file is None and not _path_of(strip.sound).is_file():
        raise StripError(
            f'The file of the strip "{strip.name}" is gone ({_path_of(strip.sound)}): put it back, or choose another '
            "file for the strip."
        )
    return strip.sound


def _path_of(sound: bpy.types.Sound) -> Path:
    return Path(bpy.path.abspath(sound.filepath, library=sound.library))


def _unpack(sound: bpy.types.Sound, packed: bpy.types.PackedFile, cache: Path) -> Path:
    data = bytes(packed.data)
    suffix = Path(sound.filepath.replace("\\", "/")).suffix
    file = _cache_file(cache, hashlib.sha256(data).hexdigest(), suffix)
    if not file.is_file():
        _write(file, data)
    return file


def _write(file: Path, data: bytes) -> None:
    try:
        part = file.with_suffix(".part")
        part.write_bytes(data)
        part.replace(file)
    except OSError as error:
        raise StripError(
            f"The packed sound cannot be unpacked to {file.parent} ({error.strerror}): choose another data folder "
            "in the add-on's preferences."
        ) from error


def _cache_file(cache: Path, key: str, suffix: str) -> Path:
    _make_room(cache)
    return cache / (key[:24] + suffix)


def _make_room(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        old = sorted((file for file in cache.iterdir() if file.is_file()), key=lambda file: file.stat().st_mtime)
        for file in old[:-CACHE_LIMIT]:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise StripError(
            f"The sound cache {cache} cannot be written ({error.strerror}): choose another data folder in the add-on's "
            "preferences."
        ) from error
