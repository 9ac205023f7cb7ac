"""The add-on's side of the conversation with the engine.

Everything here returns at once, except `wait` and `stop`: Blender's window calls `request` and then `poll` from its
timer; `blender --background` calls `request` and `wait`. All methods belong to one thread, Blender's main one.

    client = EngineClient([engine_command(python, folder_with_engine)], folder=own_folder, log_file=log)
    job = client.request("generate", {"audio": "/music/song.ogg", "seed": 3})
    client.poll()          # from a timer, until job.state != "running"
    job.progress.fraction, answers.read_dance(job.result), job.error

The engine starts with the first request and stays. `hello` is exchanged first, so that both know they fit; of several
command lines the first that comes so far is used.
When the process dies, running requests fail with the reason and the next request starts a new process. So they do when
it stops answering: a working engine that says nothing for a while is sent another `hello`, which its main thread
answers however busy it is. Where it needs a sound that it cannot decode, the sound is decoded here and the request sent
again.
"""

from __future__ import annotations

import atexit
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.protocol import (
    CANCEL,
    HELLO,
    MOTION,
    PROGRESS,
    PROTOCOL_VERSION,
    REQUEST_CANCELLED,
    ProtocolError,
    notification,
)
from engine.protocol import request as request_message

from ..errors import AnswerError, MagmaError
from .answers import NeededSound, Progress, read_needed_sound, read_progress
from .client_errors import (
    ClientError,
    EngineDied,
    EngineNotFound,
    EngineRefused,
    EngineTimeout,
    EngineTooOld,
    RequestCancelled,
)
from .client_request import Decoding, Request, State
from .engine_log import EngineLog
from .engine_process import Ended, EngineProcess, describe_exit
from .launcher import Launcher
from .plain_text import shown

__all__ = [
    "ClientError",
    "EngineClient",
    "EngineDied",
    "EngineNotFound",
    "EngineRefused",
    "EngineTimeout",
    "EngineTooOld",
    "Progress",
    "Request",
    "RequestCancelled",
]

_TICK = 0.05
_STOP_GRACE = 0.5
_DEATH_SECONDS = 2.5  # the reader thread gives a process that closed its stdout one second to exit, its log another
_LONGEST_LOOK = 1.0  # seconds between two looks at the engine that count as silence
_DETAIL_LINES = 12
_AGAIN = "Try again: a new engine starts by itself."


