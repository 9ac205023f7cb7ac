"""Songs whose authors wrote down their tempo: of Debian's games and of LMMS, to learn listening from.

Of a folder into which Debian's packages freedoom, openttd-openmsx, planetblupi-music-midi, fretsonfire-songs-sectoid,
fretsonfire-songs-muldjord and lmms-common were unpacked (`dpkg -x PACKAGE FOLDER`). MIDI files are played by
fluidsynth and LMMS's projects by `lmms`, which must be installed. Songs that change their tempo, or do not keep to its
grid, are left out.
"""

from __future__ import annotations

import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

import mido
import numpy as np
from numpy.typing import NDArray

from benchmarks.arranged_songs import RATE, recorded, rendered
from engine.audio.files.decode import load_audio
from engine.audio.rates import SAMPLE_RATE
from engine.audio.resampling import resampled

_Number = TypeVar("_Number", np.float32, np.float64)

_GAMES, _LMMS = Path("usr/share/games"), Path("usr/share/lmms/projects")
_MIDI = ("games/openttd/baseset/openmsx/*.mid", "planetblupi/music/*.mid")
_LENGTH, _FIRST, _SHORTEST = 60.0, 10.0, 20.0
"""Seconds that are heard of a song, before them where it is long enough, and of a song that is too short."""
_SAME, _STEADY = 0.02, 0.95
"""Share by which tempi may differ and be one, and of the notes that must have it."""
_GRID, _ON_GRID = 0.02, 0.5
"""Beats by which a note may be off the quarters and thirds of beats, and the share of notes that must be on them."""
_SILENT = 1e-3
_ENTRY = 16
"""Bytes of an entry in a WAD's directory: place, length, name."""


@dataclass(frozen=True)
class AuthoredSong:
    """samples: (n,) mono at `SAMPLE_RATE`. tempo: beats/min as written. in_threes: it is written in 3/4. played:
    not from MIDI."""

    name: str
    samples: NDArray[np.float32]
    tempo: float
    in_threes: bool
    played: bool


@dataclass(frozen=True)
class _Written:
    tempo: float
    in_threes: bool


def authored_songs(packages: Path) -> Iterator[AuthoredSong]:
    """The songs of a folder of unpacked packages."""
    with tempfile.TemporaryDirectory() as folder:
        files = _doom_songs(packages / _GAMES / "doom", Path(folder))
        for pattern in _MIDI:
            files += sorted((packages / "usr/share").glob(pattern))
        for number, file in enumerate(files):
            written = _written(file)
            if written is not None:
                random = np.random.default_rng(number)
                samples = recorded(_part(_from_first_sound(rendered(file, random)), RATE), random)
                yield _song(file.stem, resampled(samples.astype(np.float32), RATE, SAMPLE_RATE), written, played=False)
    for notes in sorted((packages / _GAMES / "fretsonfire/data/songs").glob("*/*/notes.mid")):
        written = _written(notes)
        if written is not None:
            song, guitar = (load_audio(notes.with_name(name), SAMPLE_RATE) for name in ("song.ogg", "guitar.ogg"))
            count = min(len(song), len(guitar))
            yield _song(notes.parent.name, _part(song[:count] + guitar[:count], SAMPLE_RATE), written, played=True)
    for project in sorted((packages / _LMMS).glob("*/**/*.mmp*")):
        if "templates" not in project.parts and "tutorials" not in project.parts:
            yield from _project_song(project)


def _song(name: str, samples: NDArray[np.float32], written: _Written, played: bool) -> AuthoredSong:
    return AuthoredSong(name, samples, written.tempo, written.in_threes, played)


def _doom_songs(games: Path, folder: Path) -> list[Path]:
    """The different MIDI files in WADs, in the order of their names."""
    found = dict[bytes, Path]()
    for wad in sorted(games.glob("*.wad")):
        data = wad.read_bytes()
        count, directory = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
        for entry in range(directory, directory + count * _ENTRY, _ENTRY):
            place, length = (int.from_bytes(data[at : at + 4], "little") for at in (entry, entry + 4))
            lump = data[place : place + length]
            if lump.startswith(b"MThd") and lump not in found:
                name = data[entry + 8 : entry + _ENTRY].rstrip(b"\0").decode("ascii")
                found[lump] = folder / f"{wad.stem} {name}.mid"
                found[lump].write_bytes(lump)
    return sorted(found.values())


def _written(file: Path) -> _Written | None:
    """What a MIDI file says of a song that keeps its tempo; None of another."""
    song = mido.MidiFile(file)
    tempi, notes, metres = [(0, 120.0)], list[int](), list[tuple[int, int]]()
    for track in song.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, mido.tempo2bpm(message.tempo)))
            elif message.type == "note_on" and message.velocity:
                notes.append(tick)
            elif message.type == "time_signature":
                metres.append((tick, message.numerator))
    if not notes or song.length < _SHORTEST:
        return None
    tempi.sort(key=lambda found: found[0])
    last = np.searchsorted([tick for tick, _ in tempi], notes, side="right") - 1
    heard = np.array([tempo for _, tempo in tempi])[last]
    tempo = float(np.median(heard))
    beats = np.array(notes) / song.ticks_per_beat
    off = np.minimum(np.abs(4 * beats - np.round(4 * beats)) / 4, np.abs(3 * beats - np.round(3 * beats)) / 3)
    if np.mean(np.abs(np.log(heard / tempo)) < _SAME) < _STEADY or np.mean(off < _GRID) < _ON_GRID:
        return None
    return _Written(tempo, bool(metres) and metres[0][1] == 3)


def _project_song(project: Path) -> Iterator[AuthoredSong]:
    """The song of a project of LMMS, if it is long enough."""
    data = project.read_bytes()
    text = zlib.decompress(data[4:]) if project.suffix == ".mmpz" else data
    head = ElementTree.fromstring(text).find("head")
    if head is None or head.get("bpm") is None:  # it changes
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "song.wav"
        command = ["lmms", "--allowroot", "render", str(project), "-o", str(out)]
        subprocess.run(command, check=False, capture_output=True, env={"QT_QPA_PLATFORM": "offscreen"})
        samples = load_audio(out, SAMPLE_RATE) if out.is_file() else np.zeros(0, np.float32)
    if len(samples) >= _SHORTEST * SAMPLE_RATE:
        yield _song(
            project.stem, _part(samples, SAMPLE_RATE), _Written(float(head.get("bpm", "0")), False), played=True
        )


def _from_first_sound(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return samples[int(np.argmax(np.abs(samples) > _SILENT)) :]


def _part(samples: NDArray[_Number], rate: int) -> NDArray[_Number]:
    first = round(min(_FIRST, max(len(samples) / rate - _LENGTH, 0.0)) * rate)
    return samples[first : first + round(_LENGTH * rate)]
