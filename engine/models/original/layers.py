"""The layers of both networks: attention, feed-forward and style layers, all as x + f(LayerNorm(x)).

The stack does not end with a norm. Shapes: B rows, n positions, W width, H heads of 64.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.original.config import HEAD_WIDTH

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, each (B, H, n, 64)."""
CacheUpdate = Callable[[Tensor, Tensor], KeysValues]
"""Stores the keys and values of new positions and returns those of all positions to attend to."""


class Attention(nn.Module):
    """Attention with heads of 64 whatever the width, no biases, and the softmax in float32."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        inner = heads * HEAD_WIDTH
        self.heads = heads
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def keys_values(self, context: Tensor) -> KeysValues:
        """Keys and values of a context (B, n, W)."""
        return self._split(self.to_k(context)), self._split(self.to_v(context))

    def forward(self, x: Tensor, keys_values: KeysValues, bias: Tensor | None = None, causal: bool = False) -> Tensor:
        """The output (B, n, W) of queries x (B, n, W).

        keys_values: of m positions, in as many rows or in one. bias: (1, H or 1, n, m) on the scores.
        """
        query = self._split(self.to_q(x))
        if x.shape[1] == 1 and len(keys_values[0]) == len(x):
            y = _attend_one(query, *keys_values, bias)
        else:
            keys, values = (part.expand(len(x), -1, -1, -1) for part in keys_values)
            y = F.scaled_dot_product_attention(query, keys, values, bias, is_causal=causal)
        return self.to_out(y.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, HEAD_WIDTH).transpose(1, 2)


def _attend_one(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of one position, (B, H, 1, 64): reading keys and values decides its speed, and plain products of
    contiguous tensors read them in two thirds of the time of fused attention."""
    scores = torch.matmul(query * HEAD_WIDTH**-0.5, keys.transpose(2, 3))
    shares = (scores if bias is None else scores + bias).softmax(-1, dtype=torch.float32)
    return torch.matmul(shares.to(values.dtype), values)


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.into, self.out = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.gelu(self.into(x)))


class Layer(nn.Module):
    """Transformer layer: self-attention, cross-attention to the music and style where the network has them,
    feed-forward."""

    def __init__(self, width: int, heads: int, forward_width: int, music: bool = False, style: bool = False):
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width) if music else None
        self.cross_attention = Attention(width, heads) if music else None
        self.style_norm = nn.LayerNorm(width) if style else None
        self.forward_norm, self.feed_forward = nn.LayerNorm(width), FeedForward(width, forward_width)

    def forward(
        self,
        x: Tensor,
        bias: Tensor | None = None,
        causal: bool = False,
        music: KeysValues | None = None,
        music_bias: Tensor | None = None,
        style: Tensor | None = None,
        cache_update: CacheUpdate | None = None,
    ) -> Tensor:
        """x: (B, n, W). music: the cross-attention's keys and values. style: (B, 1, W) gain. Returns (B, n, W)."""
        normed = self.self_norm(x)
        keys_values = self.self_attention.keys_values(normed)
        if cache_update is not None:
            keys_values = cache_update(*keys_values)
        x = x + self.self_attention(normed, keys_values, bias, causal)
        if self.cross_attention is not None and self.cross_norm is not None:
            assert music is not None, "a layer with cross-attention needs the music"
            x = x + self.cross_attention(self.cross_norm(x), music, music_bias)
        if self.style_norm is not None:
            assert style is not None, "a layer with style needs one"
            x = x + apply_style(self.style_norm(x), style)
        return x + self.feed_forward(self.forward_norm(x))


def apply_style(x: Tensor, style: Tensor) -> Tensor:
    """The style layer: x / rms(x) * style, the style vector as gain. x: (B, n, W). style: (B, 1, W)."""
    rms = x.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-8)
    return x / rms * style


def sinusoid(positions: Tensor, width: int) -> Tensor:
    """Encodings (n, width) of positions (n,): sines, then cosines, of position * 10000^(-i / (width / 2))."""
    half = width // 2
    frequency = 10000.0 ** -(torch.arange(half, device=positions.device, dtype=torch.float32) / half)
    angle = positions[:, None].float() * frequency
    return torch.cat([angle.sin(), angle.cos()], -1)


def alibi_slopes(heads: int) -> Tensor:
    """ALiBi's slopes (H,) (Press et al. 2022): for 8 heads 1/4, 1/16, 1/64, 1/256 on the first half; 0 on the others,
    which have no bias."""
    biased = heads // 2
    slopes = torch.zeros(heads)
    slopes[:biased] = 2.0 ** (-8.0 * torch.arange(1, biased + 1) / biased)
    return slopes


def distance_bias(age: Tensor, slopes: Tensor | None, window: int | None = None) -> Tensor:
    """Bias on the scores of n queries and m keys, (1, H, n, m), or (1, 1, n, m) without slopes.

    age: (n, m), how many positions each key is before each query, negative in the future. The bias is -inf in the
    future and from `window` positions ago on.
    """
    hidden = age < 0
    if window is not None:
        hidden = hidden | (age >= window)
    bias = age.new_zeros((1, 1, *age.shape), dtype=torch.float32)
    if slopes is not None:
        bias = -slopes[None, :, None, None] * age
    return bias.masked_fill(hidden, -torch.inf)
