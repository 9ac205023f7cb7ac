"""The motion decoder run with KV caches, one new position at a time or many known ones at once; equals its `forward`
(tested).

Self-attention keeps the last `past` positions; cross-attention keys and values of the memory are computed once. The
work per position does not depend on how many there have been.
"""

from __future__ import annotations

import math
from copy import copy

import torch
from torch import Tensor

from engine.models.torch.decoder import Attention, MotionDecoder, distance_bias


class KVCache:
    """Keys and values of a moving window of positions, in a circular buffer: position m is in slot m modulo the
    window's size.

    Every step reads whole windows, so their layout in memory decides the speed: PyTorch's batched product of whole
    tensors needs half the time of that of views into longer ones.
    """

    def __init__(self, layers: int, rows: int, before: int, after: int, size: int, slopes: Tensor):
        self.before, self.after = before, after
        self.slots = before + 1 + after
        self.kept = slopes.new_zeros((layers, 2, rows, self.slots, size))
        # nearly twice the slots, so that wherever the window begins its offsets and biases are one slice
        self.offsets = torch.arange(2 * self.slots - 1, device=slopes.device) % self.slots - before
        self.penalty = -slopes * self.offsets.abs()

    def bias(self, position: int, first: int, stop: int) -> Tensor:
        """ALiBi bias (rows, 1, slots) of the slots around `position`; -inf for positions outside first..stop."""
        begin = (self.before - position) % self.slots
        window = slice(begin, begin + self.slots)
        penalty = self.penalty[..., window]
        if first <= position - self.before and position + self.after < stop:
            return penalty
        places = position + self.offsets[window]
        return penalty.masked_fill((places < first) | (places >= stop), -math.inf)

    def put(self, position: int, keys_values: Tensor) -> None:
        """Store keys and values (layers, 2, rows, n, size), n at most `slots`, of the positions from `position` on."""
        count = keys_values.shape[3]
        slots = torch.arange(position, position + count, device=keys_values.device) % self.slots
        self.kept[:, :, :, slots] = keys_values

    def clone(self) -> KVCache:
        """A copy, which shares nothing that is written to."""
        other = copy(self)
        other.kept = self.kept.clone()
        return other

    def ordered(self, first: int, stop: int) -> Tensor:
        """Keys and values (layers, 2, rows, stop - first, size) of the positions first..stop, in their order."""
        return self.kept[:, :, :, torch.arange(first, stop, device=self.kept.device) % self.slots]


