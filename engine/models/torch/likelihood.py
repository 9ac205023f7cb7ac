"""Log-likelihood of codes under the decoder, without guidance, by which candidates are compared."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.kv_cache import DecoderCache
from engine.models.torch.sampling import Conditions, encode_context

_PAST = 40  # positions before the end of a span that the decoder is given


@torch.inference_mode()
def follow_likelihood(
    decoder: MotionDecoder, conditions: Conditions, codes: Tensor, span: tuple[int, int], count: int
) -> Tensor:
    """Mean log-likelihood (V,), nats, of the `count` positions after a span, given the span's `codes` (V, n, K)."""
    start, stop = span
    known = max(0, stop - _PAST)
    c = decoder.config
    first, last = max(0, known - c.around), min(len(conditions.codes), stop + count + c.around)
    hidden = conditions.locked.clone()
    hidden[start:] = False  # a context that contains the codes would make them likely after anything
    memory = encode_context(decoder, replace(conditions, locked=hidden), [True], [True], first, last)
    sequences = conditions.codes.repeat(len(codes), 1, 1)
    sequences[:, start:stop] = codes
    places = torch.arange(known - 1, stop + count - 1, device=codes.device).clamp_(min=0)
    cache = DecoderCache(decoder, memory.expand(len(codes), -1, -1), known - first)
    states = cache.prefill(sequences[:, places], begins=known == 0)[:, -count:]
    follow = sequences[:, stop : stop + count]
    levels = torch.stack(decoder.all_levels(states, follow), 2).float().log_softmax(-1)
    return levels.gather(-1, follow[..., : c.levels, None]).mean((1, 2, 3))


def whole_likelihood(decoder: MotionDecoder, conditions: Conditions, codes: Tensor) -> float:
    """Mean log-likelihood, nats, of the codes (N, K) of a whole dance without locked positions."""
    whole = replace(conditions, codes=codes)
    return float(follow_likelihood(decoder, whole, codes[None, :0], (0, 0), len(codes)))
