"""The operators that care for the engine: install, check, uninstall, open the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ..engine_host import engine_setup, install
from ..engine_host.notices import Notice
from ..engine_host.session import session
from ..errors import InstallError, MagmaError
from . import engine_tasks
from .job_operator import progress_text

# mypy: disallow-subclassing-any=False


class MAGMA_OT_install_engine(bpy.types.Operator):
    """Make a Python environment for the engine in the data folder and download its packages (about 1 GB)"""

    bl_idname = "magma.install_engine"
    bl_label = "Install Engine"
    bl_options = {"INTERNAL"}

    def execute(self, _context: Any) -> set[str]:
        """In a window: begin. In background: to the end."""
        try:
            session.start_installation()
            if bpy.app.background:
                session.wait_for_installation()
        except MagmaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return _reported(self) if bpy.app.background else {"FINISHED"}


class MAGMA_OT_uninstall_engine(bpy.types.Operator):
    """Remove the engine's Python environment; songs, scenes and checkpoints stay"""

    bl_idname = "magma.uninstall_engine"
    bl_label = "Uninstall Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Only while nothing uses the engine and there is one."""
        folder = engine_setup.data_folder() / install.ENVIRONMENT
        return not session.occupied and folder.exists()

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first."""
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, _context: Any) -> set[str]:
        """Remove it."""
        session.stop_engine()
        try:
            install.uninstall(engine_setup.data_folder())
        except InstallError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        session.notice = Notice("The engine is uninstalled.")
        return {"FINISHED"}


class MAGMA_OT_check_engine(bpy.types.Operator):
    """Start the engine and ask what works on this computer"""

    bl_idname = "magma.check_engine"
    bl_label = "Check Engine"
    bl_options = {"INTERNAL"}

    def execute(self, _context: Any) -> set[str]:
        """In a window: ask. In background: wait for the answer too."""
        return run_errand(self, engine_tasks.check)


class MAGMA_OT_open_log(bpy.types.Operator):
    """Open the engine's log"""

    bl_idname = "magma.open_log"
    bl_label = "Open Log"
    bl_options = {"INTERNAL"}

    def execute(self, _context: Any) -> set[str]:
        """Open it in the system's viewer."""
        file = engine_setup.log_file(engine_setup.data_folder())
        if not file.is_file():
            self.report({"ERROR"}, f"There is no log yet ({file}): the engine has not run.")
            return {"CANCELLED"}
        return set(bpy.ops.wm.path_open(filepath=str(file)))


def run_errand(operator: Any, start: Callable[[], None]) -> set[str]:
    """An operator's work: in a window begin the errand, in background see it to its end."""
    try:
        start()
    except MagmaError as error:
        session.notice = Notice(str(error), is_error=True)
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    if not bpy.app.background:
        return {"FINISHED"}
    session.wait_for_errand(lambda progress: print(f"MAGMA: {progress_text(progress)}", flush=True))
    return _reported(operator)


def _reported(operator: Any) -> set[str]:
    """Report the session's notice; an error makes the operator fail."""
    notice = session.notice
    assert notice is not None
    operator.report({"ERROR" if notice.is_error else "INFO"}, notice.text)
    return {"CANCELLED"} if notice.is_error else {"FINISHED"}


CLASSES = (MAGMA_OT_install_engine, MAGMA_OT_uninstall_engine, MAGMA_OT_check_engine, MAGMA_OT_open_log)
