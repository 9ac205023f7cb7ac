"""The original's motion decoder: a causal transformer over motion tokens that hears music through cross-attention.

    tokens (B, T) --> 12 x (self-attention, cross-attention [, style], feed-forward) --> logits (B, T, codes + 3)
                                    ^ music (B, M, C)   ^ style (B, 512)

Music frames carry no position: cross-attention sees a bag of frames. Positions of tokens are ALiBi's distances in half
of the heads, or a scaled sinusoid (`encodec_sine`). Position n of the output predicts token n + 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.errors import RequestError
from engine.models.original.config import STYLE_WIDTH, OriginalDecoderConfig
from engine.models.original.layers import KeysValues, Layer, Remember, alibi_slopes, distance_bias, sinusoid


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
        """tokens: (B, T). music: (B, M, C), M of any length. style: (B, 512), for the style variant only.

        Returns logits (B, T, codes + 3). With music_view "prefix" position n sees music[:, :n + 1] only. Raises
        RequestError for a style that is missing or not wanted.
        """
        gain = self.style_gain(style)
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        bias = distance_bias(positions[:, None] - positions, self.slopes(tokens.device)).to(music.dtype)
        music_bias = None
        if music_view == "prefix":
            frames = torch.arange(music.shape[1], device=tokens.device)
            music_bias = distance_bias(positions[:, None] - frames, None).to(music.dtype)
        return self.run(self.enter(tokens, positions), self.hear(music), bias, music_bias, gain)

    def enter(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Tokens (B, n) at `positions` (n,) -> the stack's input (B, n, W)."""
        x = self.embed(tokens)
        if self.position_scale is not None:
            x = x + (sinusoid(positions, self.config.width) * self.position_scale).to(x.dtype)
        return x

    def hear(self, music: Tensor) -> list[KeysValues]:
        """Music (B, M, C) -> every layer's cross-attention keys and values. Each frame's depend on that frame alone."""
        context = self.project_music(music)
        pairs = [layer.cross_attention.keys_values(context) for layer in self.layers]  # type: ignore[operator,union-attr]
        return [(keys.contiguous(), values.contiguous()) for keys, values in pairs]  # read again and again

    def style_gain(self, style: Tensor | None) -> Tensor | None:
        """Style (B, 512) -> gain (B, 1, W); None for the variants without style."""
        if (style is None) == self.config.styled:
            need = "needs a style vector" if self.config.styled else "knows no styles"
            raise RequestError(f"A decoder of the variant {self.config.variant} {need}.")
        return None if style is None or self.project_style is None else self.project_style(style)[:, None]

    def slopes(self, device: torch.device) -> Tensor | None:
        """(H,) ALiBi's slopes, or None where positions are absolute."""
        return None if self.config.sinusoid else alibi_slopes(self.config.heads).to(device)

    def run(
        self,
        x: Tensor,
        heard: list[KeysValues],
        bias: Tensor,
        music_bias: Tensor | None,
        gain: Tensor | None,
        remember: list[Remember] | None = None,
    ) -> Tensor:
        """The stack and the output layer: (B, n, W) -> logits (B, n, codes + 3)."""
        for index, layer in enumerate(self.layers):
            kept = None if remember is None else remember[index]
            x = layer(x, bias, False, heard[index], music_bias, gain, kept)
        return self.to_logits(self.norm(x))
