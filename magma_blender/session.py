"""The one place that holds what is going on: the engine's client, the dance being made, the check, the installation.

It lives outside the .blend, so undo and file loading do not touch it. `poll` is called by one application timer while
something runs and by the operator that makes a dance; it never blocks.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import bpy

from engine.checkpoint_index import FOLDERS_VARIABLE

from . import choreography, dance, engine_setup, install, paths, plan, strips
from .client import EngineClient, Request
from .dance import Target
from .engine_setup import EngineSetup
from .errors import MagmaError
from .plan import DancePlan

TICK = 0.1
LOG_LINES = 8
REDRAWN = {"SEQUENCE_EDITOR": "UI", "VIEW_3D": "UI", "PREFERENCES": "WINDOW"}
"""The region of each kind of editor that shows what is going on."""


@dataclass(frozen=True)
class Notice:
    """What the panel says about the last thing that ended. details: lines for a closer look, of the log for example."""

    text: str
    is_error: bool = False
    details: tuple[str, ...] = ()


@dataclass
class Job:
    """A dance being made."""

    plan: DancePlan
    target: Target | None
    request: Request
    started: float
    cancel_reason: str = "Cancelled: the scene is as it was."


class Session:
    """See the module's text."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.check: Request | None = None
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
        request = self.client(setup).request("generate", dance_plan.request(setup.device))
        self.notice = None
        self.job = Job(dance_plan, target, request, time.monotonic())
        return self.job

    def _check_idle(self) -> None:
        """Raise MagmaError while a dance, a check or an installation is going on: each needs the engine for itself."""
        if self.job is not None:
            raise MagmaError("A dance is being made already: wait for it, or press Cancel.")
        if self.installation is not None:
            raise MagmaError("The engine is being installed: wait for it, or press Cancel.")
        if self.check is not None:
            raise MagmaError("The engine is being checked: wait a moment.")

    def wait_for_job(self, on_progress: Any) -> None:
        """Block until the running dance's request has ended, well or badly (for background)."""
        assert self._client is not None and self.job is not None
        shown = None
        while self.job.request.state == "running":
            self._client.poll()
            if self.job.request.progress != shown:
                shown = self.job.request.progress
                on_progress(shown)
            time.sleep(0.02)

    def cancel_job(self, reason: str | None = None) -> None:
        """Ask for the end of the dance being made; within a second its request is over."""
        if self.job is not None and self._client is not None:
            self.job.cancel_reason = reason or self.job.cancel_reason
            self._client.cancel(self.job.request)
            self.start_ticking()

    def finish_job(self, context: Any) -> Any:
        """Take the ended request's dance into the scene and return the armature; the job is over in any case.

        Raises MagmaError with the reason when there is no dance; the notice then says the same.
        """
        job, self.job = self.job, None
        assert job is not None and job.request.state != "running"
        try:
            if job.request.state == "cancelled":
                raise MagmaError(job.cancel_reason)
            if job.request.error is not None:
                details = tuple(job.request.error.details.splitlines()[-LOG_LINES:])
                self.notice = Notice(str(job.request.error), is_error=True, details=details)
                raise MagmaError(str(job.request.error))
            armature = dance.build(context, job.plan, job.request.result, job.target)
        except MagmaError as error:
            if self.notice is None:
                self.notice = Notice(str(error), is_error=job.request.state != "cancelled")
            raise
        made = choreography.load(armature)
        assert made is not None
        took = time.monotonic() - job.started
        self.notice = Notice(f'"{armature.name}" dances {made.style} to "{job.plan.name}", made in {took:.0f} s.')
        return armature

    def drop_job(self, reason: str) -> None:
        """Forget the dance being made, because nobody is left to take it (another file is loaded)."""
        if self.job is not None:
            self.cancel_job()
            self._dropped = self.job.request
            self.job = None
            self.notice = Notice(reason)

    # -- check and installation ---------------------------------------------------------------------------------

    def start_check(self) -> Request:
        """Ask the engine what works on this machine. Raises SetupError."""
        self._check_idle()
        self.notice = None
        self.check = self.client(self.setup()).request("doctor", {})
        self.start_ticking()
        return self.check

    def wait_for_check(self) -> None:
        """Block until the check has ended (for background)."""
        assert self._client is not None and self.check is not None
        while self.check.state == "running":
            self._client.poll()
            time.sleep(0.02)
        self._take_check()

    def start_installation(self) -> None:
        """Begin to install the engine. Raises MagmaError."""
        engine_setup.check_online()
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
        if self.check is not None and self.check.state != "running":
            self._take_check()
        if self.installation is not None:
            self.installation.poll()
            if self.installation.state != "running":
                self._take_installation(self.installation)

    def _take_check(self) -> None:
        check, self.check = self.check, None
        assert check is not None
        if check.error is not None:
            self.notice = Notice(str(check.error), True, tuple(check.error.details.splitlines()[-LOG_LINES:]))
        elif check.state == "done":
            problems = check.result.get("problems", [])
            text = f"The engine runs, but: {problems[0]}" if problems else "The engine works."
            self.notice = Notice(text, is_error=bool(problems), details=tuple(describe(check.result)))

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
    def busy(self) -> bool:
        """Whether something is going on that somebody has to poll."""
        waiting = self.job is not None or self.check is not None or self.installation is not None
        # a dropped job's request is polled to its end, so that an engine that ignores the cancel is killed
        return waiting or (self._dropped is not None and self._dropped.state == "running")

    def start_ticking(self) -> None:
        """Poll from a timer until nothing is going on. Background Blender runs no timers."""
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)

    def close(self) -> None:
        """End everything (the add-on is disabled, Blender quits)."""
        if self.installation is not None:
            self.installation.cancel()
        self.job = self.check = self.installation = None
        self.stop_engine()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    session.poll()
    redraw()
    return TICK if session.busy else None


def redraw() -> None:
    """Draw the panels again, and only them: a whole viewport may take long to draw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            wanted = REDRAWN.get(area.type)
            for region in area.regions:
                if region.type == wanted:
                    region.tag_redraw()


def describe(report: Any, indent: str = "") -> list[str]:
    """The lines of a report of the engine (nested dictionaries and lists) for people."""
    if isinstance(report, dict):
        lines = []
        for key, value in report.items():
            inner = describe(value, indent + "  ")
            if isinstance(value, (dict, list)) and inner:
                lines += [f"{indent}{key}:", *inner]
            else:
                lines.append(f"{indent}{key}: {'' if value is None else value}")
        return lines
    if isinstance(report, list):
        return [line for entry in report for line in describe(entry, indent)]
    return [f"{indent}{report}"]


session = Session()
