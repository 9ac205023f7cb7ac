"""Writing token sequences: guidance, temperature, top-k/top-p, locked tokens, one left-to-right pass.

Guidance is classifier-free (Ho & Salimans 2021) with two conditions: the logits are pushed from what the network says
without the music, and without the style, to what it says with both. Rows of the batch: with both, without music,
without style.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import CancelledError
from engine.models.cache import DecoderCache
from engine.models.decoder import MotionDecoder
from engine.threads import one_thread

CHUNK = 512  # token positions of context that are encoded at once
REPORTED = 10
"""Positions (a second) that are written between two reports."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the draw. Guidance 1 is none; `top_k` 0 and `top_p` 1 keep every code."""

    temperature: float = 0.9
    top_k: int = 30
    top_p: float = 1.0
    guidance: float = 2.0
    style_guidance: float = 1.5


@dataclass(frozen=True)
class Conditions:
    """What a dance is written for: music (N * stride, C) or None; style index or None; locked codes.

    codes: (N, K) int64, read where locked (N,) is true.
    """

    music: Tensor | None
    style: int | None
    codes: Tensor
    locked: Tensor


def encode_context(decoder: MotionDecoder, conditions: Conditions, music: list[bool], style: list[bool]) -> Tensor:
    """Memory (rows, N, W), one row per pair of flags that say which conditions it may see.

    Encoded in chunks with as much surroundings as the encoder can reach, which equals encoding it whole.
    """
    c = decoder.config
    count = len(conditions.codes)
    reach = decoder.context.reach
    rows = len(music)
    device = conditions.codes.device
    known_style = c.styles if conditions.style is None else conditions.style
    styles = torch.tensor([known_style if flag else c.styles for flag in style], device=device)
    heard = conditions.music
    if heard is None:
        heard = torch.zeros(count * c.music_stride, c.music_features, device=device)
    has_music = torch.tensor([flag and conditions.music is not None for flag in music], device=device)
    parts = []
    for start in range(0, count, CHUNK):
        first, last = max(0, start - reach), min(count, start + CHUNK + reach)
        part = decoder.memory(
            heard[first * c.music_stride : last * c.music_stride].expand(rows, -1, -1),
            conditions.codes[first:last].expand(rows, -1, -1),
            conditions.locked[first:last].expand(rows, -1),
            styles,
            has_music,
        )
        parts.append(part[:, start - first : start - first + min(CHUNK, count - start)])
    return torch.cat(parts, 1)


@torch.inference_mode()
def write_codes(
    decoder: MotionDecoder,
    conditions: Conditions,
    sampling: Sampling,
    seed: int,
    written: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    """Codes (N, K): the locked ones as they are, the free ones drawn. Same seed and settings, same codes.

    `written` is given the codes (n, K) that stand so far, every `REPORTED` positions and at the end.
    Raises CancelledError between two positions when `cancelled()` says so.
    """
    music, style = [True], [True]
    pushes: list[tuple[int, float]] = []  # (row without the condition, strength)
    if sampling.guidance != 1 and conditions.music is not None:
        pushes.append((len(music), sampling.guidance - 1))
        music.append(False)
        style.append(True)
    if sampling.style_guidance != 1 and conditions.style is not None:
        pushes.append((len(music), sampling.style_guidance - 1))
        music.append(True)
        style.append(False)
    memory = encode_context(decoder, conditions, music, style)
    with one_thread():
        return _write_all(
            decoder, conditions, sampling, seed, DecoderCache(decoder, memory), pushes, written, cancelled
        )


def _write_all(
    decoder: MotionDecoder,
    conditions: Conditions,
    sampling: Sampling,
    seed: int,
    cache: DecoderCache,
    pushes: list[tuple[int, float]],
    written: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    # drawn on the CPU, so that the noise does not depend on the device
    generator = torch.Generator().manual_seed(seed)
    count = len(conditions.codes)
    codes = conditions.codes.clone()
    free = (~conditions.locked).tolist()
    before: Tensor | None = None
    for n in range(count):
        if cancelled():
            raise CancelledError("Cancelled.")
        state = cache.step(before)
        if free[n]:
            codes[n] = _draw_position(decoder, state, sampling, pushes, generator)
        before = codes[n].expand(len(cache.memory), decoder.config.levels)
        if (n + 1) % REPORTED == 0 or n + 1 == count:
            written(codes[: n + 1])
    return codes


def _draw_position(
    decoder: MotionDecoder,
    state: Tensor,
    sampling: Sampling,
    pushes: list[tuple[int, float]],
    generator: torch.Generator,
) -> Tensor:
    """One position's codes (K,), coarse to fine, from the states (rows, W)."""
    codes: list[Tensor] = []
    for level, head in enumerate(decoder.heads):
        if level:
            state = state + decoder.coarser[level - 1](codes[-1])
        rows = head(state)
        logits = rows[0]
        for row, strength in pushes:
            logits = logits + strength * (rows[0] - rows[row])
        codes.append(draw(logits, sampling, generator))
    return torch.stack(codes)


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """One index from logits (n,) after temperature, top-k and top-p (nucleus, Holtzman et al. 2020)."""
    if sampling.temperature <= 0:
        return logits.argmax()
    scores, order = logits.float().topk(min(sampling.top_k or len(logits), len(logits)))
    # relative to the best score, which a division by next to nothing would else make infinite
    chances = ((scores - scores[0]) / sampling.temperature).softmax(0)
    if sampling.top_p < 1:
        # keep the first codes whose sum reaches top_p, and always the best one
        kept = chances.cumsum(0) - chances < sampling.top_p
        kept[0] = True
        chances = torch.where(kept, chances, 0.0)
    pick = torch.multinomial(chances.cpu(), 1, generator=generator)
    return order[pick.to(order.device)][0]
