"""Stage two of training: the motion decoder, on pairs, with free spans, dropped conditions and a corrupted past."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import DataError
from engine.models.own.config import DecoderConfig
from engine.models.torch.decoder import MotionDecoder
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.pairs import Pair
from engine.training.windows import style_weights

POSITIONS = 128  # token positions in a training window: 12.8 s
KIND_WEIGHT = {"real": 1.0, "rhythm": 0.7, "silent": 0.15}
LEVEL_WEIGHT = (1.0, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.2)
"""Loss weights of the residual levels, coarse to fine; any further level has the last one's."""
DROP_MUSIC, DROP_STYLE, DROP_ENERGY = 0.15, 0.15, 0.3
UNLOCKED = 0.4  # share of windows with nothing locked
AFTER_JOIN = 3
"""Positions after a join of two clips that are left out of the loss: nothing before them predicts them."""
MOST_CORRUPTED = 0.5  # largest share of a window's past that is replaced by other codes
OTHER_PAST = 0.4
"""Share of windows in which a part of the past is a dance of another style. A past that fits the style says more than
the style itself, so without these the decoder goes on with whatever it began, and its first poses decide the style."""
UNKNOWN_PAST = 0.5
"""Share of windows whose past is unknown up to a random position. There, music, style and energy alone tell what to
dance, as at a dance's beginning. One such position a window is too few to learn that: styles with little data began
slowly, and went on as they had begun."""


@dataclass(frozen=True)
class Batch:
    """A training batch.

    codes and history: (B, N, K), the true codes and the past as the decoder is given it, -1 where unknown. music:
    (B, N * stride, C). locked: (B, N) bool. style, has_music: (B,). energy: (B, N), NaN where none is told. real:
    (B, N) bool: the positions that count in the loss, neither padding nor just after a join of two clips.
    """

    codes: Tensor
    history: Tensor
    music: Tensor
    locked: Tensor
    style: Tensor
    has_music: Tensor
    energy: Tensor
    real: Tensor

    def to(self, device: str) -> Batch:
        """The batch on one of torch's devices."""
        return Batch(*(getattr(self, each.name).to(device) for each in fields(self)))


