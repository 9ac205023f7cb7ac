"""The music features and beats of a whole choreography, cached while the same dance is edited."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.choreography import Audio, Choreography
from engine.errors import AudioError
from engine.models.base import Checkpoint
from engine.pipeline.song import read_song
from engine.runtime.file_hash import file_sha256


@dataclass(frozen=True)
class DanceMusic:
    """The music of a choreography, all its songs. features: (N * stride, C). beats: seconds of the dance, rising."""

    features: NDArray[np.float32]
    beats: NDArray[np.float64]


def dance_music(document: Choreography, checkpoint: Checkpoint) -> DanceMusic:
    """The music of every position. Raises AudioError for sound files that are missing or have changed."""
    for audio in document.audio:
        try:
            found = file_sha256(Path(audio.path))
        except OSError as error:
            raise AudioError(f"{audio.path}: cannot be read ({error.strerror}). Put the song back.") from error
        if found != audio.sha256:
            raise AudioError(
                f"{audio.path}: is not the song that the dance was generated for. Put that song back, or generate the "
                "dance again."
            )
    return _dance_music(document.audio, len(document), document.style, document.token_rate, _ByIdentity(checkpoint))


def on_the_beat(beats: NDArray[np.float64], rate: float, start: int, to: int, last: int) -> int:
    """The position near `to` at the same phase of a beat as `start`: at most half a beat away from `to`, and at most
    `last`. beats: seconds. rate: positions a second."""
    near = np.clip(to, 0, last)
    if len(beats) < 2:
        return int(near)
    phase = np.interp(np.arange(start, start + 1) / rate, beats, np.arange(len(beats)))[0]
    half = math.ceil(0.5 * float(np.median(np.diff(beats))) * rate)
    places = np.arange(max(0, near - half), min(last, near + half) + 1)
    phases = np.interp(places / rate, beats, np.arange(len(beats)))
    off = np.abs((phases - phase + 0.5) % 1 - 0.5)
    return int(places[np.lexsort((np.abs(places - near), np.round(off, 3)))[0]])


class _ByIdentity:
    """A checkpoint compared by identity, so that the cache recomputes after a checkpoint was loaded again."""

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint = checkpoint

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.checkpoint is self.checkpoint

    def __hash__(self) -> int:
        return id(self.checkpoint)


@lru_cache(maxsize=4)
def _dance_music(
    songs: tuple[Audio, ...], positions: int, style: str | None, rate: float, key: _ByIdentity
) -> DanceMusic:
    features, beats = [], []
    for audio, first, last in _song_ranges(songs, positions):
        song = read_song(Path(audio.path), audio.start, audio.seconds, audio.speed)
        music = key.checkpoint.music(song, audio.style or style, last - first, lambda _: None)
        features.append(music.features)
        times = music.beats.times + first / rate
        beats.append(times[times < last / rate])
    return DanceMusic(np.concatenate(features), np.concatenate(beats))


def _song_ranges(songs: tuple[Audio, ...], positions: int) -> Iterator[tuple[Audio, int, int]]:
    """Each song with the range of positions that it plays in: until the next song begins."""
    borders = [0, *(audio.at for audio in songs[1:]), positions]
    for audio, (first, last) in zip(songs, pairwise(borders), strict=True):
        yield audio, first, last
