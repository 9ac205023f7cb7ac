"""From a strip to a file on disk that the engine can open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import StripError
from . import audibility, derived_sounds, mixdown, strips
from .strips import Excerpt, Strip


@dataclass(frozen=True)
class Source:
    """A file the engine can open, and what is played of it. first: the scene frame at which it is heard."""

    file: Path
    excerpt: Excerpt
    first: int

    def second_at(self, frame: float, fps: float) -> float:
        """The second of the file that is heard at a scene frame."""
        return self.excerpt.start + (frame - self.first) / fps * self.excerpt.speed

    def frame_of(self, second: float, fps: float) -> float:
        """The scene frame at which a second of the file is heard."""
        return self.first + (second - self.excerpt.start) / self.excerpt.speed * fps


def source_of(scene: bpy.types.Scene, strip: Strip, spare: Path) -> Source:
    """The strip's file and excerpt. Packed sound is unpacked and what only Blender knows mixed down, see
    `derived_sounds`; spare: the data folder's sounds.

    Raises StripError.
    """
    key = _key(scene, strip)
    _mixed.pop(key, None)
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
        # Blender mixes down from frame 0 on: what the strip plays before that counts as silence
        silent = max(0, -first) / fps
        file = derived_sounds.in_folder(spare, lambda folder: mixdown.mix_down(scene, strip, (first, end), folder))
        return _noted(key, Source(file, Excerpt(-silent, (end - first) / fps, 1.0), first))
    sound = _sound_of(strip)
    played = _played(strip, fps, first, end)
    if sound.packed_file is None:
        return Source(_path_of(sound), played, first)
    return _noted(key, Source(_unpack(sound, sound.packed_file, spare), played, first))


def source_seen(scene: bpy.types.Scene, strip: Strip) -> Source | None:
    """`source_of` for drawing: of what would have to be mixed down or unpacked it is what was made last, if any."""
    try:
        first, end = audibility.audible_frames(scene, strip)
        if strip.type == "MOVIE":
            return None
        if mixdown.is_needed(scene, strip) or strip.sound is None or strip.sound.packed_file is not None:
            return _mixed.get(_key(scene, strip))
        return Source(_path_of(strip.sound), _played(strip, strips.frame_rate(scene), first, end), first)
    except StripError:
        return None


_Key = tuple[str, str, int, int]
_mixed: dict[_Key, Source] = {}
_MOST_MIXED = 32


def _key(scene: bpy.types.Scene, strip: Strip) -> _Key:
    return scene.name, strip.name, strip.frame_final_start, strip.frame_final_end


def _noted(key: _Key, source: Source) -> Source:
    while len(_mixed) >= _MOST_MIXED:
        _mixed.pop(next(iter(_mixed)))
    _mixed[key] = source
    return source


def _played(strip: Strip, fps: float, first: int, end: int) -> Excerpt:
    """What a strip plays of its file in the scene frames first..end."""
    return strips.excerpt(strip, fps).part((first - strip.frame_final_start) / fps, (end - first) / fps)


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


def _unpack(sound: bpy.types.Sound, packed: bpy.types.PackedFile, spare: Path) -> Path:
    """A file with what is packed: its own, if that is still there, is not copied."""
    data, own = bytes(packed.data), _path_of(sound)
    try:
        if own.is_file() and own.stat().st_size == len(data) and own.read_bytes() == data:
            return own
    except (OSError, ValueError):  # as if it were not there
        pass
    return derived_sounds.keep(data, Path(sound.filepath.replace("\\", "/")).suffix, spare)
