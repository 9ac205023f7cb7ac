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
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeGuard

from engine import VERSION, protocol
from engine.checkpoint_index import list_checkpoints
from engine.checks import is_number, shortened, shown
from engine.errors import CancelledError, EngineError
from engine.protocol import MessageReader, ProtocolError, TruncatedError
from engine.service.failures import describe_error, needed_sound
from engine.service.jobs import HANDLERS
from engine.service.log import Log, claim_streams, summary

JobId = int | str
MOST_WAITING = 64
"""Requests that may wait for their turn."""
STUCK_EXIT = 4
"""Exit code of an engine that ends because a cancelled request does not."""
_LEAVE_SECONDS = 1.0
_PROGRESS_SECONDS = 0.1
_LONGEST_MESSAGE = 200
"""Characters of a progress message."""
_ABANDON_SECONDS = 0.5
"""A cancelled request that has not ended by then, such as one that imports libraries, is answered before it ends."""
_STUCK_SECONDS = 60.0
"""A request that goes on for so long after it was cancelled never ends."""


def main() -> None:
    """Serve on this process's stdin and stdout until they close."""
    faulthandler.enable(os.dup(2))  # a descriptor of its own: a crash is told even when the log is full
    log = Log(sys.stderr)
    stdin, stdout = _claim_pipes()
    idle = serve(stdin, stdout, log)
    if not idle:
        os._exit(0)  # nobody waits for the job any more, and it would keep the process alive


def serve(stdin: IO[bytes], stdout: IO[bytes], log: Log) -> bool:
    """Answer requests until `stdin` ends or `shutdown` or `exit` comes. Returns False if a job still runs then."""
    return _Server(stdin, stdout, log).run()


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
    claim_streams(sys.stderr)
    return stdin, stdout


def _is_id(value: object) -> TypeGuard[JobId]:
    """Whether a value can be a request's id. Others are not echoed."""
    if isinstance(value, str):
        return len(value) <= protocol.LONGEST_ID
    return isinstance(value, int) and is_number(value, -1e15, 1e15)


def _later(seconds: float, call: Callable[[_Job], None], job: _Job) -> None:
    timer = threading.Timer(seconds, call, [job])
    timer.daemon = True
    timer.start()


class _Job:
    def __init__(self, job_id: JobId, method: str, params: dict[str, Any]) -> None:
        self.id = job_id
        self.method = method
        self.params = params
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self.started = False


