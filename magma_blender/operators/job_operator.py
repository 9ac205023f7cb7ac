"""What operators share that wait for the engine and then change the scene, in one undo step."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import manager_of, windows_of

from ..engine_host.client import Progress
from ..engine_host.notices import Notice
from ..engine_host.session import TICK, session
from ..errors import MagmaError
from ..translations.texts import in_window, translated
from .results import CANCELLED, FINISHED, Result, say


def progress_text(progress: Progress) -> str:
    """One line about how far the engine is."""
    doing = in_window(progress.message or progress.stage)
    if progress.seconds_left is None:
        return f"{doing} ({progress.fraction:.0%})"
    return f"{doing} ({progress.fraction:.0%}, {in_window(f'{seconds_text(progress.seconds_left)} left')})"


def seconds_text(seconds: float) -> str:
    """12 s, or 3 min 05 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def print_progress(progress: Progress) -> None:
    """How far the engine is, on stdout (in background)."""
    print(f"MAGMA: {progress_text(progress)}", flush=True)


class JobOperator(bpy.types.Operator):
    """Base of an operator that begins a job in `start`, or does without one and returns what it has done."""

    _timer: bpy.types.Timer | None = None

    def start(self, context: bpy.types.Context) -> str | None:
        """Begin a job and return None, or say what was done without one. Raises MagmaError, with nothing begun."""
        raise NotImplementedError

    def do_without(self, error: MagmaError) -> str:
        """What was done without the engine, whose part failed. Raises MagmaError where nothing can be."""
        raise error

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Called by the button."""
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> Result:
        """In a window: begin, and go on beside everything else. In background: to the end."""
        if not bpy.app.background and context.window is None:
            # called from a timer, which has no window: a modal operator needs one
            with context.temp_override(window=windows_of(context)[0]):
                operators = bpy.ops.magma  # type: ignore[attr-defined]  # the add-on's own
                again = getattr(operators, type(self).__name__.removeprefix("MAGMA_OT_"))
                again("INVOKE_DEFAULT", **self.as_keywords())  # type: ignore[arg-type,func-returns-value]  # a dict
            return {"INTERFACE"}
        try:
            done = self.start(context)
        except MagmaError as error:
            say(self, "ERROR", str(error))
            return CANCELLED
        if done is not None:
            say(self, "INFO", done)
            return FINISHED
        if bpy.app.background:
            session.wait_for_job(print_progress)
            return self._finish(context)
        session.start_ticking()
        manager = manager_of(context)
        self._timer = manager.event_timer_add(TICK, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Poll the engine at every tick; all other events go their way."""
        job = session.job
        if event.type == "ESC" and event.value == "PRESS" and job is not None:
            session.cancel_job()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        session.poll()
        if job is None:  # dropped from outside
            self._clean_up(context)
            return CANCELLED
        if job.request.state == "running":
            assert context.workspace is not None
            context.workspace.status_text_set(translated(f"MAGMA: {progress_text(job.request.progress)}   ESC: cancel"))
            return {"PASS_THROUGH"}
        if not session.work_ahead():
            assert context.workspace is not None
            context.workspace.status_text_set(translated("MAGMA: Keying"))
            return {"PASS_THROUGH"}
        self._clean_up(context)
        return self._finish(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when the window closes or another file is loaded."""
        self._clean_up(context)
        session.drop_job("Cancelled: the window was closed.")

    def _finish(self, context: bpy.types.Context) -> Result:
        cancelled = session.job is not None and session.job.request.state == "cancelled"
        try:
            session.finish_job(context)
        except MagmaError as error:
            return self._fail(error, cancelled)
        assert session.notice is not None
        say(self, "INFO", session.notice.text)
        return FINISHED

    def _fail(self, error: MagmaError, cancelled: bool) -> Result:
        try:
            if cancelled:
                raise error
            done = self.do_without(error)
        except MagmaError as reason:
            say(self, "INFO" if cancelled else "ERROR", str(reason))
            return CANCELLED
        session.notice = Notice(done)
        say(self, "WARNING", done)
        return FINISHED

    def _clean_up(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            manager_of(context).event_timer_remove(self._timer)
            self._timer = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)
