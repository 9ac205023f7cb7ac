"""Sounds that have no file of their own, because they were packed or had to be mixed down, as files for the engine.

They are named by their content and never removed, for dances are danced to them. They are kept beside the .blend, so
that they move with it; in the data folder while it was never saved, or where its folder cannot be written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

from engine.file_hash import file_sha256

from ..errors import StripError

FOLDER = "//magma_sounds"
_NAME = 24
"""Digits of the sha256 in a file's name."""


def folders(spare: Path) -> list[Path]:
    """Where such sounds are looked for and kept, the best place first. spare: the data folder's."""
    beside = [Path(bpy.path.abspath(FOLDER))] if bpy.data.filepath else []
    return [*beside, spare]


def keep(data: bytes, suffix: str, spare: Path) -> Path:
    """A file with this content. Raises StripError where none can be written."""
    sha256 = hashlib.sha256(data).hexdigest()
    return find(sha256, spare) or in_folder(spare, lambda folder: _write(data, folder / (sha256[:_NAME] + suffix)))


def in_folder(spare: Path, write: Callable[[Path], Path]) -> Path:
    """What `write` gives for the first of the folders in which it can write: it raises OSError where the disk refuses.
    Raises StripError that says why there is none."""
    reasons = []
    for folder in folders(spare):
        is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            return write(folder)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror or error}")
        finally:
            if is_new:
                with contextlib.suppress(OSError):  # it is not there, or not empty
                    folder.rmdir()
    raise StripError(
        f"A sound without a file of its own cannot be kept ({'; '.join(reasons)}): make room there, or choose another "
        "data folder in the add-on's preferences."
    )


def find(sha256: str, spare: Path) -> Path | None:
    """The file with this content, if there is one."""
    for file in named(sha256, spare):
        try:
            if file_sha256(file) == sha256:
                return file
        except OSError:  # as if it were not there
            continue
    return None


def named(sha256: str, spare: Path) -> Iterator[Path]:
    """The files that are named as one with this content would be."""
    for folder in folders(spare):
        yield from sorted(folder.glob(f"{sha256[:_NAME]}*"))


def _write(data: bytes, file: Path) -> Path:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        return part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise
