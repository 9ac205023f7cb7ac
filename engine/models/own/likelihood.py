"""Log-likelihood of codes under the decoder, without guidance, by which candidates are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.models.own.networks import Codes, Decoder, Floats
from engine.models.own.sampling import Conditions, encode_context

_PAST = 40  # positions before the end of a span that the decoder is given


def follow_memory(decoder: Decoder, conditions: Conditions, span: tuple[int, int], count: int) -> Floats:
    """The memory (1, N, W) of the `count` positions after a span and of their surroundings, for `follow_likelihood`."""
    c, known = decoder.config, max(0, span[1] - _PAST)
    first, last = max(0, known - c.around), min(len(conditions.codes), span[1] + count + c.around)
    hidden = conditions.locked.copy()
    hidden[span[0] :] = False  # a context that contains the codes would make them likely after anything
    return encode_context(decoder, replace(conditions, locked=hidden), [True], [True], first, last)


def follow_likelihood(
    decoder: Decoder, conditions: Conditions, memory: Floats, codes: Codes, span: tuple[int, int], count: int
) -> NDArray[np.float64]:
    """Mean log-likelihood (V,), nats, of the `count` positions after a span, given the span's `codes` (V, n, K) and the
    `follow_memory`."""
    start, stop = span
    known = max(0, stop - _PAST)
    first = max(0, known - decoder.config.around)
    sequences = np.repeat(conditions.codes[None], len(codes), 0)
    sequences[:, start:stop] = codes
    before = sequences[:, np.maximum(np.arange(known - 1, stop + count - 1), 0)]
    writer, shared = decoder.writer(memory, known - first), max(0, start - known)
    if shared:
        writer.prefill(before[:1, :shared], begins=known == 0, last=0)
    states = writer.repeated(len(codes)).prefill(before[:, shared:], begins=known == 0 and not shared, last=count)
    follow = sequences[:, stop : stop + count]
    likely = [
        _log_likelihood(decoder.logits(states, follow[..., :k]), follow[..., k]) for k in range(decoder.config.levels)
    ]
    return np.mean(likely, (0, 2))


def whole_likelihood(decoder: Decoder, conditions: Conditions, codes: Codes) -> float:
    """Mean log-likelihood, nats, of the codes (N, K) of a whole dance without locked positions."""
    whole, none = replace(conditions, codes=codes), (0, 0)
    memory = follow_memory(decoder, whole, none, len(codes))
    return float(follow_likelihood(decoder, whole, memory, codes[None, :0], none, len(codes))[0])


def _log_likelihood(logits: Floats, codes: Codes) -> NDArray[np.float64]:
    """The log-likelihood (V, n) of codes (V, n) under logits (V, n, codes)."""
    best = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - best).sum(-1, dtype=np.float64))
    return np.take_along_axis(logits - best, codes[..., None], -1)[..., 0] - total
