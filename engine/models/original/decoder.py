"""The original's motion decoder: a causal transformer over motion tokens with cross-attention to the music.

    tokens (B, T) --> 12 x (self-attention, cross-attention [, style], feed-forward) --> logits (B, T, codes + 3)
                                    ^ music (B, M, C)   ^ style (B, 512)

Music frames have no positions: for cross-attention they are an unordered set. Positions of tokens are ALiBi's distances
in half of the heads, or a scaled sinusoid (`encodec_sine`). Position n of the output predicts token n + 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.errors import RequestError
from engine.models.original.config import STYLE_WIDTH, OriginalDecoderConfig
from engine.models.original.layers import CacheUpdate, KeysValues, Layer, alibi_slopes, distance_bias, sinusoid


class OriginalDecoder(nn.Module):
    def __init__(self, config: OriginalDecoderConfig):
        super().__init__()
        c = self.config = config
        self.embed = nn.Embedding(c.vocabulary, c.width)
        self.position_scale = nn.Parameter(torch.ones(1)) if c.sinusoid else None
        self.project_music = nn.Linear(c.music_features, c.width)
        self.project_style = nn.Linear(STYLE_WIDTH, c.width) if c.styled else None
        self.layers = nn.ModuleList(
            Layer(c.width, c.heads, c.forward_width, music=True, style=c.styled) for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.width)
        self.to_logits = nn.Linear(c.width, c.vocabulary)

    def forward(self, tokens: Tensor, music: Tensor, style: Tensor | None = None, music_view: str = "whole") -> Tensor:
        """Logits (B, T, codes + 3).

        tokens: (B, T). music: (B, M, C), M of any length. style: (B, 512), for the style variant only. With music_view
        "prefix" position n attends to music[:, :n + 1] only. Raises RequestError for a style that is missing or not
        supported.
        """
        gain = self.style_gain(style)
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        bias = distance_bias(positions[:, None] - positions, self.slopes(tokens.device)).to(music.dtype)
        music_bias = None
        if music_view == "prefix":
            frames = torch.arange(music.shape[1], device=tokens.device)
            music_bias = distance_bias(positions[:, None] - frames, None).to(music.dtype)
        return self.run(self.embed_tokens(tokens, positions), self.music_keys_values(music), bias, music_bias, gain)

    def embed_tokens(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """The stack's input (B, n, W) for tokens (B, n) at `positions` (n,)."""
        x = self.embed(tokens)
        if self.position_scale is not None:
            x = x + (sinusoid(positions, self.config.width) * self.position_scale).to(x.dtype)
        return x

    def music_keys_values(self, music: Tensor) -> list[KeysValues]:
        """Every layer's cross-attention keys and values of music (B, M, C). Each frame's depend on that frame alone."""
        context = self.project_music(music)
        pairs = [layer.cross_attention.keys_values(context) for layer in self.layers]  # type: ignore[operator,union-attr]
        return [(keys.contiguous(), values.contiguous()) for keys, values in pairs]  # they are read often

    def style_gain(self, style: Tensor | None) -> Tensor | None:
        """The gain (B, 1, W) of a style (B, 512); None for the variants without styles. Raises RequestError."""
        if (style is None) == self.config.styled:
            need = "needs a style vector" if self.config.styled else "has no styles"
            raise RequestError(f"A decoder of the variant {self.config.variant} {need}.")
        return None if style is None or self.project_style is None else self.project_style(style)[:, None]

    def slopes(self, device: torch.device) -> Tensor | None:
        """ALiBi's slopes (H,), or None where positions are absolute."""
        return None if self.config.sinusoid else alibi_slopes(self.config.heads).to(device)

    def run(
        self,
        x: Tensor,
        music: list[KeysValues],
        bias: Tensor,
        music_bias: Tensor | None,
        gain: Tensor | None,
        cache_updates: list[CacheUpdate] | None = None,
    ) -> Tensor:
        """The stack and the output layer: logits (B, n, codes + 3) of inputs (B, n, W)."""
        for index, layer in enumerate(self.layers):
            update = None if cache_updates is None else cache_updates[index]
            x = layer(x, bias, False, music[index], music_bias, gain, update)
        return self.to_logits(self.norm(x))
