"""The beats of a dance's songs in scene frames, their bars, and timeline markers for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import bpy

from .dancer import Dancer

NAME = "bar"


@dataclass(frozen=True)
class Beat:
    """frame: scene frame, not rounded. bar, beat: counted from 1 on, as if the first beat of each song began a bar:
    which beats begin bars is not detected."""

    frame: float
    bar: int
    beat: int


def beats_of(dancer: Dancer) -> list[Beat]:
    """The beats of a dance's songs, each until the next song begins; none where they are not known."""
    document, beats, bars = dancer.document, list[Beat](), 0
    ends = [*(audio.at for audio in document.audio[1:]), len(document)]
    for audio, end in zip(document.audio, ends, strict=True):
        begin = dancer.seconds_of(audio.at)
        played = [seconds for seconds in audio.beats if begin + seconds < dancer.seconds_of(end)]
        for index, seconds in enumerate(played):
            bar, beat = divmod(index, audio.beats_per_bar)
            beats.append(Beat(dancer.frame_start + (begin + seconds) * dancer.fps, bars + bar + 1, beat + 1))
        bars += ceil(len(played) / audio.beats_per_bar)
    return beats


def mark(scene: bpy.types.Scene, beats: Sequence[Beat]) -> None:
    """Timeline markers at the beats, in place of those of an earlier call."""
    for marker in [marker for marker in scene.timeline_markers if _is_ours(marker.name)]:
        scene.timeline_markers.remove(marker)
    for beat in beats:
        name = f"{NAME} {beat.bar}" if beat.beat == 1 else f"{NAME} {beat.bar}.{beat.beat}"
        marker = scene.timeline_markers.new(name, frame=round(beat.frame))
        marker.select = False  # selected markers say where to edit


def _is_ours(name: str) -> bool:
    first, _, rest = name.partition(" ")
    return first == NAME and rest.replace(".", "", 1).isdigit()


def place_text(beats: Sequence[Beat], frame: float) -> str:
    """The bar and beat at a scene frame ("3.2"), empty where there are none."""
    passed = [beat for beat in beats if beat.frame <= frame + 0.5]
    if not passed:
        return "1.1" if beats else ""
    return f"{passed[-1].bar}.{passed[-1].beat}"
