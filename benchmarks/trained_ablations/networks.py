"""The decoders that are built otherwise than ours: one that hears music as a bag of frames, one with sinusoids."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.original.layers import sinusoid
from engine.models.torch.decoder import Attention, ContextEncoder, DecoderConfig, MotionDecoder
from engine.models.torch.sampling import Conditions, Sampling, generate_span
from engine.training.decoder import POSITIONS


class Hearing(nn.Module):
    """A decoder layer's cross-attention to the bag of frames, then its feed-forward.

    Stands in place of the feed-forward, which training view and cache call alike.
    """

    def __init__(self, c: DecoderConfig, feed_forward: nn.Module):
        super().__init__()
        self.attention, self.norm = Attention(c.width, c.heads), nn.LayerNorm(c.width)
        self.feed_forward = feed_forward

    def listen(self, frames: Tensor, bias: Tensor) -> None:
        """Take frames (B, M, W) as what is heard from now on; bias (B, 1, 1, M)."""
        self.heard = (*self.attention.keys_values(frames), bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, W), or (B * V, W) of V dances to the same music, beside each other."""
        queries = x.reshape(len(self.heard[0]), -1, x.shape[-1])
        found = self.attention(queries, *self.heard).view_as(x)
        return found + self.feed_forward(self.norm(x + found))


class BagOfFrames(MotionDecoder):
    """Hears music as the paper's decoder does: every layer attends to the frames of a window, which have no order.

    Locked codes and style come aligned as ours do; the context encoder is given no music, so its music layers idle.
    """

    def __init__(self, config: DecoderConfig):
        super().__init__(config)
        self.frame_in = nn.Linear(config.music_features, config.width)
        self.nothing = nn.Parameter(torch.zeros(config.width))  # a key that is there without music, too
        for layer in self.layers:
            layer.feed_forward = Hearing(config, layer.feed_forward)
        self.apply(self._initialize)

    def memory(self, music: Tensor, codes: Tensor, locked: Tensor, style: Tensor, has_music: Tensor) -> Tensor:
        """As ours, without music; all of `music` is what the layers hear from now on, but for filling (zeros)."""
        frames = self.frame_in((music - self.context.music_mean) / self.context.music_std)
        frames = torch.cat([self.nothing.to(frames.dtype).expand(len(frames), 1, -1), frames], 1)
        there = F.pad(has_music[:, None] & music.any(-1), (1, 0), value=True)[:, None, None]
        bias = torch.zeros(there.shape, device=music.device).masked_fill(~there, -math.inf)
        for layer in self.layers:
            layer.feed_forward.listen(frames, bias)
        return super().memory(music, codes, locked, style, torch.zeros_like(has_music))


class Position(nn.Module):
    """Adds the sinusoids of the positions, as loud as is learned."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(width**-0.5))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x: (B, N, W), position 0 first. As a layer of the encoder it is handed a bias, which it has no use for."""
        return x + (self.scale * sinusoid(torch.arange(x.shape[1], device=x.device), x.shape[-1])).to(x.dtype)


class PlacedEncoder(ContextEncoder):
    """Tells positions by sinusoids, in its input and in the memory, which is added to the decoder's input and attended.

    Distance costs nothing; the windows of the attentions stay.
    """

    def __init__(self, c: DecoderConfig):
        super().__init__(c)
        self.layers.insert(0, Position(c.width))
        self.place = Position(c.width)

    @property
    def reach(self) -> int:
        """All there is, since positions count from the dance's first."""
        return sys.maxsize

    def slopes(self, device: torch.device) -> Tensor:
        """None."""
        return torch.zeros(self.config.heads, device=device)

    def forward(
        self, music: Tensor, locked: Tensor, locked_embedding: Tensor, style: Tensor, has_music: Tensor
    ) -> Tensor:
        return self.place(super().forward(music, locked, locked_embedding, style, has_music))


class Sinusoids(MotionDecoder):
    """Absolute positions in place of ALiBi's distances, as `PlacedEncoder` tells them."""

    def __init__(self, config: DecoderConfig):
        super().__init__(config)
        self.context = PlacedEncoder(config)
        self.context.apply(self._initialize)


def write(decoder: MotionDecoder, music: Tensor, style: int, sampling: Sampling, seeds: Sequence[int]) -> Tensor:
    """Codes (V, N, 1) of a dance a seed to music (N * stride, C), at the level that is written.

    A bag of frames is written in windows as long as those it was trained on, each half over the one before.
    """
    count = len(music) // decoder.config.music_stride
    whole = Conditions(music, style, torch.zeros(count, 1, dtype=torch.int64), torch.zeros(count, dtype=torch.bool))
    if not isinstance(decoder, BagOfFrames):
        return _span(decoder, whole, 0, sampling, seeds)
    return torch.stack([_in_windows(decoder, whole, sampling, seed) for seed in seeds])


def _in_windows(decoder: MotionDecoder, whole: Conditions, sampling: Sampling, seed: int) -> Tensor:
    assert whole.music is not None
    stride, codes, written = decoder.config.music_stride, whole.codes.clone(), 0
    while written < len(codes):
        first = max(0, min(written - POSITIONS // 2, len(codes) - POSITIONS))
        stop = min(first + POSITIONS, len(codes))
        window = replace(
            whole,
            music=whole.music[first * stride : stop * stride],
            codes=codes[first:stop],
            locked=whole.locked[first:stop],
        )
        # the noise must not come back with every window
        codes[written:stop] = _span(decoder, window, written - first, sampling, [seed + 1000 * written])[0]
        written = stop
    return codes


def _span(
    decoder: MotionDecoder, conditions: Conditions, start: int, sampling: Sampling, seeds: Sequence[int]
) -> Tensor:
    span = start, len(conditions.codes)
    return generate_span(decoder, conditions, span, sampling, seeds, lambda _: None, lambda: False)
