"""The rhythm of a whole song: its beats and bars as they are heard, and as a person corrects them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack

Times = NDArray[np.float64]

_AROUND = 8
"""Beats on each side of a nudged one that move with it, less and less."""
_SHORTEST = 1e-3
"""Seconds between two beats, at least."""


@dataclass(frozen=True)
class Rhythm:
    """What is heard of a whole song's time.

    times: (B,) seconds of the file at which there are beats, rising. bars: (D,) indices into them of the first beat of
    each bar, rising; the first may be later than beat 0. beats_per_bar: 3 or 4. tempo: beats per minute over the whole
    song. confidence: 0..1, of the tempo. other_tempo: the second best; None where there is none. bar_confidence: 0..1,
    of metre and ones. strength: (B,) 0..1, how clearly each beat is heard. told: the tempo or the beats are a
    person's, so no style halves or doubles them.
    """

    times: Times
    bars: NDArray[np.int64]
    beats_per_bar: int
    tempo: float
    confidence: float
    other_tempo: float | None
    bar_confidence: float
    strength: NDArray[np.float32]
    told: bool = False


def with_anchors(rhythm: Rhythm, anchors: tuple[float, ...]) -> Rhythm:
    """The rhythm with a beat at each of the anchors (seconds, rising): the nearest one is moved there, and the beats
    around it with it, up to the next anchor or less and less over `_AROUND` beats."""
    if not anchors or len(rhythm.times) < 2:
        return rhythm
    numbers = np.arange(len(rhythm.times))
    moved = {int(np.argmin(np.abs(rhythm.times - anchor))): anchor for anchor in anchors}
    at = np.array(sorted(moved))
    shifts = np.array([moved[number] for number in at]) - rhythm.times[at]
    places, values = [at[0] - _AROUND], [0.0]
    for number, shift in zip(at, shifts, strict=True):
        if number - places[-1] > 2 * _AROUND:
            places += [places[-1] + _AROUND, number - _AROUND]
            values += [0.0, 0.0]
        places.append(number)
        values.append(shift)
    places.append(at[-1] + _AROUND)
    values.append(0.0)
    times = rhythm.times + np.interp(numbers, places, values)
    return replace(rhythm, times=np.maximum.accumulate(times + _SHORTEST * numbers) - _SHORTEST * numbers)


def with_one(rhythm: Rhythm, one: float) -> Rhythm:
    """The rhythm with its bars moved by whole beats, so that one of them begins on the beat nearest to `one`."""
    if not len(rhythm.times) or not len(rhythm.bars):
        return rhythm
    beat = int(np.argmin(np.abs(rhythm.times - one)))
    before = rhythm.bars[max(int(np.searchsorted(rhythm.bars, beat, side="right")) - 1, 0)]
    shift = int((beat - before) % rhythm.beats_per_bar)
    bars = rhythm.bars + shift
    bars = np.concatenate([np.arange(bars[0] % rhythm.beats_per_bar, bars[0], rhythm.beats_per_bar), bars])
    return replace(rhythm, bars=bars[bars < len(rhythm.times)], bar_confidence=1.0)


def at_octave(rhythm: Rhythm, tempo: float | None) -> Rhythm:
    """The rhythm counted twice or half as fast, where that is nearer to `tempo`, the usual one of a style; the same
    where that is None or a person told the tempo. Bars keep the number of their beats."""
    if tempo is None or rhythm.told or len(rhythm.times) < 2:
        return rhythm
    octaves = int(np.round(np.log2(tempo / rhythm.tempo)))
    for _ in range(octaves):
        rhythm = _doubled(rhythm)
    for _ in range(-octaves):
        rhythm = _halved(rhythm)
    return rhythm


def part(rhythm: Rhythm, start: float, seconds: float, speed: float = 1.0) -> BeatTrack:
    """The beats of the seconds start..start + seconds * speed of the file, in seconds of a dance that plays them at
    `speed`."""
    times = (rhythm.times - start) / speed
    inside = (times >= 0) & (times < seconds)
    first = int(np.argmax(inside)) if inside.any() else 0
    count = int(inside.sum())
    bars = rhythm.bars - first
    strength = rhythm.strength[inside]
    return BeatTrack(
        times[inside],
        rhythm.tempo * speed,
        float(strength.mean()) if count else 0.0,
        bars[(bars >= 0) & (bars < count)],
        rhythm.beats_per_bar,
    )


def _doubled(rhythm: Rhythm) -> Rhythm:
    times = np.interp(np.arange(2 * len(rhythm.times) - 1) / 2, np.arange(len(rhythm.times)), rhythm.times)
    strength = np.interp(np.arange(len(times)) / 2, np.arange(len(rhythm.times)), rhythm.strength).astype(np.float32)
    bars = np.arange(int(rhythm.bars[0] * 2) % rhythm.beats_per_bar, len(times), rhythm.beats_per_bar)
    return replace(rhythm, times=times, strength=strength, bars=bars, tempo=2 * rhythm.tempo)


def _halved(rhythm: Rhythm) -> Rhythm:
    first = int(rhythm.bars[0] % 2) if len(rhythm.bars) else 0
    bars = np.arange(0, len(rhythm.times[first::2]), rhythm.beats_per_bar)
    return replace(
        rhythm, times=rhythm.times[first::2], strength=rhythm.strength[first::2], bars=bars, tempo=rhythm.tempo / 2
    )
