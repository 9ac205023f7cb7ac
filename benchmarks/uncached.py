"""The original's sampling loop: no cache, the whole prefix is computed again for every token.

Reimplemented from a description of its sampling, with our networks. At step n the music is cut to its first n + 1
frames; top-k keeps a tenth of the vocabulary; a motion token is drawn. For long music there are windows of 300 tokens,
each of which starts with only the last token of the previous one.
"""

from __future__ import annotations

import time
from itertools import pairwise

import torch
from torch import Tensor

from engine.models.original.decoder import OriginalDecoder

WINDOW = 300


@torch.inference_mode()
def generate_uncached(decoder: OriginalDecoder, music: Tensor, length: int) -> Tensor:
    """Tokens (length,) for music (M, C), M at least `length`."""
    tokens = torch.randint(0, decoder.config.codes, (1,))
    while len(tokens) < length:
        first = len(tokens) - 1
        window = tokens[-1:]
        while len(window) < WINDOW and first + len(window) < length:
            window = torch.cat([window, step(decoder, window, music[first:])])
        tokens = torch.cat([tokens, window[1:]])
    return tokens


def step(decoder: OriginalDecoder, tokens: Tensor, music: Tensor) -> Tensor:
    """The next token (1,) after tokens (n,); music[0] belongs to the first of them."""
    logits = decoder(tokens[None], music[None, : len(tokens)])[0, -1]
    kept = -(-len(logits) // 10)
    least = logits.topk(kept).values[-1]
    probabilities = logits.masked_fill(logits < least, -torch.inf).softmax(0)[: decoder.config.codes]
    return torch.multinomial(probabilities, 1)


@torch.inference_mode()
def step_seconds(decoder: OriginalDecoder, music: Tensor, prefixes: list[int]) -> list[float]:
    """Seconds of one step after each of these numbers of tokens, the better of two measurements."""
    tokens = torch.randint(0, decoder.config.codes, (max(prefixes),))
    step(decoder, tokens[:1], music)
    found = []
    for prefix in prefixes:
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            step(decoder, tokens[:prefix], music)
            times.append(time.perf_counter() - begin)
        found.append(min(times))
    return found


def between(prefixes: list[int], seconds: list[float]) -> list[float]:
    """Seconds of the steps after 1, 2, ... prefixes[-1] tokens, interpolated linearly between the measured ones.

    The first prefix is 1.
    """
    every = [seconds[0]]
    for (a, b), (low, high) in zip(pairwise(prefixes), pairwise(seconds), strict=True):
        every += [low + (high - low) * n / (b - a) for n in range(1, b - a + 1)]
    return every


def windowed_seconds(every: list[float], length: int) -> float:
    """Seconds for `length` tokens in the original's windows; every: those of each step of one window."""
    whole, rest = divmod(length - 1, WINDOW - 1)
    return whole * sum(every[: WINDOW - 1]) + sum(every[:rest])
