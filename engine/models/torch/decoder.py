"""Motion decoder: a transformer that writes motion codes, aligned to the music and aware of what is locked.

    music (B, M, C) at 20 Hz --+
    locked codes (B, N, K) ----+--> context encoder (bidirectional) --> memory (B, N, W)
    style (B,) ----------------+                                          |
    codes so far --> causal self-attention + cross-attention + aligned memory --> logits of position n, level by level

Token position n sees the memory at n added to its input (so it knows which music is *now*) and attends to the memory
around n. The locked tokens of the whole sequence, past and future, enter the memory; where a span is free a mask
embedding stands. Positions are relative throughout: ALiBi (Press et al. 2022) penalises distance in every attention,
and every attention has a bounded window, so cost grows linearly with length and the cache does not grow at all.

The K residual codes of a position are written coarse to fine by a small head that sees the coarser ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the network. `music_stride` music frames belong to one token position."""

    codes: int = 512
    levels: int = 4
    music_features: int = 37
    music_stride: int = 2
    styles: int = 5
    width: int = 256
    heads: int = 8
    encoder_layers: int = 2
    decoder_layers: int = 4
    past: int = 128  # positions of self-attention: as many as a training window has
    around: int = 48  # positions on each side in the encoder's self-attention and the decoder's cross-attention
    dropout: float = 0.15


EMBEDDED, FORETOLD = 0.5, 0.03
"""Standard deviation that the first level's embeddings and the weights of all logits begin with when they come from the
codebooks. An embedding is heard beside the memory, whose own is 1."""


def alibi_slopes(heads: int) -> Tensor:
    """(heads,) slopes 2^-1 ... 2^-8: the steep heads see the neighbourhood, the flat ones the whole window."""
    return torch.tensor([2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)])


def distance_bias(rows: Tensor, columns: Tensor, slopes: Tensor, past: int, future: int) -> Tensor:
    """(heads, rows, columns) ALiBi bias for query and key positions; -inf outside [row - past, row + future].

    slopes: (heads,), what a position of distance costs.
    """
    offset = columns[None, :] - rows[:, None]
    bias = -slopes[:, None, None] * offset.abs().float()
    return bias.masked_fill((offset < -past) | (offset > future), -math.inf)


def band_bias(count: int, slopes: Tensor, around: int) -> Tensor:
    """(heads * blocks, around, 3 * around) ALiBi bias for `Attention.band` over `count` positions."""
    blocks = -(-count // around)
    rows = torch.arange(around, device=slopes.device)
    columns = torch.arange(-around, 2 * around, device=slopes.device)
    bias = distance_bias(rows, columns, slopes, around, around)
    keys = columns + around * torch.arange(blocks, device=slopes.device)[:, None]
    outside = (keys < 0) | (keys >= count)  # a block has a key of its own, so that no row is all -inf
    return bias[:, None].masked_fill(outside[:, None], -math.inf).flatten(0, 1)


class Attention(nn.Module):
    """Multi-head attention with an additive bias; keys and values may come from a cache.

    Without dropout of its own, for which PyTorch has no fast kernel on a CPU.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, W) -> keys and values, each (B, heads, N, W / heads)."""
        keys, values = self.key_value(x).chunk(2, -1)
        return self._split(keys), self._split(values)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """x: (B, n, W) queries. bias: (heads, n, N), broadcast over the batch. Returns (B, n, W)."""
        mask = bias.to(x.dtype if not torch.is_autocast_enabled(x.device.type) else keys.dtype)
        y = F.scaled_dot_product_attention(self._split(self.query(x)), keys, values, mask)
        return self.out(y.transpose(1, 2).flatten(2))

    def band(self, x: Tensor, bias: Tensor) -> Tensor:
        """Self-attention of (B, N, W) with `band_bias`: each position sees those `around` it, in time linear in N.

        Positions are taken in blocks of `around`, each with the keys of its own block and of both beside it.
        """
        (batch, count, _), around = x.shape, bias.shape[1]
        filling = -count % around
        queries = F.pad(self._split(self.query(x)), (0, 0, 0, filling))
        queries = queries.reshape(batch, -1, around, queries.shape[-1])  # (B, heads * blocks, around, W / heads)
        keys, values = (
            F.pad(y, (0, 0, around, filling + around)).unfold(2, 3 * around, around).transpose(-1, -2).flatten(1, 2)
            for y in self.keys_values(x)
        )
        y = F.scaled_dot_product_attention(queries, keys, values, bias.to(queries.dtype))
        y = y.reshape(batch, self.heads, -1, y.shape[-1])[:, :, :count]
        return self.out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    def __init__(self, width: int, dropout: float):
        super().__init__(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout))


