"""The protocol of a checkpoint family, and the data that its methods exchange with the pipeline.

A family implements `Checkpoint`, and `SpanGenerator` for edits; generation, editing, evaluation and the command line
do not depend on the family. Arrays are numpy; a family is free to compute with something else.
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
from engine.audio.listening.listen import Heard
from engine.audio.listening.rhythm import Rhythm, at_octave, part
from engine.checkpoint_index import StyleMusic
from engine.checks import shown
from engine.choreography import Choreography, Range
from engine.errors import RequestError
from smpl_rig.motion import Motion

Progress = Callable[[str, float, str], None]
"""A callback for the stage, the fraction 0..1 of the whole request, and a message for the user."""
Cancelled = Callable[[], bool]
Show = Callable[[int, Motion], None]
"""A callback for the next frames of a dance that is still being generated, and the number of their first frame. They
are at the checkpoint's frame rate, and their feet are not locked yet."""


class Stopwatch:
    """A stopwatch that adds up seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - begin, 3)

    def elapsed(self) -> float:
        """Seconds since the stopwatch was created."""
        return round(time.perf_counter() - self._begin, 3)


@dataclass(frozen=True)
class Song:
    """The part of a sound file that a dance is generated for.

    samples: (S,) mono at `engine.audio.rates.SAMPLE_RATE`. seconds: its length. resampled: returns the same
    part at another sample rate. heard, rhythm: the whole file as it was heard, and its rhythm with a person's
    corrections. start, speed: the second of the file that the part begins with, and how fast it is played.
    """

    samples: NDArray[np.float32]
    seconds: float
    resampled: Callable[[int], NDArray[np.float32]]
    heard: Heard
    rhythm: Rhythm
    start: float
    speed: float

    def beats(self, usual_tempo: float | None) -> BeatTrack:
        """The beats of the part, in seconds of the dance, counted as a style with that usual tempo counts them."""
        usual = None if usual_tempo is None else usual_tempo / self.speed
        return part(at_octave(self.rhythm, usual), self.start, self.seconds, self.speed)


@dataclass(frozen=True)
class Music:
    """A song as input of a checkpoint's decoder.

    features: (F, C), F a whole number of feature frames for each token position. style: the one that was given, or the
    one that fits the song; None where the checkpoint has no styles. fits: where none was given, how the checkpoint's
    styles fit the whole song, best first, with their weights.
    """

    features: NDArray[np.float32]
    beats: BeatTrack
    style: str | None
    fits: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class GenerationTask:
    """One request for a dance, ready for a checkpoint.

    positions: tokens to generate. seeds: one for each candidate. temperature, guidance, music_view: None for the
    checkpoint's default. energy, song_energy: see `engine.choreography.Choreography`. advance: reports progress and
    raises CancelledError. show: None without a preview.
    """

    music: Music
    positions: int
    seeds: Sequence[int]
    temperature: float | None
    guidance: float | None
    music_view: str | None
    energy: float
    song_energy: float
    watch: Stopwatch
    advance: Progress
    cancelled: Cancelled
    show: Show | None = None


@dataclass(frozen=True)
class Generated:
    """The candidates of a `GenerationTask`.

    tokens: (V, N, K), one candidate for each seed. motion: of the only candidate, where it was already decoded.
    likelihood: returns the mean log-likelihood of a candidate, nats a token. report: entries that only this family
    reports.
    """

    tokens: NDArray[np.int64]
    motion: Motion | None = None
    likelihood: Callable[[int], float] | None = None
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanTask:
    """A span to fill.

    features: music features of the whole dance, as from `Checkpoint.music`. kept: (N,) positions whose tokens are kept.
    seeds: one for each candidate. progress: called with the fraction done.
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
    """Candidates for a span. tokens: (V, n, K). likelihood: (V,) mean log-likelihood, nats, of the kept tokens after
    the span; 0 where none are kept."""

    tokens: NDArray[np.int64]
    likelihood: NDArray[np.float64]


class SpanGenerator(Protocol):
    """A generator of tokens for a span between kept tokens. most: the largest number of candidates in one call that is
    worth its time."""

    most: int

    def temperature(self, document: Choreography, position: int) -> float:
        """The checkpoint's default temperature of a new dance in the style at a position."""

    def generate(self, task: SpanTask) -> SpanTokens:
        """Candidates for a span, one for each seed. Raises CancelledError."""

    def decode(self, tokens: NDArray[np.int64], span: Range) -> tuple[list[Motion], int]:
        """The motions of tokens (V, N, K) over the span and at least one frame after it, where the dance goes on; and
        the frame of the dance that they begin with."""

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """The tokens (n, K) of a motion of whole positions at the checkpoint's frame rate."""


class Checkpoint(Protocol):
    """A trained model of some family.

    has_energy: whether it can be told how fast a dance is to be. frame_rate: frames a second of its motion, `stride` of
    them a token position. levels: residual codes of a position,
    each from a codebook of `codes`. style_music: tempo and metre by style, in the order of the styles; may be empty.
    """

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
    def has_energy(self) -> bool: ...

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of its styles."""

    @property
    def music_width(self) -> int:
        """Numbers of a frame of its music features, of which there are `stride` a token position."""

    def check(self, style: str | None, candidates: int, music_view: str | None) -> None:
        """Raise RequestError or CheckpointError for a request that this checkpoint cannot serve."""

    def music(self, song: Song, style: str | None, positions: int, progress: Callable[[float], None]) -> Music:
        """The song's features for `positions` tokens; silence follows the song. style: None to choose one that fits the
        song. progress: called with the fraction done. Raises EngineError."""

    def generate(self, task: GenerationTask) -> Generated:
        """Tokens for a whole dance. Raises EngineError; CancelledError between two tokens."""

    def span_generator(self) -> SpanGenerator:
        """The generator that fills spans of a dance."""

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """The tokens (N, K) of a motion at its frame rate. Raises DataError for a motion that is too short."""

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """The motion of tokens (N, K) at its frame rate, before feet are locked."""


def check_style(name: str, styles: Sequence[str], style: str | None) -> None:
    """Raise RequestError unless checkpoint `name` has the style; None is always accepted."""
    if style is not None and style not in styles:
        known = ", ".join(styles) or "(it has none)"
        raise RequestError(
            f"Checkpoint {shown(name)} has no style {shown(style)}. Leave it out or choose one of: {known}."
        )


def check_energy(name: str, has_energy: bool, energy: float) -> None:
    """Raise RequestError if a checkpoint `name` that has no energy is asked for one."""
    if energy != 1.0 and not has_energy:
        raise RequestError(
            f"Checkpoint {shown(name)} cannot be told an energy, but {energy:g} is asked for. Ask for 1, or choose "
            "another checkpoint."
        )
