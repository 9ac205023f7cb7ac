"""The original's motion VQ-VAE: one token per frame, 20 frames a second.

    motion (B, T, 263) --> encoder (bidirectional, scaled sinusoid) --> nearest code --> tokens (B, T)
    tokens (B, T) --> code vectors --> decoder (causal, no positions at all) --> motion (B, T, 263)

Motion is normalised here; `networks.OriginalNetworks` has the mean and deviation.
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
        """States (B, T, W) of motion (B, T, F); every frame attends to all others."""
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
        """Motion (B, T, F) of code vectors (B, T, W); a frame attends to itself and all earlier ones."""
        x = vectors
        for layer in self.layers:
            x = layer(x, causal=True)
        return self.to_motion(x)


class OriginalVQVAE(nn.Module):
    """Encoder, decoder and the codebook (codes, W), which is not a parameter: the original's training updated it by
    moving averages."""

    codebook: Tensor

    def __init__(self, config: OriginalVQVAEConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.register_buffer("codebook", torch.zeros(config.codes, config.width))
        self.decoder = Decoder(config)

    def encode(self, motion: Tensor) -> Tensor:
        """Tokens (B, T) of normalised motion (B, T, F): the nearest codes by Euclidean distance."""
        states = self.encoder(motion)
        # computed from differences: |x|^2 - 2 x.e + |e|^2 loses the digits that decide between close codes
        distances = torch.cdist(states, self.codebook[None], compute_mode="donot_use_mm_for_euclid_dist")
        return distances.argmin(-1)

    def vectors(self, tokens: Tensor) -> Tensor:
        """Code vectors (B, T, W) of tokens (B, T)."""
        return self.codebook[tokens]

    def decode(self, tokens: Tensor) -> Tensor:
        """Normalised motion (B, T, F) of whole sequences of tokens (B, T): frame t depends on all tokens up to t."""
        return self.decoder(self.vectors(tokens))
