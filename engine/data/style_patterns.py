"""What Automatic knows of styles, learned from songs that are danced to in them: rhythm pattern, spread of tempi and
prior.

Priors are such that every style's songs choose it about as often as those of any other style do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.song_styles import Counted, counted_song, likely_styles, style_score
from engine.checkpoint_index import USUAL_SPREAD, StyleMusic
from engine.data.dataset import Clip
from engine.data.song_folder import tracks_in
from engine.data.sources import RESEARCH, Provenance
from engine.errors import DataError

Array = NDArray[np.float64]

_DIGITS = 2
_PART = re.compile(r"_[a-z]$")
NARROWEST = 0.12
"""Octaves, the least spread: songs of one collection may all have one tempo, which says little of others."""
_SHARPNESS = 2.0
"""By which scores are multiplied where priors are learned: songs near the border between two styles count most."""
_DECAY, _RATE, _STEPS = 0.01, 2.0, 400


@dataclass(frozen=True)
class StyledSong:
    """A song's file, the style that is danced to it, and the name of the song: clips that are parts of one dance share
    it. provenance: where it comes from."""

    file: Path
    style: str
    song: str
    provenance: Provenance


@dataclass(frozen=True)
class _Lesson:
    """A song in a style, as each of the styles counts it."""

    style: str
    song: str
    counted: Mapping[str, Counted]


def songs_of(clips: Sequence[Clip]) -> list[StyledSong]:
    """The songs of clips. Names of parts of one dance end with _a, _b and so on."""
    return [
        StyledSong(clip.audio_path, clip.style, _PART.sub("", clip.name), clip.provenance)
        for clip in clips
        if clip.audio_path is not None
    ]


def styled_songs(folder: Path, licence: str = RESEARCH) -> list[StyledSong]:
    """The songs of a folder with index.json and wavs/ that may be used for `licence`; `style` of a track is the style
    that is danced to it. Raises DataError where tracks have none."""
    found = tracks_in(folder, licence)
    if not all(track.style for track in found):
        raise DataError(f"{folder}: not all of its songs have a style in index.json. Add `style` to every track.")
    return [StyledSong(track.file, track.style, track.file.stem, track.provenance) for track in found]


def teachers(own: Sequence[StyledSong], others: Sequence[StyledSong]) -> list[StyledSong]:
    """`own`, the songs of dances, and those of `others` whose style has no song of its own: real ones are better."""
    styles = {song.style for song in own}
    return [*own, *(song for song in others if song.style not in styles)]


def with_patterns(styles: Mapping[str, StyleMusic], songs: Sequence[StyledSong]) -> dict[str, StyleMusic]:
    """The styles, in the same order, with what is learned from `songs`; a style without songs stays as it is. A style
    with songs has no pattern if none of them is in its metre."""
    return _learned(styles, [_lesson(song, styles) for song in songs if song.style in styles])


def styles_held_out(
    styles: Mapping[str, StyleMusic], songs: Sequence[StyledSong], others: Sequence[StyledSong] = ()
) -> list[tuple[StyledSong, list[tuple[str, float]]]]:
    """Each song, in one of the styles, with those that it fits, best first, by what is learned without it from the
    others of `songs` and from `others`."""
    lessons = [_lesson(song, styles) for song in (*songs, *others)]
    found = []
    for song in songs:
        # a style whose only song is held out is known by its tempo alone
        bare = {**styles, song.style: replace(styles[song.style], pattern=(), spread=USUAL_SPREAD)}
        learned = _learned(bare, [lesson for lesson in lessons if lesson.song != song.song])
        heard = heard_song(song.file)
        found.append((song, likely_styles(heard.evidence, heard.rhythm, learned)))
    return found


def _lesson(song: StyledSong, styles: Mapping[str, StyleMusic]) -> _Lesson:
    heard = heard_song(song.file)
    return _Lesson(song.style, song.song, counted_song(heard.evidence, heard.rhythm, styles))


def _learned(styles: Mapping[str, StyleMusic], lessons: Sequence[_Lesson]) -> dict[str, StyleMusic]:
    taught = {style: _taught(style, music, lessons) for style, music in styles.items()}
    priors = _priors(taught, [lesson for lesson in lessons if taught[lesson.style].tempo is not None])
    return {style: replace(music, prior=priors.get(style, music.prior)) for style, music in taught.items()}


def _taught(style: str, music: StyleMusic, lessons: Iterable[_Lesson]) -> StyleMusic:
    """A style with the pattern and the spread of its songs; as it is without any."""
    songs = [lesson.counted[style] for lesson in lessons if lesson.style == style]
    if not songs:
        return music
    spread = music.spread
    if music.tempo is not None:
        spread = max(round(float(np.sqrt(np.mean([song.off**2 for song in songs]))), _DIGITS), NARROWEST)
    return replace(music, pattern=_mean([song.pattern for song in songs]), spread=spread)


def _priors(taught: Mapping[str, StyleMusic], lessons: Sequence[_Lesson]) -> dict[str, float]:
    """The priors of the styles with lessons: the largest mean, over these styles, of the mean log-likelihood of each
    one's songs, every song judged by what is learned without it."""
    styles = sorted({lesson.style for lesson in lessons})
    if len(styles) < 2:
        return {}
    plain = {style: replace(taught[style], prior=1.0) for style in styles}
    scores = np.zeros((len(lessons), len(styles)))
    for row, lesson in enumerate(lessons):
        without = _taught(lesson.style, plain[lesson.style], (each for each in lessons if each.song != lesson.song))
        known = {**plain, lesson.style: without}
        scores[row] = [style_score(lesson.counted[style], known[style]) for style in styles]
    own = np.array([styles.index(lesson.style) for lesson in lessons])
    weights, right = 1.0 / np.bincount(own)[own] / len(styles), np.eye(len(styles))[own]
    logs = np.zeros(len(styles))
    for _ in range(_STEPS):
        sharp = _SHARPNESS * (scores + logs)
        chances = np.exp(sharp - sharp.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        logs += _RATE * (weights @ (right - chances) - _DECAY * logs)
    return dict(zip(styles, np.exp(logs - logs.mean()).round(_DIGITS).tolist(), strict=True))


def _mean(patterns: Sequence[Array | None]) -> tuple[tuple[float, ...], ...]:
    known = [pattern for pattern in patterns if pattern is not None]
    if not known:
        return ()
    rows = np.stack(known).mean(axis=0).round(_DIGITS).tolist()
    return tuple(tuple(row) for row in rows)
