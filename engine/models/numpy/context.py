"""The context encoder in numpy; `engine.models.torch.decoder.ContextEncoder` describes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.models.numpy.attention import attend_in_band, joined, query_key_value, slopes, split
from engine.models.numpy.layers import (
    FeedForward,
    Linear,
    Weights,
    convolution,
    feed_forward,
    gelu,
    linear,
    norm,
    normalized,
    transposed,
)
from engine.models.own.config import MUSIC_LAYERS, DecoderConfig
from engine.models.own.networks import Codes, Floats


@dataclass(frozen=True)
class EncoderLayer:
    """Pre-norm layer: self-attention in a band, feed-forward. query_key_value: after a norm."""

    query_key_value: Linear
    out: Floats
    feed_forward: FeedForward


class ContextEncoder:
    """Encoder of music, locked tokens, style and energy into the memory, one vector a token position."""

    def __init__(self, config: DecoderConfig, weights: Weights):
        self.config = config
        self.mean, self.std = weights["context.music_mean"], weights["context.music_std"]
        self.music_in = linear(weights, "context.music_in")
        self.music_window = [convolution(weights, f"context.music_window.{layer}") for layer in range(MUSIC_LAYERS)]
        self.no_music, self.free = weights["context.no_music"], weights["context.free"]
        self.style = weights["context.style.weight"]
        self.energy = linear(weights, "context.energy") if config.energy else None
        names = [f"context.layers.{layer}" for layer in range(config.encoder_layers)]
        self.layers = [
            EncoderLayer(
                query_key_value(weights, f"{name}.attention_norm", f"{name}.attention", config.heads),
                transposed(weights[f"{name}.attention.out.weight"]),
                feed_forward(weights, name),
            )
            for name in names
        ]
        self.norm = norm(weights, "context.norm")
        self.penalty = slopes(config.heads)

    def __call__(
        self,
        music: Floats,
        locked: NDArray[np.bool_],
        locked_embedding: Floats,
        style: Codes,
        has_music: NDArray[np.bool_],
        energy: Floats | None = None,
    ) -> Floats:
        """The memory (B, N, W), see `engine.models.own.networks.Decoder.memory`. locked_embedding: (B, N, W)."""
        batch, positions = locked.shape
        state = self.music_in(((music - self.mean) / self.std).reshape(batch, positions, -1))
        for convolved in self.music_window:
            state += gelu(convolved(state))
        x = np.where(has_music[:, None, None], state, self.no_music)
        x += np.where(locked[..., None], locked_embedding, self.free)
        styles = self.style[style]
        x += styles if style.ndim > 1 else styles[:, None]
        if self.energy is not None and energy is not None:
            x += np.where(np.isnan(energy)[..., None], np.float32(0), self.energy(np.nan_to_num(energy)[..., None]))
        heads, around = self.config.heads, self.config.around
        for layer in self.layers:
            queries, keys, values = (split(y, heads) for y in np.split(layer.query_key_value(normalized(x)), 3, -1))
            x += joined(attend_in_band(queries, keys, values, self.penalty, around)) @ layer.out
            x += layer.feed_forward(x)
        return self.norm(x)
