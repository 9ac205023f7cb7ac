"""Contents cut into parts that are stored once, by their content.

Where a part ends depends on what is there, not on where it is (content-defined chunking: Muthitacharoen, Chen,
Mazieres, "A Low-Bandwidth Network File System", 2001): what an edit has not changed is cut as before, wherever it is
now. So the moves of a span and the variant that keeps them share their parts, and so do two versions of a dance.

Pure: nothing here touches Blender.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

NAME_BYTES = 16
"""Of a part's name."""
PART_BYTES, TEXT_BYTES = 4096, 1024
"""About so many bytes has a part of an array, and of a text."""
_SMALLEST, _LARGEST = 4, 4
"""A part has at least a fourth of that, and at most four times as much."""
_WINDOW = 8
"""Bytes of a text that decide whether a part ends behind them."""
_FACTOR = 0x9E3779B97F4A7C15
"""An odd number whose multiples spread over all bits (Knuth, "The Art of Computer Programming" 3, 6.4)."""

Get = Callable[[bytes], bytes]
"""A part's content by its name. Raises ValueError where there is none."""


class Parts:
    """Contents as they are kept: what is new of them. known: the names that are there already."""

    def __init__(self, known: Container[bytes]) -> None:
        self._known = known
        self.new: dict[bytes, bytes] = {}

    def put(self, content: bytes) -> bytes:
        """The name of a content."""
        name = name_of(content)
        if name not in self._known:
            self.new[name] = content
        return name

    def put_list(self, about: object, names: list[bytes]) -> bytes:
        """The name of a list of parts, with what JSON can say about it."""
        return self.put(json.dumps(about, separators=(",", ":")).encode() + b"\n" + b"".join(names))


def name_of(content: bytes) -> bytes:
    """What a part is called: the same content, the same name."""
    return hashlib.blake2b(content, digest_size=NAME_BYTES).digest()


def read_list(content: bytes) -> tuple[Any, list[bytes]]:
    """What `put_list` was given. Raises ValueError."""
    head, line, tail = content.partition(b"\n")
    if not line or len(tail) % NAME_BYTES:
        raise ValueError("a list of parts is cut off")
    return json.loads(head), [tail[at : at + NAME_BYTES] for at in range(0, len(tail), NAME_BYTES)]


def put_text(parts: Parts, text: str) -> bytes:
    """The name of a text."""
    import numpy as np

    content = text.encode()
    ends = []
    for shift in range(min(_WINDOW, len(content))):
        count = (len(content) - shift) // _WINDOW
        windows = np.frombuffer(content, "<u8", count, shift)
        found = np.flatnonzero((windows * np.uint64(_FACTOR)) >> np.uint64(64 - TEXT_BYTES.bit_length() + 1) == 0)
        ends.append(found * _WINDOW + shift + _WINDOW)
    places = np.sort(np.concatenate(ends)).tolist() if ends else []
    borders = _borders(places, len(content), TEXT_BYTES)
    return parts.put_list("text", [parts.put(content[a:b]) for a, b in itertools.pairwise(borders)])


def get_text(get: Get, name: bytes) -> str:
    """The text of a name. Raises ValueError."""
    return b"".join(map(get, read_list(get(name))[1])).decode()


def put_array(parts: Parts, array: Array) -> tuple[list[Any], list[bytes]]:
    """(what kind of array it is, for JSON: its type, its shape, and how many rows each part has; the parts' names)."""
    import numpy as np

    array = np.asarray(array)
    about = [array.dtype.str, list(array.shape)]
    if not _is_cut(array.dtype, array.size):
        return [*about, [1]], [parts.put(array.tobytes())]
    bits = np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(len(array), -1)
    width = bits.shape[1] * bits.itemsize
    rows = max(PART_BYTES // width, 1)
    factors = np.uint64(_FACTOR) * (2 * np.arange(bits.shape[1], dtype=np.uint64) + np.uint64(1))
    mixed = (bits * factors).sum(axis=1, dtype=np.uint64) * np.uint64(_FACTOR)
    ends = np.flatnonzero((mixed >> np.uint64(32)) % np.uint64(rows) == 0) + 1
    borders = _borders(ends.tolist(), len(bits), rows)
    ranges = list(itertools.pairwise(borders))
    return [*about, [b - a for a, b in ranges]], [parts.put(packed(bits[a:b])) for a, b in ranges]


def get_array(get: Get, about: list[Any], names: list[bytes]) -> Array:
    """The array again, bit for bit. Raises ValueError."""
    import numpy as np

    dtype, shape = np.dtype(about[0]), tuple(about[1])
    if dtype.kind not in "biufSU":
        raise ValueError("an array is of no kind that a dance has")
    if not _is_cut(dtype, int(np.prod(shape))):
        return np.frombuffer(get(names[0]), dtype).reshape(shape).copy()
    width = int(np.prod(shape[1:]))
    rows = [unpacked(get(name), dtype.itemsize, width) for name in names]
    array: Array = np.ascontiguousarray(np.concatenate(rows)).view(dtype).reshape(shape)
    return array


def _is_cut(dtype: np.dtype[Any], size: int) -> bool:
    """Whether an array of so many values is long enough, and of numbers."""
    return dtype.kind in "iuf" and dtype.itemsize in (4, 8) and size * dtype.itemsize >= PART_BYTES


def packed(bits: Array) -> bytes:
    """Rows (n, c) of unsigned numbers as bytes that compress well, since neighbouring rows differ little: differences,
    column by column, the bytes of one value in all of them."""
    import numpy as np

    differences = np.diff(bits, axis=0, prepend=np.zeros((1, bits.shape[1]), bits.dtype))
    columns = np.ascontiguousarray(differences.T).view(np.uint8).reshape(-1, bits.itemsize)
    return columns.T.tobytes()


def unpacked(content: bytes, itemsize: int, width: int) -> Array:
    """(n, width) what was packed. Raises ValueError where that is not so wide."""
    import numpy as np

    planes = np.frombuffer(content, np.uint8).reshape(itemsize, -1)
    columns = np.ascontiguousarray(planes.T).view(f"u{itemsize}").reshape(width, -1)
    rows: Array = np.cumsum(columns.T, axis=0, dtype=columns.dtype)
    return rows


def _borders(ends: list[int], length: int, usual: int) -> list[int]:
    """0, the ends that are far enough from each other, further ones where they are too far, and the length."""
    smallest, largest = max(usual // _SMALLEST, 1), usual * _LARGEST
    borders = [0]
    for end in [*ends, length]:
        while end - borders[-1] > largest:
            borders.append(borders[-1] + largest)
        if end - borders[-1] >= smallest or (end == length and end > borders[-1]):
            borders.append(end)
    return borders
