"""Writing token sequences: guidance, temperature, top-k/top-p, locked tokens, one left-to-right pass.

Guidance is classifier-free (Ho & Salimans 2021) with two conditions: the logits are pushed from what the network says
without the music, and without the style, to what it says with both. Rows of the batch: with both, without music,
without style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import CancelledError
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.kv_cache import DecoderCache
from engine.runtime.threads import one_thread

CHUNK = 512  # token positions of context that are encoded at once
LAST_COARSE = 2
"""The last residual level that is drawn at the full temperature."""
REPORTED = 10
"""Positions (a second) that are written between two reports."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the draw. Guidance 1 is none; `top_k` 0 and `top_p` 1 keep every code.

    cooling: each residual level after `LAST_COARSE` is drawn at this times the temperature of the one before. Fine
    levels are hardly foretold by anything; drawn as boldly as the coarse ones they would be jitter.
    """

    temperature: float = 1.0
    cooling: float = 1.0
    top_k: int = 30
    top_p: float = 1.0
    guidance: float = 1.5
    style_guidance: float = 1.5


@dataclass(frozen=True)
class Conditions:
    """What a dance is written for: music (N * stride, C) or None; style index, indices (N,) or None; locked codes.

    codes: (N, K) int64, read where locked (N,) is true. Of K levels the decoder reads and writes its own, the coarse
    ones; what it writes has zeros for the finer ones. guidance, style_guidance: (N,) in place of the sampling's.
    """

    music: Tensor | None
    style: int | Tensor | None
    codes: Tensor
    locked: Tensor
    guidance: Tensor | None = None
    style_guidance: Tensor | None = None


def encode_context(
    decoder: MotionDecoder,
    conditions: Conditions,
    music: list[bool],
    style: list[bool],
    start: int = 0,
    stop: int | None = None,
) -> Tensor:
    """Memory (rows, N, W) of the positions start..stop, one row per pair of flags that say which conditions it may see.

    Encoded in chunks with as much surroundings as the encoder can reach, which equals encoding it whole.
    """
    c = decoder.config
    count = len(conditions.codes)
    stop = count if stop is None else stop
    reach = decoder.context.reach
    rows = len(music)
    device = conditions.codes.device
    styles = _style_rows(conditions, c.styles, style)
    heard = conditions.music
    if heard is None:
        heard = torch.zeros(count * c.music_stride, c.music_features, device=device)
    has_music = torch.tensor([flag and conditions.music is not None for flag in music], device=device)
    parts = []
    for begin in range(start, stop, CHUNK):
        end = min(begin + CHUNK, stop)
        first, last = max(0, begin - reach), min(count, end + reach)
        part = decoder.memory(
            heard[first * c.music_stride : last * c.music_stride].expand(rows, -1, -1),
            conditions.codes[first:last].expand(rows, -1, -1),
            conditions.locked[first:last].expand(rows, -1),
            styles[:, first:last] if styles.ndim > 1 else styles,
            has_music,
        )
        parts.append(part[:, begin - first : end - first])
    return torch.cat(parts, 1)


def _style_rows(conditions: Conditions, unknown: int, shown: list[bool]) -> Tensor:
    """Style indices (rows,), or (rows, N) where the style changes; `unknown` where it is not shown."""
    device, style = conditions.codes.device, conditions.style
    if isinstance(style, Tensor):
        return torch.stack([style if flag else torch.full_like(style, unknown) for flag in shown])
    known = unknown if style is None else style
    return torch.tensor([known if flag else unknown for flag in shown], device=device)


def generate_codes(
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

    def report(codes: Tensor) -> None:
        written(codes[0])

    return generate_span(decoder, conditions, (0, len(conditions.codes)), sampling, [seed], report, cancelled)[0]


@torch.inference_mode()
def generate_span(
    decoder: MotionDecoder,
    conditions: Conditions,
    span: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    report: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    """Codes (V, n, K) of the positions span[0]..span[1], one variant a seed, all written at once.

    Locked codes are as they are, free ones drawn. The codes before the span count as written, locked or not; nothing
    after it is written. `report` is given the codes (V, m, K) that stand so far, every `REPORTED` positions and at the
    end. Raises CancelledError between two positions when `cancelled()` says so.
    """
    start, stop = span
    music, style = [True], [True]
    pushes: list[tuple[int, list[float]]] = []  # (row without the condition, strength at each position of the span)
    for pushed, usual, own, without in (
        (conditions.music, sampling.guidance, conditions.guidance, (False, True)),
        (conditions.style, sampling.style_guidance, conditions.style_guidance, (True, False)),
    ):
        strengths = [usual - 1] * (stop - start) if own is None else (own[start:stop] - 1).tolist()
        if any(strengths) and pushed is not None:
            pushes.append((len(music), strengths))
            music.append(without[0])
            style.append(without[1])
    past, around = decoder.config.past, decoder.config.around
    known = max(0, start - past)  # from here on the past is read
    first, last = max(0, known - around), min(len(conditions.codes), stop + around)
    memory = encode_context(decoder, conditions, music, style, first, last)
    with one_thread():
        cache = DecoderCache(decoder, memory, known - first)
        if start > known:
            # nothing comes before the dance's first position; its own codes stand in and are not read
            places = torch.arange(known - 1, start - 1, device=memory.device).clamp_(min=0)
            cache.prefill(conditions.codes[places].expand(len(memory), -1, -1), begins=known == 0)
        cache.repeat(len(seeds))
        return _write_all(decoder, conditions, span, sampling, seeds, cache, pushes, report, cancelled)


def _write_all(
    decoder: MotionDecoder,
    conditions: Conditions,
    span: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    cache: DecoderCache,
    pushes: list[tuple[int, list[float]]],
    report: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    start, stop = span
    codes = conditions.codes[start:stop].repeat(len(seeds), 1, 1)
    free = (~conditions.locked[start:stop]).tolist()
    # drawn on the CPU, so that the noise does not depend on the device; at once, since every call takes its time
    shape = sum(free), decoder.config.levels
    noise = torch.stack([torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds], 2)
    noises = iter(noise.to(codes.device))
    before = None if start == 0 else conditions.codes[start - 1 : start].expand(len(seeds), -1)
    for n in range(stop - start):
        if cancelled():
            raise CancelledError("Cancelled.")
        state = cache.step(before)
        if free[n]:
            strengths = [(row, strength[n]) for row, strength in pushes]
            drawn = _draw_position(decoder, state, sampling, strengths, next(noises))
            codes[:, n, : drawn.shape[-1]] = drawn
            codes[:, n, drawn.shape[-1] :] = 0  # nothing finer
        before = codes[:, n]
        if (n + 1) % REPORTED == 0 or n + 1 == stop - start:
            report(codes[:, : n + 1])
    return codes


def _draw_position(
    decoder: MotionDecoder,
    state: Tensor,
    sampling: Sampling,
    pushes: list[tuple[int, float]],
    noise: Tensor,
) -> Tensor:
    """One position's codes (V, K), coarse to fine, from the states (rows * V, W) and noise (K, V)."""
    codes: list[Tensor] = []
    state = state.view(-1, noise.shape[1], state.shape[-1])  # (rows, V, W)
    for level, head in enumerate(decoder.heads):
        temperature = sampling.temperature * sampling.cooling ** max(0, level - LAST_COARSE)
        if level:
            state = state + decoder.coarser[level - 1](codes[-1])
        rows = head(state)
        logits = rows[0]
        for row, strength in pushes:
            logits = logits + strength * (rows[0] - rows[row])
        codes.append(draw(logits, sampling, noise[level], temperature))
    return torch.stack(codes, -1)


def draw(logits: Tensor, sampling: Sampling, noise: Tensor, temperature: float) -> Tensor:
    """An index a row (V,) of logits (V, n) after `temperature`, top-k and top-p (nucleus, Holtzman et al. 2020).

    noise: (V,) uniform in [0, 1), which picks from the chances laid end to end, the best first.
    """
    if temperature <= 0:
        return logits.argmax(-1)
    count = logits.shape[-1]
    scores, order = logits.float().topk(min(sampling.top_k or count, count))
    # relative to the best score, which a division by next to nothing would else make infinite
    reached = ((scores - scores[:, :1]) / temperature).softmax(-1).cumsum(-1)
    if sampling.top_p < 1:
        # keep the first codes whose sum reaches top_p, and always the best one
        kept = (reached < sampling.top_p).sum(-1, keepdim=True).clamp_(max=reached.shape[-1] - 1)
        noise = noise * reached.gather(-1, kept)[:, 0]
    picks = torch.searchsorted(reached, noise[:, None], right=True).clamp_(max=reached.shape[-1] - 1)
    return order.gather(-1, picks)[:, 0]
