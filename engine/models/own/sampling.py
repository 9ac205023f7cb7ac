"""Sampling of token sequences in one left-to-right pass: guidance, temperature, top-k, top-p, locked tokens.

Guidance is classifier-free (Ho & Salimans 2021) with two conditions: the logits are moved away from those without the
music, and from those without the style and the energy, towards those with everything. Rows of the batch: with
everything, without music, without style and energy. In place of no music a checkpoint may lead away from the same music
half a beat late (`Sampling.off_beat`): what both have in common, the mood of the song, then stays as it is, and what is
made stronger is when to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import CancelledError
from engine.models.own.config import Sampling
from engine.models.own.networks import Codes, Decoder, Floats, Writer
from engine.models.own.noise import gumbel_noise
from engine.models.own.shared_work import in_parts

CHUNK = 512  # token positions of context encoded at once
LAST_COARSE = 2
"""The last residual level that is sampled at the full temperature."""
SHARED = 8
"""Candidates from which on a second thread pays."""
REPORTED = 10
"""Positions (a second) that are generated between two reports."""


@dataclass(frozen=True)
class Conditions:
    """Conditions of a dance: music (N * stride, C) or None; style index, indices (N,) or None; locked codes.

    codes: (N, K) int64, read where locked (N,) is true. Of K levels the decoder uses its own, the coarse ones;
    generated positions have zeros for the finer ones. guidance, style_guidance: (N,) in place of the sampling's.
    energy: (N,), NaN where none is asked for; None for nowhere. off_beat: music that guidance leads away from, like
    `music`; None: it leads away from no music.
    """

    music: Floats | None
    style: int | Codes | None
    codes: Codes
    locked: NDArray[np.bool_]
    guidance: Floats | None = None
    style_guidance: Floats | None = None
    energy: Floats | None = None
    off_beat: Floats | None = None


def encode_context(
    decoder: Decoder,
    conditions: Conditions,
    music: list[bool],
    style: list[bool],
    start: int = 0,
    stop: int | None = None,
) -> Floats:
    """The memory (rows, N, W) of the positions start..stop, with one row for each pair of flags.

    music, style: whether a row is given that condition; the energy goes with the style, and rows without the music have
    `off_beat` if there is one. Encoded in chunks, each with the surroundings that the encoder can reach, which equals
    encoding it whole.
    """
    c = decoder.config
    count = len(conditions.codes)
    stop = count if stop is None else stop
    rows = len(music)
    styles = _style_rows(conditions, c.styles, style)
    features, off_beat = conditions.music, conditions.off_beat
    if features is None:
        features = np.zeros((count * c.music_stride, c.music_features), np.float32)
    heard = [features if flag or off_beat is None else off_beat for flag in music]
    has_music = np.array([(flag or off_beat is not None) and conditions.music is not None for flag in music])
    energy = np.full((rows, count), np.nan, np.float32)
    if conditions.energy is not None:
        energy[style] = conditions.energy
    parts = []
    for begin in range(start, stop, CHUNK):
        end = min(begin + CHUNK, stop)
        first, last = max(0, begin - decoder.reach), min(count, end + decoder.reach)
        part = decoder.memory(
            np.stack([row[first * c.music_stride : last * c.music_stride] for row in heard]),
            np.repeat(conditions.codes[None, first:last], rows, 0),
            np.repeat(conditions.locked[None, first:last], rows, 0),
            styles[:, first:last] if styles.ndim > 1 else styles,
            has_music,
            energy[:, first:last],
        )
        parts.append(part[:, begin - first : end - first])
    return np.concatenate(parts, 1)


def _style_rows(conditions: Conditions, unknown: int, shown: list[bool]) -> Codes:
    """Style indices (rows,), or (rows, N) where the style changes; `unknown` in rows that are not `shown` the style."""
    style = conditions.style
    if isinstance(style, np.ndarray):
        return np.stack([style if flag else np.full_like(style, unknown) for flag in shown])
    known = unknown if style is None else style
    return np.array([known if flag else unknown for flag in shown], np.int64)


def generate_codes(
    decoder: Decoder,
    conditions: Conditions,
    sampling: Sampling,
    seed: int,
    report: Callable[[Codes], None],
    cancelled: Callable[[], bool],
) -> Codes:
    """Codes (N, K) of a whole dance: locked ones are kept, free ones sampled. Same seed and settings, same codes. See
    `generate_span`."""
    return generate_span(decoder, conditions, (0, len(conditions.codes)), sampling, [seed], report, cancelled)[0]


def generate_span(
    decoder: Decoder,
    conditions: Conditions,
    span: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    report: Callable[[Codes], None],
    cancelled: Callable[[], bool],
) -> Codes:
    """Codes (V, n, K) of the positions span[0]..span[1], one candidate a seed, all generated at once. Many of them are
    shared by the decoder's threads.

    Locked codes are kept, free ones sampled. The codes before the span are the past, locked or not; nothing after it is
    generated. `report` is given the codes (m, K) of the first candidate so far, every `REPORTED` positions and at the
    end. Raises CancelledError between two positions once `cancelled()` is true.
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
    writer = decoder.writer(memory, known - first)
    if start > known:
        # nothing comes before the dance's first position; its own codes are a placeholder and are not read
        places = np.maximum(np.arange(known - 1, start - 1), 0)
        writer.prefill(conditions.codes[None, places], begins=known == 0, last=0)

    def sampled(part: Sequence[int]) -> Codes:
        tell = report if part[0] == seeds[0] else _nothing
        many = writer.repeated(len(part))
        return _sample_positions(decoder, conditions, span, sampling, part, many, guidance, tell, cancelled)

    return np.concatenate(in_parts(sampled, seeds, decoder.threads if len(seeds) >= SHARED else 1))


