"""Training of the paper's motion decoder: the next token from the previous ones, with the music as a bag of frames."""

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
from engine.audio.files.decode import load_audio
from engine.audio.original.librosa_features import librosa_features
from engine.audio.rates import SAMPLE_RATE
from engine.data.songs import RecordedDance, SongFile
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
"""Tokens and music frames of a training window: as many as when tokens are sampled."""
DROPOUT = 0.1
SMOOTHING = 0.05
HELD_OUT = 24
"""Validation windows."""


@dataclass(frozen=True)
class TokenPair:
    """tokens (N,) of a dance to music (N, 35)."""

    tokens: NDArray[np.int64]
    music: NDArray[np.float32]
    style: str
    kind: str


@dataclass(frozen=True)
class Batch:
    """tokens (B, T), normalised music (B, T, 35), their masks (B, T), which are false after the end of the pair."""

    tokens: Tensor
    music: Tensor
    token_mask: Tensor
    music_mask: Tensor


class TokenPairMaker:
    """Turns our pairs into tokens of the paper's VQ-VAE and its music features. mean, std: (263,) of the motion."""

    def __init__(self, codec: OriginalVQVAE, mean: NDArray[np.float32], std: NDArray[np.float32]):
        self.codec, self.mean, self.std = codec, mean, std
        self.music: dict[Path, NDArray[np.float32]] = {}

    def make(
        self,
        source: PairSource,
        dances: Sequence[RecordedDance],
        songs: Sequence[SongFile],
        said: Callable[[str], None],
    ) -> list[TokenPair]:
        """All pairs with music; this model cannot dance without."""
        pairs: list[TokenPair] = []
        for dance in dances:
            before = len(pairs)
            for timed in source.timed(dance, songs):
                if timed.song is None:
                    continue
                music = self._features(timed.song)[timed.first :]
                count = min(len(timed.motion) - 1, len(music))
                if count >= SHORTEST:
                    sides = both_ways(timed.motion.cut(0, count + 1))
                    pairs += [TokenPair(self._tokens(v), music[:count], timed.style, timed.kind) for v in sides]
            said(f"{dance.clip.name}: {len(pairs) - before} pairs")
        return pairs

    def _features(self, song: SongFile) -> NDArray[np.float32]:
        """Computed as for sampling: no style gives the tempo."""
        if song.path not in self.music:
            self.music[song.path] = librosa_features(load_audio(song.path, SAMPLE_RATE))
        return self.music[song.path]

    @torch.no_grad()
    def _tokens(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        motion = torch.from_numpy(humanml3d.normalise(vectors, self.mean, self.std))[None]
        return self.codec.encode(motion.to(self.codec.codebook.device))[0].cpu().numpy()


class TokenWindows:
    """Draws windows of pairs, with styles and kinds weighted as for our decoder; short pairs are padded at the end."""

    def __init__(self, pairs: Sequence[TokenPair]):
        if not pairs:
            raise DataError("No dance could be paired with music. Give dances with songs, or songs of a fitting tempo.")
        self.pairs = list(pairs)
        weights = style_weights([pair.style for pair in pairs], [len(pair.tokens) for pair in pairs])
        weights = weights * np.array([KIND_WEIGHT[pair.kind] for pair in pairs])
        self.weights = weights / weights.sum()
        music = np.concatenate([pair.music for pair in pairs])
        self.music_mean, self.music_std = music.mean(0), np.maximum(music.std(0), 1e-3)

    def batch(
        self,
        generator: np.random.Generator,
        size: int,
        music_mean: NDArray[np.float32],
        music_std: NDArray[np.float32],
    ) -> Batch:
        """Random windows; the music is normalised with the statistics of the training windows."""
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
    """Cross-entropy in nats of each token given the previous ones of its window and all the window's music."""
    past = batch.tokens[:, :-1]
    positions = torch.arange(past.shape[1], device=past.device)
    bias = distance_bias(positions[:, None] - positions, network.slopes(past.device))
    music_bias = torch.zeros(batch.music_mask.shape, device=past.device).masked_fill(~batch.music_mask, -torch.inf)
    logits = network.run(
        network.embed_tokens(past, positions),
        network.music_keys_values(batch.music),
        bias,
        music_bias[:, None, None],
        None,
    )
    mask = batch.token_mask[:, 1:]
    return F.cross_entropy(logits[mask].float(), batch.tokens[:, 1:][mask], label_smoothing=smoothing)


def train_writer(
    train: Sequence[TokenPair], val: Sequence[TokenPair], config: OriginalDecoderConfig, options: TrainOptions
) -> OriginalDecoder:
    """Train (or continue to train) the decoder; returns the averaged network, whose input is music not normalised."""
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
        # a model that uses the music has a higher loss with that of another window
        other = replace(batch, music=batch.music.roll(1, 0), music_mask=batch.music_mask.roll(1, 0))
        return {"loss": loss, "wrong_music": float(next_token_loss(network, other)) - loss}

    run.log(config=str(asdict(config)), pairs=float(len(train)), minutes=sum(len(p.tokens) for p in train) / 1200)
    run.train(losses, validate)
    assert isinstance(run.averaged, OriginalDecoder)
    return with_raw_music(run.averaged, mean, std)


def with_raw_music(network: OriginalDecoder, mean: NDArray[np.float32], std: NDArray[np.float32]) -> OriginalDecoder:
    """A copy of `network` for music (.., 35) that is not normalised: a checkpoint stores no statistics of music."""
    changed = copy.deepcopy(network)
    project = changed.project_music
    with torch.no_grad():
        project.weight.div_(torch.from_numpy(std).to(project.weight))
        project.bias.sub_(project.weight @ torch.from_numpy(mean).to(project.weight))
    return changed


def _drop(part: nn.Module, arguments: Any, output: Tensor) -> Tensor:
    return F.dropout(output, DROPOUT, part.training)
