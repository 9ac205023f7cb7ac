"""The rhythm of a whole song: its beats and bars as they are heard, and as a person corrects them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.choreography import Correction

Times = NDArray[np.float64]

_AROUND = 8
"""Beats on each side of a nudged one that move with it, less and less."""
_KEPT = 0.6
"""Octaves by which a tempo may be off a style's usual one and stays as it is heard."""
_SHORTEST = 1e-3
"""Seconds between two beats, at least."""


@dataclass(frozen=True)
class Rhythm:
    """What is heard of a whole song's time.

    times: (B,) seconds of the file at which there are beats, rising. bars: (D,) indices into them of the first beat of
    each bar, rising; the first may be later than beat 0. beats_per_bar: 4, 3, or 2 (6/8, whose beats are in thirds).
    tempo: beats per minute over the whole song. confidence: 0..1, of the tempo. other_tempo: the second best; None
    where there is none. bar_confidence: 0..1, of the ones. strength: (B,) 0..1, how clearly each beat is heard. told:
    the tempo or the beats are a person's, so no style halves or doubles them.
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


def with_metre(rhythm: Rhythm, beats_per_bar: int) -> Rhythm:
    """The rhythm with bars of so many beats, from its first one on."""
    first = int(rhythm.bars[0]) % beats_per_bar if len(rhythm.bars) else 0
    return replace(rhythm, bars=np.arange(first, len(rhythm.times), beats_per_bar), beats_per_bar=beats_per_bar)


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
    """The rhythm counted twice or half as fast, where that is clearly nearer to `tempo`, the usual one of a style; the
    same where that is None or a person told the tempo."""
    if tempo is None or rhythm.told or len(rhythm.times) < 2:
        return rhythm
    octaves = float(np.log2(tempo / rhythm.tempo))
    return rhythm if abs(octaves) < _KEPT else counted(rhythm, round(octaves))


def counted(rhythm: Rhythm, octaves: int) -> Rhythm:
    """The rhythm counted so many times twice as fast, or half as fast for less than 0. A bar keeps the number of its
    beats, so it lasts half or twice as long."""
    for _ in range(octaves):
        rhythm = _doubled(rhythm)
    for _ in range(-octaves):
        rhythm = _halved(rhythm)
    return rhythm


def beats_in_style(rhythm: Rhythm, tempo: float | None) -> BeatTrack:
    """The beats of a whole file as a style with that usual tempo counts them."""
    return part(at_octave(rhythm, tempo), 0.0, np.inf)


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


def played(correction: Correction, start: float, speed: float) -> Correction:
    """A correction in seconds of a part that begins with second `start` of the file and is played at `speed`."""

    def moved(seconds: float) -> float:
        return (seconds - start) / speed

    return replace(
        correction,
        tempo=None if correction.tempo is None else correction.tempo * speed,
        one=None if correction.one is None else moved(correction.one),
        anchors=tuple(moved(anchor) for anchor in correction.anchors),
        beats=tuple(moved(beat) for beat in correction.beats),
    )


def _doubled(rhythm: Rhythm) -> Rhythm:
    numbers = np.arange(len(rhythm.times))
    halves = np.arange(max(2 * len(numbers) - 1, 0)) / 2
    ones = 2 * rhythm.bars
    bars = np.unique(np.concatenate([ones - rhythm.beats_per_bar, ones, ones + rhythm.beats_per_bar]))
    return replace(
        rhythm,
        times=np.interp(halves, numbers, rhythm.times) if len(numbers) else rhythm.times,
        strength=np.interp(halves, numbers, rhythm.strength).astype(np.float32) if len(numbers) else rhythm.strength,
        bars=bars[(bars >= 0) & (bars < len(halves))],
        tempo=2 * rhythm.tempo,
    )


def _halved(rhythm: Rhythm) -> Rhythm:
    first = int(rhythm.bars[0] % 2) if len(rhythm.bars) else 0
    bars = rhythm.bars[(rhythm.bars - first) % 2 == 0] // 2
    if len(bars) > 1 and np.median(np.diff(bars)) < rhythm.beats_per_bar:
        bars = bars[::2]
    return replace(
        rhythm, times=rhythm.times[first::2], strength=rhythm.strength[first::2], bars=bars, tempo=rhythm.tempo / 2
    )
