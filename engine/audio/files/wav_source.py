"""The sound of wav files (RIFF and RF64), read without any library: whole numbers of 8 to 32 bits and floating point.

What a header states is compared with the file before memory is taken. A recording that was broken off is as long as
what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.audio.files.sound_source import AudioInfo, FloatArray, Part, SoundSource, check_rate
from engine.errors import AudioError

_CONVERT = "Convert it to a plain (PCM) wav file, or install PyAV (pip install av) where the engine runs."
_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_BITS = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32, 64)}
_SPEAKERS = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL")
"""Names of the loudspeakers of a channel mask, from its lowest bit on; later ones have no name here."""
_MOST_CHANNELS = 255
_MOST_CHUNKS = 10_000
"""Chunks before the sound; more are in no file that a program writes."""
_LONGEST_FORMAT = 1024
"""Bytes of a format chunk that are read."""
_UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that a program writes before it knows the true one."""
_BLOCK = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class _Format:
    kind: int
    channels: int
    rate: int
    bits: int
    names: tuple[str, ...]

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def codec(self) -> str:
        letter = "f" if self.kind == _FLOAT else "u" if self.bits == 8 else "s"
        return f"pcm_{letter}{self.bits}{'' if self.bits == 8 else 'le'}"


@contextmanager
def open_wav(path: Path) -> Iterator[SoundSource]:
    """The sound of a wav file. Raises AudioError."""
    try:
        with path.open("rb") as file:
            yield _WavSource(path.name, file)
    except OSError as error:
        raise AudioError(f"{path.name}: cannot be read ({error.strerror}). Copy the file again.") from error


class _WavSource:
    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name, self._file = name, file
        self._format, self._begin, size = _read_header(name, file)
        self._frames = size // self._format.frame_bytes

    def info(self) -> AudioInfo:
        chosen = self._format
        return AudioInfo(self._frames / chosen.rate, chosen.rate, chosen.channels, chosen.codec)

    def rate(self) -> int:
        if not self._frames:
            raise AudioError(f"{self._name}: none of its sound can be decoded. Export the file again.")
        return self._format.rate

    def parts(self, first: int) -> Iterator[Part]:
        size = self._format.frame_bytes
        self._file.seek(self._begin + min(first, self._frames) * size)
        block = max(_BLOCK // size, 1)
        for begin in range(first, self._frames, block):
            data = self._file.read(min(block, self._frames - begin) * size)
            data = data[: len(data) // size * size]
            if not data:
                return  # the file has become shorter
            yield Part(_samples(data, self._format), self._format.names, begin)


def _read_header(name: str, file: BinaryIO) -> tuple[_Format, int, int]:
    """The format, and where in the file the sound begins and how many bytes it has."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise AudioError(f"{name}: is no wav file, and other kinds cannot be read here. {_CONVERT}")
    end = file.seek(0, 2)
    position, found, long_size = 12, None, 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        kind, size = struct.unpack("<4sI", chunk)
        position += 8
        if kind == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        elif kind == b"fmt ":
            found = _read_format(name, file.read(min(size, _LONGEST_FORMAT)))
        elif kind == b"data":
            if found is None:
                break
            size = long_size if size == 0xFFFFFFFF and long_size else size
            left = max(end - position, 0)
            return found, position, left if size in _UNKNOWN else min(size, left)
        position += size + size % 2
    raise AudioError(f"{name}: is a wav file without {'its format' if found is None else 'sound'}. Export it again.")


def _read_format(name: str, data: bytes) -> _Format:
    if len(data) < 16:
        raise AudioError(f"{name}: is a wav file without its format. Export it again.")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", data[:16])
    mask = 0
    if kind == _EXTENSIBLE and len(data) >= 26:
        mask, kind = struct.unpack("<IH", data[20:26])
    check_rate(name, rate)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise AudioError(f"{name}: states {channels} channels. Export the song with one or two.")
    if kind in _BITS and frame and frame % channels == 0 and frame // channels * 8 >= bits > 0:
        bits = frame // channels * 8  # fewer are stored in so many, from the highest on
    if bits not in _BITS.get(kind, ()):
        raise AudioError(f"{name}: is a wav file of a kind that cannot be read here ({kind}, {bits} bits). {_CONVERT}")
    places = [place for place in range(32) if mask >> place & 1]
    names = [_SPEAKERS[place] if place < len(_SPEAKERS) else f"{place}" for place in places[:channels]]
    return _Format(kind, channels, rate, bits, tuple(names + ["NONE"] * (channels - len(names))))


def _samples(data: bytes, chosen: _Format) -> FloatArray:
    """The channels (C, n), in -1..1, of the bytes of whole frames."""
    if chosen.kind == _FLOAT:
        with np.errstate(over="ignore"):
            samples = np.frombuffer(data, f"<f{chosen.bits // 8}").astype(np.float32)
    elif chosen.bits == 8:
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) * np.float32(1 / 128)
    elif chosen.bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
    else:
        whole = np.frombuffer(data, f"<i{chosen.bits // 8}")
        samples = whole.astype(np.float32) * np.float32(2.0 ** (1 - chosen.bits))
    return samples.reshape(-1, chosen.channels).T
