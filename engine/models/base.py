"""What every family of checkpoints offers, and what the pipeline hands to it.

A family implements `Checkpoint`, and `SpanGenerator` for edits; generation, editing, evaluation and the command line
know no family. Arrays are numpy; what they are computed with is the family's own affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.checkpoint_index import StyleMusic
from engine.choreography import Choreography, Range
from engine.errors import RequestError
from smpl_rig.motion import Motion

Progress = Callable[[str, float, str], None]
"""Is called with the stage, the fraction 0..1 of the whole request, and a message for the user."""
Cancelled = Callable[[], bool]
Show = Callable[[int, Motion], None]
"""Is called with the number of the first frame and the next frames of a dance of which later tokens are still to be
generated. They are at the checkpoint's frame rate and their feet are not locked yet."""


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - begin, 3)

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return round(time.perf_counter() - self._begin, 3)


@dataclass(frozen=True)
class Song:
    """The part of a sound file that is danced to.

    samples: (S,) mono at `engine.audio.librosa_features.SAMPLE_RATE`. seconds: its length. resampled: gives the same
    part at another sample rate.
    """

    samples: NDArray[np.float32]
    seconds: float
    resampled: Callable[[int], NDArray[np.float32]]


@dataclass(frozen=True)
class Music:
    """A song as a checkpoint's decoder is given it.

    features: (F, C), F a whole number of feature frames for each token position. style: the one that was given, or the
    one that fits the song; None where the checkpoint knows no styles.
    """

    features: NDArray[np.float32]
    beats: BeatTrack
    style: str | None


@dataclass(frozen=True)
class GenerationTask:
    """One request for a dance, ready for a checkpoint.

    positions: tokens to generate. seeds: of the candidates. temperature, guidance, music_view: None for the
    checkpoint's own. advance: reports progress and raises CancelledError. show: None where nobody watches.
    """

    music: Music
    positions: int
    seeds: Sequence[int]
    temperature: float | None
    guidance: float | None
    music_view: str | None
    watch: Stopwatch
    advance: Progress
    cancelled: Cancelled
    show: Show | None = None


@dataclass(frozen=True)
class Generated:
    """The candidates of a `GenerationTask`.

    tokens: (V, N, K), one candidate for each seed. motion: of the only candidate, where it was decoded on the way.
    likelihood: the mean log-likelihood, nats a token, of a candidate. report: what only this family tells.
    """

    tokens: NDArray[np.int64]
    motion: Motion | None = None
    likelihood: Callable[[int], float] | None = None
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanTask:
    """A span to fill.

    features: music features of the whole dance, as `Checkpoint.music` gives them. kept: (N,) positions whose tokens
    stand. seeds: of the candidates. progress: is called with the fraction done.
    """

    document: Choreography
    features: NDArray[np.float32]
    span: Range
    kept: NDArray[np.bool_]
    seeds: Sequence[int]
    progress: Callable[[float], None]
    cancelled: Cancelled


@dataclass(frozen=True)
class SpanTokens:
    """Candidates for a span. tokens: (V, n, K). likelihood: (V,) mean log-likelihood, nats, of a token after the span;
    0 where nothing is kept there."""

    tokens: NDArray[np.int64]
    likelihood: NDArray[np.float64]


class SpanGenerator(Protocol):
    """Generates the tokens of a span between what is kept. most: candidates of one call that are worth their time."""

    most: int

    def temperature(self, document: Choreography, position: int) -> float:
        """The checkpoint's own, of a new dance in the style at a position."""

    def generate(self, task: SpanTask) -> SpanTokens:
        """Candidates for a span, one for each seed. Raises CancelledError."""

    def decode(self, tokens: NDArray[np.int64], span: Range) -> tuple[list[Motion], int]:
        """Tokens (V, N, K) -> their motions over the span and, as far as there are, at least the frame after it; and
        the frame of the dance that the motions begin with."""

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """Motion of whole positions at the checkpoint's frame rate -> its tokens (n, K)."""


class Checkpoint(Protocol):
    """A trained model of some family.

    frame_rate: frames a second of its motion, `stride` of them a token position. levels: codes of a position, each one
    of `codes`. style_music: tempo and metre by style, in the order of the styles; empty where it knows none.
    """

    @property
    def family(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def frame_rate(self) -> float: ...
    @property
    def stride(self) -> int: ...
    @property
    def token_rate(self) -> float: ...
    @property
    def levels(self) -> int: ...
    @property
    def codes(self) -> int: ...
    @property
    def style_music(self) -> Mapping[str, StyleMusic]: ...

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles it knows."""

    def check(self, style: str | None, candidates: int, music_view: str | None) -> None:
        """Raise RequestError or CheckpointError for what cannot be asked of this checkpoint."""

    def music(self, song: Song, style: str | None, positions: int, progress: Callable[[float], None]) -> Music:
        """The features of so many positions; silence follows the song. style: None lets the song decide. progress: is
        called with the fraction done. Raises EngineError."""

    def generate(self, task: GenerationTask) -> Generated:
        """Tokens for a whole dance. Raises EngineError; CancelledError between two tokens."""

    def span_generator(self) -> SpanGenerator:
        """What fills spans of a dance."""

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """Motion at its frame rate -> tokens (N, K). Raises DataError for a motion that is too short."""

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """Tokens (N, K) -> motion at its frame rate, as decoded: feet not locked."""


def check_style(name: str, styles: Sequence[str], style: str | None) -> None:
    """Raise RequestError unless checkpoint `name` knows the style; None is always right."""
    if style is not None and style not in styles:
        known = ", ".join(styles) or "(it has none)"
        raise RequestError(f"Checkpoint {name!r} knows no style {style!r}. Choose AUTO or one of: {known}.")
