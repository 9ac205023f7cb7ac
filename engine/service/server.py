"""The engine as a process: reads requests from stdin, answers on stdout, and ends when stdin closes.

The main thread reads and answers `hello` and cancels at once; one worker thread does the jobs, one after the other.
What any library prints goes to stderr, which the add-on sends to a log file. See `engine.protocol` for the language.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib.metadata
import os
import platform
import queue
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import IO, Any

from engine import VERSION, protocol
from engine.checkpoint_index import list_checkpoints
from engine.checks import shown
from engine.errors import CancelledError
from engine.protocol import MessageReader, ProtocolError, TruncatedError
from engine.service.failures import describe_error
from engine.service.jobs import HANDLERS

JobId = int | str
_LEAVE_SECONDS = 1.0
_PROGRESS_SECONDS = 0.1


def main() -> None:
    """Serve on this process's stdin and stdout until they close."""
    faulthandler.enable()
    stdin, stdout = _claim_pipes()
    idle = serve(stdin, stdout)
    sys.stderr.flush()
    if not idle:
        os._exit(0)  # nobody waits for the job any more, and it would keep the process alive


def serve(stdin: IO[bytes], stdout: IO[bytes]) -> bool:
    """Answer requests until `stdin` ends or `shutdown` or `exit` comes. Returns False if a job still runs then."""
    return _Server(stdin, stdout).run()


def hello() -> dict[str, Any]:
    """The versions and checkpoints of this engine, without importing anything heavy."""
    try:
        torch: str | None = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = None
    return {
        "protocol": protocol.PROTOCOL_VERSION,
        "engine_version": VERSION,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": torch,
        "checkpoints": list_checkpoints(),
    }


