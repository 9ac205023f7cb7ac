"""From a strip to a file on disk that the engine can open."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import StripError
from . import strips
from .strips import Excerpt, Strip

CACHE_LIMIT = 20
"""Sound files kept in the cache; the oldest go first."""


@dataclass(frozen=True)
class Source:
    """A file the engine can open, and what is played of it."""

    file: Path
    excerpt: Excerpt


def source_of(scene: bpy.types.Scene, strip: Strip, cache: Path) -> Source:
    """The strip's file and excerpt. Packed sound is unpacked and retimed sound mixed down into `cache`.

    Raises StripError.
    """
    strips.check_audible(strip, strips.editor_of(scene))
    fps = strips.frame_rate(scene)
    if strips.is_retimed(strip):
        # Blender mixes down from frame 0 on: what the strip plays before that counts as silence
        silent = max(0, -strip.frame_final_start) / fps
        return Source(_mixdown(scene, strip, cache), Excerpt(-silent, strip.frame_final_duration / fps, 1.0))
    return Source(_file_of(strip, cache), strips.excerpt(strip, fps))


def _file_of(strip: Strip, cache: Path) -> Path:
    if strip.type == "MOVIE":
        file = Path(bpy.path.abspath(strip.filepath))
    else:
        sound = strip.sound
        if sound is None:
            raise StripError(f'The strip "{strip.name}" has no sound: choose a file in its Source panel.')
        if sound.packed_file is not None:
            return _unpack(sound, sound.packed_file, cache)
        file = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if not file.is_file():
        raise StripError(
            f'The file of the strip "{strip.name}" is gone ({file}): put it back, or choose another file for the strip.'
        )
    return file


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


def _mixdown(scene: bpy.types.Scene, strip: Strip, cache: Path) -> Path:
    """What is heard of a retimed strip, as a file: all other strips are muted while Blender mixes its frames down."""
    key = f"{strip.name} {scene.name} {strip.frame_final_start} {strip.frame_final_end}"
    file = _cache_file(cache, hashlib.sha256(key.encode()).hexdigest(), ".wav")
    try:
        with _alone(scene, strip), bpy.context.temp_override(scene=scene):
            result = bpy.ops.sound.mixdown(filepath=str(file), container="WAV", codec="PCM", format="S16")
        finished = result == {"FINISHED"}
    except RuntimeError:  # what the operator reports as an error, such as a folder that cannot be written
        finished = False
    if not finished or not file.is_file():
        raise StripError(
            f'The retimed strip "{strip.name}" could not be mixed down to {file}: remove its retiming, or choose '
            "another data folder in the add-on's preferences."
        )
    return file


@contextlib.contextmanager
def _alone(scene: bpy.types.Scene, strip: Strip) -> Iterator[None]:
    """The scene's range set to the strip and every other strip muted; all as before at the end."""
    frames = scene.frame_start, scene.frame_end
    kept = [strip, *strips.ancestors(strip)]
    others = [other for other in strips.all_strips(strips.editor_of(scene)) if other not in kept and not other.mute]
    try:
        for other in others:
            other.mute = True
        scene.frame_start, scene.frame_end = max(0, strip.frame_final_start), max(0, strip.frame_final_end - 1)
        yield
    finally:
        scene.frame_start, scene.frame_end = frames
        for other in others:
            other.mute = False


def _cache_file(cache: Path, key: str, suffix: str) -> Path:
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
    return cache / (key[:24] + suffix)
