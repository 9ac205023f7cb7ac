"""The decoders whose architecture is not ours: one with music as a bag of frames, one with sinusoidal positions."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.original.layers import sinusoid
from engine.models.own.config import DecoderConfig, Sampling
from engine.models.own.networks import Codes, Decoder, Floats
from engine.models.own.sampling import Conditions, generate_span
from engine.models.torch.decoder import Attention, ContextEncoder, MotionDecoder
from engine.models.torch.networks import TorchDecoder
from engine.training.decoder import POSITIONS


class MusicAttention(nn.Module):
    """A decoder layer's cross-attention to the bag of frames, followed by its feed-forward.

    Replaces the feed-forward, which is called both in training and with the KV cache.
    """

    def __init__(self, c: DecoderConfig, feed_forward: nn.Module):
        super().__init__()
        self.attention, self.norm = Attention(c.width, c.heads), nn.LayerNorm(c.width)
        self.feed_forward = feed_forward

    def set_frames(self, frames: Tensor, bias: Tensor) -> None:
        """Attend to frames (B, M, W) from now on; bias (B, 1, 1, M)."""
        self.frames = (*self.attention.keys_values(frames), bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, W), or (B * V, W) of V dances to the same music, which are consecutive."""
        queries = x.reshape(len(self.frames[0]), -1, x.shape[-1])
        found = self.attention(queries, *self.frames).view_as(x)
        return found + self.feed_forward(self.norm(x + found))


class BagOfFrames(MotionDecoder):
    """Music as in the paper's decoder: every layer attends to the frames of a window, which have no order.

    Locked codes and style are aligned as in ours; the context encoder gets no music, so its music layers do nothing.
    """

    def __init__(self, config: DecoderConfig):
        super().__init__(config)
        self.frame_in = nn.Linear(config.music_features, config.width)
        self.nothing = nn.Parameter(torch.zeros(config.width))  # a key that exists without music, too
        for layer in self.layers:
            assert isinstance(layer.feed_forward, nn.Module)
            layer.feed_forward = MusicAttention(config, layer.feed_forward)
        self.apply(self._initialize)

    def memory(
        self,
        music: Tensor,
        codes: Tensor,
        locked: Tensor,
        style: Tensor,
        has_music: Tensor,
        energy: Tensor | None = None,
    ) -> Tensor:
        """As ours, without music; the layers attend to all of `music` from now on, except for padding (zeros)."""
        frames = self.frame_in((music - self.context.music_mean) / self.context.music_std)
        frames = torch.cat([self.nothing.to(frames.dtype).expand(len(frames), 1, -1), frames], 1)
        there = F.pad(has_music[:, None] & music.any(-1), (1, 0), value=True)[:, None, None]
        bias = torch.zeros(there.shape, device=music.device).masked_fill(~there, -math.inf)
        for layer in self.layers:
            assert isinstance(layer.feed_forward, MusicAttention)
            layer.feed_forward.set_frames(frames, bias)
        return super().memory(music, codes, locked, style, torch.zeros_like(has_music), energy)


class Position(nn.Module):
    """Adds the sinusoids of the positions, with a learned scale."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(width**-0.5))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x: (B, N, W), position 0 first. bias: ignored; layers of the encoder are called with one."""
        return x + (self.scale * sinusoid(torch.arange(x.shape[1], device=x.device), x.shape[-1])).to(x.dtype)


class PlacedEncoder(ContextEncoder):
    """Encodes positions as sinusoids, in its input and in the memory, to which the decoder attends.

    There is no penalty on distance; the windows of the attentions are as ours.
    """

    def __init__(self, c: DecoderConfig):
        super().__init__(c)
        self.layers.insert(0, Position(c.width))
        self.place = Position(c.width)

    @property
    def reach(self) -> int:
        """Unlimited, because positions are counted from the beginning of the dance."""
        return sys.maxsize

    def slopes(self, device: torch.device) -> Tensor:
        """Zeros: no penalty on distance."""
        return torch.zeros(self.config.heads, device=device)

    def forward(
        self,
        music: Tensor,
        locked: Tensor,
        locked_embedding: Tensor,
        style: Tensor,
        has_music: Tensor,
        energy: Tensor | None = None,
    ) -> Tensor:
        return self.place(super().forward(music, locked, locked_embedding, style, has_music, energy))


class Sinusoids(MotionDecoder):
    """Absolute positions instead of ALiBi's distances, as encoded by `PlacedEncoder`."""

    def __init__(self, config: DecoderConfig):
        super().__init__(config)
        self.context = PlacedEncoder(config)
        self.context.apply(self._initialize)


def generate_codes(
    network: MotionDecoder, music: Floats, style: int, sampling: Sampling, seeds: Sequence[int]
) -> Codes:
    """Codes (V, N, 1) of a dance per seed to music (N * stride, C), at the generated level.

    With a bag of frames in windows as long as those of its training, each of which overlaps half of the previous one.
    """
    count = len(music) // network.config.music_stride
    whole = Conditions(music, style, np.zeros((count, 1), np.int64), np.zeros(count, bool))
    decoder = TorchDecoder(network)
    if not isinstance(network, BagOfFrames):
        return _span(decoder, whole, 0, sampling, seeds)
    return np.stack([_in_windows(decoder, whole, sampling, seed) for seed in seeds])


def _in_windows(decoder: Decoder, whole: Conditions, sampling: Sampling, seed: int) -> Codes:
    assert whole.music is not None
    stride, codes, done = decoder.config.music_stride, whole.codes.copy(), 0
    while done < len(codes):
        first = max(0, min(done - POSITIONS // 2, len(codes) - POSITIONS))
        stop = min(first + POSITIONS, len(codes))
        window = replace(
            whole,
            music=whole.music[first * stride : stop * stride],
            codes=codes[first:stop],
            locked=whole.locked[first:stop],
        )
        # the noise must not repeat in every window
        codes[done:stop] = _span(decoder, window, done - first, sampling, [seed + 1000 * done])[0]
        done = stop
    return codes


def _span(decoder: Decoder, conditions: Conditions, start: int, sampling: Sampling, seeds: Sequence[int]) -> Codes:
    span = start, len(conditions.codes)
    return generate_span(decoder, conditions, span, sampling, seeds, lambda _: None, lambda: False)
