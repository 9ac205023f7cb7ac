"""Which strip is selected, what is in it, and which seconds of its file it plays.

Nothing here imports bpy at run time: the functions accept Blender's objects, or stand-ins with the same attributes, and
work on Blender 3.4 to 5.0, whose names differ (`sequences` became `strips`, `SoundSequence` became `SoundStrip`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from smpl_rig.blender.context import scene_of

from ..errors import NoSongError, StripError

if TYPE_CHECKING:
    import bpy

DANCEABLE = ("SOUND", "MOVIE")
CONTAINERS = ("META", "SCENE")
"""Strips that play what is inside them."""
MOST_CHANNELS = 32
"""Channels that every Blender has."""


class Strip(Protocol):
    """A strip, with the attributes that all Blender versions share.

    Frames are scene frames. frame_start: where the file's beginning lies, trimmed or not. frame_final_start,
    frame_final_end (exclusive), frame_final_duration: what is played. sound, volume: of sound strips alone.
    filepath: of movie strips alone. animation_offset_start: frames cut off before the trim ("hard" offset).
    """

    name: str
    type: str
    channel: int
    select: bool
    mute: bool
    frame_start: float
    frame_final_start: int
    frame_final_end: int
    frame_final_duration: int
    animation_offset_start: float
    sound: bpy.types.Sound | None
    volume: float
    filepath: str

    def parent_meta(self) -> Strip | None: ...

    def path_from_id(self, attribute: str) -> str: ...


class _EditorUpTo43(Protocol):
    """The sequence editor, or a meta strip, before `sequences` became `strips`."""

    sequences: bpy.types.StripsTopLevel
    sequences_all: Iterable[bpy.types.Strip]


@dataclass(frozen=True)
class Excerpt:
    """What a strip plays of its file.

    start: seconds in the file heard at the strip's first frame; negative means that silence comes first.
    seconds: seconds of the file that are played. speed: playback speed, so the strip lasts seconds / speed.
    """

    start: float
    seconds: float
    speed: float

    @property
    def duration(self) -> float:
        """Seconds that the strip lasts."""
        return self.seconds / self.speed

    def limited(self, duration: float) -> Excerpt:
        """At most `duration` seconds of it; 0 is no limit."""
        if duration <= 0 or duration >= self.duration:
            return self
        return Excerpt(self.start, duration * self.speed, self.speed)

    def part(self, after: float, duration: float) -> Excerpt:
        """The `duration` seconds of it that begin `after` seconds later."""
        return Excerpt(self.start + after * self.speed, duration * self.speed, self.speed)


def frame_rate(scene: bpy.types.Scene) -> float:
    """Frames per second of a scene, fps_base included (23.976 is 24 / 1.001)."""
    return float(scene.render.fps) / float(scene.render.fps_base)


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the sequencer shows: since 5.0 not always the window's scene, and None in background."""
    return getattr(context, "sequencer_scene", None) or scene_of(context)


def editor_of(scene: bpy.types.Scene) -> bpy.types.SequenceEditor:
    """The sequence editor of a scene that has strips."""
    assert scene.sequence_editor is not None
    return scene.sequence_editor


def strips_in(container: bpy.types.SequenceEditor | bpy.types.MetaStrip) -> list[Strip]:
    """The strips directly in a sequence editor or a meta strip."""
    inside = container.strips if hasattr(container, "strips") else cast("_EditorUpTo43", container).sequences
    return cast("list[Strip]", list(inside))


def all_strips(editor: bpy.types.SequenceEditor) -> list[Strip]:
    """Every strip of a sequence editor, also those inside meta strips."""
    inside = editor.strips_all if hasattr(editor, "strips_all") else cast("_EditorUpTo43", editor).sequences_all
    return cast("list[Strip]", list(inside))


def add_sound(scene: bpy.types.Scene, name: str, file: Path, channel: int, frame: int) -> Strip:
    """A new sound strip of the scene. Raises RuntimeError for a file that Blender cannot read as sound."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    top = editor.strips if hasattr(editor, "strips") else cast("_EditorUpTo43", editor).sequences
    return cast("Strip", top.new_sound(name, str(file), channel, frame))


def add_song(scene: bpy.types.Scene, name: str, file: Path, frame: int) -> Strip:
    """`add_sound` on the lowest channel that is free from `frame` on; the strip becomes active and alone selected."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    taken = {strip.channel for strip in strips_in(editor) if strip.frame_final_end > frame}
    free = next((channel for channel in range(1, MOST_CHANNELS) if channel not in taken), MOST_CHANNELS)
    strip = add_sound(scene, name, file, free, frame)
    for other in all_strips(editor):
        other.select = False
    strip.select = True
    editor.active_strip = cast("bpy.types.Strip", strip)
    return strip


def remove(scene: bpy.types.Scene, strip: Strip) -> None:
    """Remove a strip that lies in no meta strip from the scene."""
    editor = editor_of(scene)
    top = editor.strips if hasattr(editor, "strips") else cast("_EditorUpTo43", editor).sequences
    top.remove(cast("bpy.types.Strip", strip))


def ancestors(strip: Strip) -> list[Strip]:
    """The meta strips around a strip, the innermost first."""
    found: list[Strip] = []
    parent = strip.parent_meta()
    while parent is not None:
        found.append(parent)
        parent = parent.parent_meta()
    return found


