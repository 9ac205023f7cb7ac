"""The part of a sound file that is danced to."""

from __future__ import annotations

from pathlib import Path

from engine.audio.decode import check_song, load_audio, probe
from engine.audio.librosa_features import SAMPLE_RATE
from engine.errors import RequestError
from engine.models.base import Song

LONGEST_SECONDS = 1200.0
"""Longest dance of one request; memory and patience end somewhere."""


def read_song(file: Path, start: float, seconds: float | None, speed: float) -> Song:
    """Seconds start..start + seconds (None: to its end) of a file, played at `speed`. Raises AudioError; RequestError
    for more than `LONGEST_SECONDS`."""
    left = probe(file).seconds - start
    length = (left if seconds is None else min(seconds, left)) / speed
    if length > LONGEST_SECONDS:
        raise RequestError(
            f"{file.name}: {length / 60:.0f} minutes are too long for one dance, which may last "
            f"{LONGEST_SECONDS / 60:.0f}. Choose a part with a start and a length."
        )
    # a file that is over already is left to load_audio, whose sentence names the file's own length
    samples = load_audio(file, SAMPLE_RATE, start, length if length > 0 else None, speed)
    check_song(samples, SAMPLE_RATE, file.name)
    length = len(samples) / SAMPLE_RATE
    return Song(samples, length, lambda rate: load_audio(file, rate, start, length, speed))
