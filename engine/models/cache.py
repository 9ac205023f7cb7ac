"""Writing tokens one position at a time, or many known ones at once, with key/value caches; equals the training view
(tested).

Self-attention keeps the last `past` positions; cross-attention keys and values of the memory are computed once. The
work per position does not depend on how much has been written.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.decoder import Attention, MotionDecoder, alibi_slopes, distance_bias


class DecoderCache:
    """The state of one left-to-right pass over a memory (B, N, W), from `position` of it on.

    Tensors are laid out (B * heads, positions, W / heads), so that a window of positions is a view that the matrix
    products take as it is: at one position a step, copies would cost more than the arithmetic.
    """

    def __init__(self, decoder: MotionDecoder, memory: Tensor, position: int = 0):
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
        self.position = position
        slopes = alibi_slopes(c.heads).to(memory.device).repeat(batch)[:, None, None]
        self.past_bias = -slopes * torch.arange(c.past - 1, -1, -1, device=memory.device)
        self.around_bias = -slopes * torch.arange(-c.around, c.around + 1, device=memory.device).abs()

    def step(self, before: Tensor | None) -> Tensor:
        """State (B, W) of the next position, given the codes (B, K) of the one before (None at the first).

        Fewer rows of codes are those of every so many rows of the batch in turn.
        """
        decoder, c = self.decoder, self.decoder.config
        n = self.position
        x = self.memory[:, n]
        if before is None:
            x = x + decoder.start
        else:
            x = (x.view(-1, len(before), x.shape[-1]) + decoder.embed(before)).flatten(0, 1)
        self._make_room(1)
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

    def prefill(self, before: Tensor, begins: bool = False) -> Tensor:
        """States (B, n, W) of the next n positions, given the codes (B, n, K) before each; equals n steps.

        begins: the first of them is the dance's first, and its `before` is not read.
        """
        x = self.decoder.embed(before)
        if begins:
            x[:, 0] = self.decoder.start
        return torch.cat([self._prefill(part) for part in torch.split(x, self.decoder.config.past, 1)], 1)

    def repeat(self, times: int) -> None:
        """Go on with every row of the batch `times` times, copies beside each other."""

        def copied(x: Tensor, dim: int) -> Tensor:
            heads = self.decoder.config.heads
            rows = x.reshape(*x.shape[:dim], -1, heads, *x.shape[dim + 1 :])
            return rows.repeat_interleave(times, dim).flatten(dim, dim + 1)

        self.memory = self.memory.repeat_interleave(times, 0)
        self.kept = copied(self.kept, 2)
        self.cross = [[copied(x, 0) for x in pair] for pair in self.cross]
        self.past_bias, self.around_bias = copied(self.past_bias, 0), copied(self.around_bias, 0)
        self.rows *= times

    def _make_room(self, count: int) -> None:
        past = self.decoder.config.past
        if self.filled + count > 2 * past:
            needed = min(self.filled, past)
            self.kept[..., :needed, :] = self.kept[..., self.filled - needed : self.filled, :].clone()
            self.filled = needed

    def _prefill(self, x: Tensor) -> Tensor:
        decoder, c, n = self.decoder, self.decoder.config, self.position
        batch, count, _ = x.shape
        self._make_room(count)
        oldest, end = max(0, self.filled - c.past + 1), self.filled + count
        new = slice(self.filled, end)
        first, last = max(0, n - c.around), min(self.memory.shape[1], n + count + c.around)
        x = x + self.memory[:, n : n + count]
        places = torch.arange(n, n + count, device=x.device)
        past_places = torch.arange(n - self.filled + oldest, n + count, device=x.device)
        past_bias = distance_bias(places, past_places, c.heads, c.past - 1, 0)
        around_places = torch.arange(first, last, device=x.device)
        around_bias = distance_bias(places, around_places, c.heads, c.around, c.around)
        for layer, (past_keys, past_values), (keys, values) in zip(decoder.layers, self.kept, self.cross, strict=True):
            normed = layer.self_norm(x)  # type: ignore[operator]
            key, value = layer.self_attention.keys_values(normed)  # type: ignore[operator,union-attr]
            past_keys[:, new], past_values[:, new] = key.flatten(0, 1), value.flatten(0, 1)
            past = (kept[:, oldest:end].unflatten(0, (batch, -1)) for kept in (past_keys, past_values))
            x = x + layer.self_attention(normed, *past, past_bias)  # type: ignore[operator]
            around = (kept[:, first:last].unflatten(0, (batch, -1)) for kept in (keys, values))
            x = x + layer.cross_attention(layer.cross_norm(x), *around, around_bias)  # type: ignore[operator]
            x = x + layer.feed_forward(layer.forward_norm(x))  # type: ignore[operator]
        self.filled = end
        self.position += count
        return decoder.norm(x)

    def _attend(self, attention: Attention, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """x: (B, W). keys, values: (B * heads, n, W / heads). bias: (B * heads, 1, n). Returns (B, W)."""
        query = attention.query(x).reshape(self.rows, 1, self.size)
        scores = torch.baddbmm(bias, query, keys.transpose(1, 2), alpha=self.size**-0.5)
        return attention.out(torch.bmm(scores.softmax(-1), values).reshape(x.shape))
