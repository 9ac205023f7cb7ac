"""The engine as a child process: starting it, its pipes, its log, its end. Never blocks except in `stop`."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.protocol import MessageReader, ProtocolError, encode_message

from .client_errors import EngineNotFound
from .engine_log import EngineLog
from .isolation import clean_environment

_LAST_WORDS_SECONDS = 1.0
"""How long the end of the log is waited for once the process has ended: a child of its own may keep the pipe open."""

_SETTLE_SECONDS = 0.2


class Ended(NamedTuple):
    """The last thing that comes out of `EngineProcess.inbox`."""

    exit_code: int | None
    garbage: str | None  # what was wrong with the bytes, if the process was stopped for them


class EngineProcess:
    """One run of the engine. Its messages arrive in `inbox`, the last of them an `Ended`.

    `command` starts it, in a folder of its own; stderr goes to `log`. Raises `EngineNotFound`.
    """

    def __init__(self, command: list[str], folder: Path, log: EngineLog, environment: Mapping[str, str]) -> None:
        self.inbox: queue.SimpleQueue[dict[str, object] | Ended] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=_own_folder(folder),
                env=clean_environment(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                # Ctrl-C in the terminal of `blender --background` is for Blender; the engine ends with its stdin
                start_new_session=os.name == "posix",
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise EngineNotFound(
                f"The engine's Python {command[0]} cannot be started ({reason}). "
                "Choose another one in the add-on's preferences, or clear it for Blender's own.",
                f"cannot be started ({reason})",
            ) from error
        assert self._process.stderr is not None
        self._logging = log.follow(self._process.stderr)
        self._closed = False
        threading.Thread(target=self._read, name="magma-engine-reader", daemon=True).start()
        # writing has a thread of its own because a pipe that is not read would block Blender's window
        threading.Thread(target=self._write, name="magma-engine-writer", daemon=True).start()

    @property
    def alive(self) -> bool:
        """True while the process runs and has not closed its stdout."""
        return not self._closed and self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, None while it runs; minus the signal's number on POSIX."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, message: Mapping[str, object]) -> None:
        """Queue a message. Raises what `encode_message` raises."""
        self._outbox.put(encode_message(message))

    def kill(self) -> None:
        """Kill it."""
        with contextlib.suppress(OSError):  # it may have ended by itself this moment
            self._process.kill()

    def stop(self, grace: float) -> None:
        """Close its stdin, wait up to `grace` seconds for it to exit, then kill it."""
        self._outbox.put(None)
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: nothing more can be done
                self._process.wait(1.0)

    def _write(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError), stdin:  # a broken pipe: the reader sees the end and says why
            while (data := self._outbox.get()) is not None:
                stdin.write(data)
                stdin.flush()

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        reader = MessageReader(stdout)
        garbage = None
        try:
            while (message := reader.read()) is not None:
                if "error" in message:
                    self._logging.settle(_SETTLE_SECONDS)  # what it says about that is shown with it
                self.inbox.put(message)
        except ProtocolError as error:
            garbage = str(error)
        except (OSError, ValueError) as error:  # ValueError: the file was closed
            garbage = f"The pipe failed: {error}."
        self._closed = True
        self._outbox.put(None)
        if garbage is None:
            # the end of stdout is the end of the process, or nearly: let it exit with its own code
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        self.kill()
        stdout.close()
        exit_code = self._process.wait()
        self._logging.join(_LAST_WORDS_SECONDS)
        self.inbox.put(Ended(exit_code, garbage))


def _own_folder(folder: Path) -> Path:
    """The folder to work in, where nothing of anybody else's lies; the add-on's own where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(__file__).resolve().parent  # a dance matters more
    return folder


def describe_exit(exit_code: int | None) -> str:
    """How a process ended, in words: the end of a sentence that begins with 'The engine'."""
    if exit_code is None:
        return "stopped answering"
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        hint = "; often the computer has run out of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    if sys.platform == "win32" and exit_code > 0xFFFF:
        return f"crashed with code 0x{exit_code:08X}"
    return f"ended with exit code {exit_code}"
