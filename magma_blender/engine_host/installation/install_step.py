"""One child process of the installation: started, followed and ended without ever blocking the window."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..isolation import clean_environment, isolated

_RUN_STEP = Path(__file__).resolve().parent / "run_step.py"

KEPT_LINES = 2000
LONGEST_LINE = 4000
_OUTPUT_GRACE = 2.0
"""Seconds for the last output of a process that has ended: a child of its own may keep the pipe open for ever."""


def step_command(python: str | Path, what: str, *arguments: str) -> list[str]:
    """A command line that runs a module or a .py file of a Python, and ends as soon as its stdin closes."""
    return isolated(python, str(_RUN_STEP), what, *arguments)


@dataclass(frozen=True)
class Step:
    """What to run. share: part of the whole, 0..1, where it starts. seconds: after which it counts as hanging; None
    where the time depends on the network. variables: what to add to the environment. is_secret: its output is not
    shown, since it may hold a password."""

    title: str
    share: float
    command: Sequence[str]
    seconds: float | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    is_secret: bool = False


@dataclass(frozen=True)
class Outcome:
    """How it ended. code: the exit code, None where it could not be started or hung. lines: its output. problem: why
    there is no code."""

    code: int | None
    lines: tuple[str, ...]
    problem: str = ""

    def having(self, start: str) -> list[str]:
        """The rest of each line that starts like this."""
        return [line.removeprefix(start) for line in self.lines if line.startswith(start)]


class RunningStep:
    """A step's process. folder: where it works and puts temporary files. locked: the descriptor of the lock that it
    holds as long as it lives."""

    def __init__(self, step: Step, folder: Path, locked: int) -> None:
        self._output: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lines: list[str] = []
        self._problem = ""
        self._process: subprocess.Popen[str] | None = None
        self._deadline = None if step.seconds is None else time.monotonic() + step.seconds
        self._seconds = step.seconds
        self._is_secret = step.is_secret
        self._ended_at: float | None = None
        # pip unpacks gigabytes: in /tmp, which is often in memory, there is no room for them
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        try:
            self._process = subprocess.Popen(
                step.command,
                stdin=subprocess.PIPE,  # never written to: run_step.py watches it
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=clean_environment({**temporary, **step.variables}),
                cwd=folder,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=os.name == "posix",
                pass_fds=(locked,) if os.name == "posix" else (),
            )
        except (OSError, ValueError) as error:
            self._problem = f"{getattr(error, 'strerror', None) or error} ({step.command[0]})"
            return
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while line := process.stdout.readline(LONGEST_LINE):
                self._output.put(line.rstrip())
        self._output.put(None)

    def poll(self) -> tuple[list[str], Outcome | None]:
        """(the lines to show that have come since the last time, how it ended or None while it runs). Never blocks."""
        new: list[str] = []
        at_end = self._process is None
        with contextlib.suppress(queue.Empty):
            while (line := self._output.get_nowait()) is not None:
                new.append(line)
            at_end = True
        new = [line for line in new if line.strip()]
        self._lines = [*self._lines, *new][-KEPT_LINES:]
        return [] if self._is_secret else new, self._outcome(at_end)

    def _outcome(self, at_end: bool) -> Outcome | None:
        if self._process is None:
            return Outcome(None, tuple(self._lines), self._problem)
        code, now = self._process.poll(), time.monotonic()
        if code is None:
            if self._deadline is not None and now > self._deadline:
                self.kill()
                return Outcome(None, tuple(self._lines), f"no end after {self._seconds:g} s")
            if at_end:
                self._output.put(None)  # it closed its output and lives on: look again
            return None
        if self._ended_at is None:
            self._ended_at = now
        if at_end or now - self._ended_at > _OUTPUT_GRACE:
            self._close()
            return Outcome(code, tuple(self._lines))
        return None

    def _close(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End it and its own children, and wait a moment for that."""
        if self._process is None or self._process.poll() is not None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._close()
