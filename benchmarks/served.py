"""The engine as the add-on runs it, a process with requests over its pipes, timed from outside."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import protocol

ROOT = Path(__file__).resolve().parent.parent


class Engine:
    """A running engine. first_motion: seconds from the last request to its first frames, None if there were none. pid:
    of its process."""

    def __init__(self, process: subprocess.Popen[bytes]):
        assert process.stdin is not None and process.stdout is not None
        self._stdin, self._reader = process.stdin, protocol.MessageReader(process.stdout)
        self._ids = itertools.count(1)
        self.pid = process.pid

    def ask(self, method: str, params: dict[str, Any]) -> tuple[Any, float]:
        """The result of a request and the seconds until it arrived. Raises RuntimeError with the engine's message."""
        begin, number = time.perf_counter(), next(self._ids)
        self.first_motion: float | None = None
        self._stdin.write(protocol.encode_message(protocol.request(number, method, params)))
        self._stdin.flush()
        while True:
            message = self._reader.read()
            if message is None:
                raise RuntimeError("the engine ended")
            if message.get("id") == number:
                break
            if message.get("method") == protocol.MOTION and self.first_motion is None:
                self.first_motion = time.perf_counter() - begin
        if "error" in message:
            raise RuntimeError(message["error"]["message"])
        return message["result"], time.perf_counter() - begin

    def dance(self, song: Path, seconds: float, checkpoint: str, device: str = "cpu") -> tuple[dict[str, Any], float]:
        """The report on a dance to the song's first seconds, and the seconds until it arrived."""
        params = {"audio": str(song), "seconds": seconds, "checkpoint": checkpoint, "fps": 24.0, "device": device}
        result, waited = self.ask(protocol.GENERATE, {**params, "stream": True})
        # when it reaches the add-on, not when the engine sends it
        return result["report"] | {"first_motion_seconds": self.first_motion}, waited


@contextmanager
def engine(variables: Mapping[str, str] | None = None) -> Iterator[tuple[Engine, float]]:
    """A new engine process with additional environment variables, and the seconds until it has answered hello."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "engine", "serve"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | dict(variables or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        running = Engine(process)
        running.ask(protocol.HELLO, {})
        yield running, time.perf_counter() - begin
        assert process.stdin is not None
        process.stdin.close()
