"""The request for a dance, and the ranges of its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.checks import LARGEST_COUNT
from engine.choreography import FOLLOW_SONG, HIGHEST_ENERGY, LOWEST_ENERGY
from engine.errors import RequestError
from engine.motion.room_bounds import LARGEST as LARGEST_ROOM
from engine.protocol import MOST_CANDIDATES

LONGEST_SECONDS = 1200.0
"""Longest dance of one request; bounds memory and time."""
ROOM = 6.0
"""Diameter in metres of the floor that a dance covers, unless the request says otherwise."""
AUTO_STYLE = "AUTO"
SEEDS = LARGEST_COUNT + 1
"""Seeds are smaller than this."""
_LATEST_START = 1e9


@dataclass(frozen=True)
class GenerateRequest:
    """A request for a dance.

    audio: path of the song. start: seconds in the file at which the dance begins; negative for silence first. seconds:
    length in the file, None to its end. speed: playback speed; the dance lasts seconds / speed. fps: frame rate of the
    result, None for the checkpoint's own. style: one of the checkpoint's; None or AUTO lets the song's tempo decide.
    guidance: strength of classifier-free guidance by the music, 1 for none; temperature: of the sampling; None for the
    checkpoint's own values. music_view: how much music an imported checkpoint sees at once; None for the checkpoint's
    own. beat_snap: how far the finished dance is re-timed onto the song's beats, 0 (not at all) to 1; the tokens stay
    as they were generated. room: metres; the dance stays in a circle of that diameter around its start, 0 lets it
    travel. candidates: how many dances are generated; the best is kept (see `engine.pipeline.dance_candidates`), and
    its seed is the dance's. keep_candidates: whether the others are finished, too (see `generate.Dance`). energy: how
    fast the dance is to be, against what is usual in its style. song_energy: how much it follows how loud and busy the
    song is, 0 to 1; of no effect on a checkpoint without energy. correction: what a person says of the song's rhythm,
    see `engine.choreography.Correction`, by name.
    """

    audio: str
    start: float = 0.0
    seconds: float | None = None
    speed: float = 1.0
    fps: float | None = None
    seed: int = 0
    style: str | None = None
    checkpoint: str = "default"
    device: str = "auto"
    guidance: float | None = None
    temperature: float | None = None
    music_view: str | None = None
    beat_snap: float = 0.0
    room: float = ROOM
    candidates: int = 1
    keep_candidates: bool = False
    energy: float = 1.0
    song_energy: float = FOLLOW_SONG
    correction: dict[str, Any] | None = None

    @property
    def wanted_style(self) -> str | None:
        """The requested style; None lets the song decide."""
        return None if self.style is None or self.style.upper() == AUTO_STYLE else self.style


def check_request(request: GenerateRequest) -> None:
    """Raise RequestError for a value outside its range. The checkpoint checks what depends on it."""
    numbers = {
        "speed": (request.speed, 0.1, 10.0),
        "start": (request.start, -LONGEST_SECONDS, _LATEST_START),
        "seconds": (request.seconds, 0.0, math.inf),
        "fps": (request.fps, 1.0, 1000.0),
        "guidance": (request.guidance, 0.0, 10.0),
        "temperature": (request.temperature, 0.0, 5.0),
        "seed": (request.seed, 0, SEEDS - 1),
        "room": (request.room, 0.0, LARGEST_ROOM),
        "beat_snap": (request.beat_snap, 0.0, 1.0),
        "candidates": (request.candidates, 1, MOST_CANDIDATES),
        "energy": (request.energy, LOWEST_ENERGY, HIGHEST_ENERGY),
        "song_energy": (request.song_energy, 0.0, 1.0),
    }
    for name, (value, low, high) in numbers.items():
        if value is not None and not low <= value <= high:
            raise RequestError(f"{name} is {value}. Choose a value from {low:g} to {high:g}.")
    if request.seconds is not None and request.start + request.seconds <= 0 < -request.start:
        raise RequestError(
            f"A dance of {request.seconds:g} s that starts at second {request.start:g} ends before the song begins. "
            "Choose a later start or a greater length."
        )
    if request.seconds == 0:
        raise RequestError("seconds is 0. Choose a length above 0, or leave it out for the rest of the song.")
