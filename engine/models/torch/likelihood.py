"""How likely the decoder finds codes, without guidance: what candidates and takes are judged by."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.kv_cache import DecoderCache
from engine.models.torch.sampling import Conditions, encode_context

_JUDGED_PAST = 40  # positions before the end of a span that the judge hears


@torch.inference_mode()
def follow_likelihood(
    decoder: MotionDecoder, conditions: Conditions, codes: Tensor, span: tuple[int, int], count: int
) -> Tensor:
    """(V,) mean log-likelihood of the `count` codes after a span that is danced as `codes` (V, n, K)."""
    start, stop = span
    known = max(0, stop - _JUDGED_PAST)
    c = decoder.config
    first, last = max(0, known - c.around), min(len(conditions.codes), stop + count + c.around)
    hidden = conditions.locked.clone()
    hidden[start:] = False  # a context that shows the codes would make them likely after anything
    memory = encode_context(decoder, replace(conditions, locked=hidden), [True], [True], first, last)
    danced = conditions.codes.repeat(len(codes), 1, 1)
    danced[:, start:stop] = codes
    places = torch.arange(known - 1, stop + count - 1, device=codes.device).clamp_(min=0)
    cache = DecoderCache(decoder, memory.expand(len(codes), -1, -1), known - first)
    states = cache.prefill(danced[:, places], begins=known == 0)[:, -count:]
    follow = danced[:, stop : stop + count]
    levels = torch.stack(decoder.all_levels(states, follow), 2).float().log_softmax(-1)
    return levels.gather(-1, follow[..., : c.levels, None]).mean((1, 2, 3))


def whole_likelihood(decoder: MotionDecoder, conditions: Conditions, codes: Tensor) -> float:
    """Mean log-likelihood of the codes (N, K) of a whole dance of which nothing is locked."""
    whole = replace(conditions, codes=codes)
    return float(follow_likelihood(decoder, whole, codes[None, :0], (0, 0), len(codes)))