def _nothing(_: Codes) -> None:
    pass


def _sample_positions(
    decoder: Decoder,
    conditions: Conditions,
    span: tuple[int, int],
    sampling: Sampling,
    seeds: Sequence[int],
    writer: Writer,
    guidance: list[tuple[int, list[float]]],
    report: Callable[[Codes], None],
    cancelled: Callable[[], bool],
) -> Codes:
    start, stop = span
    codes = np.repeat(conditions.codes[None, start:stop], len(seeds), 0)
    free = (~conditions.locked[start:stop]).tolist()
    shape = decoder.config.levels, decoder.config.codes
    noises = [gumbel_noise(seed, shape) for seed in seeds]
    before = None if start == 0 else np.repeat(conditions.codes[start - 1 : start], len(seeds), 0)
    for n in range(stop - start):
        if cancelled():
            raise CancelledError("Cancelled.")
        state = writer.step(before)
        if free[n]:
            strengths = [(row, strength[n]) for row, strength in guidance]
            noise = np.stack([next(candidate) for candidate in noises], 1)
            sampled = _sample_position(decoder, state, sampling, strengths, noise)
            codes[:, n, : sampled.shape[-1]] = sampled
            codes[:, n, sampled.shape[-1] :] = 0  # the fine levels
        before = codes[:, n]
        if (n + 1) % REPORTED == 0 or n + 1 == stop - start:
            report(codes[0, : n + 1])
    return codes


def _sample_position(
    decoder: Decoder,
    state: Floats,
    sampling: Sampling,
    guidance: list[tuple[int, float]],
    noise: Floats,
) -> Codes:
    """One position's codes (V, K), coarse to fine, from states (rows * V, W) and noise (K, V, codes)."""
    levels, candidates, _ = noise.shape
    codes = np.zeros((candidates, levels), np.int64)
    state = state.reshape(-1, candidates, state.shape[-1])  # (rows, V, W)
    for level in range(levels):
        temperature = sampling.temperature * sampling.cooling ** max(0, level - LAST_COARSE)
        rows = decoder.logits(state, codes[:, :level])
        logits = rows[0]
        for row, strength in guidance:
            logits = logits + strength * (rows[0] - rows[row])
        codes[:, level] = draw(logits, sampling, noise[level], temperature)
    return codes


def draw(logits: Floats, sampling: Sampling, noise: Floats, temperature: float) -> Codes:
    """Indices (V,) drawn from logits (V, n) with `temperature`, top-k and top-p (nucleus, Holtzman et al. 2020).

    noise: (V, n) Gumbel's; the code whose sum of logit and noise is the largest is drawn (Maddison, Tarlow, Minka,
    "A* Sampling", 2014). Two back ends, whose logits differ by 1e-6, hardly ever draw different codes that way; looking
    one number up in cumulative probabilities, they differ ten times as often.
    """
    if np.float32(temperature) <= 0:
        return logits.argmax(-1)
    rows = np.arange(len(logits))[:, None]
    count = min(sampling.top_k or logits.shape[-1], logits.shape[-1])
    kept = np.argpartition(logits, -count, -1)[:, -count:]
    scores = logits[rows, kept]
    # relative to the best score, so that a tiny temperature gives no infinite score
    with np.errstate(over="ignore"):
        scores = (scores - scores.max(-1, keepdims=True)) / np.float32(temperature)
    if sampling.top_p < 1:
        scores[~_nucleus(scores, sampling.top_p)] = -np.inf
    return kept[rows[:, 0], (scores + noise[rows, kept]).argmax(-1)]


def _nucleus(scores: Floats, top_p: float) -> NDArray[np.bool_]:
    """Which of scores (V, n) are among the first whose probabilities add up to `top_p`; always the best one."""
    order = np.argsort(-scores, -1, kind="stable")
    likely = np.exp(np.take_along_axis(scores, order, -1), dtype=np.float64)
    likely /= likely.sum(-1, keepdims=True)
    inside = np.cumsum(likely, -1) - likely < top_p
    inside[:, 0] = True
    found = np.empty_like(inside)
    np.put_along_axis(found, order, inside, -1)
    return found
