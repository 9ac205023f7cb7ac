"""Free positions filled, given the locked ones on both sides, the music and the style.

Only what is needed is computed: the context of the span and its surroundings, the past in one parallel pass, and no
position after the span. How well a candidate leads into what follows is judged by the network itself: the likelihood
of the next kept codes, with a context that does not show them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.choreography import Choreography
from engine.editing.song_music import Heard
from engine.models.checkpoints import FRAME_RATE, AnyCheckpoint, Checkpoint
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.sampling import HORIZON, fill
from engine.models.torch.likelihood import follow_likelihood
from engine.models.torch.sampling import Conditions, Sampling, write_span
from engine.motion import representation
from smpl_rig.motion import Motion

JUDGED = 15
"""Kept positions after a span by whose likelihood it is judged."""
COOLER = 0.7
"""Times a checkpoint's own temperature: what stays on both sides leaves less open than a new dance does. Chosen on gaps
of real dances, which are filled closer to the truth so."""
NEAR, FAR = 20, 40
"""Positions from what is kept: as far as `NEAR` music and style need no guidance, as the moves around say how the music
is danced to and in which style; from `FAR` on they have all of it, as in a new dance. Chosen as `COOLER` was."""
_CAUSAL_PAST = 200  # frames before a span that the original's motion decoder is given

Span = tuple[int, int]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Written:
    """codes: (V, n, K). likelihood: (V,) mean log-likelihood of a code after the span; 0 where nothing is kept."""

    codes: NDArray[np.int64]
    likelihood: NDArray[np.float64]


class Writer(Protocol):
    """What editing asks of a checkpoint of either family.

    stride: frames of a position. most: candidates of one call that are worth their time.
    """

    stride: int
    most: int

    def temperature(self, document: Choreography, position: int) -> float:
        """The checkpoint's own, of a new dance in the style that is danced at a position."""

    def write(
        self,
        document: Choreography,
        heard: Heard,
        span: Span,
        kept: NDArray[np.bool_],
        seeds: Sequence[int],
        progress: Callable[[float], None],
        cancelled: Cancelled,
    ) -> Written:
        """Candidates for a span, one a seed. kept: (N,) positions whose codes are what is danced."""

    def decode(self, tokens: NDArray[np.int64], span: Span) -> tuple[list[Motion], int]:
        """Tokens (V, N, K) -> their motions over the span and, as far as there are, at least the frame after it; and
        the frame of the dance that the motions begin with."""

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """Motion of whole positions at 20 frames/s -> its tokens (n, K)."""


def writer_of(checkpoint: AnyCheckpoint) -> Writer:
    """The writer of a checkpoint of either family."""
    return OwnWriter(checkpoint) if isinstance(checkpoint, Checkpoint) else ImportedWriter(checkpoint)


class OwnWriter:
    most = 40

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint = checkpoint
        self.stride = checkpoint.vqvae.config.stride

    def temperature(self, document: Choreography, position: int) -> float:
        return self._own(document, position).temperature

    def _own(self, document: Choreography, position: int) -> Sampling:
        return self.checkpoint.sampling_of(document.span_at(position).style or document.style)

    def write(
        self,
        document: Choreography,
        heard: Heard,
        span: Span,
        kept: NDArray[np.bool_],
        seeds: Sequence[int],
        progress: Callable[[float], None],
        cancelled: Cancelled,
    ) -> Written:
        decoder = self.checkpoint.decoder
        conditions = self._conditions(document, heard, kept)

        def report(codes: Tensor) -> None:
            progress(codes.shape[1] / (span[1] - span[0]))

        codes = write_span(decoder, conditions, span, self._sampling(document, span[0]), seeds, report, cancelled)
        after = int(np.argmin(np.append(kept[span[1] : span[1] + JUDGED], False)))
        likelihood = torch.zeros(len(seeds))
        if after:
            likelihood = follow_likelihood(decoder, conditions, codes, span, after)
        return Written(codes.cpu().numpy(), likelihood.double().cpu().numpy())

    def decode(self, tokens: NDArray[np.int64], span: Span) -> tuple[list[Motion], int]:
        vqvae = self.checkpoint.vqvae
        end = min(tokens.shape[1], span[1] + 1)
        first, last = max(0, span[0] - vqvae.config.reach), min(tokens.shape[1], end + vqvae.config.reach)
        window = torch.from_numpy(tokens[:, first:last]).to(next(vqvae.parameters()).device)
        with torch.inference_mode():
            features = vqvae.decode(window).cpu().numpy()
        part = slice((span[0] - first) * self.stride, (end - first) * self.stride)
        return [representation.decode(row[part], FRAME_RATE) for row in features], span[0] * self.stride

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        return self.checkpoint.encode(motion)

    def _sampling(self, document: Choreography, start: int) -> Sampling:
        own = self._own(document, start)
        return replace(
            own, temperature=COOLER * own.temperature if document.temperature is None else document.temperature
        )

    def _conditions(self, document: Choreography, heard: Heard, kept: NDArray[np.bool_]) -> Conditions:
        styles, share = self.checkpoint.styles, openness(kept)
        names = [span.style or document.style for span in document.spans for _ in range(len(span))]
        own = [self.checkpoint.sampling_of(name) for name in names]
        guidance = 1 + (np.array([each.guidance for each in own]) - 1) * share
        if document.guidance is not None:
            guidance = np.full_like(guidance, document.guidance)
        other = [span.style not in (None, document.style) for span in document.spans for _ in range(len(span))]
        strengths = np.array([each.style_guidance for each in own])
        style = style_strengths(document, 1 + (strengths - 1) * np.maximum(share, other))
        device = next(self.checkpoint.vqvae.parameters()).device
        # an index beyond the last style stands for none
        indices = [styles.index(name) if name in styles else len(styles) for name in names]
        return Conditions(
            torch.from_numpy(heard.features).to(device),
            torch.tensor(indices, device=device),
            torch.tensor(document.tokens, device=device),
            torch.from_numpy(kept).to(device),
            torch.from_numpy(guidance).float().to(device),
            torch.from_numpy(style).to(device),
        )


