"""The original's networks run from left to right with KV caches: a few positions at a time, nothing computed twice.

The caches keep a window of positions. With a window at least as long as the sequence the results equal those of the
whole networks (tested); with a shorter one no layer attends to positions `window` or more ago.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from engine.models.original.config import HEAD_WIDTH
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.layers import CacheUpdate, KeysValues, distance_bias
from engine.models.original.vqvae import OriginalVQVAE

BLOCK = 64
"""Largest number of positions to run at once; longer inputs are split."""


class OriginalKVCache:
    """The last positions' keys and values of every layer, (layers, 2, B, H, slots, 64), in a circular buffer.

    There are so many slots that new positions overwrite only what none of them needs. So they are stored first, and
    attention reads the buffer without a copy; it does not depend on the order of the slots.
    """

    def __init__(self, layers: int, rows: int, heads: int, window: int, block: int, like: Tensor):
        self.window, self.position = window, 0
        slots = window + block - 1
        self.kept = like.new_zeros((layers, 2, rows, heads, slots, HEAD_WIDTH))
        self.positions = torch.full((slots,), -1, dtype=torch.int64, device=like.device)  # of every slot
        self.block = torch.arange(block, device=like.device)
        self.used = 0
        self.slot = self.block

    def reserve(self, count: int) -> Tensor:
        """Assign slots to the next `count` positions, at most `block`. Returns the distance (count, used) from each of
        them back to the position in each used slot."""
        slots = len(self.positions)
        positions = self.block[:count] + self.position
        self.slot = positions % slots
        self.positions[self.slot] = positions
        self.position += count
        self.used = min(self.position, slots)
        return positions[:, None] - self.positions[: self.used]

    def update(self, layer: int, keys: Tensor, values: Tensor) -> KeysValues:
        """Store the reserved positions' keys and values (B, H, count, 64); returns all stored ones, (B, H, used,
        64)."""
        kept_keys, kept_values = self.kept[layer, 0], self.kept[layer, 1]
        kept_keys.index_copy_(2, self.slot, keys)
        kept_values.index_copy_(2, self.slot, values)
        return kept_keys[:, :, : self.used], kept_values[:, :, : self.used]

    def updates(self) -> list[CacheUpdate]:
        """`update` for every layer."""
        return [partial(self.update, layer) for layer in range(len(self.kept))]

    def choose(self, rows: Tensor) -> None:
        """Continue with the rows (R,) of the batch, any of them several times or never."""
        self.kept = self.kept[:, :, rows]

    def clear(self) -> None:
        """Drop all positions; the next one is 0."""
        self.position = self.used = 0
        self.positions.fill_(-1)


class OriginalDecoderCache:
    """The state of one left-to-right pass of the motion decoder.

    music: (1 or B, M, C), all of it; `set_music_window` chooses the frames to attend to. style: (1 or B, 512) or None.
    window: positions kept in the cache. music_view: "whole" (all frames of the music window) or "prefix" (those up to
    the position's own; the window must begin at or before the positions).
    """

    def __init__(
        self,
        decoder: OriginalDecoder,
        music: Tensor,
        style: Tensor | None,
        window: int,
        rows: int = 1,
        music_view: str = "whole",
    ):
        c = decoder.config
        self.decoder, self.music, self.music_view = decoder, music, music_view
        self.gain = decoder.style_gain(style)
        self.kv_cache = OriginalKVCache(c.depth, rows, c.heads, window, min(BLOCK, window), music)
        self.cache_updates = self.kv_cache.updates()
        self.slopes = decoder.slopes(music.device)
        self.first = self.last = 0  # the window of music frames
        self.music_keys_values: list[KeysValues] = []
        self.start = 0  # the song's position that is the cache's position 0
        self.set_music_window(0, min(music.shape[1], window))

    @property
    def position(self) -> int:
        """The next position, in the song."""
        return self.start + self.kv_cache.position

    def set_music_window(self, first: int, last: int) -> None:
        """Attend to the music frames first..last from now on. Keys and values known already are not computed again."""
        if (first, last) == (self.first, self.last):
            return
        if self.first <= first < self.last <= last:
            new = self.decoder.music_keys_values(self.music[:, self.last : last])
            shift = first - self.first
            self.music_keys_values = [
                (torch.cat([keys[:, :, shift:], k], 2), torch.cat([values[:, :, shift:], v], 2))
                for (keys, values), (k, v) in zip(self.music_keys_values, new, strict=True)
            ]
        else:
            self.music_keys_values = self.decoder.music_keys_values(self.music[:, first:last])
        self.first, self.last = first, last

    def restart(self, position: int) -> None:
        """Clear the cache; the next token is at `position` of the song, which counts as 0 for a sinusoid."""
        self.kv_cache.clear()
        self.start = position

    def extend(self, tokens: Tensor) -> Tensor:
        """Run the next tokens (B, n), n >= 1. Returns their logits (B, n, codes + 3)."""
        parts = [self._extend(part) for part in torch.split(tokens, len(self.kv_cache.block), 1)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def choose(self, rows: Tensor) -> None:
        """Continue with the rows (R,) of the batch."""
        self.kv_cache.choose(rows)

    def _extend(self, tokens: Tensor) -> Tensor:
        count = tokens.shape[1]
        positions = self.kv_cache.block[:count] + self.kv_cache.position
        x = self.decoder.embed_tokens(tokens, positions)
        age = self.kv_cache.reserve(count)
        bias = distance_bias(age, self.slopes, self.kv_cache.window).to(x.dtype)
        music_bias = None
        if self.music_view == "prefix":
            frames = torch.arange(self.first, self.last, device=x.device)
            music_bias = distance_bias((positions + self.start)[:, None] - frames, None).to(x.dtype)
        return self.decoder.run(x, self.music_keys_values, bias, music_bias, self.gain, self.cache_updates)


class OriginalCodecStream:
    """Decoding of tokens while they are generated; equals decoding them whole up to `window` frames.

    Beyond, a frame attends to the last `window` frames in every layer.
    """

    def __init__(self, vqvae: OriginalVQVAE, window: int, rows: int = 1):
        c = vqvae.config
        self.vqvae = vqvae
        self.kv_cache = OriginalKVCache(c.decoder_depth, rows, c.heads, window, min(BLOCK, window), vqvae.codebook)
        self.cache_updates = self.kv_cache.updates()

    def extend(self, tokens: Tensor) -> Tensor:
        """The frames of normalised motion (B, n, F) of the next tokens (B, n), n >= 1."""
        return torch.cat([self._extend(part) for part in torch.split(tokens, len(self.kv_cache.block), 1)], 1)

    def _extend(self, tokens: Tensor) -> Tensor:
        x = self.vqvae.vectors(tokens)
        bias = distance_bias(self.kv_cache.reserve(tokens.shape[1]), None, self.kv_cache.window).to(x.dtype)
        layers: nn.ModuleList = self.vqvae.decoder.layers
        for layer, update in zip(layers, self.cache_updates, strict=True):
            x = layer(x, bias, cache_update=update)
        return self.vqvae.decoder.to_motion(x)
