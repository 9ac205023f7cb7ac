"""The motion decoder: a transformer that generates motion codes, aligned to the music and given the locked tokens.

    music (B, M, C) at 20 Hz --+
    locked codes (B, N, K) ----+--> context encoder (bidirectional) --> memory (B, N, W)
    style (B,), energy (B, N) -+                                          |
    codes so far --> causal self-attention + cross-attention + aligned memory --> logits of position n, level by level

The memory at n is added to the decoder's input at token position n (so it knows which music is *now*), which also
attends to the memory around n. The memory depends on the locked tokens of the whole sequence, past and future; free
positions have a mask embedding in their place. Positions are relative throughout: ALiBi (Press et al. 2022) penalises
distance in every attention, and every attention has a bounded window, so cost grows linearly with length and the KV
cache does not grow at all.

The K residual codes of a position are generated coarse to fine, each by a small head that is given the coarser ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.own.config import MUSIC_LAYERS, MUSIC_WINDOW, DecoderConfig

EMBEDDING_STD, LOGIT_STD = 0.5, 0.03
"""Initial standard deviation of the first level's embeddings, and of the weights of all logits, where they come from
the codebooks. Embeddings are added to the memory, which has a standard deviation of 1."""


def alibi_slopes(heads: int) -> Tensor:
    """ALiBi's slopes (heads,), 2^-1 ... 2^-8: steep heads attend to the neighbourhood, flat ones to the whole
    window."""
    return torch.tensor([2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)])


def distance_bias(rows: Tensor, columns: Tensor, slopes: Tensor, past: int, future: int) -> Tensor:
    """ALiBi bias (heads, rows, columns) for query and key positions; -inf outside [row - past, row + future].

    slopes: (heads,) penalty per position of distance.
    """
    offset = columns[None, :] - rows[:, None]
    bias = -slopes[:, None, None] * offset.abs().float()
    return bias.masked_fill((offset < -past) | (offset > future), -math.inf)


def band_bias(count: int, slopes: Tensor, around: int) -> Tensor:
    """ALiBi bias (heads * blocks, around, 3 * around) for `Attention.band` over `count` positions."""
    blocks = -(-count // around)
    rows = torch.arange(around, device=slopes.device)
    columns = torch.arange(-around, 2 * around, device=slopes.device)
    bias = distance_bias(rows, columns, slopes, around, around)
    keys = columns + around * torch.arange(blocks, device=slopes.device)[:, None]
    outside = (keys < 0) | (keys >= count)  # every block contains one of its own keys, so no row is all -inf
    return bias[:, None].masked_fill(outside[:, None], -math.inf).flatten(0, 1)


class Attention(nn.Module):
    """Multi-head attention with an additive bias; keys and values may come from a cache.

    It has no dropout, for which PyTorch has no fast kernel on a CPU.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, each (B, heads, N, W / heads), of inputs (B, N, W)."""
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
        """Self-attention of (B, N, W) with `band_bias`: each position attends to those `around` it, in time linear in
        N.

        Positions are processed in blocks of `around`, each with the keys of its own block and of both neighbours.
        """
        (batch, count, _), around = x.shape, bias.shape[1]
        padding = -count % around
        queries = F.pad(self._split(self.query(x)), (0, 0, 0, padding))
        queries = queries.reshape(batch, -1, around, queries.shape[-1])  # (B, heads * blocks, around, W / heads)
        keys, values = (
            F.pad(y, (0, 0, around, padding + around)).unfold(2, 3 * around, around).transpose(-1, -2).flatten(1, 2)
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
    """Encoder of music, locked tokens, style and energy into the memory, one vector a token position."""

    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.config = c
        self.music_mean: Tensor
        self.music_std: Tensor
        self.register_buffer("music_mean", torch.zeros(c.music_features))
        self.register_buffer("music_std", torch.ones(c.music_features))
        self.music_in = nn.Linear(c.music_features * c.music_stride, c.width)
        self.music_window = nn.ModuleList(
            [nn.Conv1d(c.width, c.width, MUSIC_WINDOW, padding=MUSIC_WINDOW // 2) for _ in range(MUSIC_LAYERS)]
        )
        self.no_music = nn.Parameter(torch.zeros(c.width))
        self.free = nn.Parameter(torch.zeros(c.width))
        self.style = nn.Embedding(c.styles + 1, c.width)  # the last one means "no style given"
        if c.energy:
            self.energy = nn.Linear(1, c.width)
        self.layers = nn.ModuleList([EncoderLayer(c) for _ in range(c.encoder_layers)])
        self.norm = nn.LayerNorm(c.width)

    @property
    def reach(self) -> int:
        """Token positions on each side that one memory vector depends on."""
        return self.config.reach

    def slopes(self, device: torch.device) -> Tensor:
        """ALiBi's slopes (heads,) of every attention, the decoder's too."""
        return alibi_slopes(self.config.heads).to(device)

    def forward(
        self,
        music: Tensor,
        locked: Tensor,
        locked_embedding: Tensor,
        style: Tensor,
        has_music: Tensor,
        energy: Tensor | None = None,
    ) -> Tensor:
        """The memory (B, N, W).

        music: (B, N * stride, C). locked: (B, N) bool. locked_embedding: (B, N, W). style: (B,), or (B, N) where it
        changes. has_music: (B,) bool. energy: (B, N) where it was asked for, else NaN; None for nowhere.
        """
        batch, positions = locked.shape
        music = (music - self.music_mean) / self.music_std
        music_state = self.music_in(music.reshape(batch, positions, -1))
        for conv in self.music_window:
            music_state = music_state + F.gelu(conv(music_state.transpose(1, 2)).transpose(1, 2))
        music_state = torch.where(has_music[:, None, None], music_state, self.no_music.to(music_state.dtype))
        token_state = torch.where(locked[..., None], locked_embedding, self.free.to(locked_embedding.dtype))
        styles = self.style(style)
        x = music_state + token_state + (styles if style.ndim > 1 else styles[:, None])
        if self.config.energy and energy is not None:
            x = x + torch.where(energy.isnan()[..., None], 0.0, self.energy(energy.nan_to_num()[..., None]))
        bias = band_bias(positions, self.slopes(x.device), self.config.around)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Pre-norm layer: causal self-attention, cross-attention to the memory, feed-forward."""

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
    """Output head of one residual level: logits from the position's state and the embeddings of its coarser codes."""

    def __init__(self, c: DecoderConfig):
        super().__init__()
        self.norm = nn.LayerNorm(c.width)
        self.hidden = nn.Linear(c.width, c.width)
        self.logits = nn.Linear(c.width, c.codes)

    def forward(self, state: Tensor) -> Tensor:
        return self.logits(state + F.gelu(self.hidden(self.norm(state))))


