"""The motion VQ-VAE: convolutions and residual vector quantisation with a bounded receptive field.

    features (B, T, 128) at 20 frames/s -> codes (B, N, K) at 10 positions/s -> features (B, T, 128)

N = T / 2. A token position has K residual codes (RVQ; SoundStream, Zeghidour et al. 2021, section III-C): coarse ones,
which a motion decoder generates, and fine ones, which only encoded motion has. Some code what the two frames of a
position share, some how they differ (`VQVAEConfig.quick`): accents last a tenth of a second and less, and codes of two
frames at once do not hold them. All layers are convolutions, so a changed token changes only the
frames within `VQVAEConfig.reach` of it, and any length can be decoded whole or in overlapping pieces with the same
result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.own.config import BETWEEN, VQVAEConfig, dilation


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


def _blocks(channels: int, count: int, spread: int = 1) -> nn.Sequential:
    return nn.Sequential(*[ResidualBlock(channels, spread * dilation(index)) for index in range(count)])


class ResidualQuantizer(nn.Module):
    """Residual quantiser; each codebook quantises what the ones before left over. Codebooks follow the data by moving
    averages (van den Oord et al. 2017, appendix A.1); unused codes are moved onto current residuals.

    Latents (B, L, D) have `VQVAEConfig.latents` vectors a token position, L / N. Where these are two, some levels
    quantise their mean, and quick ones half their difference.
    """

    DECAY = 0.99
    DEAD, FRESH = 0.02, 0.1
    """Shares of the usual usage: of codes that are moved, and of codes that have just been moved, which so follow the
    data at once and are moved again if they stay unused for 160 steps."""

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
        """Indices (...) of the codes nearest to vectors (..., D) by Euclidean distance."""
        book = self.codebook[level]
        return (book.square().sum(1) - 2 * residual @ book.T).argmin(-1)

    def encode(self, latent: Tensor) -> Tensor:
        """Codes (B, N, K) of a latent (B, L, D)."""
        residuals, codes = self._parted(latent), []
        for level in range(self.config.levels):
            part = self.config.is_quick(level)
            index = self.nearest(residuals[part], level)
            residuals[part] = residuals[part] - self.codebook[level][index]
            codes.append(index)
        return torch.stack(codes, -1)

    def decode(self, codes: Tensor) -> Tensor:
        """The latent (B, L, D) of codes (B, N, k), of all levels or of the first ones."""
        shape = (*codes.shape[:2], self.config.code_dim)
        parts = [self.codebook.new_zeros(shape) for _ in range(self.config.latents)]
        for level in range(codes.shape[-1]):
            part = self.config.is_quick(level)
            parts[part] = parts[part] + self.codebook[level][codes[..., level]]
        return self._joined(parts)

    def _parted(self, latent: Tensor) -> list[Tensor]:
        """What levels quantise, (B, N, D) each: a position's vector, or the mean of its two and half their
        difference."""
        if self.config.latents == 1:
            return [latent]
        first, second = latent[:, ::2], latent[:, 1::2]
        return [(first + second) / 2, (second - first) / 2]

    def _joined(self, parts: list[Tensor]) -> Tensor:
        """The latent (B, L, D) of what `_parted` gives."""
        if self.config.latents == 1:
            return parts[0]
        mean, half = parts
        return torch.stack([mean - half, mean + half], 2).flatten(1, 2)

    def forward(self, latent: Tensor, levels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise a latent (B, L, D) and, in training, update the codebooks.

        levels: (B,) how many codebooks each clip may use (quantiser dropout), or None for all. Returns the quantised
        latent with a straight-through gradient, the commitment loss and codes (B, N, K).
        """
        residuals, commitment, codes = self._parted(latent), latent.new_zeros(()), []
        quantized = [torch.zeros_like(part) for part in residuals]
        for level in range(self.config.levels):
            part = self.config.is_quick(level)
            own = residuals[part].detach().flatten(0, 1)
            if self.training and not self.codebook[level].any():
                self._start(level, own)
            index = self.nearest(residuals[part].detach(), level)
            code = self.codebook[level][index]
            keep = (
                latent.new_ones(len(latent), 1, 1)
                if levels is None
                else (levels > level)[:, None, None].to(latent.dtype)
            )
            commitment = commitment + (keep * (residuals[part] - code).square()).mean()
            if self.training:
                self._move(level, own, index.flatten(), keep[:, :, 0].expand(index.shape).flatten())
            quantized[part] = quantized[part] + keep * code
            residuals[part] = residuals[part] - code
            codes.append(index)
        return latent + (self._joined(quantized) - latent).detach(), commitment, torch.stack(codes, -1)

    def _start(self, level: int, residual: Tensor) -> None:
        pick = torch.randint(len(residual), (self.config.codes,), device=residual.device)
        self.codebook[level] = residual[pick]
        self.usage[level] = self.FRESH * len(residual) / self.config.codes
        self.total[level] = self.usage[level, 0] * residual[pick]
        self._pin(level)

    def _move(self, level: int, residual: Tensor, index: Tensor, keep: Tensor) -> None:
        count = torch.zeros_like(self.usage[level]).index_add_(0, index, keep)
        total = torch.zeros_like(self.total[level]).index_add_(0, index, residual * keep.unsqueeze(1))
        self.usage[level].mul_(self.DECAY).add_(count, alpha=1 - self.DECAY)
        self.total[level].mul_(self.DECAY).add_(total, alpha=1 - self.DECAY)
        usual = len(residual) / self.config.codes
        dead = self.usage[level] < self.DEAD * usual
        if dead.any():
            pick = torch.randint(len(residual), (int(dead.sum()),), device=residual.device)
            self.usage[level, dead] = self.FRESH * usual
            self.total[level, dead] = self.FRESH * usual * residual[pick]
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
        c, spread = config, config.latents
        self.encoder = nn.Sequential(
            nn.Conv1d(c.features, c.frame_width, 3, padding=1),
            _blocks(c.frame_width, c.frame_blocks),
            nn.Conv1d(c.frame_width, c.token_width, BETWEEN, padding=BETWEEN // 2)
            if c.quick
            else nn.Conv1d(c.frame_width, c.token_width, c.stride, stride=c.stride),
            _blocks(c.token_width, c.token_blocks, spread),
            ChannelNorm(c.token_width),
            nn.Conv1d(c.token_width, c.code_dim, 1),
        )
        self.quantizer = ResidualQuantizer(config)
        self.decoder = nn.Sequential(
            nn.Conv1d(c.code_dim, c.token_width, 3, padding=spread, dilation=spread),
            _blocks(c.token_width, c.token_blocks, spread),
            nn.Conv1d(c.token_width, c.frame_width, BETWEEN, padding=BETWEEN // 2)
            if c.quick
            else nn.ConvTranspose1d(c.token_width, c.frame_width, c.stride, stride=c.stride),
            _blocks(c.frame_width, c.frame_blocks),
            ChannelNorm(c.frame_width),
            nn.Conv1d(c.frame_width, c.features, 3, padding=1),
        )

    def latent(self, features: Tensor) -> Tensor:
        """The latent (B, L, D) of features (B, T, 128), before quantisation; T is a multiple of the stride."""
        x = ((features - self.mean) / self.std).transpose(1, 2)
        return self.encoder(x).transpose(1, 2).float()

    def synthesize(self, latent: Tensor) -> Tensor:
        """Features (B, T, 128) of a quantised latent (B, L, D)."""
        return self.decoder(latent.transpose(1, 2)).transpose(1, 2).float() * self.std + self.mean

    def encode(self, features: Tensor) -> Tensor:
        """Codes (B, T / stride, K) of features (B, T, 128)."""
        return self.quantizer.encode(self.latent(features))

    def decode(self, codes: Tensor) -> Tensor:
        """Features (B, N * stride, 128) of codes (B, N, K)."""
        return self.synthesize(self.quantizer.decode(codes))
