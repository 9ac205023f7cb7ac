"""Sampling of token sequences in one left-to-right pass: guidance, temperature, top-k, top-p, locked tokens.

Guidance is classifier-free (Ho & Salimans 2021) with two conditions: the logits are moved away from those without the
music, and from those without the style, towards those with both. Rows of the batch: with both, without music, without
style.
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

CHUNK = 512  # token positions of context encoded at once
LAST_COARSE = 2
"""The last residual level that is sampled at the full temperature."""
REPORTED = 10
"""Positions (a second) that are generated between two reports."""


@dataclass(frozen=True)
class Sampling:
    """Sampling settings. Guidance 1 is none; `top_k` 0 and `top_p` 1 keep every code.

    cooling: each residual level after `LAST_COARSE` has the temperature of the one before times this. Fine levels can
    hardly be predicted; sampled at the full temperature they would be jitter.
    """

    temperature: float = 1.0
    cooling: float = 1.0
    top_k: int = 30
    top_p: float = 1.0
    guidance: float = 1.5
    style_guidance: float = 1.5


@dataclass(frozen=True)
class Conditions:
    """Conditions of a dance: music (N * stride, C) or None; style index, indices (N,) or None; locked codes.

    codes: (N, K) int64, read where locked (N,) is true. Of K levels the decoder uses its own, the coarse ones;
    generated positions have zeros for the finer ones. guidance, style_guidance: (N,) in place of the sampling's.
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
    """The memory (rows, N, W) of the positions start..stop, with one row for each pair of flags.

    music, style: whether a row is given that condition. Encoded in chunks, each with the surroundings that the encoder
    can reach, which equals encoding it whole.
    """
    c = decoder.config
    count = len(conditions.codes)
    stop = count if stop is None else stop
    reach = decoder.context.reach
    rows = len(music)
    device = conditions.codes.device
    styles = _style_rows(conditions, c.styles, style)
    features = conditions.music
    if features is None:
        features = torch.zeros(count * c.music_stride, c.music_features, device=device)
    has_music = torch.tensor([flag and conditions.music is not None for flag in music], device=device)
    parts = []
    for begin in range(start, stop, CHUNK):
        end = min(begin + CHUNK, stop)
        first, last = max(0, begin - reach), min(count, end + reach)
        part = decoder.memory(
            features[first * c.music_stride : last * c.music_stride].expand(rows, -1, -1),
            conditions.codes[first:last].expand(rows, -1, -1),
            conditions.locked[first:last].expand(rows, -1),
            styles[:, first:last] if styles.ndim > 1 else styles,
            has_music,
        )
        parts.append(part[:, begin - first : end - first])
    return torch.cat(parts, 1)


def _style_rows(conditions: Conditions, unknown: int, shown: list[bool]) -> Tensor:
    """Style indices (rows,), or (rows, N) where the style changes; `unknown` in rows that are not `shown` the style."""
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
    report: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    """Codes (N, K) of a whole dance: locked ones are kept, free ones sampled. Same seed and settings, same codes.

    `report` is given the codes (n, K) so far, every `REPORTED` positions and at the end. Raises CancelledError between
    two positions once `cancelled()` is true.
    """

    def report_first(codes: Tensor) -> None:
        report(codes[0])

    return generate_span(decoder, conditions, (0, len(conditions.codes)), sampling, [seed], report_first, cancelled)[0]


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
    """Codes (V, n, K) of the positions span[0]..span[1], one candidate a seed, all generated at once.

    Locked codes are kept, free ones sampled. The codes before the span are the past, locked or not; nothing after it is
    generated. `report` is given the codes (V, m, K) so far, every `REPORTED` positions and at the end. Raises
    CancelledError between two positions once `cancelled()` is true.
    """
    start, stop = span
    music, style = [True], [True]
    guidance: list[tuple[int, list[float]]] = []  # (row without the condition, strength at each position of the span)
    for condition, usual, own, without in (
        (conditions.music, sampling.guidance, conditions.guidance, (False, True)),
        (conditions.style, sampling.style_guidance, conditions.style_guidance, (True, False)),
    ):
        strengths = [usual - 1] * (stop - start) if own is None else (own[start:stop] - 1).tolist()
        if any(strengths) and condition is not None:
            guidance.append((len(music), strengths))
            music.append(without[0])
            style.append(without[1])
    past, around = decoder.config.past, decoder.config.around
    known = max(0, start - past)  # from here on the past is read
    first, last = max(0, known - around), min(len(conditions.codes), stop + around)
    memory = encode_context(decoder, conditions, music, style, first, last)
    with one_thread():
        cache = DecoderCache(decoder, memory, known - first)
        if start > known:
            # nothing comes before the dance's first position; its own codes are a placeholder and are not read
            places = torch.arange(known - 1, start - 1, device=memory.device).clamp_(min=0)
            cache.prefill(conditions.codes[places].expand(len(memory), -1, -1), begins=known == 0)
        cache.repeat(len(seeds))
        return _sample_positions(decoder, conditions, span, sampling, seeds, cache, guidance, report, cancelled)


