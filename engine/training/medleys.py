"""Medleys: short dances one after the other, so that the decoder learns to go on in their style.

A clip of a few seconds fills no training window (12.8 s), and a decoder that never hears a style for longer goes over
to another one. What follows begins on the frame after what is before, on a beat; the step from one to the other is not
learned (`Pair.joins`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.training import retime
from engine.training.pairs import Dance, Song, TimedDance, count_near, random_entry, to_song
from engine.training.waiting import without_waiting
from engine.training.windows import at_rate
from smpl_rig.motion import Motion

Counted = tuple[Motion, retime.Times]
"""A motion and its count at every frame."""

SHORT = 512
"""Frames (25.6 s, two training windows): longer dances fill windows by themselves."""
SHORTEST_PART = 30
"""Frames of a dance in a medley."""


def medleys(
    dances: Sequence[Dance], songs: Sequence[Song], rounds: int, stride: int, generator: np.random.Generator
) -> Iterator[list[TimedDance]]:
    """Of each style's short dances without a song: a medley to no music and, in each round, some to songs that fit.

    Each dance comes once in a round, unless no song fits. stride: frames of a token position, which parts have whole.
    """
    short: dict[str, list[Counted]] = {}
    for dance in dances:
        if dance.song is None:
            motion = without_waiting(at_rate(dance.clip.motion))
            if SHORTEST_PART <= len(motion) < SHORT:
                count = retime.dancer_count(motion, dance.clip.style, None)
                short.setdefault(dance.clip.style, []).append((motion, count))
    for style, counted in short.items():
        if len(counted) < 2:
            continue
        yield _silent([counted[index][0] for index in generator.permutation(len(counted))], style, stride)
        for _ in range(rounds):
            shuffled = [counted[index] for index in generator.permutation(len(counted))]
            yield from _round(shuffled, style, songs, stride, generator)


def _silent(motions: Sequence[Motion], style: str, stride: int) -> list[TimedDance]:
    parts: list[TimedDance] = []
    for motion in motions:
        first = parts[-1].first + len(parts[-1].motion) if parts else 0
        parts.append(TimedDance(_whole_positions(motion, stride), style, "silent", first=first))
    return parts


def _round(
    left: list[Counted], style: str, songs: Sequence[Song], stride: int, generator: np.random.Generator
) -> Iterator[list[TimedDance]]:
    """The motions in their order, each to the first song that has room for it and fits."""
    for number in generator.permutation(len(songs)):
        song = songs[number]
        if not left or not song.danceable(style):
            continue
        parts: list[TimedDance] = []
        waiting: list[Counted] = []
        entry, tempo = random_entry(song, style, generator), song.hear(style)[1].tempo
        for motion, count in left:
            near = count_near(motion, count, song, style)
            fits = retime.fits(motion, near, tempo)
            if not (fits and _append(parts, motion, near, song, style, entry, stride)):
                waiting.append((motion, count))
        if len(parts) > 1:
            left = waiting
            yield parts


def _append(
    parts: list[TimedDance], motion: Motion, count: retime.Times, song: Song, style: str, entry: int, stride: int
) -> bool:
    """Let a motion follow `parts`, or begin at `entry`; the one before may lose up to a beat. False without room."""
    end = parts[-1].first + len(parts[-1].motion) if parts else entry
    beat = math.ceil(60 / song.hear(style)[1].tempo * retime.RATE)
    timed = to_song(motion, count, song, style, "rhythm", max(0, end - beat) if parts else entry)
    if parts:
        late = (timed.first - parts[0].first) % stride
        timed = replace(timed, motion=timed.motion.cut(late, len(timed.motion)), first=timed.first + late)
        if timed.first > end:
            return False
    if len(timed.motion) < SHORTEST_PART:
        return False
    if parts:
        before = parts[-1]
        parts[-1] = replace(before, motion=before.motion.cut(0, timed.first - before.first))
    parts.append(replace(timed, motion=_whole_positions(timed.motion, stride)))
    return True


def _whole_positions(motion: Motion, stride: int) -> Motion:
    return motion.cut(0, len(motion) // stride * stride)
