"""The sha256 of a file, computed again only after the file changes. Standard library only: the add-on shares it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from .bounded_files import check_file

_BLOCK = 1 << 20


def file_sha256(path: Path) -> str:
    """The sha256 of a regular file as hexadecimal text. Raises OSError."""
    stat = check_file(path)
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _sha256(path: Path, changed: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:  # not `file_digest`, which the Python of Blender 3.4 does not have
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
