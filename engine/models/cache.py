"""Writing tokens one position at a time with key/value caches; equals the training view (tested).

Self-attention keeps the last `past` positions; cross-attention keys and values of the memory are computed once. The
work per position does not depend on how much has been written.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.decoder import Attention, MotionDecoder, alibi_slopes


class DecoderCache:
    """The state of one left-to-right pass over a memory (B, N, W).

    Tensors are laid out (B * heads, positions, W / heads), so that a window of positions is a view that the matrix
    products take as it is: at one position a step, copies would cost more than the arithmetic.
    """

    def __init__(self, decoder: MotionDecoder, memory: Tensor):
        self.decoder, self.memory = decoder, memory
        c = decoder.config
        batch, _, width = memory.shape
        self.rows, self.size = batch * c.heads, width // c.heads
        # twice the window: what is still needed moves to the front only once every `past` positions
        shape = (len(decoder.layers), 2, self.rows, 2 * c.past, self.size)
        self.kept = memory.new_zeros(shape)
        self.filled = 0
        self.cross = [
            [x.flatten(0, 1).contiguous() for x in layer.cross_attention.keys_values(memory)]  # type: ignore[operator,union-attr]
            for layer in decoder.layers
        ]
        self.position = 0
        slopes = alibi_slopes(c.heads).to(memory.device).repeat(batch)[:, None, None]
        self.past_bias = -slopes * torch.arange(c.past - 1, -1, -1, device=memory.device)
        self.around_bias = -slopes * torch.arange(-c.around, c.around + 1, device=memory.device).abs()

    def step(self, before: Tensor | None) -> Tensor:
        """State (B, W) of the next position, given the codes (B, K) of the one before (None at the first)."""
        decoder, c = self.decoder, self.decoder.config
        n = self.position
        x = decoder.start.expand(len(self.memory), -1) if before is None else decoder.embed(before)
        x = x + self.memory[:, n]
        if self.filled == 2 * c.past:
            self.kept[..., : c.past, :] = self.kept[..., c.past :, :].clone()
            self.filled = c.past
        self.filled += 1
        oldest = max(0, self.filled - c.past)
        past_bias = self.past_bias[..., c.past - (self.filled - oldest) :]
        first, last = max(0, n - c.around), min(self.memory.shape[1], n + c.around + 1)
        around_bias = self.around_bias[..., first - n + c.around : last - n + c.around]
        for layer, (past_keys, past_values), (keys, values) in zip(decoder.layers, self.kept, self.cross, strict=True):
            normed = layer.self_norm(x)  # type: ignore[operator]
            key, value = layer.self_attention.key_value(normed).chunk(2, -1)  # type: ignore[operator,union-attr]
            past_keys[:, self.filled - 1] = key.reshape(self.rows, self.size)
            past_values[:, self.filled - 1] = value.reshape(self.rows, self.size)
            past = past_keys[:, oldest : self.filled], past_values[:, oldest : self.filled]
            x = x + self._attend(layer.self_attention, normed, *past, past_bias)  # type: ignore[arg-type]
            around = keys[:, first:last], values[:, first:last]
            x = x + self._attend(layer.cross_attention, layer.cross_norm(x), *around, around_bias)  # type: ignore[arg-type,operator]
            x = x + layer.feed_forward(layer.forward_norm(x))  # type: ignore[operator]
        self.position += 1
        return decoder.norm(x)

    def _attend(self, attention: Attention, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """x: (B, W). keys, values: (B * heads, n, W / heads). bias: (B * heads, 1, n). Returns (B, W)."""
        query = attention.query(x).reshape(self.rows, 1, self.size)
        scores = torch.baddbmm(bias, query, keys.transpose(1, 2), alpha=self.size**-0.5)
        return attention.out(torch.bmm(scores.softmax(-1), values).reshape(x.shape))
