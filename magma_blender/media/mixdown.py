"""What Blender plays of one strip, as a sound file: Blender mixes the strip's frames down while all else is mute.

For everything whose sound no formula tells: retimed strips, sound of videos, meta and scene strips.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import wave
from collections.abc import Iterator
from pathlib import Path

import bpy

from ..errors import StripError
from . import audibility, strips
from .scene_copy import without_objects
from .strips import Strip

_SILENCE = 32
"""Largest 16-bit sample, about -60 dB of full scale, up to which nothing is heard."""
_VIDEOS = frozenset(
    f".{ending}"
    for ending in (
        *("avi", "divx", "dv", "flv", "gif", "m2t", "m2ts", "m2v", "m4v", "mkv", "mov", "movie", "mp4", "mpeg", "mpg"),
        *("mpg2", "mts", "mv", "mxf", "ogv", "r3d", "ts", "vob", "webm", "wmv", "xvid", "3gp"),
    )
)
"""Endings of files in which the sound may begin later than the picture, or earlier."""


def is_needed(scene: bpy.types.Scene, strip: Strip) -> bool:
    """Whether only a mixdown says what is heard of a strip, and `strips.excerpt` does not."""
    if strip.type != "SOUND" or strips.is_retimed(strip) or strip.sound is None:
        return True
    if hasattr(strip, "speed_factor") and audibility.is_animated(scene, strip, "speed_factor"):
        return True
    if strip.frame_final_start < strip.frame_start and not (
        hasattr(strip, "speed_factor") or hasattr(strip, "sound_offset")
    ):
        return True  # a Blender in between, of which nobody has seen what it plays before the file begins
    return Path(strip.sound.filepath.replace("\\", "/")).suffix.lower() in _VIDEOS


def mix_down(scene: bpy.types.Scene, strip: Strip, frames: tuple[int, int], folder: Path) -> Path:
    """A 16-bit wav file in `folder`, named by its content, of what is heard of the strip from the frame
    max(0, frames[0]) on to frames[1] (exclusive): Blender plays nothing before frame 0.

    Raises StripError, also when nothing is heard, and then leaves no file; OSError where the disk refuses.
    """
    part = folder / f"mixdown-{os.getpid()}.part.wav"
    try:
        with (
            _alone(scene, strip, frames) as quiet,
            # not the window's view layer, which is another scene's
            bpy.context.temp_override(scene=quiet, view_layer=quiet.view_layers[0]),
        ):
            bpy.ops.sound.mixdown(filepath=str(part), container="WAV", codec="PCM", format="S16")
        if _peak(part) > _SILENCE:
            return part.replace(folder / f"{hashlib.sha256(part.read_bytes()).hexdigest()[:24]}.wav")
    except (RuntimeError, wave.Error, EOFError) as error:
        raise StripError(
            f'What is heard of the strip "{strip.name}" could not be mixed down to {folder} '
            f"({str(error).removeprefix('Error: ').strip()}): make room there, or mix the sound down yourself (Render "
            "> Render Audio) and dance to that."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # what is wrong with the folder is said already
            part.unlink(missing_ok=True)
    how = "set its Input to Sequencer" if strip.type == "SCENE" else "make its sound audible"
    raise StripError(f'Nothing is heard of the strip "{strip.name}": {how}, or select the sound strip to dance to.')


def _peak(file: Path) -> int:
    """The largest sample of a 16-bit wav file, without its sign."""
    import numpy as np

    largest = 0
    with wave.open(str(file), "rb") as sound:
        while block := sound.readframes(1 << 18):
            largest = max(largest, int(np.abs(np.frombuffer(block, "<i2").astype(np.int32)).max()))
    return largest


@contextlib.contextmanager
def _alone(scene: bpy.types.Scene, strip: Strip, frames: tuple[int, int]) -> Iterator[bpy.types.Scene]:
    """A copy of the scene that plays the strip's frames and nothing else, no speakers either; gone at the end.

    A copy, because speakers that were once mute for Blender's mixer stay so.
    """
    kept = {one.name for one in (strip, *strips.ancestors(strip), *_descendants(strip))}
    with without_objects(scene) as quiet:
        for other in strips.all_strips(strips.editor_of(quiet)):
            if other.name not in kept:
                other.mute = True
        ffmpeg = quiet.render.ffmpeg
        assert ffmpeg is not None
        # in 3.4 this setting mutes, later it plays
        quiet.use_audio = quiet.bl_rna.properties["use_audio"].name != "Audio Muted"
        quiet.audio_volume = 1.0
        ffmpeg.audio_channels = "STEREO"  # a mono mix of opposite channels is silence
        quiet.frame_end = max(0, frames[1] - 1)
        quiet.frame_start = max(0, frames[0])
        quiet.view_layers[0].update()
        yield quiet


def _descendants(strip: Strip) -> list[Strip]:
    inside = strips.strips_inside(strip) if strip.type == "META" else []
    return [found for child in inside for found in (child, *_descendants(child))]
