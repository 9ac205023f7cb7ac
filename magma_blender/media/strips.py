"""Which strip is picked, and which seconds of its file it plays.

Nothing here imports bpy: the functions take Blender's objects (or stand-ins with the same attributes) and work on
Blender 3.4 to 5.0, whose names differ (`sequences` became `strips`, `active_sequence_strip` became `active_strip`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import StripError

DANCEABLE = ("SOUND", "MOVIE")


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


def frame_rate(scene: Any) -> float:
    """Frames per second of a scene, fps_base included (23.976 is 24 / 1.001)."""
    return float(scene.render.fps) / float(scene.render.fps_base)


def sequencer_scene(context: Any) -> Any:
    """The scene whose strips the sequencer shows: since 5.0 not always the window's scene, and None in background."""
    return getattr(context, "sequencer_scene", None) or context.scene


def strips_in(container: Any) -> list[Any]:
    """The strips directly in a sequence editor or a meta strip."""
    return list(container.strips if hasattr(container, "strips") else container.sequences)


def all_strips(editor: Any) -> list[Any]:
    """Every strip of a sequence editor, also those inside meta strips."""
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def ancestors(strip: Any) -> list[Any]:
    """The meta strips around a strip, the innermost first."""
    found = []
    while (strip := strip.parent_meta()) is not None:
        found.append(strip)
    return found


def visible_strips(editor: Any) -> list[Any]:
    """The strips the sequencer shows: those of the meta strip that is open, or the top level."""
    open_metas = list(getattr(editor, "meta_stack", ()) or ())
    return strips_in(open_metas[-1] if open_metas else editor)


def pick(context: Any) -> tuple[Any, Any]:
    """(scene, strip) that the user means.

    The active strip if it has sound and is selected, else the first selected one with sound, else the active one,
    else the only one with sound in the sequencer. Raises StripError.
    """
    scene = sequencer_scene(context)
    editor = scene.sequence_editor
    shown = visible_strips(editor) if editor else []
    sounding = [strip for strip in shown if strip.type in DANCEABLE]
    active = editor.active_strip if editor else None
    if active is not None and active.type not in DANCEABLE:
        active = None
    selected = sorted((strip for strip in sounding if strip.select), key=lambda strip: strip.frame_final_start)
    if active is not None and active.select:
        return scene, with_sound(active, sounding)
    if selected:
        return scene, with_sound(selected[0], sounding)
    if active is not None:
        return scene, with_sound(active, sounding)
    if len(sounding) == 1:
        return scene, sounding[0]
    if not sounding:
        raise StripError("No song: add a sound strip to the Video Sequencer (Add > Sound) and select it.")
    raise StripError(f"None of the {len(sounding)} sound strips is selected: select the song to dance to.")


def with_sound(strip: Any, others: Iterable[Any]) -> Any:
    """For a movie strip the sound strip that Blender added with it (same start frame), which may be trimmed apart."""
    if strip.type != "MOVIE":
        return strip
    partners = [
        other
        for other in others
        if other.type == "SOUND" and other.frame_start == strip.frame_start and _same_file(other, strip)
    ]
    return partners[0] if partners else strip


def _same_file(sound_strip: Any, movie_strip: Any) -> bool:
    sound = sound_strip.sound
    return sound is not None and _file_name(sound.filepath) == _file_name(movie_strip.filepath)


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def is_retimed(strip: Any) -> bool:
    """Whether the strip has retiming keys (4.5 and later): then only a mixdown says what is heard."""
    return len(getattr(strip, "retiming_keys", ())) > 0


def excerpt(strip: Any, fps: float) -> Excerpt:
    """What an un-retimed strip plays of its file.

    The formula was checked by mixing down a file whose value is its time. Blender does not scale the trimmed offset by
    `speed_factor` (3.4), so a strip trimmed by d seconds starts at d seconds of the file whatever its speed.
    """
    speed = float(getattr(strip, "speed_factor", 1.0))
    if speed <= 0:
        raise StripError(f'The strip "{strip.name}" has speed {speed:g}: give it a speed above 0.')
    trimmed = strip.frame_final_start - strip.frame_start + getattr(strip, "animation_offset_start", 0.0)
    start = trimmed / fps - float(getattr(strip, "sound_offset", 0.0))
    return Excerpt(start=start, seconds=strip.frame_final_duration / fps * speed, speed=speed)


def why_silent(strip: Any, editor: Any) -> str | None:
    """Why nobody hears the strip, as a clause ("is muted"), or None."""
    if strip.mute:
        return "is muted"
    channels = getattr(editor, "channels", None)
    if channels is not None and 0 <= strip.channel < len(channels) and channels[strip.channel].mute:
        return f"is on channel {strip.channel}, which is muted"
    for parent in ancestors(strip):
        if parent.mute:
            return f'is inside "{parent.name}", which is muted'
    if strip.type == "SOUND" and strip.volume == 0:
        return "has volume 0"
    return None


def check_audible(strip: Any, editor: Any) -> None:
    """Raise StripError when the strip is muted or has no length."""
    reason = why_silent(strip, editor)
    if reason:
        raise StripError(f'The strip "{strip.name}" {reason}: make it audible, or select another one.')
    if strip.frame_final_duration <= 0:
        raise StripError(f'The strip "{strip.name}" has no length: lengthen it, or select another one.')
