"""The sha256 of a file, computed again only after the file changes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from engine.bounded_files import check_file


def file_sha256(path: Path) -> str:
    """The sha256 of a regular file as hexadecimal text. Raises OSError."""
    stat = check_file(path)
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _sha256(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
