"""What the decoder learns from: dances re-timed onto their own song, and onto other songs of a fitting tempo.

Every motion of the training split is played to its own song (a *real pair*), to some other songs (*rhythm pairs*), and
once to no music at all; each also mirrored. The codec turns the motions into codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from engine.training.windows import StyledMotion, at_rate
from smpl_rig.motion import Motion

TEMPO_TOLERANCE = 1.1
"""Largest ratio of tempi that a rhythm pair may bridge."""
FEWEST_BEATS = 9
"""A song in which fewer are heard has no beat to dance on."""


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


class PairMaker:
    """Makes pairs of dances and songs. `styles` fixes the style indices; a motion gets `rhythm_pairs` other songs."""

    def __init__(self, codec: MotionVQVAE, styles: Sequence[str], rhythm_pairs: int, seed: int = 0):
        self.codec, self.styles, self.rhythm_pairs = codec.eval(), list(styles), rhythm_pairs
        self.generator = np.random.default_rng(seed)

    def make(self, dances: Sequence[Dance], songs: Sequence[Song], said: Callable[[str], None]) -> list[Pair]:
        """All pairs of `dances`; rhythm pairs draw from `songs`."""
        pairs: list[Pair] = []
        for dance in dances:
            before = len(pairs)
            motion = at_rate(dance.clip.motion)
            pairs += self._encode(motion, None, dance.clip.style, "silent")
            count = self._count(motion, dance)
            if count is not None:
                if dance.song is not None and dance.song.danceable(dance.clip.style):
                    pairs += self._to_song(motion, count, dance.song, dance.clip.style, "real")
                pairs += self._rhythm(motion, count, dance, songs)
            said(f"{dance.clip.name}: {len(pairs) - before} pairs")
        return pairs

    def _count(self, motion: Motion, dance: Dance) -> NDArray[np.float64] | None:
        song, style = dance.song, dance.clip.style
        danceable = song is not None and song.danceable(style)
        return retime.dancer_count(motion, style, song.hear(style)[1] if song and danceable else None)

    def _rhythm(self, motion: Motion, count: NDArray[np.float64], dance: Dance, songs: Sequence[Song]) -> list[Pair]:
        tempo = 60 * (count[-1] - count[0]) / motion.seconds
        pairs: list[Pair] = []
        made = 0
        for index in self.generator.permutation(len(songs)):
            song = songs[index]
            if made == self.rhythm_pairs:
                break
            if dance.song is not None and song.path == dance.song.path:
                continue
            fits = song.danceable(dance.clip.style)
            if fits and abs(np.log(song.hear(dance.clip.style)[1].tempo / tempo)) < np.log(TEMPO_TOLERANCE):
                pairs += self._to_song(motion, count, song, dance.clip.style, "rhythm")
                made += 1
        return pairs

    def _to_song(self, motion: Motion, count: NDArray[np.float64], song: Song, style: str, kind: str) -> list[Pair]:
        features, track = song.hear(style)
        # a song may be entered anywhere on a beat: another entry is another pair
        entry = 0 if kind == "real" else int(self.generator.integers(0, max(1, len(features) // 3)))
        warped, first = retime.warp_to_song(motion, count, track, len(features), entry, own=kind == "real")
        return self._encode(warped, features[entry + first :], style, kind)

    @torch.no_grad()
    def _encode(self, motion: Motion, music: NDArray[np.float32] | None, style: str, kind: str) -> list[Pair]:
        stride = self.codec.config.stride
        length = len(motion) if music is None else min(len(motion), len(music))
        length = length // stride * stride
        if length < 4 * retime.RATE:
            return []
        features = rep.encode(motion.cut(0, length))
        both = torch.from_numpy(np.stack([features, rep.mirror(features)]))
        codes = self.codec.encode(both).numpy()
        heard = None if music is None else music[:length]
        return [Pair(code, heard, self.styles.index(style), kind) for code in codes]
