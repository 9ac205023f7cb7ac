"""The original's motion VQ-VAE: one token per frame, 20 frames a second.

    motion (B, T, 263) --> encoder (bidirectional, scaled sinusoid) --> nearest code --> tokens (B, T)
    tokens (B, T) --> code vectors --> decoder (causal, no positions at all) --> motion (B, T, 263)

Motion is normalised here; `checkpoint.OriginalCheckpoint` knows mean and deviation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.original.config import OriginalVQVAEConfig
from engine.models.original.layers import Layer, sinusoid


class Encoder(nn.Module):
    def __init__(self, c: OriginalVQVAEConfig):
        super().__init__()
        self.embed = nn.Linear(c.motion_features, c.width)
        self.position_scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList(Layer(c.width, c.heads, c.forward_width) for _ in range(c.encoder_depth))
        self.norm = nn.LayerNorm(c.width)

    def forward(self, motion: Tensor) -> Tensor:
        """(B, T, F) -> (B, T, W); every frame sees all others."""
        x = self.embed(motion)
        positions = torch.arange(x.shape[1], device=x.device)
        x = x + (sinusoid(positions, x.shape[2]) * self.position_scale).to(x.dtype)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class Decoder(nn.Module):
    def __init__(self, c: OriginalVQVAEConfig):
        super().__init__()
        self.layers = nn.ModuleList(Layer(c.width, c.heads, c.forward_width) for _ in range(c.decoder_depth))
        self.to_motion = nn.Linear(c.width, c.motion_features)

    def forward(self, vectors: Tensor) -> Tensor:
        """Code vectors (B, T, W) -> (B, T, F); a frame sees itself and all earlier ones."""
        x = vectors
        for layer in self.layers:
            x = layer(x, causal=True)
        return self.to_motion(x)


class OriginalVQVAE(nn.Module):
    """Both halves and the codebook (codes, W), which is no parameter: the original moved it by averages."""

    codebook: Tensor

    def __init__(self, config: OriginalVQVAEConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.register_buffer("codebook", torch.zeros(config.codes, config.width))
        self.decoder = Decoder(config)

    def encode(self, motion: Tensor) -> Tensor:
        """Normalised motion (B, T, F) -> tokens (B, T): the nearest codes by Euclidean distance."""
        states = self.encoder(motion)
        # from the differences themselves: |x|^2 - 2 x.e + |e|^2 loses the digits that decide between near codes
        distances = torch.cdist(states, self.codebook[None], compute_mode="donot_use_mm_for_euclid_dist")
        return distances.argmin(-1)

    def vectors(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) -> code vectors (B, T, W)."""
        return self.codebook[tokens]

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) -> normalised motion (B, T, F), whole: frame t depends on all tokens up to t."""
        return self.decoder(self.vectors(tokens))
