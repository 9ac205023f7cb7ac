"""The engine as the add-on runs it, a process with requests over its pipes, timed from outside."""

from __future__ import annotations

import itertools
import json
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
        self.last_dance: dict[str, Any] = {}

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
        self.last_dance, waited = self.ask(protocol.GENERATE, {**params, "stream": True})
        # when it reaches the add-on, not when the engine sends it
        return self.last_dance["report"] | {"first_motion_seconds": self.first_motion}, waited

    def regenerate(self, seconds: float, device: str = "cpu") -> float:
        """Seconds until the middle `seconds` of the last dance have been generated again."""
        dance = {name: self.last_dance[name] for name in ("document", "npz")}
        document = json.loads(dance["document"])
        count, length = document["spans"][-1]["stop"], round(seconds * document["token_rate"])
        start = (count - length) // 2
        operation = {"do": "replace", "start": start, "stop": start + length}
        return self.ask(protocol.EDIT, {**dance, "operations": [operation], "device": device})[1]

    def processor_seconds(self) -> float:
        """Processor time that its process has used; NaN where the system does not tell."""
        try:
            used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return float("nan")
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self) -> float:
        """The most memory, in MB, that its process has had resident; NaN where the system does not tell."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return float("nan")
        return next(float(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))


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
