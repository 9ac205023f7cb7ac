"""The one place that holds what is going on: the engine's client, the job, the engine task, the installation.

It lives outside the .blend, so undo and file loading do not touch it. `poll` is called by one application timer while
something runs and by the operator that waits for a job; it never blocks. Only the operator that begins a job knows what
it does to the scene.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import bpy

from engine.checkpoint_index import FOLDERS_VARIABLE
from engine.decoded_sounds import FOLDER_VARIABLE
from engine.heard_songs import FOLDER_VARIABLE as HEARD_VARIABLE
from smpl_rig.blender.context import windows_of

from .. import paths
from ..errors import AnswerError, MagmaError
from . import engine_setup
from .answers import DanceAnswer, Progress, read_dance
from .client import EngineClient, Request
from .decoding import Decoding
from .engine_setup import EngineSetup
from .installation.install import Installation
from .notices import LOG_LINES, Notice, of_error

TICK = 0.1
"""Seconds between two looks at the engine while something runs."""
REDRAWN = {"SEQUENCE_EDITOR": "UI", "VIEW_3D": "UI", "PREFERENCES": "WINDOW"}
"""The region of each kind of editor that shows what is going on."""

Finish = Callable[[bpy.types.Context, DanceAnswer], bpy.types.Object]
"""Puts the engine's answer into the scene and returns the armature. Raises MagmaError with the scene as it was."""
Tell = Callable[[bpy.types.Object, DanceAnswer, float], Notice]
"""Puts what was done into words. Called with the armature, the engine's answer, and the seconds that passed."""
TellTask = Callable[[object], Notice]
"""Puts the answer (JSON) to a request that changes no scene into words. Raises AnswerError where it makes no sense."""


Ahead = Callable[[DanceAnswer], Callable[[], object]]
"""Looks at the scene and gives what takes long in putting the engine's answer there, as work that touches nothing of
Blender's; what it finds out is remembered where it is needed. May raise anything: `Finish` says what is wrong."""


class JobTarget(Protocol):
    """The armature that a job is for."""

    def find(self) -> bpy.types.Object:
        """The armature, whatever happened meanwhile. Raises MagmaError when it is gone."""


@dataclass
class Job:
    """A dance being generated or edited. title: what is being done. target: None for an armature that is not made yet.
    preview: whether its frames are shown while they are generated. ahead: what may be worked out beside the window
    before `finish`."""

    title: str
    request: Request
    finish: Finish
    tell: Tell
    target: JobTarget | None
    preview: bool
    started: float
    ahead: Ahead | None = None
    worker: threading.Thread | None = None


@dataclass(frozen=True)
class EngineTask:
    """A request that changes no scene. title: what the engine is doing."""

    title: str
    request: Request
    tell: TellTask