def _claim_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Reserve stdin and stdout for the protocol: code that uses the usual ones, in Python, in C or in a child process,
    then reads nothing and writes to stderr."""
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stdin, stdout


def _log(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


class _Job:
    def __init__(self, job_id: JobId, method: str, params: dict[str, Any]) -> None:
        self.id = job_id
        self.method = method
        self.params = params
        self.cancelled = threading.Event()
        self.started = False


class _Server:
    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._reader = MessageReader(stdin)
        self._stdout = stdout
        self._write_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._jobs: dict[JobId, _Job] = {}  # those not answered yet
        self._jobs_lock = threading.Lock()
        self._worker = threading.Thread(target=self._work, name="engine-worker", daemon=True)

    def run(self) -> bool:
        self._worker.start()
        _log(f"engine {VERSION}, Python {platform.python_version()}, process {os.getpid()}")
        with contextlib.suppress(KeyboardInterrupt):
            while self._read_one():
                pass
        with self._jobs_lock:
            for job in self._jobs.values():
                job.cancelled.set()
        self._queue.put(None)
        self._worker.join(_LEAVE_SECONDS)
        return not self._worker.is_alive()

    # -- main thread --------------------------------------------------------------------------------------------

    def _read_one(self) -> bool:
        """Handle one message; False when it was the last."""
        try:
            message = self._reader.read()
        except TruncatedError as error:
            _log(str(error))
            return False
        except ProtocolError as error:
            _log(str(error))
            self._send_error(None, error.code, str(error), type(error).__name__)
            return True
        except OSError as error:
            _log(f"stdin failed: {error}")
            return False
        return message is not None and self._dispatch(message)

    def _dispatch(self, message: dict[str, Any]) -> bool:
        method, params = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            self._refuse(message.get("id"), "A request needs a method (text) and params (an object).")
            return True
        if "id" not in message:
            if method == protocol.CANCEL:
                self._cancel(params.get("id"))
            return method != protocol.EXIT
        job_id = message["id"]
        if isinstance(job_id, bool) or not isinstance(job_id, (int, str)):
            self._refuse(None, f"A request's id must be a number or text, not {shown(job_id)}.")
        elif method == protocol.HELLO:
            self._send(protocol.response(job_id, hello()))
        elif method == protocol.SHUTDOWN:
            self._send(protocol.response(job_id, None))
            return False
        elif method in HANDLERS:
            self._enqueue(_Job(job_id, method, params))
        else:
            text = f"The engine does not know {shown(method)}; it knows {', '.join(HANDLERS)}."
            self._send_error(job_id, protocol.METHOD_NOT_FOUND, text, "MethodNotFound")
        return True

    def _enqueue(self, job: _Job) -> None:
        with self._jobs_lock:
            known = self._jobs.setdefault(job.id, job)
        if known is job:
            self._queue.put(job)
        else:
            self._refuse(job.id, f"Request {shown(job.id)} is already running.")

    def _cancel(self, job_id: object) -> None:
        with self._jobs_lock:
            job = self._jobs.get(job_id) if isinstance(job_id, (int, str)) else None
            if job is None:  # it has just been answered
                return
            job.cancelled.set()
            waiting = not job.started
            if waiting:
                del self._jobs[job.id]
        if waiting:
            self._send_error(job.id, *describe_error(CancelledError()))

    # -- worker thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._jobs_lock:
                if self._jobs.get(job.id) is not job:  # cancelled while it waited
                    continue
                job.started = True
            begin = time.monotonic()
            answer = self._answer(job)
            with self._jobs_lock:
                del self._jobs[job.id]
            outcome = answer["error"]["message"] if "error" in answer else "done"
            _log(f"{job.method} {job.id}: {outcome} ({time.monotonic() - begin:.1f} s)")
            self._send(answer)

    def _answer(self, job: _Job) -> dict[str, Any]:
        _log(f"{job.method} {job.id}: {job.params}")
        reporter = _Reporter(self, job)
        try:
            result = HANDLERS[job.method](job.params, reporter, job.cancelled.is_set)
            if job.cancelled.is_set():
                raise CancelledError
            return protocol.response(job.id, result)
        except (Exception, SystemExit) as error:
            code, text, error_type = describe_error(error)
            if code in (protocol.INTERNAL_ERROR, protocol.OUT_OF_MEMORY):
                traceback.print_exc()
            if job.cancelled.is_set():
                code, text, error_type = describe_error(CancelledError())
            return protocol.error_response(job.id, code, text, error_type)

    # -- both threads -------------------------------------------------------------------------------------------

    def _refuse(self, job_id: Any, text: str) -> None:
        plain_id = job_id if isinstance(job_id, (int, str)) and not isinstance(job_id, bool) else None
        self._send_error(plain_id, protocol.INVALID_REQUEST, text, "InvalidRequest")

    def _send_error(self, job_id: JobId | None, code: int, text: str, error_type: str) -> None:
        self._send(protocol.error_response(job_id, code, text, error_type))

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            data = protocol.encode_message(message)
        except (ProtocolError, TypeError, ValueError) as error:
            traceback.print_exc()
            text = f"The result cannot be sent: {error}"
            data = protocol.encode_message(
                protocol.error_response(message.get("id"), protocol.INTERNAL_ERROR, text, type(error).__name__)
            )
        self.send_frame(data)

    def send_frame(self, data: bytes) -> None:
        """Write one frame. A pipe that is gone is no error here: stdin ends too and the engine leaves."""
        with self._write_lock:
            try:
                self._stdout.write(data)
                self._stdout.flush()
            except (OSError, ValueError) as error:  # ValueError: closed
                _log(f"stdout is gone: {error}")


class _Reporter:
    """The reporter of one job: sends progress at most ten times a second, and estimates the time left.

    Raises `CancelledError` once the job is cancelled, so that a job which only reports stops too.
    """

    def __init__(self, server: _Server, job: _Job) -> None:
        self._server = server
        self._job = job
        self._stage: str | None = None
        self._stage_begin = (0.0, 0.0)  # time, fraction
        self._sent_at = 0.0

    def __call__(self, stage: str, fraction: float, message: str) -> None:
        if self._job.cancelled.is_set():
            raise CancelledError
        now = time.monotonic()
        fraction = min(max(float(fraction), 0.0), 1.0)
        if stage != self._stage:
            self._stage = stage
            self._stage_begin = (now, fraction)
        elif now - self._sent_at < _PROGRESS_SECONDS and fraction < 1.0:
            return
        self._sent_at = now
        params = {
            "stage": stage,
            "fraction": fraction,
            "message": message,
            "seconds_left": self._seconds_left(now, fraction),
        }
        self.notify(protocol.PROGRESS, params)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification with the job's id."""
        message = protocol.notification(method, {"id": self._job.id, **params})
        self._server.send_frame(protocol.encode_message(message))

    def _seconds_left(self, now: float, fraction: float) -> float | None:
        """By the speed of the present stage: earlier ones, such as loading libraries, say nothing about it."""
        begin, begin_fraction = self._stage_begin
        if now - begin < 0.3 or fraction - begin_fraction < 0.01:
            return None
        return round((1.0 - fraction) * (now - begin) / (fraction - begin_fraction), 1)
