"""Filling of a dance's spans with networks of our family, given the kept tokens on both sides, the music and the style.

Only what is needed is computed: the context of the span and its surroundings, the past in one parallel pass, and no
position after the span. The network itself judges how well a candidate connects to what follows: by the likelihood of
the next kept codes, with a context that does not contain them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from engine.audio.music_features import half_a_beat_late
from engine.choreography import Choreography, Range
from engine.models.base import SpanTask, SpanTokens
from engine.models.own.asked_energy import energy_of
from engine.models.own.config import Sampling
from engine.models.own.likelihood import follow_likelihood, follow_memory
from engine.models.own.networks import Codec, Codes, Decoder
from engine.models.own.sampling import Conditions, generate_span
from engine.models.own.shared_work import in_parts
from engine.motion import representation
from smpl_rig.motion import Motion

JUDGED = 15
"""Kept positions after a span that count for its likelihood."""
COOLER = 0.7
"""Factor on a checkpoint's temperature: kept tokens on both sides leave less open than a new dance does. Chosen on gaps
of real dances: it fills them closer to the original."""
NEAR, FAR = 20, 40
"""Distances in positions from kept tokens: up to `NEAR` there is no guidance, since the kept moves show how to dance to
the music and in which style; from `FAR` on it is that of a new dance. Chosen as `COOLER` was."""


class OwnSpanGenerator:
    """A span generator for networks of our family; implements `engine.models.base.SpanGenerator`."""

    most = 40

    def __init__(
        self,
        codec: Codec,
        decoder: Decoder,
        styles: Sequence[str],
        sampling_of: Callable[[str | None], Sampling],
        frame_rate: float,
    ):
        self.codec, self.decoder, self.styles = codec, decoder, styles
        self.sampling_of, self.frame_rate = sampling_of, frame_rate

    def temperature(self, document: Choreography, position: int) -> float:
        return self._own(document, position).temperature

    def _own(self, document: Choreography, position: int) -> Sampling:
        return self.sampling_of(document.span_at(position).style or document.style)

    def generate(self, task: SpanTask) -> SpanTokens:
        """Candidates for a span, one for each seed. Raises CancelledError."""
        start, stop = task.span
        conditions = self._conditions(task.document, task.features, task.kept)
        sampling = self._sampling(task.document, start)
        after = int(np.argmin(np.append(task.kept[stop : stop + JUDGED], False)))

        def report(codes: Codes) -> None:
            task.progress(len(codes) / (stop - start))

        codes = generate_span(self.decoder, conditions, task.span, sampling, task.seeds, report, task.cancelled)
        likelihood = np.zeros(len(codes))
        if after:
            memory = follow_memory(self.decoder, conditions, task.span, after)

            def judged(part: Codes) -> NDArray[np.float64]:
                return follow_likelihood(self.decoder, conditions, memory, part, task.span, after)

            likelihood = np.concatenate(in_parts(judged, codes, self.decoder.threads))
        return SpanTokens(codes, likelihood)

    def decode(self, tokens: NDArray[np.int64], span: Range) -> tuple[list[Motion], int]:
        end = min(tokens.shape[1], span[1] + 1)

        def decoded(part: Codes) -> list[Motion]:
            features = self.codec.decode(part, span[0], end)
            return [representation.decode(row, self.frame_rate) for row in features]

        motions = list(chain.from_iterable(in_parts(decoded, tokens, self.decoder.threads)))
        return motions, span[0] * self.codec.config.stride

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        return self.codec.encode(representation.encode(motion)[None])[0]

    def _sampling(self, document: Choreography, start: int) -> Sampling:
        own = self._own(document, start)
        return replace(
            own, temperature=COOLER * own.temperature if document.temperature is None else document.temperature
        )

    def _conditions(self, document: Choreography, features: NDArray[np.float32], kept: NDArray[np.bool_]) -> Conditions:
        styles, share = list(self.styles), openness(kept)
        names = [span.style or document.style for span in document.spans for _ in range(len(span))]
        own = [self.sampling_of(name) for name in names]
        guidance = 1 + (np.array([each.guidance for each in own]) - 1) * share
        if document.guidance is not None:
            guidance = np.full_like(guidance, document.guidance)
        other = [span.style not in (None, document.style) for span in document.spans for _ in range(len(span))]
        strengths = np.array([each.style_guidance for each in own])
        style = style_strengths(document, 1 + (strengths - 1) * np.maximum(share, other))
        # the index beyond the last style means none
        indices = [styles.index(name) if name in styles else len(styles) for name in names]
        return Conditions(
            features,
            np.array(indices),
            np.array(document.tokens),
            kept,
            guidance.astype(np.float32),
            style,
            energy_of(document, features, self.codec.config.stride),
            half_a_beat_late(features) if self.sampling_of(document.style).off_beat else None,
        )


def openness(kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far positions (N,) are from kept ones: 0 up to `NEAR`, rising to 1 at `FAR`."""
    places = np.arange(len(kept), dtype=np.float32)
    before = np.maximum.accumulate(np.where(kept, places, -np.inf))
    after = np.minimum.accumulate(np.where(kept, places, np.inf)[::-1])[::-1]
    away = np.minimum(places - before, after - places)
    return np.clip((away - NEAR) / (FAR - NEAR), 0, 1).astype(np.float32)


def style_strengths(document: Choreography, usual: NDArray[np.floating]) -> NDArray[np.float32]:
    """The style strength (N,) of each position, which falls to 0 towards a border to another style, within the
    transition there. usual: (N,) the strength where a span has none of its own."""
    spans = document.spans
    strengths = usual.astype(np.float64)
    for span in spans:
        if span.style_strength is not None:
            strengths[span.start : span.stop] = span.style_strength
    share, middles = np.ones(len(document)), np.arange(len(document)) + 0.5
    for left, right in pairwise(spans):
        half = max(left.style_transition, right.style_transition) / 2 * document.token_rate
        if half and (left.style or document.style) != (right.style or document.style):
            share = np.minimum(share, np.abs(middles - right.start) / half)
    return (strengths * share).astype(np.float32)
