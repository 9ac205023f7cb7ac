"""Reading of files that anybody may have made: only regular ones, since a pipe or a device may never end, and only up
to a size. Standard library only: the add-on shares it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def check_file(path: Path, most: int | None = None) -> os.stat_result:
    """The status of a regular file of at most `most` bytes. Raises OSError with a reason (`strerror`) for all else."""
    try:
        status = path.stat()
    except ValueError as error:  # null bytes, halves of characters
        raise OSError(errno.EINVAL, "its name has characters that no file name can have", ascii(str(path))) from error
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))
    if most is not None and status.st_size > most:
        raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, but at most {most} are possible", str(path))
    return status


def read_text(path: Path, most: int) -> str:
    """The text of a regular UTF-8 file of at most `most` bytes. Raises OSError, UnicodeDecodeError."""
    check_file(path, most)
    with path.open("rb") as file:
        data = file.read(most + 1)  # it may have grown meanwhile
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
    return data.decode("utf-8")
