"""Songs with their music features and beats, and clips with the songs they were danced to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.audio.files.decode import load_audio
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import Rhythm, beats_in_style
from engine.audio.music_features import music_features
from engine.audio.rates import SAMPLE_RATE
from engine.data.clips import StyledMotion, styled
from engine.data.dataset import Clip
from engine.data.song_folder import songs_in
from engine.data.sources import RESEARCH, UNKNOWN_PROVENANCE, Provenance
from engine.data.styles import StyleTable

FEWEST_BEATS = 9
"""A song with fewer tracked beats has no beat that a dance could be re-timed onto."""


@dataclass
class SongFile:
    """A song file with its music features and beats by style, computed when first needed. styles: whose usual tempi say
    how each counts."""

    path: Path
    styles: StyleTable
    by_style: dict[str, tuple[NDArray[np.float32], BeatTrack]] = field(default_factory=dict)
    provenance: Provenance = UNKNOWN_PROVENANCE

    @cached_property
    def rhythm(self) -> Rhythm:
        """The rhythm of the whole song."""
        return heard_song(self.path).rhythm

    def music(self, style: str) -> tuple[NDArray[np.float32], BeatTrack]:
        """Features (T, 37) and beats, counted as `style` counts them."""
        if style not in self.by_style:
            beats = beats_in_style(self.rhythm, self.styles.tempo(style))
            counted_alike = (known for known in self.by_style.values() if known[1].tempo == beats.tempo)
            self.by_style[style] = next(counted_alike, None) or (
                music_features(load_audio(self.path, SAMPLE_RATE), beats),
                beats,
            )
        return self.by_style[style]

    def danceable(self, style: str) -> bool:
        """Whether it has enough beats for a dance of `style` to be re-timed onto it."""
        return len(self.music(style)[1].times) >= FEWEST_BEATS


@dataclass(frozen=True)
class RecordedDance:
    """A clip's motion with the song it was danced to, if that is known. usual: tempo of its style, None for any."""

    clip: StyledMotion
    song: SongFile | None
    usual: float | None = None


def with_songs(clips: Sequence[Clip], styles: StyleTable) -> list[RecordedDance]:
    """Clips with their songs; clips to one file share a `SongFile`. Raises DataError for a motion that cannot be
    read."""
    songs: dict[Path, SongFile] = {}
    dances = []
    for clip, motion in zip(clips, styled(clips), strict=True):
        path = clip.audio_path
        song = songs.setdefault(path, SongFile(path, styles, provenance=clip.provenance)) if path else None
        dances.append(RecordedDance(motion, song, styles.tempo(clip.style)))
    return dances


def all_songs(
    dances: Sequence[RecordedDance], folders: Sequence[Path], styles: StyleTable, licence: str = RESEARCH
) -> list[SongFile]:
    """The songs of the dances, and those in more folders that may be used for `licence`. Raises DataError."""
    own = [dance.song for dance in dances if dance.song]
    more = [
        SongFile(path, styles, provenance=origin) for folder in folders for path, origin in songs_in(folder, licence)
    ]
    return own + more
