"""The motion VQ-VAE: convolutions and residual vector quantisation with a bounded receptive field.

    features (B, T, 128) at 20 frames/s -> codes (B, N, K) at 10 positions/s -> features (B, T, 128)

N = T / 2. A token position has K residual codes (RVQ; SoundStream, Zeghidour et al. 2021, section III-C): coarse ones,
which a motion decoder generates, and fine ones, which only encoded motion has. All layers are convolutions, so a
changed token changes only the frames within `VQVAEConfig.reach` of it, and any length can be decoded whole or in
overlapping pieces with the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.own.config import VQVAEConfig, dilation


class ChannelNorm(nn.Module):
    """Root-mean-square norm over channels in each frame; statistics over time would make the reach unbounded."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T)
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6) * self.gain


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T)
        return x + self.mix(F.gelu(self.wide(F.gelu(self.norm(x)))))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[ResidualBlock(channels, dilation(index)) for index in range(count)])


class ResidualQuantizer(nn.Module):
    """Residual quantiser of K codebooks; each quantises what the ones before left over. Codebooks follow the data by
    moving averages (van den Oord et al. 2017, appendix A.1); unused codes are moved onto current residuals."""

    DECAY = 0.99

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        self.config = config
        self.codebook: Tensor
        self.usage: Tensor
        self.total: Tensor
        self.register_buffer("codebook", torch.zeros(config.levels, config.codes, config.code_dim))
        self.register_buffer("usage", torch.ones(config.levels, config.codes))
        self.register_buffer("total", torch.zeros(config.levels, config.codes, config.code_dim))

    def nearest(self, residual: Tensor, level: int) -> Tensor:
        """Indices (n,) of the codes nearest to vectors (n, D) by Euclidean distance."""
        book = self.codebook[level]
        return (book.square().sum(1) - 2 * residual @ book.T).argmin(1)

    def encode(self, latent: Tensor) -> Tensor:
        """Codes (B, N, K) of a latent (B, N, D)."""
        residual = latent.reshape(-1, latent.shape[-1])
        codes = []
        for level in range(self.config.levels):
            index = self.nearest(residual, level)
            residual = residual - self.codebook[level][index]
            codes.append(index)
        return torch.stack(codes, -1).reshape(*latent.shape[:-1], -1)

    def decode(self, codes: Tensor) -> Tensor:
        """The latent (B, N, D) of codes (B, N, K)."""
        return sum((self.codebook[level][codes[..., level]] for level in range(codes.shape[-1])), torch.zeros(()))

    def forward(self, latent: Tensor, levels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise a latent (B, N, D) and, in training, update the codebooks.

        levels: (B,) how many codebooks each clip may use (quantiser dropout), or None for all. Returns the quantised
        latent with a straight-through gradient, the commitment loss and codes (B, N, K).
        """
        flat = latent.reshape(-1, latent.shape[-1])
        residual, quantized, commitment = flat, torch.zeros_like(flat), flat.new_zeros(())
        used = None if levels is None else levels.repeat_interleave(latent.shape[1])
        codes = []
        for level in range(self.config.levels):
            if self.training and not self.codebook[level].any():
                self._start(level, residual.detach())
            index = self.nearest(residual.detach(), level)
            code = self.codebook[level][index]
            keep = flat.new_ones(len(flat), 1) if used is None else (used > level).unsqueeze(1).to(flat.dtype)
            commitment = commitment + (keep * (residual - code).square()).mean()
            if self.training:
                self._move(level, residual.detach(), index, keep[:, 0])
            quantized = quantized + keep * code
            residual = residual - code
            codes.append(index)
        quantized = flat + (quantized - flat).detach()
        return quantized.reshape(latent.shape), commitment, torch.stack(codes, -1).reshape(*latent.shape[:-1], -1)

    def _start(self, level: int, residual: Tensor) -> None:
        pick = torch.randint(len(residual), (self.config.codes,), device=residual.device)
        self.codebook[level] = residual[pick]
        self.total[level] = residual[pick]
        self._pin(level)

    def _move(self, level: int, residual: Tensor, index: Tensor, keep: Tensor) -> None:
        count = torch.zeros_like(self.usage[level]).index_add_(0, index, keep)
        total = torch.zeros_like(self.total[level]).index_add_(0, index, residual * keep.unsqueeze(1))
        self.usage[level].mul_(self.DECAY).add_(count, alpha=1 - self.DECAY)
        self.total[level].mul_(self.DECAY).add_(total, alpha=1 - self.DECAY)
        dead = self.usage[level] < 0.02 * len(residual) / self.config.codes
        if dead.any():
            pick = torch.randint(len(residual), (int(dead.sum()),), device=residual.device)
            self.usage[level][dead] = 1.0
            self.total[level][dead] = residual[pick]
        self.codebook[level] = self.total[level] / self.usage[level].clamp(min=1e-5).unsqueeze(1)
        self._pin(level)

    def _pin(self, level: int) -> None:
        if level >= self.config.coarse:
            self.codebook[level, 0] = 0


class MotionVQVAE(nn.Module):
    """Encoder, residual quantiser and decoder. `mean` and `std` (128,) turn features into network units."""

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        self.config = config
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("std", torch.ones(config.features))
        c = config
        self.encoder = nn.Sequential(
            nn.Conv1d(c.features, c.frame_width, 3, padding=1),
            _blocks(c.frame_width, c.frame_blocks),
            nn.Conv1d(c.frame_width, c.token_width, c.stride, stride=c.stride),
            _blocks(c.token_width, c.token_blocks),
            ChannelNorm(c.token_width),
            nn.Conv1d(c.token_width, c.code_dim, 1),
        )
        self.quantizer = ResidualQuantizer(config)
        self.decoder = nn.Sequential(
            nn.Conv1d(c.code_dim, c.token_width, 3, padding=1),
            _blocks(c.token_width, c.token_blocks),
            nn.ConvTranspose1d(c.token_width, c.frame_width, c.stride, stride=c.stride),
            _blocks(c.frame_width, c.frame_blocks),
            ChannelNorm(c.frame_width),
            nn.Conv1d(c.frame_width, c.features, 3, padding=1),
        )

    def latent(self, features: Tensor) -> Tensor:
        """The latent (B, T / stride, D) of features (B, T, 128), before quantisation; T is a multiple of the stride."""
        x = ((features - self.mean) / self.std).transpose(1, 2)
        return self.encoder(x).transpose(1, 2).float()

    def synthesize(self, latent: Tensor) -> Tensor:
        """Features (B, N * stride, 128) of a quantised latent (B, N, D)."""
        return self.decoder(latent.transpose(1, 2)).transpose(1, 2).float() * self.std + self.mean

    def encode(self, features: Tensor) -> Tensor:
        """Codes (B, T / stride, K) of features (B, T, 128)."""
        return self.quantizer.encode(self.latent(features))

    def decode(self, codes: Tensor) -> Tensor:
        """Features (B, N * stride, 128) of codes (B, N, K)."""
        return self.synthesize(self.quantizer.decode(codes))