class EncoderLayer(nn.Module):
    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(c.width), Attention(c.width, c.heads)
        self.forward_norm, self.feed_forward = nn.LayerNorm(c.width), FeedForward(c.width, c.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attention.band(self.attention_norm(x), bias)
        return x + self.feed_forward(self.forward_norm(x))


class ContextEncoder(nn.Module):
    """Music, locked tokens and style -> memory, one vector a token position."""

    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.config = c
        self.music_mean: Tensor
        self.music_std: Tensor
        self.register_buffer("music_mean", torch.zeros(c.music_features))
        self.register_buffer("music_std", torch.ones(c.music_features))
        self.music_in = nn.Linear(c.music_features * c.music_stride, c.width)
        self.music_window = nn.ModuleList([nn.Conv1d(c.width, c.width, 5, padding=2) for _ in range(2)])
        self.no_music = nn.Parameter(torch.zeros(c.width))
        self.free = nn.Parameter(torch.zeros(c.width))
        self.style = nn.Embedding(c.styles + 1, c.width)  # the last one stands for "no style given"
        self.layers = nn.ModuleList([EncoderLayer(c) for _ in range(c.encoder_layers)])
        self.norm = nn.LayerNorm(c.width)

    @property
    def reach(self) -> int:
        """Token positions on each side that one memory vector depends on."""
        return len(self.layers) * self.config.around + 2 * len(self.music_window)

    def slopes(self, device: torch.device) -> Tensor:
        """(heads,) what every attention, the decoder's too, subtracts for a position of distance."""
        return alibi_slopes(self.config.heads).to(device)

    def forward(
        self, music: Tensor, locked: Tensor, locked_embedding: Tensor, style: Tensor, has_music: Tensor
    ) -> Tensor:
        """music (B, N * stride, C); locked (B, N) bool; locked_embedding (B, N, W); style (B,), or (B, N) where it
        changes; has_music (B,) bool.

        Returns memory (B, N, W)."""
        batch, positions = locked.shape
        music = (music - self.music_mean) / self.music_std
        heard = self.music_in(music.reshape(batch, positions, -1))
        for conv in self.music_window:
            heard = heard + F.gelu(conv(heard.transpose(1, 2)).transpose(1, 2))
        heard = torch.where(has_music[:, None, None], heard, self.no_music.to(heard.dtype))
        held = torch.where(locked[..., None], locked_embedding, self.free.to(locked_embedding.dtype))
        styles = self.style(style)
        x = heard + held + (styles if style.ndim > 1 else styles[:, None])
        bias = band_bias(positions, self.slopes(x.device), self.config.around)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Pre-norm causal self-attention, cross-attention to the memory, feed-forward."""

    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(c.width), Attention(c.width, c.heads)
        self.cross_norm, self.cross_attention = nn.LayerNorm(c.width), Attention(c.width, c.heads)
        self.forward_norm, self.feed_forward = nn.LayerNorm(c.width), FeedForward(c.width, c.dropout)

    def forward(self, x: Tensor, memory: Tensor, past_bias: Tensor, around_bias: Tensor) -> Tensor:
        normed = self.self_norm(x)
        x = x + self.self_attention(normed, *self.self_attention.keys_values(normed), past_bias)
        keys, values = self.cross_attention.keys_values(memory)
        x = x + self.cross_attention(self.cross_norm(x), keys, values, around_bias)
        return x + self.feed_forward(self.forward_norm(x))


class LevelHead(nn.Module):
    """Logits of one residual level from the position's state and the embeddings of its coarser codes."""

    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.norm = nn.LayerNorm(c.width)
        self.hidden = nn.Linear(c.width, c.width)
        self.logits = nn.Linear(c.width, c.codes)

    def forward(self, state: Tensor) -> Tensor:
        return self.logits(state + F.gelu(self.hidden(self.norm(state))))


class MotionDecoder(nn.Module):
    """The whole network. `forward` is the training view; `engine.models.torch.kv_cache` writes token by token."""

    def __init__(self, config: DecoderConfig):
        super().__init__()
        c = self.config = config
        self.embeddings = nn.ModuleList([nn.Embedding(c.codes, c.width) for _ in range(c.levels)])
        self.start = nn.Parameter(torch.zeros(c.width))
        self.context = ContextEncoder(c)
        self.layers = nn.ModuleList([DecoderLayer(c) for _ in range(c.decoder_layers)])
        self.norm = nn.LayerNorm(c.width)
        self.coarser = nn.ModuleList([nn.Embedding(c.codes, c.width) for _ in range(c.levels - 1)])
        self.heads = nn.ModuleList([LevelHead(c) for _ in range(c.levels)])
        self.drop = nn.Dropout(c.dropout)
        self.apply(self._initialize)

    @staticmethod
    def _initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    @torch.no_grad()
    def start_from_codebooks(self, codebooks: Tensor) -> None:
        """Begin training with what the codec knows of codes: codebooks (K or more, codes, D), turned into our width.

        Codes that move alike then look alike and are as likely as each other, and that a position repeats the one
        before, which most do, need not be learned code by code.
        """
        books = codebooks[: len(self.embeddings)]
        turn = torch.randn(books.shape[-1], self.config.width, device=books.device)
        tables = (books - books.mean(1, keepdim=True)) @ turn
        loudest = tables[0].std()
        for level, vectors in enumerate(tables):
            if not vectors.std() > 0:  # a codebook that was never used says nothing
                continue
            _fill(self.embeddings[level], EMBEDDED * vectors / loudest)
            head = self.heads[level]
            assert isinstance(head, LevelHead)
            _fill(head.logits, FORETOLD * vectors / vectors.std())
            if level < len(self.coarser):
                _fill(self.coarser[level], EMBEDDED * vectors / loudest)

    def embed(self, codes: Tensor) -> Tensor:
        """Codes (..., K) -> (..., W): the sum over levels."""
        return torch.stack([table(codes[..., level]) for level, table in enumerate(self.embeddings)]).sum(0)

    def memory(self, music: Tensor, codes: Tensor, locked: Tensor, style: Tensor, has_music: Tensor) -> Tensor:
        """Context for every position; `codes` (B, N, K) count only where `locked` (B, N) is true."""
        return self.context(music, locked, self.embed(codes), style, has_music)

    def forward(
        self, codes: Tensor, history: Tensor, music: Tensor, locked: Tensor, style: Tensor, has_music: Tensor
    ) -> list[Tensor]:
        """Training view, all positions at once.

        codes: (B, N, K) the true codes. history: (B, N, K) what the past is said to be: `codes` or a corrupted copy.
        Returns K tensors of logits (B, N, codes); position n is predicted from history before n.
        """
        memory = self.memory(music, codes, locked, style, has_music)
        past = self.embed(history[:, :-1])
        x = torch.cat([self.start.to(past.dtype).expand(len(past), 1, -1), past], 1)
        x = self.drop(x + memory)
        place = torch.arange(codes.shape[1], device=codes.device)
        c = self.config
        slopes = self.context.slopes(place.device)
        past_bias = distance_bias(place, place, slopes, c.past - 1, 0)
        around_bias = distance_bias(place, place, slopes, c.around, c.around)
        for layer in self.layers:
            x = layer(x, memory, past_bias, around_bias)
        return self.all_levels(self.norm(x), codes)

    def all_levels(self, state: Tensor, codes: Tensor) -> list[Tensor]:
        """Logits of every level given the true coarser codes (B, N, K)."""
        logits = []
        for level, head in enumerate(self.heads):
            if level:
                state = state + self.coarser[level - 1](codes[..., level - 1])
            logits.append(head(state))
        return logits


def _fill(layer: nn.Module, weight: Tensor) -> None:
    assert isinstance(layer.weight, nn.Parameter)
    layer.weight.copy_(weight)
