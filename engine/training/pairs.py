"""The decoder's training data: dances re-timed onto their own songs, and onto other songs of a similar tempo.

Every motion of the training split is paired with its own song (a *real pair*), with some other songs (*rhythm pairs*),
and once with no music (a *silent pair*). `engine.training.medleys` joins short ones; `engine.training.pair_maker`
encodes each dance and its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import retime
from engine.data.clips import at_rate
from engine.data.idle_parts import moving_parts
from engine.data.songs import RecordedDance, SongFile
from smpl_rig.motion import Motion

SHORTEST = 80
"""Frames (4 s): a shorter dance makes no pair."""


@dataclass(frozen=True)
class Pair:
    """A training pair: codes (N, K) and the music features (N * stride, 37) that belong to them, None for no music.

    style: its index. kind: real, rhythm or silent. energy: (N,), see `engine.motion.energy`; None if unknown. joins:
    positions at which another clip begins.
    """

    codes: NDArray[np.int64]
    music: NDArray[np.float32] | None
    style: int
    kind: str
    energy: NDArray[np.float32] | None = None
    joins: tuple[int, ...] = ()


@dataclass(frozen=True)
class TimedDance:
    """A motion at 20 frames/s, placed in time on a song: its frame 0 is frame `first` of the song's features.

    Either can end first. song: None for no music. kind: real, rhythm or silent.
    """

    motion: Motion
    style: str
    kind: str
    song: SongFile | None = None
    first: int = 0


class PairSource:
    """Re-timing of dances: each onto its own song and onto `rhythm_pairs` others."""

    def __init__(self, rhythm_pairs: int, seed: int = 0):
        self.rhythm_pairs = rhythm_pairs
        self.generator = np.random.default_rng(seed)

    def timed(self, dance: RecordedDance, songs: Sequence[SongFile]) -> Iterator[TimedDance]:
        """The dance to no music, to its own song, and to some of `songs` with a fitting tempo.

        A dance without a song of its own is split at its idle parts, which are left out. With a song they stay: there
        the music tells when the dance starts.
        """
        motion, style = at_rate(dance.clip.motion), dance.clip.style
        for part in [motion] if dance.song is not None else moving_parts(motion):
            if len(part) < SHORTEST:
                continue
            yield TimedDance(part, style, "silent")
            count = self._count(part, dance)
            if dance.song is not None and dance.song.danceable(style):
                yield to_song(part, count, dance.song, style, "real")
            yield from self._rhythm(part, count, dance, songs)

    def _count(self, motion: Motion, dance: RecordedDance) -> NDArray[np.float64]:
        song, style = dance.song, dance.clip.style
        danceable = song is not None and song.danceable(style)
        return retime.dancer_count(motion, dance.usual, song.music(style)[1] if song and danceable else None)

    def _rhythm(
        self, motion: Motion, count: NDArray[np.float64], dance: RecordedDance, songs: Sequence[SongFile]
    ) -> Iterator[TimedDance]:
        style, count_made = dance.clip.style, 0
        for index in self.generator.permutation(len(songs)):
            song = songs[index]
            if count_made == self.rhythm_pairs:
                break
            if (dance.song is not None and song.path == dance.song.path) or not song.danceable(style):
                continue
            near = count if dance.song is not None else count_near(motion, count, song, style)
            if retime.fits(motion, near, song.music(style)[1].tempo):
                yield to_song(motion, near, song, style, "rhythm", random_entry(song, style, self.generator))
                count_made += 1


def count_near(motion: Motion, count: retime.Times, song: SongFile, style: str) -> retime.Times:
    """The count of a motion without music for a song: `count`; in a style without a usual tempo, the count at the
    motion's strongest rhythm near the song's tempo."""
    return count if song.styles.tempo(style) is not None else retime.steady_count(motion, song.music(style)[1].tempo)


def random_entry(song: SongFile, style: str, generator: np.random.Generator) -> int:
    """A random frame of the song's first third to start at. Data augmentation: another start is another pair."""
    return int(generator.integers(0, max(1, len(song.music(style)[0]) // 3)))


def to_song(motion: Motion, count: retime.Times, song: SongFile, style: str, kind: str, entry: int = 0) -> TimedDance:
    """The motion (its count per frame) re-timed onto the song, from the song's frame `entry` on."""
    features, track = song.music(style)
    warped, first = retime.warp_to_song(motion, count, track, len(features), entry, own=kind == "real")
    return TimedDance(warped, style, kind, song, entry + first)
