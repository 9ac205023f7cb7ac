"""The operators for the engine itself: check it, open its log; install and remove PyTorch for it."""

from __future__ import annotations

import os
from collections.abc import Callable

import bpy

from smpl_rig.blender.context import manager_of

from ..engine_host import engine_setup
from ..engine_host.installation import environment
from ..engine_host.notices import Notice
from ..engine_host.session import session
from ..errors import InstallError, MagmaError
from ..translations.texts import translated
from . import engine_tasks
from .job_operator import print_progress
from .results import CANCELLED, FINISHED, Result, say


class MAGMA_OT_install_pytorch(bpy.types.Operator):
    """Download PyTorch (about 1 GB) into an environment in the data folder, for GPUs and checkpoints of the original"""

    bl_idname = "magma.install_pytorch"
    bl_label = "Install PyTorch"
    bl_options = set()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask first."""
        return manager_of(context).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        """In a window: begin. In background: to the end."""
        try:
            session.start_installation()
            if bpy.app.background:
                session.wait_for_installation()
        except MagmaError as error:
            say(self, "ERROR", str(error))
            return CANCELLED
        return _reported(self) if bpy.app.background else FINISHED


class MAGMA_OT_remove_pytorch(bpy.types.Operator):
    """Remove the environment with PyTorch; songs, scenes and checkpoints stay"""

    bl_idname = "magma.remove_pytorch"
    bl_label = "Remove PyTorch"
    bl_options = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while nothing uses the engine and there is one."""
        folder = engine_setup.data_folder() / environment.ENVIRONMENT
        return not session.occupied and os.path.lexists(folder)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask first."""
        return manager_of(context).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove it."""
        session.stop_engine()
        try:
            environment.uninstall(engine_setup.data_folder())
        except InstallError as error:
            say(self, "ERROR", str(error))
            return CANCELLED
        session.notice = Notice("PyTorch is removed.")
        return FINISHED


class MAGMA_OT_check_engine(bpy.types.Operator):
    """Start the engine and ask what works on this computer"""

    bl_idname = "magma.check_engine"
    bl_label = "Check Engine"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """In a window: ask. In background: wait for the answer too."""
        return run_task(self, engine_tasks.check)


class MAGMA_OT_open_log(bpy.types.Operator):
    """Open the engine's log"""

    bl_idname = "magma.open_log"
    bl_label = "Open Log"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Open it in the system's viewer."""
        file = engine_setup.log_file(engine_setup.data_folder())
        if not file.is_file():
            say(self, "ERROR", f"There is no log yet ({file}): the engine has not run.")
            return CANCELLED
        bpy.ops.wm.path_open(filepath=str(file))
        return FINISHED


class MAGMA_OT_copy_message(bpy.types.Operator):
    """Copy the whole message to the clipboard"""

    bl_idname = "magma.copy_message"
    bl_label = "Copy Message"
    bl_options = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is one."""
        return session.notice is not None

    def execute(self, context: bpy.types.Context) -> Result:
        """Copy it."""
        if session.notice is None:
            say(self, "ERROR", "There is no message to copy.")
            return CANCELLED
        manager_of(context).clipboard = translated(session.notice.whole())
        return FINISHED


def run_task(operator: bpy.types.Operator, start: Callable[[], None]) -> Result:
    """An operator's work: in a window begin the engine task, in background wait for its end."""
    try:
        start()
    except MagmaError as error:
        session.notice = Notice(str(error), is_error=True)
        say(operator, "ERROR", str(error))
        return CANCELLED
    if not bpy.app.background:
        return FINISHED
    session.wait_for_task(print_progress)
    return _reported(operator)


def _reported(operator: bpy.types.Operator) -> Result:
    """Report the session's notice; an error makes the operator fail."""
    notice = session.notice
    assert notice is not None
    say(operator, "ERROR" if notice.is_error else "INFO", notice.text)
    return CANCELLED if notice.is_error else FINISHED


CLASSES = (
    MAGMA_OT_install_pytorch,
    MAGMA_OT_remove_pytorch,
    MAGMA_OT_check_engine,
    MAGMA_OT_open_log,
    MAGMA_OT_copy_message,
)
