"""The real server with a made-up `generate`: the request's `audio` names what it does. Run as a script."""

from __future__ import annotations

import os
import sys
import time
import types
from dataclasses import dataclass, field
from typing import Any

from engine.choreography import Audio, CheckpointIdentity, Choreography, new_choreography
from engine.errors import AudioError, CancelledError
from engine.service import server

NOTHING = new_choreography([[1]], 10.0, Audio("song.wav", "0" * 64), CheckpointIdentity("fake", "0" * 64), 0, None)


@dataclass(frozen=True)
class GenerateRequest:
    audio: str
    start: float = 0.0
    seconds: float | None = None
    seed: int = 0
    style: str | None = None


@dataclass
class Dance:
    report: dict[str, Any] = field(default_factory=dict)
    document: Choreography = NOTHING

    def to_npz(self) -> bytes:
        return b"npz of " + str(self.report.get("audio")).encode("utf-8", "surrogateescape")


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


def slow(cancelled: Any, progress: Any) -> None:
    for step in range(2000):
        progress("tokens", step / 2000, f"step {step}")
        time.sleep(0.01)
        if cancelled():
            raise CancelledError("stopped")


@dataclass
class Frames:
    """Two frames of motion, as far as sending them goes."""

    fps: float = 20.0
    poses: tuple[tuple[float, ...], ...] = ((0.0,) * 72,) * 2
    trans: tuple[tuple[float, ...], ...] = ((0.0,) * 3,) * 2


def generate(request: GenerateRequest, progress: Any, cancelled: Any, show: Any = None) -> Dance:
    what = os.path.basename(request.audio)  # noqa: PTH119
    progress("decode", 0.5, "half way")
    if show is not None:
        show(0, Frames())
        show(2, Frames())
    if what == "slow":
        slow(cancelled, progress)
    elif what == "report-only":
        slow(lambda: False, progress)
    elif what == "deaf":
        time.sleep(60)
    elif what == "exit":
        os._exit(7)
    elif what == "sysexit":
        sys.exit("a library left")
    elif what == "print":
        print("printed " * 200_000)
        sys.stdout.write("Content-Length: 3\r\n\r\nabc")
        os.write(1, b"written to descriptor 1\n")
        os.system("echo from a child process")
    elif what == "read-stdin":
        return Dance({"audio": request.audio, "stdin": os.read(0, 10).decode()})
    elif what == "garbage":
        protocol_descriptor = next(fd for fd in range(3, 20) if _is_pipe_for_writing(fd))
        os.write(protocol_descriptor, b"\x00\xffgarbage\n")
        time.sleep(60)
    elif what == "crash":
        raise KeyError("surprise")
    elif what == "package":
        raise ModuleNotFoundError("No module named 'torch'")
    elif what == "memory":
        raise MemoryError
    elif what == "torch-memory":
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB")
    elif what == "cpu-memory":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    elif what == "text.mp3":
        raise AudioError("text.mp3 holds no sound: choose an audio file.")
    elif what == "unsendable":
        return Dance({"audio": request.audio, "bad": object()})
    return Dance({"audio": request.audio, "seed": request.seed, "nan": float("nan")})


def _is_pipe_for_writing(descriptor: int) -> bool:
    import fcntl
    import stat

    try:
        mode = os.fstat(descriptor).st_mode
        return stat.S_ISFIFO(mode) and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False


module = types.ModuleType("engine.pipeline.generate")
module.GenerateRequest, module.generate = GenerateRequest, generate  # type: ignore[attr-defined]
sys.modules["engine.pipeline.generate"] = module
doctor = types.ModuleType("engine.service.doctor")
doctor.report = lambda: {"device": "cpu"}  # type: ignore[attr-defined]
sys.modules["engine.service.doctor"] = doctor
server.main()
