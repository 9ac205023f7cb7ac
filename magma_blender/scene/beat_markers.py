"""The beats of songs in scene frames, their bars, and timeline markers for them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import bpy

from engine.choreography import Audio

from ..engine_host.answers import SongRhythm
from ..media.sounds import Source
from .dancer import Dancer

NAME = "bar"
MADE_KEY = "magma_beats"
"""The scene's custom property that says which markers the add-on made."""

LAST_FRAME = 1_048_574
"""Of any scene, in either direction: Blender's own limit."""


@dataclass(frozen=True)
class Beat:
    """frame: scene frame, not rounded. bar, beat: counted from 1 on; beats before the first bar are in bar 0. strength:
    how clearly it is heard, 0..1."""

    frame: float
    bar: int
    beat: int
    strength: float = 1.0


def beats_of(dancer: Dancer) -> list[Beat]:
    """The beats of a dance's songs, each until the next song begins; none where they are not known."""
    document = dancer.document
    return list(_beats(document.audio, len(document), document.token_rate, dancer.frame_start, dancer.fps))


@lru_cache(maxsize=8)
def _beats(songs: tuple[Audio, ...], count: int, token_rate: float, frame_start: int, fps: float) -> tuple[Beat, ...]:
    """The beats of songs up to token position `count`; kept, since they are drawn many times a second."""
    beats, before = list[Beat](), 0
    ends = [*(audio.at for audio in songs[1:]), count]
    for audio, end in zip(songs, ends, strict=True):
        begin = audio.at / token_rate
        played = [seconds for seconds in audio.beats if begin + seconds < end / token_rate]
        places = _places(len(played), audio.ones, audio.beats_per_bar)
        for seconds, (bar, beat) in zip(played, places, strict=True):
            beats.append(Beat(frame_start + (begin + seconds) * fps, before + bar, beat))
        before += places[-1][0] if places else 0
    return tuple(beats)


def beats_heard(rhythm: SongRhythm, source: Source, fps: float) -> list[Beat]:
    """The beats of a song within what a strip plays of it."""
    places = _places(len(rhythm.beats), rhythm.ones, rhythm.beats_per_bar)
    played = source.excerpt
    return [
        Beat(source.frame_of(second, fps), *place, strength)
        for second, place, strength in zip(rhythm.beats, places, rhythm.strength, strict=True)
        if played.start <= second < played.start + played.seconds
    ]


def _places(count: int, ones: Sequence[int], beats_per_bar: int) -> list[tuple[int, int]]:
    """(bar, beat) of each of `count` beats, of which those numbered `ones` begin bars. Where these are not known, the
    first beat begins one."""
    starts = [one for one in ones if one < count] or list(range(0, count, beats_per_bar))
    if not starts:
        return []
    upbeat = [(0, max(beats_per_bar - starts[0] + number, 0) + 1) for number in range(starts[0])]
    bars = [(bar, start, stop) for bar, (start, stop) in enumerate(pairwise([*starts, count]), 1)]
    return upbeat + [(bar, number - start + 1) for bar, start, stop in bars for number in range(start, stop)]


def has_marks(scene: bpy.types.Scene) -> bool:
    """Whether the add-on made markers of beats."""
    return bool(_made(scene))


def moved(scene: bpy.types.Scene) -> list[tuple[int, int]]:
    """(frame where the add-on put it, frame where it is now) of every marker of a beat that somebody has moved."""
    there = [(marker.frame, marker.name) for marker in scene.timeline_markers]
    found = []
    for frame, name in sorted(_made(scene) - set(there)):
        now = [at for at, named in there if named == name]
        if len(now) == 1:
            found.append((frame, now[0]))
    return found


def mark(scene: bpy.types.Scene, beats: Sequence[Beat]) -> None:
    """Timeline markers at the beats, in place of those of an earlier call that nobody has moved or renamed."""
    made = _made(scene)
    for marker in [marker for marker in scene.timeline_markers if (marker.frame, marker.name) in made]:
        if marker.camera is None:
            scene.timeline_markers.remove(marker)
    there = {(marker.frame, marker.name) for marker in scene.timeline_markers}
    added = []
    for beat in beats:
        frame, name = round(beat.frame), f"{NAME} {beat.bar}" if beat.beat == 1 else f"{NAME} {beat.bar}.{beat.beat}"
        if abs(frame) > LAST_FRAME or (frame, name) in there:
            continue  # the latter are the animator's own, or from before the add-on noted its own
        marker = scene.timeline_markers.new(name, frame=frame)
        marker.select = False  # selected markers say where to edit
        added.append((frame, name))
    scene.pop(MADE_KEY, None)
    scene[MADE_KEY] = {"frames": [frame for frame, _ in added], "names": "\n".join(name for _, name in added)}


def _made(scene: bpy.types.Scene) -> set[tuple[int, str]]:
    """Frame and name of the markers that the add-on made. A marker cannot say so itself in Blender 5.0."""
    noted = scene.get(MADE_KEY)
    values = noted.to_dict() if hasattr(noted, "to_dict") else {}
    frames, names = values.get("frames"), values.get("names")
    if not isinstance(frames, list) or not isinstance(names, str):
        return set()
    pairs = zip(frames, names.split("\n"), strict=False)
    return {(frame, name) for frame, name in pairs if isinstance(frame, int)}  # anybody may have written it


def place_text(beats: Sequence[Beat], frame: float) -> str:
    """The bar and beat at a scene frame ("3.2"), empty where there are none."""
    passed = bisect_right(beats, frame + 0.5, key=lambda beat: beat.frame)
    if not passed:
        return "1.1" if beats else ""
    return f"{beats[passed - 1].bar}.{beats[passed - 1].beat}"
