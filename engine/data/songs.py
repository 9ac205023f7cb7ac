"""Songs with their music features and beats, and the dances to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.audio.decode import load_audio
from engine.audio.librosa_features import SAMPLE_RATE
from engine.audio.music_features import music_features
from engine.data.clips import StyledMotion, styled
from engine.data.dataset import Clip
from engine.data.styles import usual_tempo

FEWEST_BEATS = 9
"""A song with fewer has no beat to dance on."""


@dataclass
class Song:
    """A song with its features and beats for a dancer of each style, computed when first needed."""

    path: Path
    heard: dict[str, tuple[NDArray[np.float32], BeatTrack]] = field(default_factory=dict)

    def hear(self, style: str) -> tuple[NDArray[np.float32], BeatTrack]:
        """Features (T, 37) and beats with the tempo expected for `style`."""
        if style not in self.heard:
            self.heard[style] = music_features(load_audio(self.path, SAMPLE_RATE), usual_tempo(style))
        return self.heard[style]

    def danceable(self, style: str) -> bool:
        """Whether it has enough beats for a dance of `style` to be re-timed onto them."""
        return len(self.hear(style)[1].times) >= FEWEST_BEATS


@dataclass(frozen=True)
class Dance:
    """A clip of motion with the song it was danced to, if that is known."""

    clip: StyledMotion
    song: Song | None


def with_songs(clips: Sequence[Clip]) -> list[Dance]:
    """Clips with their songs; clips to one file share its song. Raises DataError for a motion that cannot be read."""
    songs: dict[Path, Song] = {}
    dances = []
    for clip, motion in zip(clips, styled(clips), strict=True):
        song = songs.setdefault(clip.audio_path, Song(clip.audio_path)) if clip.audio_path else None
        dances.append(Dance(motion, song))
    return dances


def all_songs(dances: Sequence[Dance], more: Path | None) -> list[Song]:
    """The songs of the dances and those in the folder `more`."""
    files = sorted(more.iterdir()) if more else []
    return [dance.song for dance in dances if dance.song] + [Song(path) for path in files if path.is_file()]