class _Server:
    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], log: Log) -> None:
        self._log = log
        self._reader = MessageReader(stdin)
        self._stdout = stdout
        self._write_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._jobs: dict[JobId, _Job] = {}  # those not answered yet
        self._jobs_lock = threading.Lock()
        self._worker = threading.Thread(target=self._work, name="engine-worker", daemon=True)

    def run(self) -> bool:
        self._worker.start()
        self._log.line(f"engine {VERSION}, Python {platform.python_version()}, process {os.getpid()}")
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
            self._log.line(str(error))
            return False
        except ProtocolError as error:
            self._refuse(None, str(error), error.code, type(error).__name__)
            return True
        except OSError as error:
            self._log.line(f"stdin failed: {error}")
            return False
        return message is not None and self._dispatch(message)

    def _dispatch(self, message: dict[str, Any]) -> bool:
        method, params = message.get("method"), message.get("params")
        params = {} if params is None else params
        if not isinstance(method, str) or not isinstance(params, dict):
            self._refuse(message.get("id"), "A request needs a method (text) and params (an object).")
            return True
        if "id" not in message:
            if method == protocol.CANCEL:
                self._cancel(params.get("id"))
            return method != protocol.EXIT
        job_id = message["id"]
        if not _is_id(job_id):
            self._refuse(
                None,
                f"A request's id must be a whole number or text of at most {protocol.LONGEST_ID} characters, not "
                f"{shown(job_id)}.",
            )
        elif method == protocol.HELLO:
            self._greet(job_id)
        elif method == protocol.SHUTDOWN:
            self._send(protocol.response(job_id, None))
            return False
        elif method in HANDLERS:
            self._enqueue(_Job(job_id, method, params))
        else:
            text = f"The engine does not know {shown(method)}; it knows {', '.join(HANDLERS)}."
            self._refuse(job_id, text, protocol.METHOD_NOT_FOUND, "MethodNotFound")
        return True

    def _greet(self, job_id: JobId) -> None:
        try:
            self._send(protocol.response(job_id, hello()))
        except Exception as error:  # whatever is wrong with a folder of checkpoints, the engine can say so
            self._log.failure(error)
            self._send_error(job_id, *describe_error(error))

    def _enqueue(self, job: _Job) -> None:
        with self._jobs_lock:
            full = len(self._jobs) >= MOST_WAITING
            known = job if full else self._jobs.setdefault(job.id, job)
        if full:
            self._refuse(job.id, f"{MOST_WAITING} requests are waiting already. Wait until some have been answered.")
        elif known is job:
            self._queue.put(job)
        else:
            self._refuse(job.id, f"Request {shown(job.id)} is already running.")

    def _cancel(self, job_id: object) -> None:
        with self._jobs_lock:
            job = self._jobs.get(job_id) if isinstance(job_id, (int, str)) else None
            if job is None or job.cancelled.is_set():  # it has just been answered, or will be
                return
            job.cancelled.set()
            waiting = not job.started
            if waiting:
                del self._jobs[job.id]
        if waiting:
            self._send_error(job.id, *describe_error(CancelledError()))
        else:
            _later(_ABANDON_SECONDS, self._abandon, job)

    # -- timers' threads ----------------------------------------------------------------------------------------

    def _abandon(self, job: _Job) -> None:
        """Answer a cancelled job that is in a step that cannot be interrupted. The next job waits for its end."""
        if self._claim(job):
            self._log.line(f"{job.method} {shown(job.id)}: cancelled, before it has ended")
            self._send_error(job.id, *describe_error(CancelledError()))
            _later(_STUCK_SECONDS, self._leave_stuck, job)

    def _leave_stuck(self, job: _Job) -> None:
        """End the process if a cancelled job has not ended: no other job would ever begin."""
        if job.ended.is_set():
            return
        with self._jobs_lock:
            waiting, self._jobs = list(self._jobs.values()), {}
        error = EngineError("The engine was stuck in a request that was cancelled. Try again: a new engine starts.")
        for other in waiting:
            self._send_error(other.id, *describe_error(error))
        self._log.line(f"{job.method} {shown(job.id)}: does not end though it was cancelled; the engine leaves")
        os._exit(STUCK_EXIT)

    # -- worker thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._jobs_lock:
                if self._jobs.get(job.id) is not job:  # cancelled while it waited
                    continue
                job.started = True
            begin = time.monotonic()
            answer = self._answer(job)
            job.ended.set()
            if self._claim(job):
                outcome = answer["error"]["message"] if "error" in answer else "done"
                self._log.line(f"{job.method} {shown(job.id)}: {outcome} ({time.monotonic() - begin:.1f} s)")
                self._send(answer)

    def _answer(self, job: _Job) -> dict[str, Any]:
        self._log.line(f"{job.method} {shown(job.id)}: {summary(job.params)}")
        reporter = _Reporter(self, job)
        try:
            result = HANDLERS[job.method](job.params, reporter, job.cancelled.is_set)
            if job.cancelled.is_set():
                raise CancelledError
            return protocol.response(job.id, result)
        except BaseException as error:  # libraries leave with SystemExit, and Rust's panics are no Exception
            code, text, error_type = describe_error(error)
            if code in (protocol.INTERNAL_ERROR, protocol.OUT_OF_MEMORY) or isinstance(error, OSError):
                self._log.failure(error)
            if job.cancelled.is_set():
                code, text, error_type = describe_error(CancelledError())
            return protocol.error_response(job.id, code, text, error_type, needed_sound(error))

    # -- both threads -------------------------------------------------------------------------------------------

    def _claim(self, job: _Job) -> bool:
        """Whether this call may answer the job: each is answered once."""
        with self._jobs_lock:
            if self._jobs.get(job.id) is not job:
                return False
            del self._jobs[job.id]
            return True

    def _refuse(
        self, job_id: Any, text: str, code: int = protocol.INVALID_REQUEST, error_type: str = "InvalidRequest"
    ) -> None:
        self._log.refused(text)
        self._send_error(job_id if _is_id(job_id) else None, code, text, error_type)

    def _send_error(self, job_id: JobId | None, code: int, text: str, error_type: str) -> None:
        self._send(protocol.error_response(job_id, code, text, error_type))

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            data = protocol.encode_message(message)
        except Exception as error:
            self._log.failure(error)
            code, text, error_type = describe_error(error)
            if code == protocol.INTERNAL_ERROR:
                text = f"The result cannot be sent: {shortened(str(error), 500)}"
            data = protocol.encode_message(protocol.error_response(message.get("id"), code, text, error_type))
        self.send_frame(data)

    def send_frame(self, data: bytes) -> None:
        """Write one frame. A pipe that is gone is no error here: stdin ends too and the engine leaves."""
        with self._write_lock:
            try:
                self._stdout.write(data)
                self._stdout.flush()
            except (OSError, ValueError) as error:  # ValueError: closed
                self._log.line(f"stdout is gone: {error}")


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
            "message": shortened(message, _LONGEST_MESSAGE),
            "seconds_left": self._seconds_left(now, fraction),
        }
        self.notify(protocol.PROGRESS, params)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification with the job's id."""
        if self._job.cancelled.is_set():
            raise CancelledError
        message = protocol.notification(method, {"id": self._job.id, **params})
        self._server.send_frame(protocol.encode_message(message))

    def _seconds_left(self, now: float, fraction: float) -> float | None:
        """By the speed of the present stage: earlier ones, such as loading libraries, say nothing about it."""
        begin, begin_fraction = self._stage_begin
        if now - begin < 0.3 or fraction - begin_fraction < 0.01:
            return None
        return round((1.0 - fraction) * (now - begin) / (fraction - begin_fraction), 1)
