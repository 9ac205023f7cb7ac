"""Training pairs from dances: re-timed onto songs, mirrored, and encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.clips import at_rate
from engine.data.idle_parts import moving_parts
from engine.data.songs import RecordedDance, SongFile
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep
from engine.motion.energy import SLOWEST, energies, speeds
from engine.training.medleys import medleys
from engine.training.pairs import SHORTEST, Pair, PairSource, TimedDance


class PairMaker:
    """Maker of training pairs. styles: their order gives the style indices. rhythm_pairs: other songs per motion."""

    def __init__(self, codec: MotionVQVAE, styles: Sequence[str], rhythm_pairs: int, seed: int = 0):
        self.codec, self.styles = codec.eval(), list(styles)
        self.source = PairSource(rhythm_pairs, seed)
        self.usual: dict[str, float] = {}

    def make(
        self, dances: Sequence[RecordedDance], songs: Sequence[SongFile], report: Callable[[str], None]
    ) -> list[Pair]:
        """All pairs of `dances`; rhythm pairs and medleys use `songs`. report: is called with lines of progress."""
        pairs: list[Pair] = []
        self.usual = usual_speeds(dances)
        for dance in dances:
            before = len(pairs)
            for timed in self.source.timed(dance, songs):
                pairs += self._encode(timed, SHORTEST)
            report(f"{dance.clip.name}: {len(pairs) - before} pairs")
        before = len(pairs)
        stride = self.codec.config.stride
        for parts in medleys(dances, songs, self.source.rhythm_pairs, stride, self.source.generator):
            encoded = [self._encode(part, stride) for part in parts]
            pairs += [_joined(each) for each in zip(*encoded, strict=True)]
        report(f"medleys of short dances: {len(pairs) - before} pairs")
        return pairs

    @torch.no_grad()
    def _encode(self, timed: TimedDance, shortest: int) -> list[Pair]:
        """Pairs of a dance and of its mirror image; none if the dance is shorter than `shortest` frames."""
        music = None if timed.song is None else timed.song.music(timed.style)[0][timed.first :]
        stride = self.codec.config.stride
        length = len(timed.motion) if music is None else min(len(timed.motion), len(music))
        length = length // stride * stride
        if length < shortest:
            return []
        motion = timed.motion.cut(0, length)
        energy = energies(speeds(motion), self.usual[timed.style], stride)
        features = rep.encode(motion)
        both = torch.from_numpy(np.stack([features, rep.mirror(features)]))
        codes = self.codec.encode(both).numpy()
        music = None if music is None else music[:length]
        return [Pair(code, music, self.styles.index(timed.style), timed.kind, energy) for code in codes]


def usual_speeds(dances: Sequence[RecordedDance]) -> dict[str, float]:
    """The mean speed, m/s, of each style's dances where they move (see `engine.motion.energy`)."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for dance in dances:
        parts = moving_parts(at_rate(dance.clip.motion))
        found.setdefault(dance.clip.style, []).extend(speeds(part) for part in parts)
    return {style: max(float(np.concatenate(each).mean()), SLOWEST) for style, each in found.items() if each}


def _joined(parts: Sequence[Pair]) -> Pair:
    """One pair from parts that follow each other."""
    music = [part.music for part in parts if part.music is not None]
    energy = [part.energy for part in parts if part.energy is not None]
    return replace(
        parts[0],
        codes=np.concatenate([part.codes for part in parts]),
        music=np.concatenate(music) if music else None,
        energy=np.concatenate(energy),
        joins=tuple(np.cumsum([len(part.codes) for part in parts])[:-1].tolist()),
    )
