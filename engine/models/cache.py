"""Writing tokens one position at a time with key/value caches; equals the training view (tested).

Self-attention keeps the last `past` positions in a ring; cross-attention keys and values of the memory are computed
once. The work per position does not depend on how much has been written.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.decoder import MotionDecoder, alibi_slopes


class DecoderCache:
    """The state of one left-to-right pass over a memory (B, N, W)."""

    def __init__(self, decoder: MotionDecoder, memory: Tensor):
        self.decoder, self.memory = decoder, memory
        c = decoder.config
        batch, _, width = memory.shape
        shape = (len(decoder.layers), batch, c.heads, c.past, width // c.heads)
        self.keys, self.values = memory.new_zeros(shape), memory.new_zeros(shape)
        self.cross = [layer.cross_attention.keys_values(memory) for layer in decoder.layers]  # type: ignore[operator,union-attr]
        self.position = 0
        self.slopes = alibi_slopes(c.heads).to(memory.device)[:, None, None]

    def step(self, before: Tensor | None) -> Tensor:
        """State (B, W) of the next position, given the codes (B, K) of the one before (None at the first)."""
        decoder, c = self.decoder, self.decoder.config
        n = self.position
        x = decoder.start.expand(len(self.memory), -1) if before is None else decoder.embed(before)
        x = (x + self.memory[:, n])[:, None]
        slot, filled = n % c.past, min(n + 1, c.past)
        # the ring's slot i holds the newest position that is congruent to i
        slots = torch.arange(filled, device=x.device)
        past_bias = -self.slopes * ((slot - slots) % c.past if n >= c.past else n - slots)
        first, last = max(0, n - c.around), min(self.memory.shape[1], n + c.around + 1)
        around_bias = -self.slopes * (torch.arange(first, last, device=x.device) - n).abs()
        for index, layer in enumerate(decoder.layers):
            normed = layer.self_norm(x)  # type: ignore[operator]
            key, value = layer.self_attention.keys_values(normed)  # type: ignore[operator,union-attr]
            self.keys[index][:, :, slot], self.values[index][:, :, slot] = key[:, :, 0], value[:, :, 0]
            past = self.keys[index][:, :, :filled], self.values[index][:, :, :filled]
            x = x + layer.self_attention(normed, *past, past_bias)  # type: ignore[operator]
            keys, values = self.cross[index]
            around = keys[:, :, first:last], values[:, :, first:last]
            x = x + layer.cross_attention(layer.cross_norm(x), *around, around_bias)  # type: ignore[operator]
            x = x + layer.feed_forward(layer.forward_norm(x))  # type: ignore[operator]
        self.position += 1
        return decoder.norm(x[:, 0])
