"""The demo's pictures in numpy: the time bar with the song's loudness and its beats, and the contact sheet."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.files.decode import load_audio
from engine.reporting.scene import loudness

Image = NDArray[np.uint8]
"""(height, width, 3) RGB."""

BAR_HEIGHT = 24
SHEET_COLUMNS = 6
GAP = 4

PAPER = (245, 245, 246)
WAVE = (176, 190, 205)
BEAT = (60, 64, 72)
MARK = (214, 84, 30)


def write_png(file: Path, image: Image) -> None:
    """Write pixels as a PNG, each row as differences from the row above."""
    height, width = image.shape[:2]
    rows = np.diff(image.reshape(height, -1), axis=0, prepend=np.uint8(0))
    filtered = np.pad(rows, ((0, 0), (1, 0)), constant_values=2)  # 2 is that filter's number
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(filtered.tobytes()),
        b"IEND": b"",
    }
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def time_bar(width: int, loudness: NDArray[np.float32], beats: Iterable[float], start: float, stop: float) -> Image:
    """The time bar from `start` to `stop` seconds: loudness (N,) 0..1 over that time, and a tick at every beat."""
    bar = np.empty((BAR_HEIGHT, width, 3), np.uint8)
    bar[:] = PAPER
    columns = np.interp(np.linspace(0, len(loudness) - 1, width), np.arange(len(loudness)), loudness)
    distance = np.abs(np.arange(BAR_HEIGHT) - (BAR_HEIGHT - 1) / 2)[:, None] / (BAR_HEIGHT / 2)
    bar[distance <= columns[None]] = WAVE
    for beat in beats:
        if start <= beat < stop:
            column = int((beat - start) / (stop - start) * width)
            bar[-BAR_HEIGHT // 3 :, column : column + 2] = BEAT
    return bar


def moving_bars(
    width: int, song: Path, beats: Sequence[float], seconds: float, count: int, fps: float
) -> Iterator[Image]:
    """The time bar of a video's first `seconds`, for each of its `count` frames with a mark at the frame's time."""
    bar = time_bar(width, loudness_of(song, seconds, width), beats, 0.0, seconds)
    for number in range(count):
        marked = bar.copy()
        column = int(number / fps / seconds * width)
        marked[:, max(column - 1, 0) : column + 2] = MARK
        yield marked


def loudness_of(song: Path, seconds: float, steps: int) -> NDArray[np.float32]:
    """(steps,) how loud the song's first `seconds` are, see `loudness`."""
    return loudness(load_audio(song, 8000, 0.0, seconds), steps)


def contact_sheet(cells: Sequence[Image], song: Path, beats: Sequence[float], seconds: float) -> Image:
    """Rows of pictures, evenly spaced over the dance; the middle of a picture is above its time in the bar below."""
    loudness = loudness_of(song, seconds, 200 * len(cells))
    width = cells[0].shape[1]
    rows = []
    for first in range(0, len(cells), SHEET_COLUMNS):
        row = cells[first : first + SHEET_COLUMNS]
        start, stop = (number * seconds / len(cells) for number in (first, first + len(row)))
        bar = time_bar(width * len(row), loudness[200 * first : 200 * (first + len(row))], beats, start, stop)
        for number, cell in enumerate(row):
            middle = number * width + width // 2
            bar[: BAR_HEIGHT // 3, middle - 1 : middle + 2] = MARK
            cell[:, -GAP:] = PAPER
        rows += [np.concatenate(row, axis=1), bar]
    return np.concatenate(rows)
