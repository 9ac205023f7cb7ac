"""The demo song: a short synthesised piece of dance music, for Try an Example, `make demo`, and tests that need a song
with known beats.

Bass, chords, a plucked melody and drums over a four-bar harmony; beat k is at exactly k * 60 / bpm seconds. The same
arguments give the same bytes.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .instruments import RATE, Wave, bass, hat, kick, pluck, snare

DEMO_RATE = RATE


@dataclass(frozen=True)
class _Groove:
    """One bar of a style. Positions are in beats from the bar's first."""

    bpm: float
    beats: int
    kick: tuple[float, ...]
    snare: tuple[float, ...]
    hat: tuple[float, ...]
    bass: tuple[float, ...]
    chord: tuple[float, ...]
    melody: tuple[tuple[float, int], ...]  # (position, step in the chord's scale)


_GROOVES: dict[str, _Groove] = {
    "waltz": _Groove(
        87, 3, (0,), (1, 2), (0, 1, 2), (0,), (1, 2), ((0, 4), (1, 2), (1.5, 3), (2, 4)),
    ),
    "rumba": _Groove(
        92, 4, (0, 2.5), (1, 3), (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), (0, 1.5, 2, 3), (0.5, 1.5, 2.5, 3),
        ((0, 4), (1.5, 3), (2, 2), (3, 4), (3.5, 5)),
    ),
    "cha-cha": _Groove(
        124, 4, (0, 1, 2, 3), (1, 3), (0, 1, 2, 3, 3.5), (0, 1, 2, 3, 3.5), (0, 1, 2, 3),
        ((0, 2), (1, 3), (2, 4), (3, 3), (3.5, 1)),
    ),
    "salsa": _Groove(
        175, 4, (0, 2), (1.5, 3), (0, 1, 2, 2.5, 3, 3.5), (0, 1.5, 3), (0, 1, 1.5, 2.5, 3.5),
        ((0, 4), (1, 5), (1.5, 4), (2.5, 3), (3, 2)),
    ),
}  # fmt: skip
DEMO_STYLES: tuple[str, ...] = tuple(_GROOVES)

_PROGRESSION = ((57, "minor"), (53, "major"), (48, "major"), (55, "major"))  # A minor, F, C, G
_SCALES = {"minor": (0, 3, 7, 10, 12, 15), "major": (0, 4, 7, 9, 12, 16)}
_PEAK = 0.8


def demo_song(style: str = "waltz", seconds: float = 20.0, bpm: float | None = None) -> NDArray[np.float32]:
    """A song (samples, 2), float32 stereo at `DEMO_RATE`, peak 0.8. bpm: None for the style's usual tempo.

    Raises ValueError for a style not in `DEMO_STYLES`, and for a length or tempo that is not above 0.
    """
    groove = _GROOVES.get(style)
    if groove is None:
        raise ValueError(f"There is no demo song for {style!r}. Choose one of {', '.join(DEMO_STYLES)}.")
    tempo = groove.bpm if bpm is None else bpm
    if not (seconds > 0 and tempo > 0):
        raise ValueError(f"{seconds} seconds at {tempo} beats per minute is no song. Both must be above 0.")
    mix = np.zeros((round(seconds * DEMO_RATE), 2))
    beat = 60.0 / tempo
    drums = np.random.default_rng(1)
    kick_sound, snare_sound, hat_sound = kick(), snare(drums), hat(drums)
    for bar in range(int(np.ceil(seconds / (beat * groove.beats)))):
        root, mode = _PROGRESSION[bar % len(_PROGRESSION)]
        scale = _SCALES[mode]

        def play(sound: Wave, position: float, gain: float, pan: float, first: float = bar * groove.beats) -> None:
            start = round((first + position) * beat * DEMO_RATE)
            piece = sound[: max(len(mix) - start, 0), None]
            mix[start : start + len(piece)] += piece * gain * np.array([1 - pan, 1 + pan])

        for position in groove.kick:
            play(kick_sound, position, 0.9, 0.0)
        for position in groove.snare:
            play(snare_sound, position, 0.35, 0.1)
        for position in groove.hat:
            play(hat_sound, position, 0.12, -0.25)
        for index, position in enumerate(groove.bass):
            play(bass(root - 12 + (7 if index % 2 else 0), beat), position, 0.5, 0.0)
        for position in groove.chord:
            for step, pan in ((0, -0.4), (1, 0.0), (2, 0.4)):
                play(pluck(root + scale[step], 0.6 * beat, 4), position, 0.16, pan)
        lower = bar % 2  # every second bar answers a step lower
        for position, step in groove.melody:
            play(pluck(root + 12 + scale[max(step - lower, 0)], 1.2 * beat, 8), position, 0.22, 0.2)
    fade = min(len(mix), round(0.5 * DEMO_RATE))
    mix[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return (mix * (_PEAK / max(float(np.abs(mix).max()), 1e-9))).astype(np.float32)


def write_demo_song(path: str | Path, style: str = "waltz", seconds: float = 20.0, bpm: float | None = None) -> None:
    """Write `demo_song` as `write_song` does. Raises ValueError as it does, OSError if it cannot be written."""
    write_song(path, demo_song(style, seconds, bpm))


def write_song(path: str | Path, song: NDArray[np.float32]) -> None:
    """Write samples (n, 2) at `DEMO_RATE` as a 16-bit stereo wav file. Raises OSError."""
    samples = np.round(song * 32767).astype("<i2")
    with Path(path).open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(DEMO_RATE)
        out.writeframes(samples.tobytes())
