"""What a reader of sound files gives: an opened file's facts, and its sound part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import AudioError

FloatArray = NDArray[np.float32]

ADVICE = "Give a wav, flac, ogg, mp3 or m4a file, or a video with sound."
_LOWEST_RATE, _HIGHEST_RATE = 100, 10_000_000
"""Hertz."""


@dataclass(frozen=True)
class AudioInfo:
    """Facts about a file's sound. tracks: how many sound tracks it has; the others are about the first."""

    seconds: float
    sample_rate: int
    channels: int
    codec: str
    tracks: int = 1


@dataclass(frozen=True)
class Part:
    """Channels (C, n) in -1..1 from sample `begin` of the file on, and the channels' names."""

    channels: FloatArray
    names: Sequence[str]
    begin: int


class SoundSource(Protocol):
    """An opened sound file."""

    def info(self) -> AudioInfo:
        """Facts without decoding it, where it states them. Raises AudioError."""

    def rate(self) -> int:
        """Samples a second of what `parts` gives. Raises AudioError."""

    def parts(self, first: int) -> Iterator[Part]:
        """Its sound, in order, from sample `first` or some time before it on; what lies between two parts is silent.
        Call once. Raises AudioError."""


def check_rate(name: str, rate: int) -> None:
    """Raise AudioError for a sample rate that no sound has."""
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise AudioError(f"{name}: states {rate} samples a second, which no sound has. Export the song again.")
