""".npz files of anybody, read with bounded memory: every size is known and checked before memory is used.

Formats: PKWARE's APPNOTE (ZIP: end of central directory, 4.3.16; ZIP64 locator, 4.3.15) and numpy's NEP 1 (.npy).
"""

from __future__ import annotations

import ast
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .regular_files import UnsuitableFileError, check_regular

MAX_FILE_BYTES = 1 << 28
MAX_ARRAY_BYTES = 1 << 28
"""Of all arrays that are asked for together: half an hour of SMPL-X poses at 120 frames a second."""
_MAX_DIRECTORY_BYTES = 1 << 22
"""Of a zip file's list of members, some 50,000 of them."""
_MAX_HEADER_BYTES = 10_000
_MAX_AXES = 8
_AS_NUMBER = 8
"""Bytes of a value that is calculated with, however short it is in a file."""
_END, _END_BYTES, _MAX_COMMENT = b"PK\x05\x06", 22, 65_535
_ZIP64_LOCATOR, _ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
_MAGIC = b"\x93NUMPY"
_DAMAGED = (
    OSError, EOFError, ValueError, SyntaxError, RuntimeError, MemoryError, TypeError, KeyError, IndexError,
    OverflowError, RecursionError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions of zipfile, numpy and this module for damaged files."""


class NpzError(ValueError):
    """An .npz file cannot be read; the message says why and what to do."""


def read_arrays(file: Path | str | IO[bytes], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz, as far as it has them: numbers and text; pickled objects are never loaded.

    Raises NpzError for a file that is damaged, no regular file, or would not fit into `MAX_ARRAY_BYTES`.
    """
    file = Path(file) if isinstance(file, str) else file
    name = file if isinstance(file, Path) else "The motion"
    try:
        if isinstance(file, Path):
            check_regular(file, MAX_FILE_BYTES)
            with file.open("rb") as stream:
                return _read(stream, names)
        return _read(file, names)
    except UnsuitableFileError as error:
        raise NpzError(str(error)) from error
    except _DAMAGED as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error).strip().partition("\n")[0][:200]
        raise NpzError(
            f"{name}: cannot be read as an .npz file ({reason or type(error).__name__}). Export or copy it again."
        ) from error


def _read(stream: IO[bytes], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    stream.seek(0)
    if stream.read(len(_MAGIC)) == _MAGIC:
        raise ValueError("it is a single array, an .npy file")
    _check_directory(stream)
    arrays: dict[str, NDArray[Any]] = {}
    left = MAX_ARRAY_BYTES
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename: info for info in archive.infolist()}
        for name in names:
            info = members.get(f"{name}.npy")
            if info is None:
                continue
            if info.file_size > left:
                raise ValueError(f"its {name!r} would need {info.file_size >> 20} MB of memory")
            left -= info.file_size
            with archive.open(info) as member:
                arrays[name] = _read_array(name, member, info.file_size)
    return arrays


def _check_directory(stream: IO[bytes]) -> None:
    """Refuse a zip file whose list of members alone would fill memory; `zipfile` reads it whole."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _END_BYTES - _MAX_COMMENT - _ZIP64_LOCATOR_BYTES))
    tail = stream.read()
    end = tail.rfind(_END)
    if end < 0:
        raise ValueError("it is no zip file")
    (directory,) = struct.unpack_from("<L", tail, end + 12)
    if directory > _MAX_DIRECTORY_BYTES or _ZIP64_LOCATOR in tail:
        raise ValueError("its list of arrays is larger than in any motion or body")
    stream.seek(0)


def _read_array(name: str, member: IO[bytes], size: int) -> NDArray[Any]:
    head = member.read(len(_MAGIC) + 2)
    if head[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"its {name!r} is no array")
    form = "<H" if head[len(_MAGIC)] == 1 else "<L"
    (length,) = struct.unpack(form, member.read(struct.calcsize(form)))
    if length > _MAX_HEADER_BYTES:
        raise ValueError(f"its {name!r} has a header of {length} bytes")
    header = ast.literal_eval(member.read(length).decode("utf-8").strip())
    code, shape = header["descr"], header["shape"]
    dtype = np.dtype(code) if isinstance(code, str) and len(code) < 16 else np.dtype("V1")
    if dtype.kind not in "biufSU":
        raise ValueError(f"its {name!r} holds {str(code)[:40]!r}, no numbers or text")
    if not isinstance(shape, tuple) or len(shape) > _MAX_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"its {name!r} has the shape {str(shape)[:40]}")
    if math.prod(shape) * _AS_NUMBER > MAX_ARRAY_BYTES:
        raise ValueError(f"its {name!r} has {math.prod(shape):,} values")
    needed = math.prod(shape) * dtype.itemsize
    if needed != size - len(head) - struct.calcsize(form) - length:
        raise ValueError(f"its {name!r} should have {needed} bytes but does not")
    content = bytearray(needed)
    filled = 0
    while filled < needed and (part := member.read(min(needed - filled, 1 << 20))):
        content[filled : filled + len(part)] = part
        filled += len(part)
    if filled < needed or member.read(1):  # reading past the end compares the checksum
        raise ValueError(f"its {name!r} is cut off")
    array: NDArray[Any] = np.frombuffer(content, dtype).reshape(shape, order="F" if header["fortran_order"] else "C")
    return array
