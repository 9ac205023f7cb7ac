"""The rhythm patterns of styles, learned from songs that are danced to in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.heard_files import heard_song
from engine.audio.song_styles import likely_styles, pattern_of
from engine.checkpoint_index import StyleMusic
from engine.data.dataset import Clip

_DIGITS = 2


def with_patterns(styles: Mapping[str, StyleMusic], songs: Sequence[tuple[str, Path]]) -> dict[str, StyleMusic]:
    """The styles with the patterns of `songs` (style, file), in the same order; a style without songs in its metre has
    none."""
    found = {style: [_pattern(file, music) for name, file in songs if name == style] for style, music in styles.items()}
    return {style: replace(music, pattern=_mean(found[style])) for style, music in styles.items()}


def songs_of(clips: Sequence[Clip]) -> list[tuple[str, Path]]:
    """(style, file) of the songs of clips, each file once."""
    return list(dict.fromkeys((clip.style, clip.audio_path) for clip in clips if clip.audio_path is not None))


def style_of(file: Path, styles: Mapping[str, StyleMusic]) -> list[tuple[str, float]]:
    """The styles that a song's file fits, best first, with their weights."""
    heard = heard_song(file)
    return likely_styles(heard.evidence, heard.rhythm, styles)


def _pattern(file: Path, music: StyleMusic) -> NDArray[np.float64] | None:
    heard = heard_song(file)
    return pattern_of(heard.evidence, heard.rhythm, music)


def _mean(patterns: Sequence[NDArray[np.float64] | None]) -> tuple[tuple[float, ...], ...]:
    known = [pattern for pattern in patterns if pattern is not None]
    if not known:
        return ()
    rows = np.stack(known).mean(axis=0).round(_DIGITS).tolist()
    return tuple(tuple(row) for row in rows)
