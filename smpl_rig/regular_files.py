"""Files of others, looked at before they are opened: only regular files, and none that is too large for memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MEGABYTE = 1 << 20


class UnsuitableFileError(ValueError):
    """A path is no regular file, or a file is larger than any of its kind; the message says which and what to do."""


def check_regular(path: Path, limit: int) -> None:
    """Refuse what is no regular file (a pipe or a device may never end), is empty, or has more than `limit` bytes.

    Raises UnsuitableFileError; OSError where there is no such file or it may not be looked at.
    """
    try:
        found = path.stat()
    except ValueError as error:  # a null byte in the path
        raise UnsuitableFileError(f"{path!r}: is no path of a file ({error}). Check the path.") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise UnsuitableFileError(f"{path}: is {kind}, not a file. Check the path.")
    if found.st_size == 0:
        raise UnsuitableFileError(f"{path}: is empty (0 bytes). Export or copy it again.")
    if found.st_size > limit:
        raise UnsuitableFileError(
            f"{path}: has {found.st_size // _MEGABYTE} MB, more than the {limit // _MEGABYTE} MB that can be read. "
            "Choose another file, or a shorter motion."
        )


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes. Raises UnsuitableFileError, OSError."""
    check_regular(path, limit)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)
    if len(content) != size or size > limit:
        raise UnsuitableFileError(f"{path}: changed while it was read. Try again.")
    return content
