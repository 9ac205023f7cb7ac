"""The engine's log: what it writes to stderr, in a file that never grows beyond a limit."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from typing import IO, BinaryIO

LOG_LIMIT_BYTES = 2 * 2**20
"""What the log and the older file beside it may hold together."""
_FILE_BYTES = LOG_LIMIT_BYTES // 2
_CHUNK_BYTES = 64 * 1024
_TAIL_BYTES = 64 * 1024


class EngineLog:
    """The file that the engine's stderr goes to. A new one begins at half the limit; one older file is kept.

    A log that cannot be written stops no dance; the end of what came is remembered in any case.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: LogCopy | None = None

    def follow(self, stream: IO[bytes]) -> LogCopy:
        """Copy a new process's stderr to its end."""
        self._copy = LogCopy(self.path, stream)
        self._copy.start()
        return self._copy

    def tail(self, lines: int) -> str:
        """The last lines that the present run wrote."""
        return self._copy.tail(lines) if self._copy is not None else ""


class LogCopy(threading.Thread):
    """The thread that copies one run's stderr. Libraries and crashes write there, too, and know no limit; the process
    never waits for a disk that is full."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        super().__init__(name="magma-engine-log", daemon=True)
        self._path = path
        self._stream = stream
        self._file: BinaryIO | None = None
        self._tail = b""
        self._problem = ""
        self._lock = threading.Lock()

    def tail(self, lines: int) -> str:
        """The last lines that came, after a word about a file that cannot be written."""
        with self._lock:
            text = self._tail.decode("utf-8", errors="replace")
            shown = text.splitlines()[-lines:] if lines > 0 else []
            return "\n".join([*([self._problem] if self._problem else []), *shown])

    def settle(self, seconds: float) -> None:
        """Wait until everything that was written so far has been read, but no longer than this."""
        deadline = time.monotonic() + seconds
        # Windows cannot look into a pipe; there it is read within a moment
        while os.name == "posix" and self._is_waiting() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.005)

    def _is_waiting(self) -> bool:
        try:
            return self.is_alive() and bool(select.select([self._stream], [], [], 0)[0])
        except (OSError, ValueError):  # closed
            return False

    def run(self) -> None:
        """Copy to the end."""
        self._handle(time.strftime("--- engine started %Y-%m-%d %H:%M:%S\n").encode())
        with contextlib.suppress(OSError, ValueError), self._stream:  # ValueError: closed
            while data := os.read(self._stream.fileno(), _CHUNK_BYTES):
                self._handle(data)
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _handle(self, data: bytes) -> None:
        with self._lock:
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
        if self._problem:
            return
        try:
            self._write(data)
        except OSError as error:
            self._problem = f"(no log: {self._path} cannot be written: {error.strerror or error})"

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
        # asked of the system: another Blender may write to the same file
        if os.fstat(self._file.fileno()).st_size + len(data) > _FILE_BYTES:
            self._file.close()
            self._keep_one_older()
            self._file = self._opened()
        self._file.write(data)

    def _opened(self) -> BinaryIO:
        older = self._older()
        with contextlib.suppress(OSError):
            if older.stat().st_size > _FILE_BYTES:  # an earlier version of the add-on wrote it
                older.unlink()
        return self._path.open("ab", buffering=0)

    def _keep_one_older(self) -> None:
        try:
            if self._path.stat().st_size > _FILE_BYTES:
                self._path.unlink()
            else:
                self._path.replace(self._older())
        except OSError:  # on Windows open in another Blender
            os.truncate(self._path, 0)

    def _older(self) -> Path:
        return self._path.with_name(self._path.name + ".1")
