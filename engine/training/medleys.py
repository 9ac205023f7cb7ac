"""Medleys: short dances joined to long ones, so that the decoder learns to stay in their style.

A clip of a few seconds does not fill a training window (12.8 s), and a decoder that has not been trained on longer
dances of a style drifts into another one. Each dance of a medley begins on a beat, on the frame after the one before
it; the join is left out of the loss (`Pair.joins`).

In a scarce style, some dances get the upper body of another dance that is re-timed onto the same beats: a decoder
trained on two minutes of motion would only repeat them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.data import retime
from engine.data.clips import UPPER_JOINTS, at_rate
from engine.data.idle_parts import moving_parts
from engine.data.songs import RecordedDance, SongFile
from engine.training.pairs import TimedDance, count_near, random_entry, to_song
from smpl_rig.motion import Motion


@dataclass(frozen=True)
class Counted:
    """A motion and its count at every frame (see `engine.data.retime`). floor_work: where arms carry the body, an upper
    body belongs to its own legs."""

    motion: Motion
    count: retime.Times
    floor_work: bool = False


SHORT = 512
"""Frames (25.6 s, two training windows): longer dances fill windows by themselves."""
SHORTEST_PART = 30
"""Fewest frames of a dance in a medley."""
SCARCE = 4800
"""Frames of short dances (4 minutes); a style with fewer gets mixed bodies."""
MIXED = 0.5
"""Share of a scarce style's dances to music that get another dance's upper body."""


def medleys(
    dances: Sequence[RecordedDance], songs: Sequence[SongFile], rounds: int, stride: int, generator: np.random.Generator
) -> Iterator[list[TimedDance]]:
    """Medleys of each style's short dances without a song: one to no music, and in each round several to songs.

    A round uses each dance once, unless no song fits it. stride: frames per token position; every part of a medley is a
    multiple of it long.
    """
    short: dict[str, list[Counted]] = {}
    for dance in dances:
        if dance.song is None:
            for motion in moving_parts(at_rate(dance.clip.motion)):
                if SHORTEST_PART <= len(motion) < SHORT:
                    count = retime.dancer_count(motion, dance.usual, None)
                    part = Counted(motion, count, dance.clip.floor_work)
                    short.setdefault(dance.clip.style, []).append(part)
    chances = _song_chances(dances, songs)
    for style, counted in short.items():
        if len(counted) < 2:
            continue
        yield _silent([counted[index].motion for index in generator.permutation(len(counted))], style, stride)
        scarce = sum(len(part.motion) for part in counted) < SCARCE
        for _ in range(rounds if songs else 0):
            order = generator.choice(len(songs), len(songs), replace=False, p=chances)
            shuffled = [counted[index] for index in generator.permutation(len(counted))]
            others = [counted[index] for index in generator.permutation(len(counted))]
            uppers = [other if scarce and generator.random() < MIXED else None for other in others]
            bodies = [
                (dance, upper if upper and not (dance.floor_work or upper.floor_work) else None)
                for dance, upper in zip(shuffled, uppers, strict=True)
            ]
            yield from _round(bodies, style, [songs[number] for number in order], stride, generator)


def _song_chances(dances: Sequence[RecordedDance], songs: Sequence[SongFile]) -> np.ndarray:
    """(songs,) chances, the same in total for the songs of every style, however many there are.

    Otherwise a style would hardly be paired with songs of a rare style, and the decoder would drift into the rare style
    when it is given such a song.
    """
    styles = {dance.song.path: dance.clip.style for dance in dances if dance.song is not None}
    kinds = [styles.get(song.path, "") for song in songs]
    each = Counter(kinds)
    weights = np.array([1 / each[kind] for kind in kinds])
    return weights / weights.sum()


def _silent(motions: Sequence[Motion], style: str, stride: int) -> list[TimedDance]:
    """A medley to no music."""
    parts: list[TimedDance] = []
    for motion in motions:
        first = parts[-1].first + len(parts[-1].motion) if parts else 0
        parts.append(TimedDance(_whole_positions(motion, stride), style, "silent", first=first))
    return parts


class _Medley:
    """A medley to a song, from frame `entry` of the song on."""

    def __init__(self, song: SongFile, style: str, entry: int, stride: int):
        self.song, self.style, self.entry, self.stride = song, style, entry, stride
        self.tempo = song.music(style)[1].tempo
        self.parts: list[TimedDance] = []

    def append(self, dance: Counted, upper: Counted | None) -> bool:
        """Append a dance, with the upper body of `upper` if given; the dance before it may lose up to a beat at its
        end. False, with nothing changed, if the dance does not fit."""
        beat = math.ceil(60 / self.tempo * retime.RATE)
        end = self.parts[-1].first + len(self.parts[-1].motion) if self.parts else self.entry
        timed = self._timed(dance, max(0, end - beat) if self.parts else end)
        if timed is None:
            return False
        other = self._timed(upper, timed.first) if upper else None
        if other is not None and len(other.motion) >= SHORTEST_PART:
            timed = _with_upper_body(timed, other)
        if self.parts:
            skipped = (timed.first - self.parts[0].first) % self.stride
            timed = replace(timed, motion=timed.motion.cut(skipped, len(timed.motion)), first=timed.first + skipped)
            if timed.first > end:
                return False
        if len(timed.motion) < SHORTEST_PART:
            return False
        if self.parts:
            before = self.parts[-1]
            self.parts[-1] = replace(before, motion=before.motion.cut(0, timed.first - before.first))
        self.parts.append(replace(timed, motion=_whole_positions(timed.motion, self.stride)))
        return True

    def _timed(self, dance: Counted, entry: int) -> TimedDance | None:
        motion = dance.motion
        near = count_near(motion, dance.count, self.song, self.style)
        if not retime.fits(motion, near, self.tempo):
            return None
        return to_song(motion, near, self.song, self.style, "rhythm", entry)


def _round(
    dances: list[tuple[Counted, Counted | None]],
    style: str,
    songs: Sequence[SongFile],
    stride: int,
    generator: np.random.Generator,
) -> Iterator[list[TimedDance]]:
    """Medleys of dances (each with the dance that gives its upper body, or None), in their order: each dance to the
    first song that fits and has room for it."""
    for song in songs:
        if not dances:
            return
        if song.danceable(style):
            medley = _Medley(song, style, random_entry(song, style, generator), stride)
            left = [bodies for bodies in dances if not medley.append(*bodies)]
            if len(medley.parts) > 1:
                dances = left
                yield medley.parts


def _with_upper_body(timed: TimedDance, other: TimedDance) -> TimedDance:
    """A dance with the upper body of another one on the same song, for as long as both last."""
    first = max(timed.first, other.first)
    stop = min(timed.first + len(timed.motion), other.first + len(other.motion))
    below, above = (each.motion.cut(first - each.first, stop - each.first) for each in (timed, other))
    poses = below.poses.reshape(len(below), -1, 3).copy()
    poses[:, UPPER_JOINTS] = above.poses.reshape(len(above), -1, 3)[:, UPPER_JOINTS]
    return replace(timed, motion=replace(below, poses=poses.reshape(len(below), -1)), first=first)


def _whole_positions(motion: Motion, stride: int) -> Motion:
    return motion.cut(0, len(motion) // stride * stride)
