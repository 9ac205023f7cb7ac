"""Filling of a dance's spans with the original's networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.choreography import Choreography, Range
from engine.models.base import SpanTask, SpanTokens, check_style
from engine.models.original.networks import OriginalNetworks
from engine.models.original.sampling import HORIZON, fill
from smpl_rig.motion import Motion

_CAUSAL_PAST = 200
"""Frames before a span that the VQ-VAE's causal decoder is given."""


class OriginalSpanGenerator:
    """A span generator for the original's networks; implements `engine.models.base.SpanGenerator`.

    Each of its candidates is already the best of several for every gap (see `sampling.fill`).
    """

    most = 8

    def __init__(self, networks: OriginalNetworks):
        self.networks = networks

    def temperature(self, document: Choreography, position: int) -> float:
        return self.networks.sampling.temperature

    def generate(self, task: SpanTask) -> SpanTokens:
        """Candidates for a span, one for each seed. Raises CancelledError."""
        (start, stop), document, networks = task.span, task.document, self.networks
        end = min(len(document), stop + HORIZON)
        end = stop + int(np.argmin(np.append(task.kept[stop:end], False)))
        settings = networks.sampling
        if document.temperature is not None:
            settings = replace(settings, temperature=document.temperature)
        style = document.span_at(start).style or document.style
        check_style(networks.name, tuple(networks.style_vectors), style)  # an earlier import may have had others
        vector = torch.from_numpy(networks.style_vectors[style]).to(networks.device) if style else None
        music = torch.from_numpy(task.features[:end]).to(networks.device)
        tokens = torch.tensor(document.tokens[:end], device=networks.device)[:, 0]
        locked = torch.ones(end, dtype=torch.bool, device=networks.device)
        locked[start:stop] = torch.from_numpy(task.kept[start:stop])
        rows = []
        for number, seed in enumerate(task.seeds):
            task.progress(number / len(task.seeds))
            filled = fill(networks.decoder, music, vector, tokens, locked, settings, seed, task.cancelled)
            rows.append(filled[start:stop, None].cpu().numpy())
        return SpanTokens(np.stack(rows), np.zeros(len(task.seeds)))

    def decode(self, tokens: NDArray[np.int64], span: Range) -> tuple[list[Motion], int]:
        first = max(0, span[0] - _CAUSAL_PAST)
        return [self.networks.decode(row[first : span[1] + 2]) for row in tokens], first

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        codes = self.networks.encode(motion)
        return np.concatenate([codes, codes[-1:]])  # there is one token fewer than frames