class DecoderCache:
    """The state of one left-to-right pass over a memory (B, N, W), from `position` on."""

    def __init__(self, decoder: MotionDecoder, memory: Tensor, position: int = 0):
        self.decoder, self.memory = decoder, memory
        c = decoder.config
        batch, _, width = memory.shape
        self.rows, self.size = batch * c.heads, width // c.heads
        self.times = 1  # rows of the batch that share a row of the memory
        self.begin = self.position = position
        layers = len(decoder.layers)
        slopes = decoder.context.slopes(memory.device).repeat(batch)[:, None, None]
        self.past = KVCache(layers, self.rows, c.past - 1, 0, self.size, slopes)
        self.around = KVCache(layers, self.rows, c.around, c.around, self.size, slopes)
        pairs = [
            torch.stack([x.flatten(0, 1) for x in layer.cross_attention.keys_values(memory)])  # type: ignore[operator,union-attr]
            for layer in decoder.layers
        ]
        self.cross = torch.stack(pairs)  # (layers, 2, rows, N, size)
        self.stored = 0  # positions of the memory that have been stored in `around`

    def step(self, before: Tensor | None) -> Tensor:
        """State (B, W) of the next position, given the codes (B, K) of the one before (None at the first).

        Fewer rows of codes, (V, K), are repeated: row i of the batch gets row i modulo V.
        """
        decoder, n = self.decoder, self.position
        embedded = decoder.start[None] if before is None else decoder.embed(before)
        x = self._inputs(embedded, self.memory[:, n])
        past_bias = self.past.bias(n, self.begin, n + 1)
        around_bias = self._store_memory(n)
        slot = n % self.past.slots
        for layer, past, around in zip(decoder.layers, self.past.kept, self.around.kept, strict=True):
            normed = layer.self_norm(x)  # type: ignore[operator]
            key_value = layer.self_attention.key_value(normed).view(len(x), 2, -1, self.size)  # type: ignore[operator,union-attr]
            past[:, :, slot] = key_value.transpose(0, 1).flatten(1, 2)
            x = x + self._attend(layer.self_attention, normed, past, past_bias)  # type: ignore[arg-type]
            x = x + self._attend(layer.cross_attention, layer.cross_norm(x), around, around_bias)  # type: ignore[arg-type,operator]
            x = x + layer.feed_forward(layer.forward_norm(x))  # type: ignore[operator]
        self.position += 1
        return decoder.norm(x)

    def prefill(self, before: Tensor, begins: bool = False) -> Tensor:
        """States (B, n, W) of the next n positions, given the codes (B, n, K) before each; equals n steps. Fewer rows
        of codes are repeated as by `step`.

        begins: the first of them is the dance's first, and its `before` is not read.
        """
        x = self.decoder.embed(before)
        if begins:
            x[:, 0] = self.decoder.start
        return torch.cat([self._prefill(part) for part in torch.split(x, self.decoder.config.past, 1)], 1)

    def repeated(self, times: int) -> DecoderCache:
        """A pass that goes on from here with every row of the batch `times` times, copies next to each other."""
        heads, many = self.decoder.config.heads, copy(self)
        many.past, many.around = copy(self.past), self.around.clone()
        past = many.past
        many.times *= times

        def copied(x: Tensor, dim: int) -> Tensor:
            rows = x.reshape(*x.shape[:dim], -1, heads, *x.shape[dim + 1 :])
            return rows.repeat_interleave(times, dim).flatten(dim, dim + 1)

        past.kept, past.penalty = copied(past.kept, 2), copied(past.penalty, 0)
        many.rows *= times
        return many

    def _inputs(self, embedded: Tensor, memory: Tensor) -> Tensor:
        """The input (B, ...) at a place of the memory, given embeddings (V, ...) of as many rows, or fewer."""
        x = memory.repeat_interleave(self.times, 0)
        return (x.view(-1, *embedded.shape) + embedded).flatten(0, 1)

    def _store_memory(self, n: int) -> Tensor:
        """Store the memory's keys and values up to the end of the window around position n; returns the bias there."""
        count, around = self.memory.shape[1], self.around
        stop = min(count, n + around.after + 1)
        first = max(self.stored, n - around.before)
        if first + 1 == stop:
            around.kept[:, :, :, first % around.slots] = self.cross[:, :, :, first]
        elif first < stop:
            around.put(first, self.cross[:, :, :, first:stop])
        self.stored = max(self.stored, stop)
        return around.bias(n, 0, count)

    def _prefill(self, x: Tensor) -> Tensor:
        decoder, c, n = self.decoder, self.decoder.config, self.position
        count, memories = x.shape[1], len(self.memory)
        oldest, end = max(self.begin, n - c.past + 1), n + count
        first, last = max(0, n - c.around), min(self.memory.shape[1], end + c.around)
        x = self._inputs(x, self.memory[:, n:end])
        batch = len(x)
        places = torch.arange(n, end, device=x.device)
        slopes = decoder.context.slopes(x.device)
        past_bias = distance_bias(places, torch.arange(oldest, end, device=x.device), slopes, c.past - 1, 0)
        around_places = torch.arange(first, last, device=x.device)
        around_bias = distance_bias(places, around_places, slopes, c.around, c.around)
        new = []
        for layer, past, around in zip(decoder.layers, self.past.ordered(oldest, n), self.cross, strict=True):
            normed = layer.self_norm(x)  # type: ignore[operator]
            new.append(torch.stack(layer.self_attention.keys_values(normed)))  # type: ignore[operator,union-attr]
            keys, values = torch.cat([past.unflatten(1, (batch, -1)), new[-1]], 3)
            x = x + layer.self_attention(normed, keys, values, past_bias)  # type: ignore[operator]
            shared = around[:, :, first:last].unflatten(1, (memories, -1))
            keys, values = shared.repeat_interleave(self.times, 1)
            x = x + layer.cross_attention(layer.cross_norm(x), keys, values, around_bias)  # type: ignore[operator]
            x = x + layer.feed_forward(layer.forward_norm(x))  # type: ignore[operator]
        self.past.put(n, torch.stack(new).flatten(2, 3))
        self.position = end
        return decoder.norm(x)

    def _attend(self, attention: Attention, x: Tensor, kept: Tensor, bias: Tensor) -> Tensor:
        """Attention of the queries x (B, W), (B, W). kept: keys and values (2, R, slots, W / heads); R is the number of
        query rows, or that divided by `times` where so many queries share a row. bias: (R, 1, slots)."""
        keys, values = kept
        sharing = self.rows // len(keys)
        query = attention.query(x).view(-1, sharing, attention.heads, self.size)
        query = query.transpose(1, 2).reshape(len(keys), sharing, self.size)
        scores = torch.baddbmm(bias, query, keys.transpose(1, 2), alpha=self.size**-0.5)
        attended = torch.bmm(scores.softmax(-1), values).view(-1, attention.heads, sharing, self.size)
        return attention.out(attended.transpose(1, 2).reshape(x.shape))