def _sample_positions(
    decoder: MotionDecoder,
    conditions: Conditions,
    span: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    cache: DecoderCache,
    guidance: list[tuple[int, list[float]]],
    report: Callable[[Tensor], None],
    cancelled: Callable[[], bool],
) -> Tensor:
    start, stop = span
    codes = conditions.codes[start:stop].repeat(len(seeds), 1, 1)
    free = (~conditions.locked[start:stop]).tolist()
    # on the CPU, so that the noise does not depend on the device; all at once, since every call has a cost
    shape = sum(free), decoder.config.levels
    noise = torch.stack([torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds], 2)
    noises = iter(noise.to(codes.device))
    before = None if start == 0 else conditions.codes[start - 1 : start].expand(len(seeds), -1)
    for n in range(stop - start):
        if cancelled():
            raise CancelledError("Cancelled.")
        state = cache.step(before)
        if free[n]:
            strengths = [(row, strength[n]) for row, strength in guidance]
            sampled = _sample_position(decoder, state, sampling, strengths, next(noises))
            codes[:, n, : sampled.shape[-1]] = sampled
            codes[:, n, sampled.shape[-1] :] = 0  # the fine levels
        before = codes[:, n]
        if (n + 1) % REPORTED == 0 or n + 1 == stop - start:
            report(codes[:, : n + 1])
    return codes


def _sample_position(
    decoder: MotionDecoder,
    state: Tensor,
    sampling: Sampling,
    guidance: list[tuple[int, float]],
    noise: Tensor,
) -> Tensor:
    """One position's codes (V, K), coarse to fine, from states (rows * V, W) and noise (K, V)."""
    codes: list[Tensor] = []
    state = state.view(-1, noise.shape[1], state.shape[-1])  # (rows, V, W)
    for level, head in enumerate(decoder.heads):
        temperature = sampling.temperature * sampling.cooling ** max(0, level - LAST_COARSE)
        if level:
            state = state + decoder.coarser[level - 1](codes[-1])
        rows = head(state)
        logits = rows[0]
        for row, strength in guidance:
            logits = logits + strength * (rows[0] - rows[row])
        codes.append(draw(logits, sampling, noise[level], temperature))
    return torch.stack(codes, -1)


def draw(logits: Tensor, sampling: Sampling, noise: Tensor, temperature: float) -> Tensor:
    """Indices (V,) drawn from logits (V, n) with `temperature`, top-k and top-p (nucleus, Holtzman et al. 2020).

    noise: (V,) uniform in [0, 1), looked up in the cumulative probabilities, the most likely first.
    """
    if temperature <= 0:
        return logits.argmax(-1)
    count = logits.shape[-1]
    scores, order = logits.float().topk(min(sampling.top_k or count, count))
    # relative to the best score, so that a tiny temperature gives no infinite score
    cumulative = ((scores - scores[:, :1]) / temperature).softmax(-1).cumsum(-1)
    if sampling.top_p < 1:
        # keep the first codes whose probabilities add up to top_p, and always the best one
        kept = (cumulative < sampling.top_p).sum(-1, keepdim=True).clamp_(max=cumulative.shape[-1] - 1)
        noise = noise * cumulative.gather(-1, kept)[:, 0]
    picks = torch.searchsorted(cumulative, noise[:, None], right=True).clamp_(max=cumulative.shape[-1] - 1)
    return order.gather(-1, picks)[:, 0]
