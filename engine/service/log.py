"""The engine's log on stderr: names and sizes, never contents, and bounded however long the engine runs.

What the engine logs and what libraries print have an equal share of `LOG_BYTES` each, so that neither can push out the
other. Where a share is used up, one line says so and the rest is dropped.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import TextIO

from engine.checks import is_number, shortened
from engine.protocol import LOG_BYTES

_LONGEST_LINE = 500
_LONGEST_TRACEBACK = 4_000
_LONGEST_NAME = 40
_MOST_PARAMETERS = 16
_PATHS = frozenset({"audio", "checkpoint", "file", "folder", "mean", "motionseq", "std", "vqvae"})
_NAMES = frozenset({"device", "precision", "style", "variant", "music_view"})


class CappedStream(io.TextIOBase):
    """A text stream that writes at most `limit` bytes to another one, and drops the rest."""

    def __init__(self, stream: TextIO, limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = limit
        self._lock = threading.RLock()  # a signal handler may print during a print

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with self._lock:
            if self._left > 0:
                # at most 4 bytes of UTF-8, or 10 of an escape, a character: cut before the text is encoded
                data = text[: self._left].encode(errors="backslashreplace")
                self._stream.write(data[: self._left].decode(errors="replace"))
                self._left -= len(data)
                if self._left <= 0:
                    self._stream.write("\n(the log is full: further lines are dropped until the engine starts again)\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


class Log:
    """The engine's log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = CappedStream(stream, LOG_BYTES // 2)
        self._lock = threading.Lock()
        self._refused = 0
        self._seen: set[tuple[str, ...]] = set()
        self._file_limit = _size_of_file(2) + LOG_BYTES

    def line(self, text: str) -> None:
        """Log one line, cut to a bounded length."""
        one_line = shortened(text, _LONGEST_LINE).replace("\n", " ").replace("\r", " ")
        self._write(f"{time.strftime('%H:%M:%S')} {one_line}\n")

    def refused(self, text: str) -> None:
        """Log a message that could not be understood. Of a flood only the 1st, 2nd, 4th, 8th, ... are logged."""
        with self._lock:
            self._refused += 1
            count = self._refused
        if count & (count - 1) == 0:
            self.line(f"refused message {count}: {text}")

    def failure(self, error: BaseException) -> None:
        """Log where an error that nobody expected came from: once for each place."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:]))
        with self._lock:
            if place in self._seen or len(self._seen) > 100:
                return
            self._seen.add(place)
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
        text = "\n".join(["Traceback (most recent call last):", *lines, type(error).__name__])
        self._write(shortened(text, _LONGEST_TRACEBACK) + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # no space left, or closed: a dance matters more than its log
            return
        if _size_of_file(2) > self._file_limit:
            _silence_descriptors()


def _size_of_file(descriptor: int) -> int:
    """Bytes of the regular file behind a descriptor; 0 for anything else."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _silence_descriptors() -> None:
    """What libraries in C and child processes print goes nowhere from now on: it cannot be counted, only stopped."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def summary(params: Mapping[str, object]) -> str:
    """A job's parameters in a line: names of files and styles, numbers, and sizes of everything else."""
    parts = [
        f"{shortened(name, _LONGEST_NAME)} {_brief(name, params[name])}" for name in list(params)[:_MOST_PARAMETERS]
    ]
    more = len(params) - len(parts)
    return ", ".join([*parts, *([f"{more} more"] if more > 0 else [])]) or "no parameters"


def _brief(name: str, value: object) -> str:
    if value is None or isinstance(value, bool) or is_number(value, -1e18, 1e18):
        return str(value)
    if isinstance(value, str) and name in _PATHS:
        return ascii(shortened(PurePath(value[-1000:]).name, _LONGEST_NAME))
    if isinstance(value, str) and name in _NAMES:
        return ascii(shortened(value, _LONGEST_NAME))
    size = f" of {len(value)}" if isinstance(value, str | list | dict) else ""
    return f"({type(value).__name__}{size})"


def claim_streams(stream: TextIO) -> None:
    """Let what Python code prints go to `stream`, up to a limit."""
    sys.stdout = sys.stderr = CappedStream(stream, LOG_BYTES // 2)