class PairWindows:
    """Random windows of pairs; a short pair is padded at its end (`real` is false there). Raises DataError without
    pairs."""

    def __init__(self, pairs: Sequence[Pair], config: DecoderConfig):
        if not pairs:
            raise DataError("The data gives no pairs of dance and music. Use motions of at least 4 s.")
        self.pairs, self.config = list(pairs), config
        weights = style_weights([str(p.style) for p in pairs], [len(p.codes) for p in pairs])
        weights = weights * np.array([KIND_WEIGHT[p.kind] for p in pairs])
        self.weights = weights / weights.sum()

    def music_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (C,) of the music features. Raises DataError without music."""
        songs = [pair.music for pair in self.pairs if pair.music is not None]
        if not songs:
            raise DataError("No dance could be paired with music. Give dances with songs, or songs of a fitting tempo.")
        music = np.concatenate(songs)
        return torch.from_numpy(music.mean(0)), torch.from_numpy(np.maximum(music.std(0), 1e-3))

    def batch(self, generator: np.random.Generator, size: int) -> Batch:
        """A training batch: random windows, random free spans, dropped conditions, corrupted history."""
        c = self.config
        codes = np.zeros((size, POSITIONS, c.levels), np.int64)
        music = np.zeros((size, POSITIONS * c.music_stride, c.music_features), np.float32)
        real = np.zeros((size, POSITIONS), bool)
        locked = np.zeros((size, POSITIONS), bool)
        style = np.zeros(size, np.int64)
        has_music = np.zeros(size, bool)
        energy = np.full((size, POSITIONS), np.nan, np.float32)
        picks = generator.choice(len(self.pairs), size, p=self.weights)
        for row, pick in enumerate(picks):
            pair = self.pairs[pick]
            start = int(generator.integers(max(1, len(pair.codes) - POSITIONS + 1)))
            count = min(POSITIONS, len(pair.codes) - start)
            codes[row, :count] = pair.codes[start : start + count, : c.levels]
            real[row, :count] = True
            for join in pair.joins:
                real[row, max(0, join - start) : max(0, join - start + AFTER_JOIN)] = False
            if pair.music is not None and generator.random() > DROP_MUSIC:
                stop = (start + count) * c.music_stride
                music[row, : count * c.music_stride] = pair.music[start * c.music_stride : stop]
                has_music[row] = True
            if pair.energy is not None and generator.random() > DROP_ENERGY:
                energy[row, :count] = pair.energy[start : start + count]
            style[row] = c.styles if generator.random() < DROP_STYLE else pair.style
            locked[row, :count] = random_locks(generator, count)
        history = codes.copy()
        corrupted = generator.random((size, POSITIONS)) < generator.uniform(0, MOST_CORRUPTED, (size, 1))
        # codes from other positions of the batch are wrong but natural; uniformly random ones would be easy to detect
        history[corrupted] = codes.reshape(-1, c.levels)[generator.integers(0, size * POSITIONS, corrupted.sum())]
        danced = np.array([self.pairs[pick].style for pick in picks])
        for row in np.flatnonzero(generator.random(size) < OTHER_PAST).tolist():
            others = np.flatnonzero(danced != danced[row])
            if len(others):
                first, last = np.sort(generator.integers(0, POSITIONS + 1, 2)).tolist()
                history[row, first:last] = codes[generator.choice(others), first:last]
        for row in np.flatnonzero(generator.random(size) < UNKNOWN_PAST).tolist():
            history[row, : generator.integers(1, POSITIONS + 1)] = -1
        return Batch(*(torch.from_numpy(x) for x in (codes, history, music, locked, style, has_music, energy, real)))


def random_locks(generator: np.random.Generator, count: int) -> np.ndarray:
    """(count,) bool: nothing locked, or all but one to three spans of 4 to 60 positions, or only the ends."""
    kind = generator.random()
    if kind < UNLOCKED:
        return np.zeros(count, bool)
    locked = np.ones(count, bool)
    if kind < UNLOCKED + 0.15:  # continue from a start, or lead to an end
        edge = int(generator.integers(1, 12))
        locked[:] = False
        if generator.random() < 0.7:
            locked[:edge] = True
        if generator.random() < 0.5:
            locked[-edge:] = True
        return locked
    for _ in range(int(generator.integers(1, 4))):
        length = int(4 * 15 ** generator.random())
        start = int(generator.integers(0, max(1, count - length)))
        locked[start : start + length] = False
    return locked


def decoder_losses(network: MotionDecoder, batch: Batch, smoothing: float = 0.0) -> Losses:
    """Cross-entropy of each level over the free positions, nats, and the weighted mean of the levels under "loss"."""
    b = batch
    logits = network(b.codes, b.history, b.music, b.locked, b.style, b.has_music, b.energy)
    free = batch.real & ~batch.locked
    values: Losses = {}
    for level, scores in enumerate(logits):
        target = batch.codes[..., level][free]
        values[f"level{level}"] = F.cross_entropy(scores[free].float(), target, label_smoothing=smoothing)
    weights = [LEVEL_WEIGHT[min(level, len(LEVEL_WEIGHT) - 1)] for level in range(len(logits))]
    values["loss"] = torch.stack([w * values[f"level{i}"] for i, w in enumerate(weights)]).sum() / sum(weights)
    return values


def new_decoder(
    train: Sequence[Pair],
    config: DecoderConfig,
    seed: int,
    codebooks: Tensor | None = None,
    kind: type[MotionDecoder] = MotionDecoder,
) -> MotionDecoder:
    """An untrained decoder for the music of pairs.

    codebooks: the codec's (K, codes, D), from which the embeddings of the codes start; without them the decoder needs
    many more steps to learn to use the past. kind: the network's class.
    """
    mean, std = PairWindows(train, config).music_statistics()
    torch.manual_seed(seed)
    model = kind(config)
    model.context.music_mean.copy_(mean)
    model.context.music_std.copy_(std)
    if codebooks is not None:
        model.start_from_codebooks(codebooks)
    return model


def train_decoder(
    train: Sequence[Pair], val: Sequence[Pair], start: MotionDecoder, options: TrainOptions
) -> MotionDecoder:
    """Train the decoder `start`, or go on where an unfinished run of it ended; returns the averaged model."""
    config = start.config
    windows = PairWindows(train, config)
    held_out = PairWindows([pair for pair in val if pair.kind == "real"] or val, config)
    torch.manual_seed(options.seed)
    run = Run(copy.deepcopy(start), options)

    def losses(network: nn.Module, step: int) -> Losses:
        assert isinstance(network, MotionDecoder)
        batch = windows.batch(np.random.default_rng([options.seed, step]), options.batch).to(options.device)
        with mixed_precision(options.device):
            return decoder_losses(network, batch, smoothing=0.05)

    @torch.no_grad()
    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, MotionDecoder)
        batch = held_out.batch(np.random.default_rng(options.seed), 48).to(options.device)
        batch = replace(batch, history=batch.codes)
        figures = {name: float(value) for name, value in decoder_losses(network, batch).items()}
        # how much music half a second late raises the loss: more for a model that uses the beat
        late = replace(batch, music=batch.music.roll(10, dims=1))
        figures["late_music"] = float(decoder_losses(network, late)["loss"]) - figures["loss"]
        return figures

    run.log(config=str(asdict(config)), pairs=float(len(train)), minutes=sum(len(p.codes) for p in train) / 600)
    run.train(losses, validate)
    assert isinstance(run.averaged, MotionDecoder)
    return run.averaged