def openness(kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(N,) from 0 near kept positions to 1 far from them."""
    places = np.arange(len(kept), dtype=np.float32)
    before = np.maximum.accumulate(np.where(kept, places, -np.inf))
    after = np.minimum.accumulate(np.where(kept, places, np.inf)[::-1])[::-1]
    away = np.minimum(places - before, after - places)
    return np.clip((away - NEAR) / (FAR - NEAR), 0, 1).astype(np.float32)


def style_strengths(document: Choreography, usual: NDArray[np.floating]) -> NDArray[np.float32]:
    """(N,) how strongly the style of each position is followed: by less and less towards a border to another style,
    within the transition there. usual: (N,) the strength where a span names none."""
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


class ImportedWriter:
    """The original's networks: they write from left to right, and try several candidates for every gap themselves."""

    stride, most = 1, 8

    def __init__(self, checkpoint: OriginalCheckpoint):
        self.checkpoint = checkpoint

    def temperature(self, document: Choreography, position: int) -> float:
        return self.checkpoint.sampling.temperature

    def write(
        self,
        document: Choreography,
        heard: Heard,
        span: Span,
        kept: NDArray[np.bool_],
        seeds: Sequence[int],
        progress: Callable[[float], None],
        cancelled: Cancelled,
    ) -> Written:
        start, stop = span
        checkpoint = self.checkpoint
        end = min(len(document), stop + HORIZON)
        end = stop + int(np.argmin(np.append(kept[stop:end], False)))
        settings = checkpoint.sampling
        if document.temperature is not None:
            settings = replace(settings, temperature=document.temperature)
        style = document.span_at(start).style or document.style
        device = checkpoint.vqvae.codebook.device
        vector = torch.from_numpy(checkpoint.style_vectors[style]).to(device) if style else None
        music = torch.from_numpy(heard.features[:end]).to(device)
        tokens = torch.tensor(document.tokens[:end], device=device)[:, 0]
        locked = torch.ones(end, dtype=torch.bool, device=device)
        locked[start:stop] = torch.from_numpy(kept[start:stop])
        rows = []
        for number, seed in enumerate(seeds):
            progress(number / len(seeds))
            filled = fill(checkpoint.decoder, music, vector, tokens, locked, settings, seed, cancelled)
            rows.append(filled[start:stop, None].cpu().numpy())
        return Written(np.stack(rows), np.zeros(len(seeds)))

    def decode(self, tokens: NDArray[np.int64], span: Span) -> tuple[list[Motion], int]:
        first = max(0, span[0] - _CAUSAL_PAST)
        return [self.checkpoint.decode(row[first : span[1] + 2]) for row in tokens], first

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        codes = self.checkpoint.encode(motion)
        return np.concatenate([codes, codes[-1:]])  # its features are differences: one fewer than frames
