"""The motion decoder in numpy, one new position at a time or many known ones at once.

Keys and values of the past lie in the order of positions in a buffer a little longer than the window of attention, so
that a window is always one slice; where it is full, the window is moved to its beginning. The work for a position does
not depend on how many there have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from engine.models.numpy.attention import attend, attend_after, distance_bias, joined, slopes, split
from engine.models.numpy.layers import FeedForward, Linear, Norm, normalized, product
from engine.models.own.config import DecoderConfig
from engine.models.own.networks import Codes, Floats

_SPARE = 32
"""Positions that the buffer is longer than the window."""


@dataclass(frozen=True)
class DecoderLayer:
    """Pre-norm layer: causal self-attention, cross-attention to the memory, feed-forward.

    query_key_value and query are after norms. key_value, out and cross_out are matrices (in, out).
    """

    query_key_value: Linear
    out: Floats
    query: Linear
    key_value: Floats
    cross_out: Floats
    feed_forward: FeedForward


@dataclass(frozen=True)
class CausalStack:
    """What every step computes with. embeddings: (codes, W) of each level. start: (W,)."""

    config: DecoderConfig
    embeddings: Sequence[Floats]
    start: Floats
    layers: Sequence[DecoderLayer]
    norm: Norm

    def embed(self, codes: Codes) -> Floats:
        """Embeddings (..., W) of codes (..., K): the sum over the levels."""
        total = self.embeddings[0][codes[..., 0]]
        for level in range(1, len(self.embeddings)):
            total += self.embeddings[level][codes[..., level]]
        return total


class NumpyWriter:
    """A left-to-right pass over a memory (B, N, W), from `position` on; see `engine.models.own.networks.Writer`.

    Rows that were repeated share their memory, and what was computed before: `shared` holds the keys and values of the
    positions before the repetition once, `past` those of each row since then.
    """

    def __init__(self, stack: CausalStack, memory: Floats, position: int):
        self.stack, self.memory = stack, memory
        self.position = position
        self.times = 1  # rows of the batch that share a row of the memory
        c = stack.config
        self.penalty = slopes(c.heads)
        self.past_bias = distance_bias((0, 1), (1 - c.past, 1), self.penalty, c.past, 0)
        self.around_bias = distance_bias((0, 1), (-c.around, c.around + 1), self.penalty, c.around, c.around)
        # by layer, keys and values, row, head, position
        axes, size = (len(stack.layers), 2, len(memory), c.heads), c.width // c.heads
        self.shared = np.zeros((*axes, 0, size), np.float32)
        self.past = np.zeros((*axes, c.past + _SPARE, size), np.float32)
        self.filled = 0
        self.around = [_keys_values(memory, layer.key_value, c.heads) for layer in stack.layers]

    def step(self, before: Codes | None) -> Floats:
        c, n = self.stack.config, self.position
        x = self._inputs(self.stack.start[None] if before is None else self.stack.embed(before), n)
        slot = self._next_slot()
        past = slice(max(0, slot + 1 - c.past), slot + 1)
        shared = self.shared[..., max(0, self.shared.shape[4] + past.stop - past.start - c.past) :, :]
        past_bias = self.past_bias[..., c.past - (past.stop - past.start) - shared.shape[4] :]
        around = slice(max(0, n - c.around), min(self.memory.shape[1], n + c.around + 1))
        around_bias = self.around_bias[..., around.start - n + c.around : around.stop - n + c.around]
        shape = len(self.memory), self.times, c.heads, -1
        for index, (layer, (keys, values)) in enumerate(zip(self.stack.layers, self.around, strict=True)):
            new, kept = layer.query_key_value(normalized(x)).reshape(len(x), 3, c.heads, -1), self.past[index]
            kept[0, :, :, slot], kept[1, :, :, slot] = new[:, 1], new[:, 2]
            found = attend_after(new[:, 0], shared[index], kept[:, :, :, past], past_bias)
            x += product(found.reshape(x.shape), layer.out)
            query = layer.query(normalized(x)).reshape(shape).swapaxes(1, 2)  # the rows that share keys
            found = attend(query, keys[:, :, around], values[:, :, around], around_bias)
            x += product(found.swapaxes(1, 2).reshape(x.shape), layer.cross_out)
            x += layer.feed_forward(x)
        self.position += 1
        return self.stack.norm(x)

    def prefill(self, before: Codes, begins: bool = False, last: int | None = None) -> Floats:
        embedded, past = self.stack.embed(before), self.stack.config.past
        if begins:
            embedded[:, 0] = self.stack.start
        count = embedded.shape[1]
        unwanted = 0 if last is None else max(0, count - last)
        parts = [
            self._prefill(embedded[:, first : first + past], max(0, unwanted - first))
            for first in range(0, count, past)
        ]
        return np.concatenate(parts, 1)

    def repeated(self, times: int) -> NumpyWriter:
        many = copy(self)  # all that a pass changes in place is `past`
        many.shared, many.times = self._known(), times
        layers, pair, rows, *rest = self.past.shape
        many.past = np.zeros((layers, pair, rows * times, *rest), np.float32)
        many.filled = 0
        return many

    def _inputs(self, embedded: Floats, places: int | slice) -> Floats:
        """The input (B, ...) at places of the memory, given embeddings (V, ...) of as many rows, or fewer."""
        x = np.repeat(self.memory[:, places], self.times, 0)
        x.reshape(-1, *embedded.shape)[:] += embedded
        return x

    def _known(self) -> Floats:
        """Keys and values (layers, 2, B, heads, n, size) of the positions before that a new one attends to."""
        known = self.past[..., : self.filled, :]
        if self.shared.shape[4]:
            known = np.concatenate([np.repeat(self.shared, self.times, 2), known], 4)
        return known[..., max(0, known.shape[4] - self.stack.config.past + 1) :, :]

    def _next_slot(self) -> int:
        """A free slot of the buffer, after those of the positions before."""
        kept = self.stack.config.past - 1
        if self.filled == self.past.shape[4]:
            self.past[..., :kept, :] = self.past[..., self.filled - kept :, :]
            self.filled = kept
        self.filled += 1
        return self.filled - 1

    def _prefill(self, embedded: Floats, unwanted: int) -> Floats:
        """States (B, n - unwanted, W) of the next n positions, given their embeddings (V, n, W)."""
        c, n, end = self.stack.config, self.position, self.position + embedded.shape[1]
        known = self._known()
        around = slice(max(0, n - c.around), min(self.memory.shape[1], end + c.around))
        past_bias = distance_bias((n, end), (n - known.shape[4], end), self.penalty, c.past - 1, 0)
        around_bias = distance_bias((n, end), (around.start, around.stop), self.penalty, c.around, c.around)
        x = self._inputs(embedded, slice(n, end))
        kept = []
        for layer, before, (keys, values) in zip(self.stack.layers, known, self.around, strict=True):
            query, *new = (split(y, c.heads) for y in np.split(layer.query_key_value(normalized(x)), 3, -1))
            kept.append(np.concatenate([before, np.stack(new)], 3))
            if layer is self.stack.layers[-1]:  # from here on no position needs another
                x, query = x[:, unwanted:], query[:, :, unwanted:]
                past_bias, around_bias = past_bias[:, unwanted:], around_bias[:, unwanted:]
                if not x.shape[1]:
                    break
            x += product(joined(attend(query, kept[-1][0], kept[-1][1], past_bias)), layer.out)
            query = split(layer.query(normalized(x)), c.heads)
            query = query.reshape(-1, self.times, *query.shape[1:])  # the rows that share keys
            found = attend(query, keys[:, None, :, around], values[:, None, :, around], around_bias)
            x += product(joined(found.reshape(-1, *found.shape[2:])), layer.cross_out)
            x += layer.feed_forward(x)
        window = np.stack(kept)[..., -c.past :, :]
        self.filled = window.shape[4]
        self.past[..., : self.filled, :] = window
        self.shared = self.shared[..., :0, :]  # what of it is still attended to is in the window
        self.position = end
        return self.stack.norm(x)


def _keys_values(memory: Floats, weight: Floats, heads: int) -> tuple[Floats, Floats]:
    """Keys and values (B, heads, N, size) of the memory, in the order of memory: every step reads a slice of each."""
    keys, values = (np.ascontiguousarray(split(y, heads)) for y in np.split(product(memory, weight), 2, -1))
    return keys, values
