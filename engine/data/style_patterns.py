"""The rhythm patterns of styles, learned from songs that are danced to in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.song_styles import likely_styles, pattern_of
from engine.checkpoint_index import StyleMusic
from engine.data.dataset import Clip

_DIGITS = 2
_PART = re.compile(r"_[a-z]$")


@dataclass(frozen=True)
class StyledSong:
    """A song's file, the style that is danced to it, and the name of the song: clips that are parts of one dance share
    it."""

    file: Path
    style: str
    song: str


def songs_of(clips: Sequence[Clip]) -> list[StyledSong]:
    """The songs of clips. Names of parts of one dance end with _a, _b and so on."""
    return [
        StyledSong(clip.audio_path, clip.style, _PART.sub("", clip.name))
        for clip in clips
        if clip.audio_path is not None
    ]


def with_patterns(styles: Mapping[str, StyleMusic], songs: Sequence[StyledSong]) -> dict[str, StyleMusic]:
    """The styles with the patterns of `songs`, in the same order; a style without songs in its metre has none."""
    return {
        style: replace(music, pattern=_mean([_pattern(song.file, music) for song in songs if song.style == style]))
        for style, music in styles.items()
    }


def styles_held_out(
    styles: Mapping[str, StyleMusic], songs: Sequence[StyledSong]
) -> list[tuple[StyledSong, list[tuple[str, float]]]]:
    """Each song, in one of the styles, with those that it fits, best first, by patterns learned from other songs."""
    patterns = {song.file: _pattern(song.file, styles[song.style]) for song in songs}
    found = []
    for song in songs:
        others = [other for other in songs if other.song != song.song]
        learned = {
            style: replace(music, pattern=_mean([patterns[other.file] for other in others if other.style == style]))
            for style, music in styles.items()
        }
        heard = heard_song(song.file)
        found.append((song, likely_styles(heard.evidence, heard.rhythm, learned)))
    return found


def _pattern(file: Path, music: StyleMusic) -> NDArray[np.float64] | None:
    heard = heard_song(file)
    return pattern_of(heard.evidence, heard.rhythm, music)


def _mean(patterns: Sequence[NDArray[np.float64] | None]) -> tuple[tuple[float, ...], ...]:
    known = [pattern for pattern in patterns if pattern is not None]
    if not known:
        return ()
    rows = np.stack(known).mean(axis=0).round(_DIGITS).tolist()
    return tuple(tuple(row) for row in rows)