class MotionDecoder(nn.Module):
    """The whole network. `forward` is for training; `engine.models.torch.kv_cache` runs it token by token."""

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
        """Initialise embeddings and logits, before training, from the codec's codebooks (K or more, codes, D), by a
        random projection to our width.

        Codes of similar motion then have similar embeddings and logits, and that most positions repeat the one before
        need not be learned code by code.
        """
        books = codebooks[: len(self.embeddings)]
        projection = torch.randn(books.shape[-1], self.config.width, device=books.device)
        tables = (books - books.mean(1, keepdim=True)) @ projection
        scale = tables[0].std()
        for level, vectors in enumerate(tables):
            if not vectors.std() > 0:  # an unused codebook has nothing to give
                continue
            _fill(self.embeddings[level], EMBEDDING_STD * vectors / scale)
            head = self.heads[level]
            assert isinstance(head, LevelHead)
            _fill(head.logits, LOGIT_STD * vectors / vectors.std())
            if level < len(self.coarser):
                _fill(self.coarser[level], EMBEDDING_STD * vectors / scale)

    def embed(self, codes: Tensor) -> Tensor:
        """Embeddings (..., W) of codes (..., K): the sum over levels."""
        return torch.stack([table(codes[..., level]) for level, table in enumerate(self.embeddings)]).sum(0)

    def memory(
        self,
        music: Tensor,
        codes: Tensor,
        locked: Tensor,
        style: Tensor,
        has_music: Tensor,
        energy: Tensor | None = None,
    ) -> Tensor:
        """The memory (B, N, W); `codes` (B, N, K) are used only where `locked` (B, N) is true."""
        return self.context(music, locked, self.embed(codes), style, has_music, energy)

    def forward(
        self,
        codes: Tensor,
        history: Tensor,
        music: Tensor,
        locked: Tensor,
        style: Tensor,
        has_music: Tensor,
        energy: Tensor | None = None,
    ) -> list[Tensor]:
        """Logits of all positions at once, for training: K tensors (B, N, codes).

        codes: (B, N, K) the true codes. history: (B, N, K) the codes to use as the past: `codes` or a corrupted copy,
        -1 where the past is unknown, as it is before the first position. Position n is predicted from history before n.
        """
        memory = self.memory(music, codes, locked, style, has_music, energy)
        past = self.embed(history[:, :-1].clamp(min=0))
        start = self.start.to(past.dtype)
        past = torch.where(history[:, :-1, :1] < 0, start, past)
        x = torch.cat([start.expand(len(past), 1, -1), past], 1)
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
        """Logits of every level, each (B, N, codes), given states (B, N, W) and the true coarser codes (B, N, K)."""
        logits = []
        for level, head in enumerate(self.heads):
            if level:
                state = state + self.coarser[level - 1](codes[..., level - 1])
            logits.append(head(state))
        return logits


def _fill(layer: nn.Module, weight: Tensor) -> None:
    assert isinstance(layer.weight, nn.Parameter)
    layer.weight.copy_(weight)
