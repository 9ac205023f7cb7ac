"""Listening to a song without dancing: what a person sees of its rhythm, and may correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.listening.listen import Heard, corrected
from engine.audio.listening.rhythm import Rhythm
from engine.audio.listening.song_styles import likely_styles
from engine.choreography import correction_from
from engine.errors import CancelledError
from engine.file_hash import file_sha256
from engine.models.base import Cancelled, Checkpoint, Progress
from engine.models.loading import cached_checkpoint, find_checkpoint
from engine.pipeline.song import hear_song
from engine.runtime.cancellable import cancellable
from engine.runtime.device import choose_device


@dataclass(frozen=True)
class ListenRequest:
    """audio: path of the song. checkpoint: the one whose styles are judged. correction: what a person says of the
    rhythm, see `engine.choreography.Correction`, by name."""

    audio: str
    checkpoint: str = "default"
    device: str = "auto"
    correction: dict[str, Any] | None = None


@dataclass(frozen=True)
class SongRhythm:
    """A song's rhythm as it is shown, in seconds of the file.

    sha256: of the file's content. tempo: beats per minute. confidence: of the tempo, 0..1. other_tempo: the second
    best, None without one. beats: rising. ones: indices of the beats that begin a bar. bar_confidence: of ones and
    metre. strength: how clearly each beat is heard, 0..1. styles: of the checkpoint with their weights, best first.
    """

    sha256: str
    tempo: float
    confidence: float
    other_tempo: float | None
    beats: list[float]
    ones: list[int]
    beats_per_bar: int
    bar_confidence: float
    strength: list[float]
    styles: list[tuple[str, float]] = field(default_factory=list)


def song_rhythm(request: ListenRequest, progress: Progress, cancelled: Cancelled) -> SongRhythm:
    """The rhythm of a whole song. Raises EngineError."""
    file, correction = Path(request.audio), correction_from(request.correction)
    progress("load", 0.0, f"Loading checkpoint {request.checkpoint}")
    folder, device = find_checkpoint(request.checkpoint), choose_device(request.device).name
    checkpoint = cancellable(lambda: cached_checkpoint(folder, device), cancelled)

    def advance(part: float) -> None:
        if cancelled():
            raise CancelledError("Cancelled.")
        progress("listen", 0.1 + 0.9 * part, f"Listening to {file.name}")

    advance(0.0)
    heard = cancellable(lambda: hear_song(file, advance), cancelled)
    rhythm = corrected(heard, correction)
    return as_shown(file_sha256(file), rhythm, styles_of(heard, rhythm, checkpoint))


def styles_of(heard: Heard, rhythm: Rhythm, checkpoint: Checkpoint) -> Sequence[tuple[str, float]]:
    """The styles of a checkpoint that a song fits, best first, with their weights."""
    return likely_styles(heard.evidence, rhythm, checkpoint.style_music)


def as_shown(sha256: str, rhythm: Rhythm, styles: Sequence[tuple[str, float]]) -> SongRhythm:
    """What is shown of a file's rhythm. styles: that the song fits, with their weights, best first."""
    return SongRhythm(
        sha256=sha256,
        tempo=round(rhythm.tempo, 2),
        confidence=round(rhythm.confidence, 2),
        other_tempo=None if rhythm.other_tempo is None else round(rhythm.other_tempo, 2),
        beats=np.round(rhythm.times, 3).tolist(),
        ones=rhythm.bars.tolist(),
        beats_per_bar=rhythm.beats_per_bar,
        bar_confidence=round(rhythm.bar_confidence, 2),
        strength=np.round(rhythm.strength.astype(np.float64), 2).tolist(),
        styles=[(style, round(weight, 3)) for style, weight in styles],
    )
