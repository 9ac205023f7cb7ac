"""What the two halves of the demo tell each other about the dance."""

from __future__ import annotations

from typing import TypedDict


class Report(TypedDict):
    """The engine's report on a dance, as far as the demo reads it, and what was asked for.

    frames, fps: of the motion. beats: seconds at which the song's beats fall. tempo: beats a minute.
    """

    frames: int
    fps: float
    style: str
    tempo: float
    beats: list[float]
    seed: int
    checkpoint: str
