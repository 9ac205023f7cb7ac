"""What Blender always gives the add-on's code, although its types allow for None."""

from __future__ import annotations

import bpy


def scene_of(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene that the window shows."""
    assert context.scene is not None
    return context.scene


def active_object(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object, or None where there is none."""
    assert context.view_layer is not None
    return context.view_layer.objects.active


def windows() -> list[bpy.types.Window]:
    """The open windows; in background there is one all the same, in which nothing is drawn."""
    manager = bpy.context.window_manager
    assert manager is not None
    return list(manager.windows)
