"""The sound of a file as Blender's `aud` decodes it, block by block.

`aud` holds the interpreter while it decodes, and Blender's window stands still meanwhile: a third of a second for a
minute of mp3 on a slow computer. So all but short files are read in pieces. A piece that begins inside a file is not
exact by itself: its first moments are damaged, since the codec has not seen what comes before, and all of it may be
late by a frame of the codec (ogg: 1024 samples). So pieces overlap, and each is put where the sound of both is the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StripError
from .plain_text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IN_ONE_GO = 20
"""Seconds of a file that is decoded at once."""
PIECE, OVERLAP = 8, 3
"""Seconds."""
_LONGEST_BEGINNING = 60
"""Seconds in which something must be heard."""
_FIRST_JUMP = 2
"""Second of an ogg file before which `limit` does not find its place."""
_DAMAGED = 2
"""Seconds of a piece that are not compared."""
_SILENT = 1e-6
"""Standard deviation."""
_COMPARED = 4096
_FURTHEST = 8192
"""Samples that are compared, and by which a piece may be early or late."""


class BlenderSound:
    """A sound file that Blender can read. rate: samples a second. Raises StripError for one that it cannot."""

    def __init__(self, file: Path) -> None:
        try:
            import aud
        except ImportError as error:
            raise StripError(
                f"{file.name} is no wav file, and this Blender was built without sound, so it cannot decode others: "
                "give a wav file."
            ) from error
        self._name = file.name
        try:
            # an unreadable file aborts Blender, unless its specs are asked for first
            self._sound = aud.Sound(str(file))  # type: ignore[call-arg]  # the stubs lack it
            rate, channels = self._sound.specs
            self._length = int(self._sound.length)
        except aud.error as error:  # type: ignore[misc]  # the same
            raise self._error(shown(str(error), 200)) from error
        self.rate, self.channels = round(rate), int(channels)
        if self.rate <= 0 or self.channels <= 0:
            raise self._error("it has no sound")

    def _error(self, reason: str) -> StripError:
        return StripError(
            f"Blender cannot read the sound of {self._name} ({reason}): give a wav, flac, ogg, mp3 or m4a file, or a "
            "video with sound."
        )

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Its samples (n, channels) from the beginning on, in blocks that take a moment each."""
        import numpy as np

        if 0 < self._length <= IN_ONE_GO * self.rate:
            yield self._sound.data()
            return
        block = self._beginning()
        if len(block) < PIECE * self.rate:
            yield block
            return
        tail, total, late, overlap = block, 0, 0, len(block) // self.rate - _FIRST_JUMP
        while len(block):
            yield block
            total += len(block)
            # whole seconds, since `limit` may be a sample off at others
            begin = total // self.rate - overlap
            piece = self._sound.limit(begin, begin + overlap + PIECE).data()
            place = total - begin * self.rate - late
            late -= _moved(tail, piece, place, (overlap - _DAMAGED) * self.rate)
            block = piece[max(total - begin * self.rate - late, 0) :]
            overlap = OVERLAP
            tail = np.concatenate([tail, block])[-overlap * self.rate :]

    def _beginning(self) -> NDArray[np.float32]:
        """The first samples, of which some can be heard: they tell how late the codec is after a jump into the file."""
        seconds = PIECE
        while True:
            block: NDArray[np.float32] = self._sound.limit(0, seconds).data()
            if len(block) < seconds * self.rate or seconds >= _LONGEST_BEGINNING or block.std() > _SILENT:
                return block
            seconds *= 2


def _moved(tail: NDArray[np.float32], piece: NDArray[np.float32], place: int, compared: int) -> int:
    """By how many samples a piece goes on later after the tail (both (n, channels)) than at `place`. compared: samples
    at the tail's end that the piece has, undamaged."""
    import numpy as np

    # the liveliest part: silence is everywhere alike
    back = max(range(0, max(compared, 1), _COMPARED), key=lambda back: _part(tail, len(tail) - back).std())
    wanted = _part(tail, len(tail) - back)
    if len(wanted) < _COMPARED or wanted.std() < _SILENT:
        return 0
    tolerance = 0.02 * float(wanted.std())
    ends = place - back + np.arange(-_FURTHEST, _FURTHEST + 1)
    ends = ends[(ends >= _COMPARED) & (ends <= len(piece))]
    near = np.abs(piece[ends - 1] - wanted[-1]).max(axis=1) < tolerance
    near &= np.abs(piece[ends - _COMPARED] - wanted[0]).max(axis=1) < tolerance
    moves = ends[near] - (place - back)
    for move in moves[np.argsort(np.abs(moves), kind="stable")]:
        if float(np.abs(_part(piece, place - back + move) - wanted).max()) < tolerance:
            return int(move)
    return 0


def _part(samples: NDArray[np.float32], end: int) -> NDArray[np.float32]:
    return samples[max(end - _COMPARED, 0) : end]
