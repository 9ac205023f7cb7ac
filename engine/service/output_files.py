"""Files that commands write: refused before the work if they cannot be written, and complete or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from engine.bounded_files import read_text
from engine.checks import shown_path
from engine.choreography import LONGEST_TEXT, Choreography, MotionFile, from_json, songs_beside, to_json
from engine.errors import ChoreographyError, EngineError

_TRIED_BYTES = 1 << 16
_KEPT = ".motion.npz"
"""End of the name of a motion while it waits to get its own name."""


def check_output(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse an unusable output before the work is done rather than after."""
    if path.suffix not in suffixes:
        raise EngineError(f"{shown_path(path)}: unknown kind of file. End the name with {' or '.join(suffixes)}.")
    try:
        if path.is_dir():
            raise EngineError(f"{path}: is a folder. Give a name in it.")
        if not path.parent.is_dir():
            raise EngineError(f"{path}: the folder {path.parent} does not exist. Make it first.")
        if path.exists():
            path.open("ab").close()
        with complete(path, replaces=False) as tried:
            tried.write_bytes(bytes(_TRIED_BYTES))
    except OSError as error:
        raise EngineError(f"{shown_path(path)}: cannot be written ({error.strerror}). Choose another place.") from error


@contextmanager
def complete(path: Path, replaces: bool = True) -> Iterator[Path]:
    """A path to write to that becomes `path` once all is written, and is on the disk; if that fails, or not `replaces`,
    what was there stays. A link stays one."""
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{os.urandom(6).hex()}.partial{target.suffix}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        if replaces:
            partial.replace(target)
            _flush_folder(target.parent)
    except OSError as error:
        if error.filename is not None:  # the user knows nothing of the partial file
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_dance(
    document_file: Path, document: Choreography, motion_file: Path, write_motion: Callable[[Path], None]
) -> None:
    """Write a choreography and its motion beside it, both or neither, over earlier ones of the same names.

    Two files cannot be replaced at once, and a document names its motion with its hash. So the new motion is written
    under a name of its own first; the document names that one while the usual one is replaced. Whenever this is broken
    off, the document and the file that it names fit together, and they are the earlier dance or the new one. Paths of
    songs become relative to them.
    """
    earlier = _motion_name(document_file)
    document = songs_beside(document, os.path.dirname(os.path.realpath(document_file)))  # noqa: PTH120 - text to text
    kept = motion_file.with_name(f".{os.urandom(6).hex()}{_KEPT}")
    with complete(kept) as partial:
        write_motion(partial)
        sha256 = hashlib.sha256(partial.read_bytes()).hexdigest()
    _write_document(document_file, replace(document, motion=MotionFile(kept.name, sha256)))
    with complete(motion_file) as partial:
        try:
            os.link(kept, partial)
        except (OSError, NotImplementedError):  # a file system without links
            partial.write_bytes(kept.read_bytes())
    _write_document(document_file, replace(document, motion=MotionFile(motion_file.name, sha256)))
    kept.unlink()
    if earlier.endswith(_KEPT):  # what was broken off before is complete now
        motion_file.with_name(earlier).unlink(missing_ok=True)


def _write_document(path: Path, document: Choreography) -> None:
    with complete(path) as partial:
        partial.write_text(to_json(document) + "\n", encoding="utf-8")


def _motion_name(path: Path) -> str:
    """The motion that a document in a file names; empty without one."""
    try:
        document = from_json(read_text(path, LONGEST_TEXT))
    except (OSError, UnicodeDecodeError, ChoreographyError):
        return ""
    return document.motion.name if document.motion is not None else ""


def _flush_folder(folder: Path) -> None:
    """Let a changed name reach the disk, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
