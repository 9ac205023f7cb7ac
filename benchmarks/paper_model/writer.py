"""Training of the paper's motion decoder: the next token from those before, with the music as a bag of frames."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.paper_model.vectors import both_ways
from engine.audio.decode import load_audio
from engine.audio.librosa_features import SAMPLE_RATE, librosa_features
from engine.data.songs import Dance, Song
from engine.errors import DataError
from engine.models.original.config import OriginalDecoderConfig, OriginalSampling
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.layers import Attention, FeedForward, distance_bias
from engine.models.original.vqvae import OriginalVQVAE
from engine.motion import humanml3d
from engine.training.decoder import KIND_WEIGHT
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.pairs import SHORTEST, PairSource
from engine.training.windows import style_weights

WINDOW = OriginalSampling().window
"""Tokens and music frames of a training window: what is seen when tokens are drawn."""
DROPOUT = 0.1
SMOOTHING = 0.05
HELD_OUT = 24
"""Windows of the validation."""


@dataclass(frozen=True)
class TokenPair:
    """tokens (N,) danced to music (N, 35)."""

    tokens: NDArray[np.int64]
    music: NDArray[np.float32]
    style: str
    kind: str


@dataclass(frozen=True)
class Batch:
    """tokens (B, T), music (B, T, 35) normalised, danced and heard (B, T) bool: false where the pair is over."""

    tokens: Tensor
    music: Tensor
    danced: Tensor
    heard: Tensor


class TokenPairMaker:
    """Turns our pairs into tokens of the paper's VQ-VAE and its music features. mean, std: (263,) of the motion."""

    def __init__(self, codec: OriginalVQVAE, mean: NDArray[np.float32], std: NDArray[np.float32]):
        self.codec, self.mean, self.std = codec, mean, std
        self.music: dict[Path, NDArray[np.float32]] = {}

    def make(
        self, source: PairSource, dances: Sequence[Dance], songs: Sequence[Song], said: Callable[[str], None]
    ) -> list[TokenPair]:
        """All pairs with music; this model knows no dance without."""
        pairs: list[TokenPair] = []
        for dance in dances:
            before = len(pairs)
            for timed in source.timed(dance, songs):
                if timed.song is None:
                    continue
                music = self._hear(timed.song)[timed.first :]
                count = min(len(timed.motion) - 1, len(music))
                if count >= SHORTEST:
                    sides = both_ways(timed.motion.cut(0, count + 1))
                    pairs += [TokenPair(self._tokens(v), music[:count], timed.style, timed.kind) for v in sides]
            said(f"{dance.clip.name}: {len(pairs) - before} pairs")
        return pairs

    def _hear(self, song: Song) -> NDArray[np.float32]:
        """As it is heard when tokens are drawn: no style tells the tempo."""
        if song.path not in self.music:
            self.music[song.path] = librosa_features(load_audio(song.path, SAMPLE_RATE))
        return self.music[song.path]

    @torch.no_grad()
    def _tokens(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        motion = torch.from_numpy(humanml3d.normalise(vectors, self.mean, self.std))[None]
        return self.codec.encode(motion.to(self.codec.codebook.device))[0].cpu().numpy()


class TokenWindows:
    """Draws windows of pairs, styles and kinds weighted as for our decoder; a short pair is padded at its end."""

    def __init__(self, pairs: Sequence[TokenPair]):
        if not pairs:
            raise DataError("No dance could be paired with music. Give dances with songs, or songs of a fitting tempo.")
        self.pairs = list(pairs)
        weights = style_weights([pair.style for pair in pairs], [len(pair.tokens) for pair in pairs])
        weights = weights * np.array([KIND_WEIGHT[pair.kind] for pair in pairs])
        self.weights = weights / weights.sum()
        heard = np.concatenate([pair.music for pair in pairs])
        self.music_mean, self.music_std = heard.mean(0), np.maximum(heard.std(0), 1e-3)

    def batch(
        self,
        generator: np.random.Generator,
        size: int,
        music_mean: NDArray[np.float32],
        music_std: NDArray[np.float32],
    ) -> Batch:
        """Random windows; the music is normalised with the statistics of the training's windows."""
        tokens = np.zeros((size, WINDOW), np.int64)
        music = np.zeros((size, WINDOW, len(music_mean)), np.float32)
        real = np.zeros((size, WINDOW), bool)
        for row, pick in enumerate(generator.choice(len(self.pairs), size, p=self.weights)):
            pair = self.pairs[pick]
            start = int(generator.integers(max(1, len(pair.tokens) - WINDOW + 1)))
            count = min(WINDOW, len(pair.tokens))
            tokens[row, :count] = pair.tokens[start : start + count]
            music[row, :count] = (pair.music[start : start + count] - music_mean) / music_std
            real[row, :count] = True
        return Batch(*(torch.from_numpy(part) for part in (tokens, music, real, real)))


def next_token_loss(network: OriginalDecoder, batch: Batch, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats of each token after those before it in its window, all the window's music in view."""
    past = batch.tokens[:, :-1]
    positions = torch.arange(past.shape[1], device=past.device)
    bias = distance_bias(positions[:, None] - positions, network.slopes(past.device))
    music_bias = torch.zeros(batch.heard.shape, device=past.device).masked_fill(~batch.heard, -torch.inf)
    logits = network.run(
        network.embed_tokens(past, positions),
        network.music_keys_values(batch.music),
        bias,
        music_bias[:, None, None],
        None,
    )
    danced = batch.danced[:, 1:]
    return F.cross_entropy(logits[danced].float(), batch.tokens[:, 1:][danced], label_smoothing=smoothing)


def train_writer(
    train: Sequence[TokenPair], val: Sequence[TokenPair], config: OriginalDecoderConfig, options: TrainOptions
) -> OriginalDecoder:
    """Train (or go on training) the decoder; returns the averaged network, which takes music as it is heard."""
    windows, held_out = TokenWindows(train), TokenWindows(val)
    mean, std = windows.music_mean, windows.music_std
    torch.manual_seed(options.seed)
    model = OriginalDecoder(config)
    for part in model.modules():
        if isinstance(part, (Attention, FeedForward)):
            part.register_forward_hook(_drop)
    run = Run(model, options)

    def draw(source: TokenWindows, generator: np.random.Generator, size: int) -> Batch:
        batch = source.batch(generator, size, mean, std)
        return Batch(**{field.name: getattr(batch, field.name).to(options.device) for field in fields(Batch)})

    def losses(network: nn.Module, step: int) -> Losses:
        assert isinstance(network, OriginalDecoder)
        batch = draw(windows, np.random.default_rng([options.seed, step]), options.batch)
        with mixed_precision(options.device):
            return {"loss": next_token_loss(network, batch, SMOOTHING)}

    @torch.no_grad()
    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, OriginalDecoder)
        batch = draw(held_out, np.random.default_rng(options.seed), HELD_OUT)
        loss = float(next_token_loss(network, batch))
        # a model that hears the music is surprised by that of another window
        other = replace(batch, music=batch.music.roll(1, 0), heard=batch.heard.roll(1, 0))
        return {"loss": loss, "wrong_music": float(next_token_loss(network, other)) - loss}

    run.log(config=str(asdict(config)), pairs=float(len(train)), minutes=sum(len(p.tokens) for p in train) / 1200)
    run.train(losses, validate)
    assert isinstance(run.averaged, OriginalDecoder)
    return hearing_as_is(run.averaged, mean, std)


def hearing_as_is(network: OriginalDecoder, mean: NDArray[np.float32], std: NDArray[np.float32]) -> OriginalDecoder:
    """A copy that takes the music (.., 35) which `network` takes normalised: a checkpoint has no statistics of it."""
    changed = copy.deepcopy(network)
    project = changed.project_music
    with torch.no_grad():
        project.weight.div_(torch.from_numpy(std).to(project.weight))
        project.bias.sub_(project.weight @ torch.from_numpy(mean).to(project.weight))
    return changed


def _drop(part: nn.Module, arguments: Any, output: Tensor) -> Tensor:
    return F.dropout(output, DROPOUT, part.training)
