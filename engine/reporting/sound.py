"""The sound of a dance: the parts of its songs one after the other, and as a file that every browser plays."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.choreography import Choreography, song_ranges
from engine.pipeline.song import read_sound

RATE, LOW_RATE = 22_050, 11_025
"""Samples a second of a page's sound; the second for dances above `LONG`, whose page would be too large to send."""
LONG = 300.0
_SILENT_RATE = 8_000


@dataclass(frozen=True)
class Sound:
    """samples: (S,) mono, -1..1, at `rate`."""

    samples: NDArray[np.float32]
    rate: int


def sound_of(document: Choreography, seconds: float) -> Sound:
    """The sound of a dance of so many seconds; silence where a song ends before. Raises AudioError for a song that is
    missing, UndecodedError where Blender must decode one first."""
    rate = RATE if seconds <= LONG else LOW_RATE
    samples = np.zeros(round(seconds * rate), np.float32)
    for audio, first, last in song_ranges(document):
        begin, stop = (round(place / document.token_rate * rate) for place in (first, last))
        room = samples[begin:stop]
        part = read_sound(Path(audio.path), rate, audio.start, audio.seconds, audio.speed)[: len(room)]
        room[: len(part)] = part
    return Sound(samples, rate)


def sound_of_file(song: Path, seconds: float) -> Sound:
    """The first seconds of a song, and silence after its end. Raises AudioError."""
    rate = RATE if seconds <= LONG else LOW_RATE
    samples = np.zeros(round(seconds * rate), np.float32)
    part = read_sound(song, rate, 0.0, seconds, 1.0)[: len(samples)]
    samples[: len(part)] = part
    return Sound(samples, rate)


def as_data(sound: Sound | None, seconds: float) -> str:
    """A data: address of the sound as a wav file; of None, silence of so many seconds, whose clock the player needs."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2 if sound else 1)
        out.setframerate(sound.rate if sound else _SILENT_RATE)
        if sound is None:
            out.writeframes(b"\x80" * round(seconds * _SILENT_RATE))
        else:
            out.writeframes(np.round(np.clip(sound.samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode("ascii")
