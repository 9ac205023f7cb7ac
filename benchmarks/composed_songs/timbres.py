"""The sounds of composed songs: strokes of drums and notes of instruments, (samples,) at `RATE`.

Each song has its own: brightness, decay and tuning are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.audio.composing.instruments import RATE, Wave, bass, hat, kick, pluck, snare, tone

_TABLE = 4096
_LASTING = ("strings", "organ", "brass", "flute", "voice", "synth", "synth bass", "bowed bass")
"""Instruments whose notes keep their loudness."""


class Timbres:
    """The sounds of one song."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._bright = float(random.uniform(0.7, 1.4))
        self._tuning = float(random.uniform(0.9, 1.15))
        self._kept: dict[tuple[str, int, float], Wave] = {}
        self._drums: dict[str, Callable[[], Wave]] = {
            "kick": self._kick,
            "snare": lambda: _tuned(snare(random), self._tuning),
            "brush": lambda: self._noise(0.16, 0.02, 1, 18) * 0.7,
            "clap": self._clap,
            "hat": lambda: hat(random),
            "open hat": lambda: self._noise(0.3, 0.001, 2, 11),
            "ride": lambda: 0.4 * self._noise(0.4, 0.001, 2, 9) + 0.3 * self._metal((3150, 4270, 5930), 0.4, 9),
            "crash": lambda: self._noise(1.6, 0.001, 1, 2.5),
            "shaker": lambda: self._noise(0.07, 0.015, 2, 45),
            "maracas": lambda: self._noise(0.05, 0.004, 2, 70),
            "guiro": lambda: self._scrape(0.28, 60),
            "short guiro": lambda: self._scrape(0.07, 75),
            "slap": lambda: 0.6 * self._noise(0.12, 0.0005, 1, 60) + self._skin(330, 0.12, 30),
            "conga": lambda: self._skin(215, 0.3, 11),
            "mute": lambda: 0.6 * self._skin(230, 0.08, 50),
            "bongo": lambda: self._skin(420, 0.14, 26),
            "tom": lambda: self._skin(120, 0.3, 10),
            "timbale": lambda: self._skin(300, 0.25, 14) + 0.3 * self._noise(0.25, 0.0005, 1, 40),
            "clave": lambda: self._metal((2450,), 0.09, 45),
            "cowbell": lambda: self._metal((545, 815, 1630), 0.25, 16),
            "rim": lambda: self._metal((1700, 2700), 0.05, 90) + 0.3 * self._noise(0.05, 0.0005, 1, 120),
        }
        self._notes: dict[str, Callable[[int, float], Wave]] = {
            "piano": self._piano,
            "electric piano": self._electric_piano,
            "guitar": lambda pitch, s: pluck(pitch, max(0.9, s), round(9 * self._bright)),
            "bass guitar": lambda pitch, s: bass(pitch + 12, s / 0.9),
            "upright bass": lambda pitch, s: pluck(pitch, max(0.5, s), 4),
            "synth bass": lambda pitch, s: self._sustained(pitch, s, 0.004, 5, 0.0),
            "strings": lambda pitch, s: self._sustained(pitch, s, 0.035, 14, 0.003),
            "bowed bass": lambda pitch, s: self._sustained(pitch, s, 0.03, 12, 0.002),
            "organ": lambda pitch, s: self._sustained(pitch, s, 0.01, 4, 0.002),
            "brass": lambda pitch, s: self._sustained(pitch, s, 0.02, 16, 0.003),
            "flute": lambda pitch, s: self._sustained(pitch, s, 0.03, 3, 0.005),
            "voice": lambda pitch, s: self._sustained(pitch, s, 0.035, 9, 0.008),
            "synth": lambda pitch, s: self._sustained(pitch, s, 0.004, 20, 0.003),
        }

    def drum(self, name: str) -> Wave:
        """One stroke."""
        key = (name, 0, 0.0)
        if key not in self._kept:
            self._kept[key] = _levelled(self._drums[name]())
        return self._kept[key]

    def note(self, name: str, pitch: int, seconds: float) -> Wave:
        """A note of a MIDI pitch that lasts about so long."""
        seconds = max(round(seconds, 2), 0.06)
        key = (name, pitch, seconds)
        if key not in self._kept:
            self._kept[key] = _levelled(self._notes[name](pitch, seconds)) * (0.6 if name in _LASTING else 1.0)
        return self._kept[key]

    def _noise(self, seconds: float, attack: float, steepness: int, decay: float) -> Wave:
        """Noise with its low parts taken off `steepness` times."""
        time = _times(seconds)
        noise = np.diff(self._random.standard_normal(len(time) + steepness), n=steepness)
        return noise * np.exp(-decay * time) * np.minimum(time / attack, 1)

    def _kick(self) -> Wave:
        sound = _tuned(kick(), self._tuning)
        beater = self._noise(0.012, 0.0003, 1, 300)
        sound[: len(beater)] += 0.12 * beater
        return sound

    def _clap(self) -> Wave:
        sound = self._noise(0.2, 0.0005, 1, 22)
        for late in (0.009, 0.019):
            first = round(late * RATE)
            sound[first:] += sound[: len(sound) - first] * 0.8
        return sound

    def _scrape(self, seconds: float, notches: float) -> Wave:
        time = _times(seconds)
        grain = np.exp(-6 * (time * notches % 1.0))
        return self._noise(seconds, 0.004, 1, 4) * grain * np.minimum((time[-1] - time) / 0.02, 1)

    def _skin(self, frequency: float, seconds: float, decay: float) -> Wave:
        time = _times(seconds)
        phase = 2 * np.pi * self._tuning * frequency * (time + 0.006 * (1 - np.exp(-60 * time)))
        return (np.sin(phase) + 0.4 * np.sin(1.6 * phase) * np.exp(-20 * time)) * np.exp(-decay * time)

    def _metal(self, frequencies: tuple[float, ...], seconds: float, decay: float) -> Wave:
        time = _times(seconds)
        partials = np.sin(2 * np.pi * self._tuning * np.array(frequencies)[:, None] * time)
        return partials.sum(axis=0) * np.exp(-decay * time)

    def _piano(self, pitch: int, seconds: float) -> Wave:
        decay = 1.4 + max(pitch - 50, 0) / 25
        sound = tone(pitch, seconds + 0.15, round(8 * self._bright), lambda time: np.exp(-decay * time))
        hammer = self._noise(0.02, 0.0005, 1, 250)
        sound[: len(hammer)] += 0.08 * hammer[: len(sound)]
        return sound

    def _electric_piano(self, pitch: int, seconds: float) -> Wave:
        body = tone(pitch, seconds + 0.1, 2, lambda time: np.exp(-1.6 * time))
        tine = tone(pitch + 24, seconds + 0.1, 1, lambda time: np.exp(-9 * time))
        return body + 0.35 * self._bright * tine

    def _sustained(self, pitch: int, seconds: float, attack: float, harmonics: int, detuned: float) -> Wave:
        """Three players a little out of tune, with vibrato, at full strength to the end."""
        release = 0.08
        time = _times(seconds + release)
        frequency = 440.0 * 2 ** ((pitch - 69) / 12)
        harmonics = max(1, min(round(harmonics * self._bright), int(0.4 * RATE / frequency)))
        period = np.arange(_TABLE) / _TABLE
        numbers = np.arange(1, harmonics + 1)[:, None]
        table = (np.sin(2 * np.pi * numbers * period) / numbers).sum(axis=0)
        sound = np.zeros_like(time)
        for player in (-1, 0, 1) if detuned else (0,):
            vibrato = detuned * np.sin(2 * np.pi * 5.3 * time + player) / (2 * np.pi * 5.3)
            phase = frequency * ((1 + 0.7 * player * detuned) * time + vibrato) + self._random.random()
            sound += table[(phase * _TABLE).astype(np.int64) % _TABLE]
        rise = np.minimum(time / attack, 1) * (0.6 + 0.4 * np.exp(-time / 0.12))
        return sound * rise * np.clip((time[-1] - time) / release, 0, 1)


def _times(seconds: float) -> Wave:
    return np.arange(max(round(seconds * RATE), 2)) / RATE


def _tuned(sound: Wave, factor: float) -> Wave:
    """Played faster by a factor."""
    return np.interp(np.arange(0, len(sound) - 1, factor), np.arange(len(sound)), sound)


def _levelled(sound: Wave) -> Wave:
    return sound / max(float(np.abs(sound).max()), 1e-9)
