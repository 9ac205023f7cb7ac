"""Sounds that the engine asks for because it cannot decode them, as wav files; see `engine.decoded_sounds`."""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.decoded_sounds import place_of

from ..errors import StripError
from .answers import NeededSound
from .blender_sound import BlenderSound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_BYTES = 256 * 2**20
"""What the newest of the decoded sounds may have together that are kept, for other dances to these songs: the folder is
often in memory."""
_LOUDEST = 1e6
"""As in `engine.audio.files.decode`."""
_LOUDSPEAKERS = {1: 0x4, 2: 0x3, 6: 0x3F, 8: 0x63F}
"""Channel masks of mono, stereo, 5.1 and 7.1, whose order all programs share."""
_FLOAT_FORMAT = bytes.fromhex("0300000000001000800000aa00389b71")
_LARGEST = 0xFFFFFFFF


class Decoding:
    """The decoding of one sound. folder: where it is put. at_once: whether `poll` may last until the end (there is no
    window that would stand still)."""

    def __init__(self, needed: NeededSound, folder: Path, at_once: bool) -> None:
        self._steps = _decode(needed, folder)
        self._at_once = at_once

    def poll(self) -> bool:
        """Go on for a moment; whether it is done. Raises StripError where there is nothing to decode."""
        steps = list(self._steps) if self._at_once else list(itertools.islice(self._steps, 1))
        return self._at_once or not steps

    def cancel(self) -> None:
        """Stop, and leave no file."""
        self._steps.close()


def _decode(needed: NeededSound, folder: Path) -> Generator[None, None, None]:
    file = Path(needed.file)
    try:
        wav = place_of(folder, file, needed.first, needed.last)
        if wav.is_file():
            return
        sound = BlenderSound(file)
        _make_room(folder)
        part = wav.with_name(f"{wav.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as out:
                yield from _write(sound, needed, out)
            part.replace(wav)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StripError(
            f"The decoded sound of {file.name} cannot be kept in {folder} ({error.strerror or error}): make room "
            "there, or choose another folder as Temporary Files in Blender's preferences."
        ) from error


def _make_room(folder: Path) -> None:
    """Remove all but the newest sounds. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another Blender removes them, too
        kept = 0
        for file in sorted(folder.glob("*.wav"), key=lambda file: file.stat().st_mtime, reverse=True):
            kept += file.stat().st_size
            if kept > KEPT_BYTES:
                file.unlink()


def _write(sound: BlenderSound, needed: NeededSound, out: BinaryIO) -> Iterator[None]:
    """Write the wanted part, a block a step. Raises StripError, OSError."""
    out.write(_header(sound, 0))
    first, last = needed.first * sound.rate, None if needed.last is None else needed.last * sound.rate
    position = size = 0
    for block in sound.blocks():
        wanted = block[max(first - position, 0) : None if last is None else max(last - position, 0)]
        _check(wanted, Path(needed.file).name, max(first, position) / sound.rate, sound.rate)
        size += out.write(wanted.astype("<f4", copy=False).tobytes())
        position += len(block)
        if last is not None and position >= last:
            break
        yield
    out.seek(0)
    out.write(_header(sound, size))


def _check(samples: NDArray[np.float32], name: str, begin: float, rate: int) -> None:
    import numpy as np

    usable = (np.abs(samples) <= _LOUDEST).all(axis=1)
    if not usable.all():
        raise StripError(
            f"{name}: the sample at {begin + int(np.argmin(usable)) / rate:.2f} s is infinite, absurdly loud, or not "
            "a number. Export the song again, or choose another part of it."
        )


def _header(sound: BlenderSound, size: int) -> bytes:
    """Of a wav file of 32-bit floats (WAVE_FORMAT_EXTENSIBLE) with `size` bytes of sound."""
    frame = 4 * sound.channels
    mask = _LOUDSPEAKERS.get(sound.channels, 0)
    kind = struct.pack("<HHIIHH", 0xFFFE, sound.channels, sound.rate, sound.rate * frame, frame, 32)
    kind += struct.pack("<HHI", 22, 32, mask) + _FLOAT_FORMAT
    start = b"WAVEfmt " + struct.pack("<I", len(kind)) + kind + b"data" + struct.pack("<I", min(size, _LARGEST))
    return b"RIFF" + struct.pack("<I", min(len(start) + size, _LARGEST)) + start
