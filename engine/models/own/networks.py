"""What a back end computes: the protocol between the networks of our family and what is done with them.

Arrays are numpy; a back end is free to compute with something else. Codes are int64, everything else is float32.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.models.own.config import DecoderConfig, VQVAEConfig

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


class Codec(Protocol):
    """The motion VQ-VAE: features (B, T, F) to codes (B, T / stride, K) and back.

    A changed token changes only the frames within `VQVAEConfig.reach` of it, so any length can be decoded whole or in
    overlapping pieces with the same result.
    """

    @property
    def config(self) -> VQVAEConfig: ...

    def encode(self, features: Floats) -> Codes:
        """Codes (B, T / stride, K) of features (B, T, F); the stride divides T."""

    def decode(self, codes: Codes, begin: int = 0, end: int | None = None) -> Floats:
        """Features (B, (end - begin) * stride, F) of the positions begin..end of codes (B, N, k), k of the K levels,
        the coarse ones first. end: None for N."""


class Writer(Protocol):
    """One left-to-right pass of the motion decoder over a memory of B rows."""

    def step(self, before: Codes | None) -> Floats:
        """State (B, W) of the next position, given the codes (B, K) of the one before (None at the first).

        Fewer rows of codes, (V, K), are repeated: row i of the batch gets row i modulo V.
        """

    def prefill(self, before: Codes, begins: bool = False, last: int | None = None) -> Floats:
        """States (B, n, W) of the next n positions, given the codes (B, n, K) before each; equals n steps. Fewer rows
        of codes are repeated as by `step`.

        begins: the first of them is the dance's first, and its `before` is not read. last: the states of so many of the
        positions are wanted, the last ones; None for all.
        """

    def repeated(self, times: int) -> Writer:
        """A pass that goes on from here with every row of the batch `times` times, copies next to each other. This one
        stays as it is; the one returned is not repeated again."""


class Decoder(Protocol):
    """The motion decoder: a context encoder, a causal decoder, and a head for each residual level."""

    @property
    def config(self) -> DecoderConfig: ...

    @property
    def reach(self) -> int:
        """Token positions on each side that one vector of the memory depends on."""

    @property
    def threads(self) -> int:
        """How many of our threads should share many candidates between them. 1: it shares its work by itself."""

    def memory(
        self,
        music: Floats,
        codes: Codes,
        locked: NDArray[np.bool_],
        style: Codes,
        has_music: NDArray[np.bool_],
        energy: Floats | None = None,
    ) -> Floats:
        """The memory (B, N, W): what the decoder is given of its context.

        music: (B, N * music_stride, C). codes: (B, N, K), used only where `locked` (B, N) is true. style: (B,), or
        (B, N) where it changes. has_music: (B,). energy: (B, N) where it is asked for (see `engine.motion.energy`),
        else NaN; None for nowhere. A decoder without energy does not hear it.
        """

    def writer(self, memory: Floats, position: int = 0) -> Writer:
        """A pass over a memory (B, N, W), from `position` on."""

    def logits(self, state: Floats, coarser: Codes) -> Floats:
        """Logits (..., codes) of a residual level, from states (..., W) and the codes of all coarser levels, (..., k)
        for the level k; their leading axes are broadcast."""
