"""Composed songs: music whose beats, bars, metre and tempo are known because we composed it, to measure what is heard.

The same seed gives the same song.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.composed_songs.composition import composition
from benchmarks.composed_songs.performance import as_filed, beat_times, performed, turn
from benchmarks.composed_songs.plan import Kind, Plan, plan_of
from engine.audio.composing.instruments import RATE

__all__ = [
    "FIRST_TO_LEARN_FROM",
    "HALVES",
    "RATE",
    "ComposedSong",
    "Kind",
    "Plan",
    "composed_song",
    "plan_of",
    "write_song",
]

HALVES = {"dev": range(30), "reported": range(30, 60)}
"""Seeds to develop with, and seeds that are only measured."""
FIRST_TO_LEARN_FROM = 300
"""Seeds from here on are those of songs to learn from."""


@dataclass(frozen=True)
class ComposedSong:
    """samples: (n, C) float32 in -1..1 at `RATE`; two channels, or the six of 5.1 in the order FL FR FC LFE BL BR.
    beats: (B,) seconds of the file. ones: (D,) those of them that begin a bar. tempi: beats/min as a dancer of the
    style counts, one, or both of a song that changes its tempo. has_bars: whether more than drums says where a bar
    begins.
    """

    plan: Plan
    samples: NDArray[np.float32]
    beats: NDArray[np.float64]
    ones: NDArray[np.float64]
    tempi: tuple[float, ...]
    has_bars: bool

    @property
    def kind(self) -> Kind:
        return self.plan.kind


def composed_song(seed: int, seconds: float | None = None) -> ComposedSong:
    """The song of a seed from 0 on. seconds: of music, about; None for what the seed says (30 to 58)."""
    plan = plan_of(seed)
    random = np.random.default_rng([13, seed])
    per_bar = plan.kind.beats_per_bar
    length = plan.seconds if seconds is None else seconds
    bars = max(round(length * np.mean([plan.tempo, plan.later or plan.tempo]) / 60 / per_bar), 2)
    piece = composition(plan, bars, random)
    lead = float(random.uniform(0.05, 0.6))
    times = lead + beat_times(plan, bars * per_bar)
    mix = performed(plan, piece, times, random)
    samples, later = as_filed(plan, mix, random)
    beats = later + (times[:-1] if piece.fades else times)
    change = turn(plan, len(times) - 1)
    parts = [times] if plan.later is None else [times[: change + 1], times[change:]]
    tempi = tuple(60.0 * (len(part) - 1) / float(part[-1] - part[0]) for part in parts)
    return ComposedSong(plan, samples.astype(np.float32), beats, beats[::per_bar], tempi, plan.kind.band != "drums")


def write_song(path: str | Path, song: ComposedSong) -> None:
    """Write a song as a 16-bit wav file whose header names its loudspeakers."""
    soundfile.write(path, song.samples, RATE, format="WAVEX", subtype="PCM_16")
