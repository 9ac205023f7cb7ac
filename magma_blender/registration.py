"""What Blender is told when the add-on is enabled and disabled."""

from __future__ import annotations

import atexit
from typing import Any

import bpy

from . import (
    band,
    batch,
    choreography_panel,
    op_choreography,
    op_engine,
    op_generate,
    op_insert,
    op_original,
    op_spans,
    panels,
    preferences,
    preview,
    properties,
    span_list,
)
from .session import session

CLASSES = (
    *op_original.CLASSES,  # before the preferences, which hold one of them
    *preferences.CLASSES,
    *op_generate.CLASSES,
    *op_engine.CLASSES,
    *op_spans.CLASSES,
    *op_choreography.CLASSES,
    *op_insert.CLASSES,
    *panels.CLASSES,
    *choreography_panel.CLASSES,
)

_commands: list[Any] = []


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def _before_load(*_arguments: Any) -> None:
    session.drop_job("Cancelled: another file was loaded.")


def register() -> None:
    """Classes, `scene.magma`, handlers, and from 4.2 on `blender --command magma`."""
    properties.register()
    span_list.register()
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    preview.register()
    band.register()
    bpy.app.handlers.load_pre.append(_before_load)
    if hasattr(bpy.utils, "register_cli_command"):
        _commands.append(bpy.utils.register_cli_command("magma", batch.command))
    if not bpy.app.binary_path:
        # bpy as a Python module hangs or crashes at exit on operator classes that are still registered (4.2, 4.5);
        # Blender itself must not be told at that time, it has already freed them
        atexit.register(unregister)


def unregister() -> None:
    """Undo `register` and stop the engine."""
    atexit.unregister(unregister)
    session.close()
    if not hasattr(bpy.types.Scene, "magma"):
        return  # at exit both atexit and Blender's own clean-up come here
    band.unregister()
    preview.unregister()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    if _before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_before_load)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    span_list.unregister()
    properties.unregister()
