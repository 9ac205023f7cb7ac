"""The song's beats in scene frames, their bars, and timeline markers for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .choreography import Choreography

BEATS_PER_BAR = {"waltz": 3}
"""Of styles whose bars have not four beats."""
NAME = "bar"


@dataclass(frozen=True)
class Beat:
    """frame: scene frame, not rounded. bar, beat: counted from 1 on, as if the first beat that was heard began a bar:
    which beats begin bars is not detected."""

    frame: float
    bar: int
    beat: int


def beats_of(about: Choreography) -> list[Beat]:
    """The beats of a dance's song; none where they are not known."""
    bar = BEATS_PER_BAR.get(about.style, 4)
    frames = [about.frame_start + seconds * about.fps for seconds in about.beats]
    return [Beat(frame, index // bar + 1, index % bar + 1) for index, frame in enumerate(frames)]


def mark(scene: Any, about: Choreography) -> int:
    """Timeline markers at the beats, in place of those of an earlier call; returns how many."""
    for marker in [marker for marker in scene.timeline_markers if _is_ours(marker.name)]:
        scene.timeline_markers.remove(marker)
    beats = beats_of(about)
    for beat in beats:
        name = f"{NAME} {beat.bar}" if beat.beat == 1 else f"{NAME} {beat.bar}.{beat.beat}"
        marker = scene.timeline_markers.new(name, frame=round(beat.frame))
        marker.select = False  # selected markers say where to edit
    return len(beats)


def _is_ours(name: str) -> bool:
    first, _, rest = name.partition(" ")
    return first == NAME and rest.replace(".", "", 1).isdigit()


def place_text(beats: list[Beat], frame: float) -> str:
    """The bar and beat at a scene frame ("3.2"), empty where there are none."""
    heard = [beat for beat in beats if beat.frame <= frame + 0.5]
    if not heard:
        return "1.1" if beats else ""
    return f"{heard[-1].bar}.{heard[-1].beat}"
