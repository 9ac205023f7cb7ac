"""Synthesised instruments: one note or stroke each, (samples,) at `RATE`, its loudest part about 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 44_100

Wave = NDArray[np.float64]


def tone(pitch: int, seconds: float, harmonics: int, envelope: Callable[[Any], Any]) -> Wave:
    """A tone of a MIDI pitch: harmonics of amplitude 1/h without those that would alias, times an envelope of the time
    in seconds."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    sound = np.zeros_like(time)
    for h in range(1, harmonics + 1):
        if h * frequency < RATE / 2:
            # higher harmonics decay faster, as on a string
            sound += np.sin(2 * np.pi * h * frequency * time) / h * np.exp(-1.5 * (h - 1) * time / seconds)
    attack = np.minimum(time / 0.004, 1)
    release = np.minimum((time[-1] - time) / 0.02, 1) if len(time) else time
    return sound * envelope(time) * attack * release


def pluck(pitch: int, seconds: float, harmonics: int) -> Wave:
    """A plucked string of a MIDI pitch."""
    return tone(pitch, seconds, harmonics, lambda time: np.exp(-3.0 * time / seconds))


def bass(pitch: int, beat: float) -> Wave:
    """A bass note an octave below a MIDI pitch, which lasts for most of a beat (seconds)."""
    return tone(pitch - 12, 0.9 * beat, 5, lambda time: np.exp(-1.5 * time / beat))


def kick() -> Wave:
    """A bass drum."""
    time = np.arange(round(0.25 * RATE)) / RATE
    phase = 2 * np.pi * (50 * time + 100 / 35 * (1 - np.exp(-35 * time)))  # falls from 150 to 50 Hz
    return np.sin(phase) * np.exp(-14 * time)


def snare(random: np.random.Generator) -> Wave:
    """A snare drum."""
    time = np.arange(round(0.18 * RATE)) / RATE
    noise = random.standard_normal(len(time)) * np.exp(-26 * time)
    return 0.6 * noise + 0.5 * np.sin(2 * np.pi * 190 * time) * np.exp(-30 * time)


def hat(random: np.random.Generator) -> Wave:
    """A closed hi-hat."""
    time = np.arange(round(0.05 * RATE)) / RATE
    noise = random.standard_normal(len(time))
    return np.diff(noise, prepend=0.0) * np.exp(-90 * time)