def _quietly(work: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # it comes again where the work is done once more
        work()


class Session:
    """See the module's text."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.task: EngineTask | None = None
        self.installation: Installation | None = None
        self.notice: Notice | None = None
        self.python: str | None = None
        """Interpreter that goes before the one in the preferences (of the batch command)."""
        self.device: str | None = None
        self._dropped: Request | None = None
        self._client: EngineClient | None = None
        self._client_setup: EngineSetup | None = None

    # -- the engine ---------------------------------------------------------------------------------------------

    def setup(self) -> EngineSetup:
        """The engine to use now. Raises SetupError."""
        return engine_setup.find(self.python, self.device)

    @property
    def engine_runs(self) -> bool:
        """True while the engine's process is there."""
        return self._client is not None and self._client.alive

    def python_of(self, setup: EngineSetup) -> str:
        """The program that runs the engine: the first, unless the running engine had to take another."""
        if self._client is None or self._client_setup is None or self._client_setup.commands != setup.commands:
            return setup.commands[0][0]
        return self._client.python

    def client(self, setup: EngineSetup) -> EngineClient:
        """The client of the engine; another interpreter or data folder stops the old one."""
        same = self._client_setup is not None and (self._client_setup.commands, self._client_setup.data) == (
            setup.commands,
            setup.data,
        )
        if self._client is None or not same:
            self.stop_engine()
            decoded = paths.decoded_sounds_folder()
            self._client = EngineClient(
                setup.commands,
                folder=setup.work_folder,
                log_file=setup.log_file,
                environment={
                    FOLDERS_VARIABLE: os.pathsep.join(map(str, paths.own_checkpoint_folders(setup.data))),
                    FOLDER_VARIABLE: str(decoded),
                    HEARD_VARIABLE: str(paths.heard_songs_folder(setup.data)),
                },
                decode=lambda needed: Decoding(needed, decoded, at_once=bpy.app.background),
            )
            self._client_setup = setup
        return self._client

    def stop_engine(self) -> None:
        """End the engine's process; a running request is cancelled."""
        if self._client is not None:
            self._client.stop()
        self._client = self._client_setup = None

    # -- jobs: changes of the scene -----------------------------------------------------------------------------

    def begin_job(
        self,
        method: str,
        params: dict[str, object],
        setup: EngineSetup,
        title: str,
        finish: Finish,
        tell: Tell,
        target: JobTarget | None,
        preview: bool = False,
        ahead: Ahead | None = None,
    ) -> Job:
        """Ask the engine for a change of the scene; see `Job`. Raises MagmaError, with nothing begun."""
        self.check_idle()
        engine_setup.check_device(setup)
        request = self.client(setup).request(method, params)
        self.notice = None
        self.job = Job(title, request, finish, tell, target, preview, time.monotonic(), ahead)
        return self.job

    def check_idle(self) -> None:
        """Raise MagmaError while a job, a task or an installation goes on: each needs the engine for itself."""
        if self.job is not None:
            raise MagmaError("A dance is being made already: wait for it, or press Cancel.")
        if self.installation is not None:
            raise MagmaError("PyTorch is being installed: wait for it, or press Cancel.")
        if self.task is not None:
            raise MagmaError(f"The engine is busy ({self.task.title}): wait for it, or press Cancel.")

    def wait_for_job(self, on_progress: Callable[[Progress], None]) -> None:
        """Block until the running job's request has ended, well or badly (for background)."""
        assert self.job is not None and self._client is not None
        self._client.wait_for_end(self.job.request, on_progress)

    def cancel_job(self) -> None:
        """Ask for the end of the running job; within a second its request is over."""
        if self.job is not None and self._client is not None:
            self._client.cancel(self.job.request)
            self.start_ticking()

    def work_ahead(self) -> bool:
        """Whether the ended request's answer can be put into the scene now; until then what takes long is worked out
        beside the window."""
        job = self.job
        assert job is not None
        if job.ahead is None or job.request.state != "done":
            return True
        if job.worker is None:
            try:
                work = job.ahead(read_dance(job.request.result))
            except Exception:  # which comes again in `finish_job`
                return True
            job.worker = threading.Thread(target=_quietly, args=(work,), name="MAGMA keys", daemon=True)
            job.worker.start()
        return not job.worker.is_alive()

    def finish_job(self, context: bpy.types.Context) -> bpy.types.Object:
        """Put the ended request's answer into the scene and return the armature; the job is over in any case.

        Raises MagmaError with the reason when there is none; the notice then says the same.
        """
        job, self.job = self.job, None
        assert job is not None and job.request.state != "running"
        try:
            if job.request.state == "cancelled":
                raise MagmaError("Cancelled: the scene is as it was.")
            if job.request.error is not None:
                self.notice = of_error(job.request.error)
                raise MagmaError(str(job.request.error))
            answer = read_dance(job.request.result)
            armature = job.finish(context, answer)
        except MagmaError as error:
            if self.notice is None:
                self.notice = Notice(str(error), is_error=job.request.state != "cancelled")
            raise
        told = job.tell(armature, answer, time.monotonic() - job.started)
        self.notice = Notice(told.text, details=(*told.details, *answer.notices))
        return armature

    def drop_job(self, reason: str) -> None:
        """Forget the running job, because nobody is left to finish it (another file is loaded)."""
        if self.job is not None:
            self.cancel_job()
            self._dropped = self.job.request
            self.job = None
            self.notice = Notice(reason)

    # -- engine tasks and the installation ----------------------------------------------------------------------

    def start_task(self, title: str, method: str, params: dict[str, object], tell: TellTask) -> None:
        """Ask the engine for something that changes no scene. Raises MagmaError, with nothing begun.

        tell: called with the engine's answer; the notice that it gives is shown.
        """
        self.check_idle()
        setup = self.setup()
        self.notice = None
        self.task = EngineTask(title, self.client(setup).request(method, params), tell)
        self.start_ticking()

    def wait_for_task(self, on_progress: Callable[[Progress], None]) -> None:
        """Block until the engine task has ended (for background)."""
        assert self.task is not None and self._client is not None
        self._client.wait_for_end(self.task.request, on_progress)
        self._end_task(self.task)

    def cancel_task(self) -> None:
        """Ask for the end of the engine task; within a second its request is over."""
        if self.task is not None and self._client is not None:
            self._client.cancel(self.task.request)

    def start_installation(self) -> None:
        """Begin to install PyTorch. Raises MagmaError."""
        engine_setup.check_online("Installing PyTorch downloads packages", "Install PyTorch")
        self.check_idle()
        self.stop_engine()
        self.notice = None
        self.installation = Installation(engine_setup.data_folder())
        self.start_ticking()

    def wait_for_installation(self) -> None:
        """Block until the installation has ended, printing its output (for background)."""
        shown: list[str] = []
        while (installation := self.installation) is not None:
            self.poll()
            for line in installation.lines[len(shown) :] if installation.lines[: len(shown)] == shown else ():
                print(f"MAGMA: {line}", flush=True)
            shown = installation.lines
            time.sleep(0.05)

    def poll(self) -> None:
        """Note what happened outside. Never blocks."""
        if self._client is not None:
            self._client.poll()
        if self.task is not None and self.task.request.state != "running":
            self._end_task(self.task)
        if self.installation is not None:
            self.installation.poll()
            if self.installation.state != "running":
                self._end_installation(self.installation)

    def _end_task(self, task: EngineTask) -> None:
        self.task = None
        if task.request.error is not None:
            self.notice = of_error(task.request.error)
        elif task.request.state == "cancelled":
            self.notice = Notice("Cancelled: nothing was changed.")
        else:
            try:
                self.notice = task.tell(task.request.result)
            except AnswerError as error:
                self.notice = Notice(str(error), is_error=True)

    def _end_installation(self, installation: Installation) -> None:
        self.installation = None
        if installation.state == "done":
            self.notice = Notice("PyTorch is installed, and the engine uses it from now on.")
        elif installation.state == "cancelled":
            self.notice = Notice("Cancelled: press Install PyTorch again to continue where it stopped.")
        else:
            self.notice = Notice(installation.error, True, tuple(installation.lines[-LOG_LINES:]))

    # -- the timer ----------------------------------------------------------------------------------------------

    @property
    def occupied(self) -> bool:
        """Whether something is going on that the user can cancel."""
        return self.job is not None or self.task is not None or self.installation is not None

    @property
    def busy(self) -> bool:
        """Whether something is going on that has to be polled."""
        # a dropped job's request is polled to its end, so that an engine that ignores the cancel is killed
        return self.occupied or (self._dropped is not None and self._dropped.state == "running")

    def start_ticking(self) -> None:
        """Poll from a timer until nothing is going on. Background Blender runs no timers."""
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)

    def close(self) -> None:
        """End everything (the add-on is disabled, Blender quits)."""
        if self.installation is not None:
            self.installation.cancel()
        self.job = self.task = self.installation = None
        self.stop_engine()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    session.poll()
    redraw()
    return TICK if session.busy else None


def redraw() -> None:
    """Draw the panels again, and only them, since a whole viewport may be slow to draw; viewports if a dance is shown
    there while it is generated."""
    previews = session.job is not None and session.job.preview
    for window in windows_of(bpy.context):
        for area in window.screen.areas:
            wanted = {REDRAWN.get(area.type), "WINDOW" if previews and area.type == "VIEW_3D" else None}
            for region in area.regions:
                if region.type in wanted:
                    region.tag_redraw()


session = Session()