class EngineClient:
    """Talks to one engine process at a time, and starts it when needed.

    commands: programs with arguments, the best first. folder: where the process works, a folder of its own, made if
    need be. log_file: where the engine's stderr goes. environment: variables to add. hello_timeout: seconds in which a
    fresh engine must answer. cancel_grace: seconds after which an engine that ignores a cancel is killed. silence:
    seconds without a message after which a working engine is asked whether it still runs. answer_time: seconds in which
    it must answer then. decode: begins to decode a sound that the engine asks for; None where nobody can.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        folder: Path,
        log_file: Path,
        environment: dict[str, str] | None = None,
        decode: Callable[[NeededSound], Decoding] | None = None,
        *,
        hello_timeout: float = 30.0,
        cancel_grace: float = 1.0,
        silence: float = 15.0,
        answer_time: float = 45.0,  # loading PyTorch from a slow disk stops all threads for half a minute
    ) -> None:
        self._log = EngineLog(Path(log_file))
        self._launcher = Launcher(commands, Path(folder), self._log, environment or {})
        self._decode = decode
        self._hello_timeout = hello_timeout
        self._cancel_grace = cancel_grace
        self._silence = silence
        self._answer_time = answer_time
        self._process: EngineProcess | None = None
        self._greeting: Request | None = None
        self._greet_by = 0.0
        self._last_id = 0
        self._running: dict[int, Request] = {}
        self._question: int | None = None  # the id of the `hello` that asks whether it still runs
        self._silent = 0.0  # seconds without a message from it, or since that question
        self._looked = time.monotonic()

    @property
    def alive(self) -> bool:
        """True while the engine's process runs."""
        return self._process is not None and self._process.alive

    @property
    def ready(self) -> bool:
        """True once the engine's process has answered `hello`."""
        return self.alive and self._greeting is None

    @property
    def python(self) -> str:
        """The program that runs the engine, or is to run it."""
        return self._launcher.python

    @property
    def pid(self) -> int | None:
        """The engine's process id, None when there is none."""
        return self._process.pid if self._process is not None else None

    def log_tail(self, lines: int = _DETAIL_LINES) -> str:
        """The last lines that the present (or last) engine process wrote to its log."""
        return self._log.tail(lines)

    def start(self) -> None:
        """Start the process unless it runs, and send `hello`. Does not wait. Raises `EngineNotFound`."""
        self.poll()
        if self._process is not None and not self._process.alive:
            self._handle_rest()
        if self._process is not None:
            return
        self._process = self._launcher.start()
        self._greet_by = time.monotonic() + self._hello_timeout
        self._restart_silence()
        self._greeting = self._new_request(HELLO, {})
        self._send(self._greeting)
        atexit.register(self.stop)

    def request(self, method: str, params: Mapping[str, object]) -> Request:
        """Send a request; starts the engine if needed. Never blocks and never raises `ClientError`: a request that
        cannot be made comes back in state 'failed'."""
        problem = None
        try:
            self.start()  # before there is a request, which the end of an old process would fail
        except EngineNotFound as error:
            problem = error
        request = self._new_request(method, params)
        if problem is not None:
            self._finish(request, "failed", error=problem)
        elif self._greeting is None:
            self._send(request)
        else:
            request.progress = request.progress._replace(message="Starting the engine")
        return request

    def cancel(self, request: Request) -> None:
        """Ask for its end; the state becomes 'cancelled' at a later `poll`, at most `cancel_grace` seconds from now."""
        if request.state != "running" or request.kill_at is not None:
            return
        if not request.sent or self._process is None:
            self._finish(request, "cancelled")
            return
        self._process.send(notification(CANCEL, {"id": request.id}))
        request.kill_at = time.monotonic() + self._cancel_grace

    def poll(self) -> None:
        """Handle the messages that have come since the last time. Never blocks."""
        while self._process is not None:
            try:
                event = self._process.inbox.get_nowait()
            except queue.Empty:
                self._check_deadlines()
                self._go_on_decoding()
                return
            self._handle(event)

    def wait(
        self, request: Request, timeout: float | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> object:
        """Block until the request has ended and return its result (JSON). `on_progress` is called with every change.

        Raises the request's `ClientError`, `RequestCancelled`, or `EngineTimeout` after `timeout` seconds; the
        request is still running then.
        """
        self.wait_for_end(request, on_progress, timeout)
        if request.error is not None:
            raise request.error
        if request.state == "cancelled":
            raise RequestCancelled("Cancelled.")
        return request.result

    def wait_for_end(
        self, request: Request, on_progress: Callable[[Progress], None] | None = None, timeout: float | None = None
    ) -> None:
        """Block until the request has ended, well or badly; see `wait`. Raises `EngineTimeout`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        shown = None
        while True:
            self.poll()
            if on_progress is not None and request.progress != shown:
                shown = request.progress
                on_progress(shown)
            if request.state != "running":
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise EngineTimeout(f"The engine has not finished {request.method} in {timeout:g} s.", self.log_tail())
            self._wait_for_event()

    def stop(self) -> None:
        """End the engine: close its stdin, wait half a second, kill it. Running requests are cancelled."""
        process = self._drop_process()
        for request in list(self._running.values()):
            self._finish(request, "cancelled")
        if process is not None:
            process.stop(_STOP_GRACE)

    # -- inside -------------------------------------------------------------------------------------------------

    def _new_request(self, method: str, params: Mapping[str, object]) -> Request:
        self._last_id += 1
        request = Request(self._last_id, method, params)
        self._running[request.id] = request
        return request

    def _send(self, request: Request) -> None:
        assert self._process is not None
        try:
            self._process.send(request_message(request.id, request.method, request.params))
        except (TypeError, ValueError, ProtocolError) as error:
            message = f"The request {request.method} cannot be sent: {error}"
            self._finish(request, "failed", error=EngineRefused(message, "RequestError", 0))
            return
        request.sent = True

    def _finish(self, request: Request, state: State, result: object = None, error: ClientError | None = None) -> None:
        self._running.pop(request.id, None)
        if request.decoding is not None:
            request.decoding.cancel()
            request.decoding = None
        request.state, request.result, request.error = state, result, error

    def _wait_for_event(self) -> None:
        """Sleep until a message comes, but no longer than a tick."""
        if self._process is None:
            return
        try:
            event = self._process.inbox.get(timeout=_TICK)
        except queue.Empty:
            return
        self._handle(event)

    def _handle_rest(self) -> None:
        """Handle the last messages of a process that has just died, so that a new one can be started."""
        deadline = time.monotonic() + _DEATH_SECONDS
        while self._process is not None and time.monotonic() < deadline:
            self._wait_for_event()
        if self._process is not None:
            self._handle_end(Ended(self._process.exit_code, None))

    def _handle(self, event: dict[str, object] | Ended) -> None:
        if isinstance(event, Ended):
            self._handle_end(event)
            return
        self._restart_silence()
        if event.get("method") == PROGRESS:
            self._handle_progress(event.get("params"))
        elif event.get("method") == MOTION:
            request = self._request_of(event.get("params"))
            if request is not None:
                request.frames.append(event.get("params"))
        elif "method" not in event:
            self._handle_answer(event)

    def _request_of(self, params: object) -> Request | None:
        """The running request that a message is about."""
        request_id = params.get("id") if isinstance(params, dict) else None
        return self._running.get(request_id) if isinstance(request_id, int) else None

    def _handle_end(self, end: Ended) -> None:
        if self._greeting is not None and self._start_with_another(describe_exit(end.exit_code)):
            return
        if end.garbage is not None:
            message = f"The engine was stopped: it wrote something that is no message ({shown(end.garbage)}). {_AGAIN}"
        else:
            message = f"The engine {describe_exit(end.exit_code)}. {_AGAIN}"
        self._fail_all(EngineDied(message, self.log_tail()))

    def _start_with_another(self, reason: str) -> bool:
        """After an engine that has not said hello: whether there is another Python to go on with, or all have failed
        with that. reason: the end of a sentence."""
        if not self._launcher.has_several:
            return False
        if not self._launcher.pass_on(reason):
            self._fail_all(self._launcher.error())
            return True
        self._kill()
        try:
            self.start()
        except EngineNotFound as error:
            self._fail_all(error)
        return True

    def _handle_progress(self, params: object) -> None:
        request = self._request_of(params)
        if request is None:
            return
        try:
            request.progress = read_progress(params)
        except AnswerError as error:
            self._break(f"The engine reported progress that cannot be read. {error}")

    def _handle_answer(self, answer: dict[str, object]) -> None:
        request = self._request_of(answer)
        error = answer.get("error")
        if request is None:
            # the answer to a request that was given up, or an error about the bytes that we sent
            if answer.get("id") is None and isinstance(error, dict):
                self._break(f"The engine did not understand the add-on ({shown(error.get('message'))}). {_AGAIN}")
            return
        if request.kill_at is not None:
            self._finish(request, "cancelled")
        elif isinstance(error, dict):
            self._finish_refused(request, error)
        elif "result" not in answer:
            self._break(f"The engine sent an answer without a result. {_AGAIN}")
        elif request is self._greeting:
            self._handle_greeting(request, answer["result"])
        else:
            self._finish(request, "done", result=answer["result"])

    def _finish_refused(self, request: Request, error: dict[str, object]) -> None:
        if request is self._greeting:
            self._break(f"The engine refused to start: {shown(error.get('message'))}")
        elif error.get("code") == REQUEST_CANCELLED:
            self._finish(request, "cancelled")
        elif self._begin_decoding(request, error):
            request.sent = False
        else:
            data = error.get("data")
            error_type = shown(data.get("type", "")) if isinstance(data, dict) else ""
            code = error.get("code")
            refusal = EngineRefused(
                shown(error.get("message", "The engine gave no reason. Its log may say more.")),
                error_type,
                code if isinstance(code, int) else 0,
                self.log_tail(),
            )
            self._finish(request, "failed", error=refusal)

    def _begin_decoding(self, request: Request, error: dict[str, object]) -> bool:
        """Whether the engine only needs a sound decoded, which has begun then; the request is sent again after it."""
        try:
            needed = read_needed_sound(error)
        except AnswerError:
            return False
        if needed is None or self._decode is None or needed in request.asked:
            return False
        request.asked.append(needed)
        request.decoding = self._decode(needed)
        request.progress = Progress("audio", 0.0, "Decoding the song", None)
        return True

    def _go_on_decoding(self) -> None:
        for request in [one for one in self._running.values() if one.decoding is not None]:
            try:
                if request.decoding is None or not request.decoding.poll():
                    continue
            except MagmaError as error:
                self._finish(request, "failed", error=ClientError(str(error)))
                continue
            request.decoding = None
            if self._greeting is None and self._process is not None:
                self._send(request)

    def _handle_greeting(self, greeting: Request, hello: object) -> None:
        protocol = hello.get("protocol") if isinstance(hello, dict) else None
        if protocol != PROTOCOL_VERSION:
            message = (
                f"The engine speaks version {shown(protocol)} of the protocol and the add-on version "
                f"{PROTOCOL_VERSION}. Clear Engine Python in the add-on's preferences, or install the add-on again."
            )
            self._fail_all(EngineTooOld(message, self.log_tail()))
            return
        self._greeting = None
        self._finish(greeting, "done", result=hello)
        for request in [one for one in self._running.values() if one.decoding is None]:
            request.progress = request.progress._replace(message="Waiting for the engine")
            self._send(request)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        if self._greeting is not None and now >= self._greet_by:
            if self._start_with_another(f"did not answer in {self._hello_timeout:g} s"):
                return
            message = (
                f"The engine did not answer in {self._hello_timeout:g} s after its start. "
                "Check the engine's Python in the add-on's preferences."
            )
            self._fail_all(EngineTimeout(message, self.log_tail()))
        elif self._greeting is None and self._running and self._process is not None:
            self._check_silence(now)
        self._looked = now
        ignored = [r for r in self._running.values() if r.kill_at is not None and now >= r.kill_at]
        if ignored:
            self._kill()
            for request in ignored:
                self._finish(request, "cancelled")
            self._start_over()

    def _restart_silence(self) -> None:
        self._question, self._silent, self._looked = None, 0.0, time.monotonic()

    def _check_silence(self, now: float) -> None:
        """Ask an engine that says nothing whether it still runs; end one that does not answer."""
        assert self._process is not None
        # nothing can come while nobody looks: a window that is busy, or a computer that slept, counts as a moment
        self._silent += min(now - self._looked, _LONGEST_LOOK)
        if self._question is None and self._silent >= self._silence:
            self._last_id += 1
            self._question, self._silent = self._last_id, 0.0
            self._process.send(request_message(self._question, HELLO, {}))
        elif self._question is not None and self._silent >= self._answer_time:
            message = (
                f"The engine stopped answering ({self._silence + self._answer_time:g} s without a sign of life) and "
                f"was ended: it was suspended, or the computer has run out of memory. {_AGAIN}"
            )
            self._fail_all(EngineTimeout(message, self.log_tail()))

    def _start_over(self) -> None:
        """Give the requests that were waiting behind a cancelled one to a new engine."""
        waiting = list(self._running.values())
        for request in waiting:
            if request.kill_at is not None:
                self._finish(request, "cancelled")
            request.sent = False
        if not self._running:
            return
        try:
            self.start()
        except EngineNotFound as error:
            self._fail_all(error)

    def _break(self, message: str) -> None:
        """End the conversation with an engine whose messages make no sense."""
        self._fail_all(EngineDied(message, self.log_tail()))

    def _fail_all(self, error: ClientError) -> None:
        self._kill()
        for request in list(self._running.values()):
            if request.kill_at is not None:
                self._finish(request, "cancelled")
            else:
                self._finish(request, "failed", error=error)

    def _kill(self) -> None:
        process = self._drop_process()
        if process is not None:
            process.kill()

    def _drop_process(self) -> EngineProcess | None:
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        greeting, self._greeting = self._greeting, None
        if greeting is not None:
            self._running.pop(greeting.id, None)
        return process
