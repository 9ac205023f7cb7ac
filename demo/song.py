"""The demo song: a short synthesised piece of dance music, also for tests that need a song with known beats.

Bass, chords, a plucked melody and drums over a four-bar harmony; beat k is at exactly k * 60 / bpm seconds. The same
arguments give the same bytes.
"""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEMO_RATE = 44_100

Wave = NDArray[np.float64]


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
    kick, snare, hat = _kick(), _snare(drums), _hat(drums)
    for bar in range(int(np.ceil(seconds / (beat * groove.beats)))):
        root, mode = _PROGRESSION[bar % len(_PROGRESSION)]
        scale = _SCALES[mode]

        def play(sound: Wave, position: float, gain: float, pan: float, first: float = bar * groove.beats) -> None:
            start = round((first + position) * beat * DEMO_RATE)
            piece = sound[: max(len(mix) - start, 0), None]
            mix[start : start + len(piece)] += piece * gain * np.array([1 - pan, 1 + pan])

        for position in groove.kick:
            play(kick, position, 0.9, 0.0)
        for position in groove.snare:
            play(snare, position, 0.35, 0.1)
        for position in groove.hat:
            play(hat, position, 0.12, -0.25)
        for index, position in enumerate(groove.bass):
            play(_bass(root - 12 + (7 if index % 2 else 0), beat), position, 0.5, 0.0)
        for position in groove.chord:
            for step, pan in ((0, -0.4), (1, 0.0), (2, 0.4)):
                play(_pluck(root + scale[step], 0.6 * beat, 4), position, 0.16, pan)
        lower = bar % 2  # every second bar answers a step lower
        for position, step in groove.melody:
            play(_pluck(root + 12 + scale[max(step - lower, 0)], 1.2 * beat, 8), position, 0.22, 0.2)
    fade = min(len(mix), round(0.5 * DEMO_RATE))
    mix[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return (mix * (_PEAK / max(float(np.abs(mix).max()), 1e-9))).astype(np.float32)


def write_demo_song(path: str | Path, style: str = "waltz", seconds: float = 20.0, bpm: float | None = None) -> None:
    """Write `demo_song` as a 16-bit stereo wav file. Raises ValueError as it does, OSError if it cannot be written."""
    samples = np.round(demo_song(style, seconds, bpm) * 32767).astype("<i2")
    with Path(path).open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(DEMO_RATE)
        out.writeframes(samples.tobytes())


def _tone(pitch: int, seconds: float, harmonics: int, envelope: Callable[[Any], Any]) -> Wave:
    """A tone of a MIDI pitch: harmonics of amplitude 1/h without those that would alias, times an envelope of the time
    in seconds."""
    time = np.arange(round(seconds * DEMO_RATE)) / DEMO_RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    sound = np.zeros_like(time)
    for h in range(1, harmonics + 1):
        if h * frequency < DEMO_RATE / 2:
            # higher harmonics decay faster, as on a string
            sound += np.sin(2 * np.pi * h * frequency * time) / h * np.exp(-1.5 * (h - 1) * time / seconds)
    attack = np.minimum(time / 0.004, 1)
    release = np.minimum((time[-1] - time) / 0.02, 1) if len(time) else time
    return sound * envelope(time) * attack * release


def _pluck(pitch: int, seconds: float, harmonics: int) -> Wave:
    return _tone(pitch, seconds, harmonics, lambda time: np.exp(-3.0 * time / seconds))


def _bass(pitch: int, beat: float) -> Wave:
    return _tone(pitch - 12, 0.9 * beat, 5, lambda time: np.exp(-1.5 * time / beat))


def _kick() -> Wave:
    time = np.arange(round(0.25 * DEMO_RATE)) / DEMO_RATE
    phase = 2 * np.pi * (50 * time + 100 / 35 * (1 - np.exp(-35 * time)))  # falls from 150 to 50 Hz
    return np.sin(phase) * np.exp(-14 * time)


def _snare(random: np.random.Generator) -> Wave:
    time = np.arange(round(0.18 * DEMO_RATE)) / DEMO_RATE
    noise = random.standard_normal(len(time)) * np.exp(-26 * time)
    return 0.6 * noise + 0.5 * np.sin(2 * np.pi * 190 * time) * np.exp(-30 * time)


def _hat(random: np.random.Generator) -> Wave:
    time = np.arange(round(0.05 * DEMO_RATE)) / DEMO_RATE
    noise = random.standard_normal(len(time))
    return np.diff(noise, prepend=0.0) * np.exp(-90 * time)
