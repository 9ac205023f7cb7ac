"""The one place that holds what is going on: the engine's client, the dance being made, an errand, the installation.

It lives outside the .blend, so undo and file loading do not touch it. `poll` is called by one application timer while
something runs and by the operator that makes a dance; it never blocks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy

from engine.checkpoint_index import FOLDERS_VARIABLE
from engine.protocol import GENERATE

from .. import paths
from ..errors import MagmaError
from ..media import strips
from ..scene import choreography, dance, plan
from ..scene.dance import Target
from ..scene.plan import DancePlan
from . import engine_setup, install
from .client import EngineClient, Progress, Request
from .engine_setup import EngineSetup
from .notices import LOG_LINES, Notice, of_error

TICK = 0.1
REDRAWN = {"SEQUENCE_EDITOR": "UI", "VIEW_3D": "UI", "PREFERENCES": "WINDOW"}
"""The region of each kind of editor that shows what is going on."""


@dataclass
class Job:
    """A dance being made or edited.

    title: what it is doing. finish: called with (context, the engine's answer), takes it into the scene and returns the
    armature; raises MagmaError with the scene as it was. tell: called with (armature, the answer's report, seconds).
    target: the armature that it is for, None for one that is not made yet. preview: whether its frames are shown while
    they are written.
    """

    title: str
    request: Request
    finish: Callable[[Any, dict[str, Any]], Any]
    tell: Callable[[Any, dict[str, Any], float], Notice]
    target: Target | None
    preview: bool
    started: float
    cancel_reason: str = "Cancelled: the scene is as it was."


@dataclass(frozen=True)
class Errand:
    """Anything else the engine was asked for. title: what it is doing. tell: puts its answer into words."""

    title: str
    request: Request
    tell: Callable[[Any], Notice]


class Session:
    """See the module's text."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.errand: Errand | None = None
        self.installation: install.Installation | None = None
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

    @property
    def hello(self) -> dict[str, Any]:
        """What the running engine said about itself; empty before."""
        return (self._client.hello if self._client else None) or {}

    def client(self, setup: EngineSetup) -> EngineClient:
        """The client of the engine; another interpreter or data folder stops the old one."""
        same = self._client_setup is not None and (self._client_setup.python, self._client_setup.data) == (
            setup.python,
            setup.data,
        )
        if self._client is None or not same:
            self.stop_engine()
            self._client = EngineClient(
                setup.command(),
                cwd=paths.engine_root(),
                log_file=setup.log_file,
                environment={FOLDERS_VARIABLE: os.pathsep.join(map(str, paths.own_checkpoint_folders(setup.data)))},
            )
            self._client_setup = setup
        return self._client

    def stop_engine(self) -> None:
        """End the engine's process; a running request is cancelled."""
        if self._client is not None:
            self._client.stop()
        self._client = self._client_setup = None

    # -- a dance ------------------------------------------------------------------------------------------------

    def start_job(self, context: Any) -> Job:
        """Ask the engine to dance to the picked strip. Raises MagmaError, with nothing begun."""
        engine_setup.check_numpy()
        setup = self.setup()
        strip_scene, strip = strips.pick(context)
        dance_plan = plan.for_strip(context.scene, strip_scene, strip, setup)
        return self.start_plan(dance_plan, context.scene.magma.target, setup)

    def start_plan(self, dance_plan: DancePlan, armature: Any, setup: EngineSetup) -> Job:
        """Ask the engine for a planned dance. armature: the target object, or None for a new one. Raises MagmaError."""
        self._check_idle()
        if armature is not None:
            dance.check_target(armature)
        dance.check_body(dance_plan)
        target = Target(armature) if armature is not None else None

        def finish(context: Any, result: dict[str, Any]) -> Any:
            return dance.build(context, dance_plan, result, target)

        return self.begin_job(
            GENERATE,
            dance_plan.request(setup.device),
            setup,
            f'Dancing to "{dance_plan.name}"',
            finish,
            lambda made, _, seconds: _tell_dance(made, dance_plan, seconds),
            target,
            dance_plan.preview,
        )

    def begin_job(
        self,
        method: str,
        params: dict[str, Any],
        setup: EngineSetup,
        title: str,
        finish: Callable[[Any, dict[str, Any]], Any],
        tell: Callable[[Any, dict[str, Any], float], Notice],
        target: Target | None,
        preview: bool = False,
    ) -> Job:
        """Ask the engine for a change of the scene; see `Job`. Raises MagmaError, with nothing begun."""
        self._check_idle()
        request = self.client(setup).request(method, params)
        self.notice = None
        self.job = Job(title, request, finish, tell, target, preview, time.monotonic())
        return self.job

    def _check_idle(self) -> None:
        """Raise MagmaError while a dance, an errand or an installation goes on: each needs the engine for itself."""
        if self.job is not None:
            raise MagmaError("A dance is being made already: wait for it, or press Cancel.")
        if self.installation is not None:
            raise MagmaError("The engine is being installed: wait for it, or press Cancel.")
        if self.errand is not None:
            raise MagmaError(f"The engine is busy ({self.errand.title}): wait for it, or press Cancel.")

    def wait_for_job(self, on_progress: Callable[[Progress], None]) -> None:
        """Block until the running dance's request has ended, well or badly (for background)."""
        assert self.job is not None
        self._wait(self.job.request, on_progress)

    def _wait(self, request: Request, on_progress: Callable[[Progress], None]) -> None:
        assert self._client is not None
        shown = None
        while request.state == "running":
            self._client.poll()
            if request.progress != shown:
                shown = request.progress
                on_progress(shown)
            time.sleep(0.02)

    def cancel_job(self, reason: str | None = None) -> None:
        """Ask for the end of the dance being made; within a second its request is over."""
        if self.job is not None and self._client is not None:
            self.job.cancel_reason = reason or self.job.cancel_reason
            self._client.cancel(self.job.request)
            self.start_ticking()

    def finish_job(self, context: Any) -> Any:
        """Take the ended request's answer into the scene and return the armature; the job is over in any case.

        Raises MagmaError with the reason when there is none; the notice then says the same.
        """
        job, self.job = self.job, None
        assert job is not None and job.request.state != "running"
        try:
            if job.request.state == "cancelled":
                raise MagmaError(job.cancel_reason)
            if job.request.error is not None:
                self.notice = of_error(job.request.error)
                raise MagmaError(str(job.request.error))
            armature = job.finish(context, job.request.result)
        except MagmaError as error:
            if self.notice is None:
                self.notice = Notice(str(error), is_error=job.request.state != "cancelled")
            raise
        report = job.request.result.get("report", {})
        told = job.tell(armature, report, time.monotonic() - job.started)
        self.notice = Notice(told.text, details=(*told.details, *report.get("notices", ())))
        return armature

    def drop_job(self, reason: str) -> None:
        """Forget the dance being made, because nobody is left to take it (another file is loaded)."""
        if self.job is not None:
            self.cancel_job()
            self._dropped = self.job.request
            self.job = None
            self.notice = Notice(reason)

    # -- errands and installation -------------------------------------------------------------------------------

    def start_errand(self, title: str, method: str, params: dict[str, Any], tell: Callable[[Any], Notice]) -> None:
        """Ask the engine for something other than a dance. Raises MagmaError, with nothing begun.

        tell: called with the engine's answer; the notice that it gives is shown.
        """
        self._check_idle()
        setup = self.setup()
        self.notice = None
        self.errand = Errand(title, self.client(setup).request(method, params), tell)
        self.start_ticking()

    def wait_for_errand(self, on_progress: Callable[[Progress], None]) -> None:
        """Block until the errand has ended (for background)."""
        assert self.errand is not None
        self._wait(self.errand.request, on_progress)
        self._take_errand(self.errand)

    def cancel_errand(self) -> None:
        """Ask for the end of the errand; within a second its request is over."""
        if self.errand is not None and self._client is not None:
            self._client.cancel(self.errand.request)

    def start_installation(self) -> None:
        """Begin to install the engine. Raises MagmaError."""
        engine_setup.check_online("Installing the engine downloads packages", "Install Engine")
        self._check_idle()
        self.stop_engine()
        self.notice = None
        self.installation = install.Installation(engine_setup.data_folder(), install.find_python())
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
        """Take in what happened outside. Never blocks."""
        if self._client is not None:
            self._client.poll()
        if self.errand is not None and self.errand.request.state != "running":
            self._take_errand(self.errand)
        if self.installation is not None:
            self.installation.poll()
            if self.installation.state != "running":
                self._take_installation(self.installation)

    def _take_errand(self, errand: Errand) -> None:
        self.errand = None
        if errand.request.error is not None:
            self.notice = of_error(errand.request.error)
        elif errand.request.state == "cancelled":
            self.notice = Notice("Cancelled: nothing was changed.")
        else:
            self.notice = errand.tell(errand.request.result)

    def _take_installation(self, installation: install.Installation) -> None:
        self.installation = None
        if installation.state == "done":
            self.notice = Notice("The engine is installed.")
        elif installation.state == "cancelled":
            self.notice = Notice("Cancelled: press Install Engine again to continue where it stopped.")
        else:
            self.notice = Notice(installation.error, True, tuple(installation.lines[-LOG_LINES:]))

    # -- the timer ----------------------------------------------------------------------------------------------

    @property
    def occupied(self) -> bool:
        """Whether something is going on that the user can cancel."""
        return self.job is not None or self.errand is not None or self.installation is not None

    @property
    def busy(self) -> bool:
        """Whether something is going on that somebody has to poll."""
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
        self.job = self.errand = self.installation = None
        self.stop_engine()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    session.poll()
    redraw()
    return TICK if session.busy else None


def redraw() -> None:
    """Draw the panels again, and only them, since a whole viewport may take long to draw; viewports if a dance is
    shown there while it is written."""
    previews = session.job is not None and session.job.preview
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            wanted = {REDRAWN.get(area.type), "WINDOW" if previews and area.type == "VIEW_3D" else None}
            for region in area.regions:
                if region.type in wanted:
                    region.tag_redraw()


def _tell_dance(armature: Any, dance_plan: DancePlan, seconds: float) -> Notice:
    made = choreography.load(armature)
    assert made is not None
    what = f"dances {made.style}" if made.style else "dances"
    best = f" The best of {dance_plan.takes} takes has seed {made.seed}." if dance_plan.takes > 1 else ""
    return Notice(f'"{armature.name}" {what} to "{dance_plan.name}", made in {seconds:.0f} s.{best}')


session = Session()
