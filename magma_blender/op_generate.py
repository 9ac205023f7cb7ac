"""The operators that make a dance: generate, cancel, new seed."""

from __future__ import annotations

import random
from typing import Any

import bpy

from .client import Progress
from .errors import MagmaError
from .session import TICK, session

# mypy: disallow-subclassing-any=False

LARGEST_SEED = 2**31 - 1


def progress_text(progress: Progress) -> str:
    """One line about how far the engine is."""
    left = "" if progress.seconds_left is None else f", {seconds_text(progress.seconds_left)} left"
    return f"{progress.message or progress.stage} ({progress.fraction:.0%}{left})"


def seconds_text(seconds: float) -> str:
    """12 s, or 3 min 05 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


class MAGMA_OT_generate_dance(bpy.types.Operator):
    """Generate a dance to the selected song strip and key it on an armature"""

    bl_idname = "magma.generate_dance"
    bl_label = "Generate Dance"
    # without REGISTER there is no redo panel, which would run the engine again at every change of a setting
    bl_options = {"UNDO"}

    _timer = None

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Called by the button."""
        return self.execute(context)

    def execute(self, context: Any) -> set[str]:
        """In a window: begin, and go on beside everything else. In background: to the end."""
        if not bpy.app.background and context.window is None:
            # called from a timer, which has no window: a modal operator needs one
            with context.temp_override(window=context.window_manager.windows[0]):
                bpy.ops.magma.generate_dance("INVOKE_DEFAULT")
            return {"INTERFACE"}
        try:
            session.start_job(context)
        except MagmaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background:
            session.wait_for_job(lambda progress: print(f"MAGMA: {progress_text(progress)}", flush=True))
            return self._finish(context)
        session.start_ticking()
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """See to the engine at every tick; all other events go their way."""
        job = session.job
        if event.type == "ESC" and event.value == "PRESS" and job is not None:
            session.cancel_job()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        session.poll()
        if job is None:  # dropped from outside
            self._clean_up(context)
            return {"CANCELLED"}
        if job.request.state == "running":
            context.workspace.status_text_set(f"MAGMA: {progress_text(job.request.progress)}   ESC: cancel")
            return {"PASS_THROUGH"}
        self._clean_up(context)
        return self._finish(context)

    def cancel(self, context: Any) -> None:
        """Called by Blender when the window closes or another file is loaded."""
        self._clean_up(context)
        session.drop_job("Cancelled: the window was closed.")

    def _finish(self, context: Any) -> set[str]:
        cancelled = session.job is not None and session.job.request.state == "cancelled"
        try:
            session.finish_job(context)
        except MagmaError as error:
            self.report({"INFO" if cancelled else "ERROR"}, str(error))
            return {"CANCELLED"}
        assert session.notice is not None
        self.report({"INFO"}, session.notice.text)
        return {"FINISHED"}

    def _clean_up(self, context: Any) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)


class MAGMA_OT_cancel(bpy.types.Operator):
    """Stop what the engine is doing, or its installation; the scene stays as it is"""

    bl_idname = "magma.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Only while something is going on."""
        return session.occupied

    def execute(self, _context: Any) -> set[str]:
        """Ask for the end."""
        session.cancel_job()
        session.cancel_errand()
        if session.installation is not None:
            session.installation.cancel()
        return {"FINISHED"}


class MAGMA_OT_new_seed(bpy.types.Operator):
    """Draw another seed, for another dance to the same song"""

    bl_idname = "magma.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Draw it."""
        context.scene.magma.seed = random.randint(0, LARGEST_SEED)
        return {"FINISHED"}


CLASSES = (MAGMA_OT_generate_dance, MAGMA_OT_cancel, MAGMA_OT_new_seed)
