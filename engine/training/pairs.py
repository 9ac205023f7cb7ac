"""What the decoder learns from: dances re-timed onto their own song, and onto other songs of a fitting tempo.

Every motion of the training split is played to its own song (a *real pair*), to some other songs (*rhythm pairs*), and
once to no music at all: that is `PairSource`'s part. `PairMaker` turns each, and its mirror image, into codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.audio.decode import load_audio
from engine.audio.librosa_features import SAMPLE_RATE
from engine.audio.music import music_features
from engine.models.vqvae import MotionVQVAE
from engine.motion import representation as rep
from engine.training import retime
from engine.training.waiting import without_waiting
from engine.training.windows import StyledMotion, at_rate
from smpl_rig.motion import Motion

TEMPO_TOLERANCE = 1.1
"""Largest ratio of tempi that a rhythm pair may bridge."""
FEWEST_BEATS = 9
"""A song in which fewer are heard has no beat to dance on."""
SHORTEST = 80
"""Frames (4 s): a shorter dance makes no pair."""


@dataclass(frozen=True)
class Pair:
    """codes (N, K) danced to music (2N, 37); `music` is None where the dance has none. kind: real, rhythm or silent."""

    codes: NDArray[np.int64]
    music: NDArray[np.float32] | None
    style: int
    kind: str


@dataclass
class Song:
    """A song as heard by a dancer of each style: features and beats, computed when first needed."""

    path: Path
    heard: dict[str, tuple[NDArray[np.float32], BeatTrack]] = field(default_factory=dict)

    def hear(self, style: str) -> tuple[NDArray[np.float32], BeatTrack]:
        """Features (T, 37) and beats with the tempo expected for `style`."""
        if style not in self.heard:
            self.heard[style] = music_features(load_audio(self.path, SAMPLE_RATE), style)
        return self.heard[style]

    def danceable(self, style: str) -> bool:
        """Whether enough beats are heard for a dance of `style` to be re-timed onto them."""
        return len(self.hear(style)[1].times) >= FEWEST_BEATS


@dataclass(frozen=True)
class Dance:
    """A clip of motion with the song it was danced to, if that is known."""

    clip: StyledMotion
    song: Song | None


@dataclass(frozen=True)
class TimedDance:
    """A motion at 20 frames/s whose frame 0 falls on frame `first` of the song's features; either may end first.

    song: None for a dance to no music. kind: real, rhythm or silent.
    """

    motion: Motion
    style: str
    kind: str
    song: Song | None = None
    first: int = 0


class PairSource:
    """Re-times dances onto songs: onto their own, and onto `rhythm_pairs` others each."""

    def __init__(self, rhythm_pairs: int, seed: int = 0):
        self.rhythm_pairs = rhythm_pairs
        self.generator = np.random.default_rng(seed)

    def timed(self, dance: Dance, songs: Sequence[Song]) -> Iterator[TimedDance]:
        """The dance to no music, to its own song and to some of `songs` that fit its tempo."""
        motion, style = at_rate(dance.clip.motion), dance.clip.style
        if dance.song is None:  # else the music says when it begins
            motion = without_waiting(motion)
        if len(motion) < SHORTEST:
            return
        yield TimedDance(motion, style, "silent")
        count = self._count(motion, dance)
        if dance.song is not None and dance.song.danceable(style):
            yield self._to_song(motion, count, dance.song, style, "real")
        yield from self._rhythm(motion, count, dance, songs)

    def _count(self, motion: Motion, dance: Dance) -> NDArray[np.float64]:
        song, style = dance.song, dance.clip.style
        danceable = song is not None and song.danceable(style)
        return retime.dancer_count(motion, style, song.hear(style)[1] if song and danceable else None)

    def _rhythm(
        self, motion: Motion, count: NDArray[np.float64], dance: Dance, songs: Sequence[Song]
    ) -> Iterator[TimedDance]:
        tempo = 60 * (count[-1] - count[0]) / motion.seconds
        made = 0
        for index in self.generator.permutation(len(songs)):
            song = songs[index]
            if made == self.rhythm_pairs:
                break
            if dance.song is not None and song.path == dance.song.path:
                continue
            fits = song.danceable(dance.clip.style)
            if fits and abs(np.log(song.hear(dance.clip.style)[1].tempo / tempo)) < np.log(TEMPO_TOLERANCE):
                yield self._to_song(motion, count, song, dance.clip.style, "rhythm")
                made += 1

    def _to_song(self, motion: Motion, count: NDArray[np.float64], song: Song, style: str, kind: str) -> TimedDance:
        features, track = song.hear(style)
        # a song may be entered anywhere on a beat: another entry is another pair
        entry = 0 if kind == "real" else int(self.generator.integers(0, max(1, len(features) // 3)))
        warped, first = retime.warp_to_song(motion, count, track, len(features), entry, own=kind == "real")
        return TimedDance(warped, style, kind, song, entry + first)


class PairMaker:
    """Makes pairs of dances and songs. `styles` fixes the style indices; a motion gets `rhythm_pairs` other songs."""

    def __init__(self, codec: MotionVQVAE, styles: Sequence[str], rhythm_pairs: int, seed: int = 0):
        self.codec, self.styles = codec.eval(), list(styles)
        self.source = PairSource(rhythm_pairs, seed)

    def make(self, dances: Sequence[Dance], songs: Sequence[Song], said: Callable[[str], None]) -> list[Pair]:
        """All pairs of `dances`; rhythm pairs draw from `songs`."""
        pairs: list[Pair] = []
        for dance in dances:
            before = len(pairs)
            for timed in self.source.timed(dance, songs):
                pairs += self._encode(timed)
            said(f"{dance.clip.name}: {len(pairs) - before} pairs")
        return pairs

    @torch.no_grad()
    def _encode(self, timed: TimedDance) -> list[Pair]:
        music = None if timed.song is None else timed.song.hear(timed.style)[0][timed.first :]
        stride = self.codec.config.stride
        length = len(timed.motion) if music is None else min(len(timed.motion), len(music))
        length = length // stride * stride
        if length < SHORTEST:
            return []
        features = rep.encode(timed.motion.cut(0, length))
        both = torch.from_numpy(np.stack([features, rep.mirror(features)]))
        codes = self.codec.encode(both).numpy()
        heard = None if music is None else music[:length]
        return [Pair(code, heard, self.styles.index(timed.style), timed.kind) for code in codes]
