"""Encoder of small animated GIFs: one palette for all frames, of which each holds only what has changed.

The format and its LZW codes are those of the GIF89a specification (CompuServe, 1990).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.pictures import Image

COLOURS = 127
"""Of the palette; one more index is for pixels that stay as they are."""
_INDEX_BITS = 7
_BIN_BITS = 6
"""Bits a channel in which colours are told apart."""
_MOST_CODES = 4096


def write_gif(file: Path, images: Sequence[Image], step: float) -> None:
    """Write images of one size as an animation that repeats, `step` seconds each (to the format's hundredths)."""
    keys = [_bins(image) for image in images]
    palette, index_of = _palette(np.bincount(np.concatenate(keys), minlength=1 << 3 * _BIN_BITS))
    height, width = images[0].shape[:2]
    parts = [
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0 | (_INDEX_BITS - 1), 0, 0),
        palette.tobytes().ljust(3 << _INDEX_BITS, b"\0"),
        b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00",  # repeats for ever
    ]
    shown = np.full(height * width, COLOURS, np.uint8)
    for number, key in enumerate(keys):
        indices = index_of[key]
        changed = np.where(indices == shown, COLOURS, indices)
        shown = indices
        hundredths = round(100 * step * (number + 1)) - round(100 * step * number)
        # flags: leave the picture for the next one to draw on; there is a transparent index
        parts.append(b"\x21\xf9\x04" + struct.pack("<BHBB", 1 << 2 | 1, hundredths, COLOURS, 0))
        parts.append(b"\x2c" + struct.pack("<HHHHBB", 0, 0, width, height, 0, _INDEX_BITS))
        codes = lzw(changed.tobytes(), _INDEX_BITS)
        blocks = [codes[start : start + 255] for start in range(0, len(codes), 255)]
        parts += [bytes([len(block)]) + block for block in blocks] + [b"\0"]
    file.write_bytes(b"".join(parts) + b"\x3b")


def _bins(image: Image) -> NDArray[np.int64]:
    """(pixels,) the number of each pixel's colour among those that are told apart."""
    red, green, blue = (image.reshape(-1, 3).T >> (8 - _BIN_BITS)).astype(np.int64)
    return (red << 2 * _BIN_BITS) | (green << _BIN_BITS) | blue


def _palette(counts: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Up to `COLOURS` colours (N, 3), and for every bin the index of its colour.

    counts: how many pixels are in each bin. Of the groups of bins, that with the greatest squared error in a channel is
    cut at its mean until there are enough.
    """
    used = np.flatnonzero(counts)
    weights = counts[used].astype(np.float64)
    channels = np.stack([used >> 2 * _BIN_BITS, used >> _BIN_BITS, used]) & ((1 << _BIN_BITS) - 1)
    values = (channels + 0.5) * (1 << (8 - _BIN_BITS))
    group = np.zeros(len(used), np.intp)

    def means() -> NDArray[np.float64]:
        return np.stack([np.bincount(group, weights * value) for value in values]) / np.bincount(group, weights)

    for number in range(1, min(COLOURS, len(used))):
        middles = means()
        errors = np.stack([np.bincount(group, weights * error) for error in (values - middles[:, group]) ** 2])
        channel, worst = np.unravel_index(errors.argmax(), errors.shape)
        group[(group == worst) & (values[channel] > middles[channel, worst])] = number
    index_of = np.zeros(len(counts), np.uint8)
    index_of[used] = group
    return means().T.astype(np.uint8), index_of


def lzw(indices: bytes, index_bits: int) -> bytes:
    """The LZW codes of a picture's indices, which have `index_bits` bits each, packed as GIF packs them."""
    clear, end = 1 << index_bits, (1 << index_bits) + 1
    codes = [clear]
    table: dict[int, int] = {}
    free, prefix = end + 1, indices[0]
    for index in indices[1:]:
        pair = prefix << 8 | index
        code = table.get(pair)
        if code is not None:
            prefix = code
            continue
        codes.append(prefix)
        prefix = index
        if free < _MOST_CODES:
            table[pair] = free
            free += 1
        else:
            codes.append(clear)
            table, free = {}, end + 1
    return _packed(np.array([*codes, prefix, end]), end)


def _packed(codes: NDArray[np.int64], end: int) -> bytes:
    """Codes one after another, lowest bits first, each as wide as the decoder's table then needs.

    The table gets an entry with every code from the second after a clear on, and is cleared after the code that follows
    its last.
    """
    since_clear = (np.arange(len(codes)) - 1) % (_MOST_CODES - end + 1) + 1
    since_clear[0] = 0
    widths = np.minimum(np.frexp(end - 1 + since_clear)[1], _MOST_CODES.bit_length() - 1)
    positions = np.arange(_MOST_CODES.bit_length() - 1)
    bits = (codes[:, None] >> positions & 1)[positions < widths[:, None]]
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()
