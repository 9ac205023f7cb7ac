"""The songs of a document: where each plays, its beats, another file for it, and paths that move with the document's
folder.

Pure: nothing here opens a file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import pairwise

from .document import Audio, Choreography, file_name, require


def song_ranges(document: Choreography) -> Iterator[tuple[Audio, int, int]]:
    """Each song with the range of positions that it plays in: until the next song begins."""
    borders = [0, *(audio.at for audio in document.audio[1:]), len(document)]
    for audio, (first, last) in zip(document.audio, pairwise(borders), strict=True):
        yield audio, first, last


def beats_of(document: Choreography) -> tuple[list[float], list[int]]:
    """(the beats of all its songs that the document names, in seconds of the dance, rounded to milliseconds; the
    indices of those that begin a bar)."""
    rate, beats, ones = document.token_rate, list[float](), list[int]()
    for audio, first, last in song_ranges(document):
        begin_bars = set(audio.ones)
        for number, beat in enumerate(audio.beats):
            if beat + first / rate < last / rate:
                if number in begin_bars:
                    ones.append(len(beats))
                beats.append(beat + first / rate)
    return beats, ones


def relink(
    document: Choreography, path: str, sha256: str, size: int, missing: Collection[int], another: bool
) -> Choreography:
    """The document with a song in another file; beats and all else stay.

    A file with the content of a song is that song. path, sha256, size: of the file. missing: indices of the songs that
    are not found. another: whether a file of other content, a recording that begins at the same moment, may take the
    place of the first song that is missing. Raises ChoreographyError for a file that is none of the songs.
    """
    same = {audio.sha256 for audio in document.audio if audio.sha256 == sha256}
    if not same:
        songs = ", ".join(sorted({audio.file_name for audio in document.audio}))
        require(
            another,
            f"{file_name(path)} is not the song that the dance was generated for ({songs}), but another recording. "
            "Choose that song; or, if this one begins at the same moment, relink with Another Recording "
            "(--another-recording): the beats stay as they are.",
        )
        places = sorted(missing) or range(len(document.audio))
        require(
            bool(missing) or len({audio.sha256 for audio in document.audio}) == 1,
            f"All songs of the dance are found ({songs}), so it is unclear which one {file_name(path)} is for. "
            "Rename the file that it replaces first.",
        )
        same = {document.audio[places[0]].sha256}
    audio = (replace(a, path=path, sha256=sha256, size=size) if a.sha256 in same else a for a in document.audio)
    return replace(document, audio=tuple(audio))


def with_paths(document: Choreography, path_of: Callable[[Audio], str]) -> Choreography:
    """The document with the path of every song as `path_of` gives it."""
    return replace(document, audio=tuple(replace(audio, path=path_of(audio)) for audio in document.audio))


def relative_path(path: str, folder: str) -> str | None:
    """An absolute path relative to an absolute folder, with forward slashes; None where none is (another drive)."""
    path, folder = (text.replace("\\", "/") for text in (path, folder))
    drive = _drive(path)
    if drive != _drive(folder) or not (drive or path.startswith("/")):
        return None
    return posixpath.relpath(path, folder)


def songs_beside(document: Choreography, folder: str) -> Choreography:
    """The document with absolute paths of songs made relative to the folder that it is kept in, as far as there are
    any."""
    return with_paths(document, lambda audio: relative_path(audio.path, folder) or audio.path)


def _drive(path: str) -> str:
    """`C:` of a Windows path, `//server/share` of a network path, nothing else."""
    if path.startswith("//"):
        return "/".join(path.split("/")[:4]).casefold()
    return path[:2].casefold() if path[1:2] == ":" else ""
