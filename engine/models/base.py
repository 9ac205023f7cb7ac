"""What a dance is made from, and what the making gives: what the two families of checkpoint have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.runtime.device import Device
from smpl_rig.motion import Motion

Progress = Callable[[str, float, str], None]
Show = Callable[[int, Motion], None]
"""Takes the next frames of a dance that is still being written, and the number of the first. They are at the
checkpoint's own rate and their feet are not locked yet."""
Cancelled = Callable[[], bool]


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - begin, 3)

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return round(time.perf_counter() - self._begin, 3)


@dataclass(frozen=True)
class Stage:
    """The song and the wishes of one request, ready to be danced to.

    audio: (samples,) mono at the librosa features' rate; `listen` gives the same piece at another rate. length: in
    seconds. style: None where the song decides. seeds: of the takes, of which one is kept. temperature, guidance,
    music_view: None for the checkpoint's own. `advance` takes stage, fraction and message, and raises CancelledError.
    `show`: None where nobody watches.
    """

    audio: NDArray[np.float32]
    length: float
    listen: Callable[[int], NDArray[np.float32]]
    style: str | None
    seeds: Sequence[int]
    temperature: float | None
    guidance: float | None
    music_view: str | None
    device: Device
    watch: Stopwatch
    advance: Progress
    cancelled: Cancelled
    show: Show | None = None


@dataclass(frozen=True)
class Performance:
    """Motion at the checkpoint's own rate, feet not locked yet. tokens: (N, K). seed: of the take that was kept.
    report: what only one family tells."""

    motion: Motion
    tokens: NDArray[np.int64]
    seed: int
    style: str
    beats: BeatTrack
    report: dict[str, Any] = field(default_factory=dict)
