"""The motion VQ-VAE: convolutions and residual vector quantisation with a bounded receptive field.

    features (B, T, 128) at 20 frames/s -> codes (B, N, K) at 10 positions/s -> features (B, T, 128)

N = T / 2. A token position has K residual codes (RVQ; SoundStream, Zeghidour et al. 2021, section III-C): coarse ones,
which a motion decoder generates, and fine ones, which only encoded motion has. The first ones are shared by the frames
of the position, the later ones belong to one frame each (`VQVAEConfig.slow`): accents last a tenth of a second and
less, and codes of two frames at once do not hold them. All layers are convolutions, so a changed token changes only the
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

    Latents (B, L, D) have `VQVAEConfig.latents` vectors a token position, L / N. A codebook of slow levels quantises
    the mean of a position's vectors, the others each vector.
    """

    DECAY = 0.99

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        self.config = config
        self.coarse_books = config.book(config.coarse)
        self.codebook: Tensor
        self.usage: Tensor
        self.total: Tensor
        books = config.book(config.levels)
        self.register_buffer("codebook", torch.zeros(books, config.codes, config.code_dim))
        self.register_buffer("usage", torch.ones(books, config.codes))
        self.register_buffer("total", torch.zeros(books, config.codes, config.code_dim))

    @property
    def level_codebooks(self) -> Tensor:
        """The codebook of each level, (K, codes, D)."""
        return self.codebook[list(self.config.books)]

    def nearest(self, residual: Tensor, book: int) -> Tensor:
        """Indices (...) of the codes nearest to vectors (..., D) by Euclidean distance."""
        codes = self.codebook[book]
        return (codes.square().sum(1) - 2 * residual @ codes.T).argmin(-1)

    def encode(self, latent: Tensor) -> Tensor:
        """Codes (B, N, K) of a latent (B, L, D)."""
        residual, codes = latent, []
        for book in range(len(self.codebook)):
            index = self.nearest(self._pooled(residual, book), book)
            residual = residual - self._spread(self.codebook[book][index], book)
            codes.append(self._by_position(index, book))
        return torch.cat(codes, -1)

    def decode(self, codes: Tensor) -> Tensor:
        """The latent (B, L, D) of codes (B, N, k): all levels, or the first ones, with whole codebooks."""
        latent, level = torch.zeros(()), 0
        for book in range(len(self.codebook)):
            count = self.config.codes_of(book)
            if level + count > codes.shape[-1]:
                break
            index = codes[..., level : level + count].flatten(1)
            latent = latent + self._spread(self.codebook[book][index], book)
            level += count
        return latent

    def _pooled(self, latent: Tensor, book: int) -> Tensor:
        """What a codebook quantises: (B, n, D) means of latents (B, L, D), n = N or L."""
        width = self.config.latents // self.config.codes_of(book)
        return latent if width == 1 else latent.reshape(len(latent), -1, width, latent.shape[-1]).mean(2)

    def _spread(self, codes: Tensor, book: int) -> Tensor:
        """Vectors (B, n, D) of a codebook, n = N or L, for each latent: (B, L, D)."""
        width = self.config.latents // self.config.codes_of(book)
        return codes if width == 1 else codes.repeat_interleave(width, 1)

    def _by_position(self, index: Tensor, book: int) -> Tensor:
        """Indices (B, n) of a codebook as levels (B, N, codes of a position)."""
        return index.reshape(len(index), -1, self.config.codes_of(book))

    def forward(self, latent: Tensor, books: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise a latent (B, L, D) and, in training, update the codebooks.

        books: (B,) how many codebooks each clip may use (quantiser dropout), or None for all. Returns the quantised
        latent with a straight-through gradient, the commitment loss and codes (B, N, K).
        """
        residual, quantized, commitment = latent, torch.zeros_like(latent), latent.new_zeros(())
        codes = []
        for book in range(len(self.codebook)):
            pooled = self._pooled(residual, book)
            own = pooled.detach().flatten(0, 1)
            if self.training and not self.codebook[book].any():
                self._start(book, own)
            index = self.nearest(pooled.detach(), book)
            code = self.codebook[book][index]
            keep = (
                latent.new_ones(len(latent), 1, 1) if books is None else (books > book)[:, None, None].to(latent.dtype)
            )
            commitment = commitment + (keep * (pooled - code).square()).mean()
            if self.training:
                self._move(book, own, index.flatten(), keep[:, :, 0].expand(index.shape).flatten())
            spread = self._spread(code, book)
            quantized = quantized + keep * spread
            residual = residual - spread
            codes.append(self._by_position(index, book))
        return latent + (quantized - latent).detach(), commitment, torch.cat(codes, -1)

    def _start(self, book: int, residual: Tensor) -> None:
        pick = torch.randint(len(residual), (self.config.codes,), device=residual.device)
        self.codebook[book] = residual[pick]
        self.total[book] = residual[pick]
        self._pin(book)

    def _move(self, book: int, residual: Tensor, index: Tensor, keep: Tensor) -> None:
        count = torch.zeros_like(self.usage[book]).index_add_(0, index, keep)
        total = torch.zeros_like(self.total[book]).index_add_(0, index, residual * keep.unsqueeze(1))
        self.usage[book].mul_(self.DECAY).add_(count, alpha=1 - self.DECAY)
        self.total[book].mul_(self.DECAY).add_(total, alpha=1 - self.DECAY)
        dead = self.usage[book] < 0.02 * len(residual) / self.config.codes
        if dead.any():
            pick = torch.randint(len(residual), (int(dead.sum()),), device=residual.device)
            self.usage[book][dead] = 1.0
            self.total[book][dead] = residual[pick]
        self.codebook[book] = self.total[book] / self.usage[book].clamp(min=1e-5).unsqueeze(1)
        self._pin(book)

    def _pin(self, book: int) -> None:
        if book >= self.coarse_books:
            self.codebook[book, 0] = 0


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
            if c.slow
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
            if c.slow
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
