"""The music of a whole choreography: what is kept with the dance, else its songs read again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bounded_files import check_file
from engine.choreography import Audio, Choreography, Correction, song_ranges
from engine.errors import AudioError
from engine.file_hash import file_sha256
from engine.models.base import Checkpoint, Music
from engine.pipeline.song import beats_of_song, music_of_dance, read_song
from smpl_rig.dance_motion import DanceMusic

RELINK = "Put it back, or relink it (Relink Song; on the command line: edit --relink)."


def dance_music(document: Choreography, checkpoint: Checkpoint, kept: DanceMusic | None = None) -> DanceMusic:
    """The music of every position: `kept`, where it is this checkpoint's and of this length, else that of the songs.
    Raises AudioError for sound files that are missing or have changed."""
    if covers(kept, len(document), checkpoint):
        assert kept is not None
        return kept
    parts = [_read(*song, document, checkpoint) for song in song_ranges(document)]
    return _joined(parts)


def with_correction(
    document: Choreography, number: int, correction: Correction, checkpoint: Checkpoint, kept: DanceMusic | None
) -> tuple[Choreography, DanceMusic]:
    """The document with the rhythm of its song `number` corrected, and the music of every position, of which that
    song's is computed again. Raises AudioError."""
    ranges = list(song_ranges(document))
    music = dance_music(document, checkpoint, kept)
    audio, first, last = ranges[number]
    audio = replace(audio, correction=correction)
    heard, seconds = _heard(audio, first, last, document, checkpoint)
    beats, ones = beats_of_song(heard, seconds)
    audio = replace(audio, beats=tuple(beats), ones=tuple(ones), beats_per_bar=heard.beats.beats_per_bar)
    songs = (*document.audio[:number], audio, *document.audio[number + 1 :])
    rate, stride = document.token_rate, checkpoint.stride
    parts = [_cut(music, start, stop, 0, rate, stride) for _, start, stop in ranges]
    parts[number] = music_of_dance(heard, first, last, rate)
    return replace(document, audio=songs), _joined(parts)


def music_heard_again(
    document: Choreography, checkpoint: Checkpoint, kept: DanceMusic | None
) -> tuple[DanceMusic | None, str | None]:
    """The music of every position as an update of the dance's checkpoint hears it, and why not, if so.

    Where a song is not found it is what is kept, which the checkpoint before computed: features of the same number are
    nearly the same. None where nothing fits.
    """
    try:
        return dance_music(document, checkpoint), None
    except AudioError as error:
        return (kept if covers(kept, len(document), checkpoint) else None), str(error)


def chained_music(
    one: Choreography,
    kept: DanceMusic | None,
    two: Choreography,
    kept_two: DanceMusic | None,
    chained: Choreography,
    checkpoint: Checkpoint,
) -> tuple[DanceMusic, list[str]]:
    """The music of two dances and the join between them, to which the last song of the first one goes on; and notices.

    Where that song is not found, the join dances to a repetition of the music before it. Raises AudioError for dances
    without kept music whose songs are not found.
    """
    rate, stride = one.token_rate, checkpoint.stride
    begin, last_of_one = chained.audio[len(one.audio)].at, len(one.audio) - 1
    parts, notices = list[DanceMusic](), list[str]()
    for number, song in enumerate(song_ranges(chained)):
        _, first, last = song
        source, offset, length = (kept, 0, len(one)) if number <= last_of_one else (kept_two, begin, len(two))
        part: DanceMusic | None = None
        if source is not None and covers(source, length, checkpoint):
            part = _cut(source, first - offset, min(last - offset, length), offset, rate, stride)
        if part is None:
            part = _read(*song, chained, checkpoint)
        elif number == last_of_one:
            try:
                part = _read(*song, chained, checkpoint)
            except AudioError as error:
                part = _repeated(part, (last - first) * stride)
                notices.append(
                    f"The join dances to a repetition of the music before it, since the first song is not found "
                    f"({error})."
                )
        parts.append(part)
    return _joined(parts), notices


def covers(kept: DanceMusic | None, positions: int, checkpoint: Checkpoint) -> bool:
    """Whether kept music is of that many positions, as this checkpoint hears it."""
    wanted = (positions * checkpoint.stride, checkpoint.music_width)
    return kept is not None and kept.features.shape == wanted


def is_found(audio: Audio) -> bool:
    """Whether the song is where its path says."""
    try:
        check_song(audio)
    except AudioError:
        return False
    return True


def check_song(audio: Audio) -> Path:
    """The file of a song whose path is absolute. Raises AudioError where it is missing, or another file."""
    path = Path(audio.path)
    try:
        same = audio.size in (None, check_file(path).st_size) and file_sha256(path) == audio.sha256
    except OSError as error:
        raise AudioError(
            f"{audio.path}: cannot be read ({error.strerror}), but moves are generated to this song. {RELINK}"
        ) from error
    if not same:
        raise AudioError(
            f"{audio.path}: is not the song that the dance was generated for, but another recording. {RELINK}"
        )
    return path


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


def _read(audio: Audio, first: int, last: int, document: Choreography, checkpoint: Checkpoint) -> DanceMusic:
    return music_of_dance(_heard(audio, first, last, document, checkpoint)[0], first, last, document.token_rate)


def _heard(audio: Audio, first: int, last: int, document: Choreography, checkpoint: Checkpoint) -> tuple[Music, float]:
    """The music of a song, and its seconds."""
    song = read_song(check_song(audio), audio.start, audio.seconds, audio.speed, audio.correction)
    return checkpoint.music(song, audio.style or document.style, last - first, lambda _: None), song.seconds


def _cut(music: DanceMusic, first: int, last: int, offset: int, rate: float, stride: int) -> DanceMusic:
    """The positions first..last of a dance's music, in a dance that begins `offset` positions earlier."""
    inside = (music.beats >= first / rate) & (music.beats < last / rate)
    return DanceMusic(music.features[first * stride : last * stride], music.beats[inside] + offset / rate)


def _repeated(music: DanceMusic, frames: int) -> DanceMusic:
    """Music of `frames` feature frames, whose end repeats what is before it."""
    missing = frames - len(music.features)
    end = music.features[-missing:]
    more = np.tile(end, (math.ceil(missing / len(end)), 1))[:missing] if missing else end[:0]
    return DanceMusic(np.concatenate([music.features, more]), music.beats)


def _joined(parts: list[DanceMusic]) -> DanceMusic:
    return DanceMusic(np.concatenate([part.features for part in parts]), np.concatenate([part.beats for part in parts]))