def visible_strips(editor: bpy.types.SequenceEditor) -> list[Strip]:
    """The strips the sequencer shows: those of the meta strip that is open, or the top level."""
    open_metas = cast("list[bpy.types.MetaStrip]", list(editor.meta_stack))
    return strips_in(open_metas[-1] if open_metas else editor)


def strips_inside(strip: Strip) -> list[Strip]:
    """The strips that a meta strip, or the sequencer of a scene strip's scene, holds; none for other strips."""
    if strip.type == "META":
        return strips_in(cast("bpy.types.MetaStrip", strip))
    scene = cast("bpy.types.SceneStrip", strip).scene if strip.type == "SCENE" else None
    return strips_in(scene.sequence_editor) if scene is not None and scene.sequence_editor is not None else []


def sounds_inside(strip: Strip) -> list[Strip]:
    """The sound strips that are played with a strip: itself, or those inside it, however deep.

    Each scene is looked through once: scenes can show each other in a circle, and many times.
    """
    sounds: list[Strip] = []
    seen: set[bpy.types.Scene | None] = set()
    open_strips = [strip]
    while open_strips:
        one = open_strips.pop()
        if one.type == "SOUND":
            sounds.append(one)
        elif one.type == "SCENE":
            scene = cast("bpy.types.SceneStrip", one).scene
            if scene in seen:
                continue
            seen.add(scene)
        open_strips += reversed(strips_inside(one))
    return sounds


def pick(context: bpy.types.Context) -> tuple[bpy.types.Scene, Strip]:
    """(scene, strip) that the user means.

    The active strip if it has sound and is selected, else the first selected one with sound, else the active one,
    else the only one with sound in the sequencer. Sound and movie strips go before meta and scene strips with sound
    inside, unless one of these is the active one. Raises StripError.
    """
    scene = sequencer_scene(context)
    editor = scene.sequence_editor
    shown = visible_strips(editor) if editor else []
    sounding = [strip for strip in shown if strip.type in DANCEABLE]
    containers = [strip for strip in shown if strip.type in CONTAINERS and sounds_inside(strip)]
    active = cast("Strip | None", editor.active_strip) if editor else None
    if active is not None and active not in sounding + containers:
        active = None
    if active is not None and active.select:
        return scene, with_sound(active, sounding)
    for candidates in (sounding, containers):
        selected = sorted((strip for strip in candidates if strip.select), key=lambda strip: strip.frame_final_start)
        if selected:
            return scene, with_sound(selected[0], sounding)
    if active is not None:
        return scene, with_sound(active, sounding)
    candidates = []
    for strip in sounding or containers:
        meant = with_sound(strip, sounding)
        if meant not in candidates:
            candidates.append(meant)
    if len(candidates) == 1:
        return scene, candidates[0]
    if not candidates:
        raise NoSongError("No song: add a sound strip to the Video Sequencer (Add > Sound) and select it.")
    raise StripError(f"None of the {len(candidates)} strips with sound is selected: select the song to dance to.")


def with_sound(strip: Strip, others: Iterable[Strip]) -> Strip:
    """For a movie strip the sound strip that plays with it: of the same file, over most of the same frames.

    The two need not begin at the same frame: Blender puts sound that begins later than the picture so much later.
    """
    if strip.type != "MOVIE":
        return strip

    def shared(other: Strip) -> tuple[int, float]:
        frames = min(strip.frame_final_end, other.frame_final_end) - max(
            strip.frame_final_start, other.frame_final_start
        )
        return frames, -abs(strip.frame_start - other.frame_start)

    same = [other for other in others if other.type == "SOUND" and _same_file(other, strip)]
    partner = max(same, key=shared, default=strip)
    return partner if shared(partner)[0] > 0 else strip


def _same_file(sound_strip: Strip, movie_strip: Strip) -> bool:
    sound = sound_strip.sound
    return sound is not None and _file_name(sound.filepath) == _file_name(movie_strip.filepath)


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def is_retimed(strip: Strip) -> bool:
    """Whether the strip has retiming keys (4.5 and later): then only a mixdown says what is heard."""
    return len(getattr(strip, "retiming_keys", ())) > 0


def excerpt(strip: Strip, fps: float) -> Excerpt:
    """What an un-retimed strip plays of its file.

    The formula was checked by mixing down a file whose value is its time. Blender does not scale the trimmed offset by
    `speed_factor` (3.4), so a strip trimmed by d seconds starts at d seconds of the file whatever its speed. A strip
    that begins before its file does is silent first where strips have a `sound_offset` (4.5 and later); without one
    (3.4) it plays the file at once. With a hard offset, Blender 4.5 and 5.0 play some strips up to a frame later.
    """
    speed = float(getattr(strip, "speed_factor", 1.0))
    if speed <= 0:
        raise StripError(f'The strip "{strip.name}" has speed {speed:g}: give it a speed above 0.')
    trimmed = strip.frame_final_start - strip.frame_start + float(strip.animation_offset_start)
    start = trimmed / fps - float(getattr(strip, "sound_offset", 0.0))
    if not hasattr(strip, "sound_offset"):
        start = max(start, 0.0)
    return Excerpt(start=start, seconds=strip.frame_final_duration / fps * speed, speed=speed)
