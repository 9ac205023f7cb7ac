"""What is always there where operators, panels and scripts run, though Blender's types say that it may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy


def scene_of(context: bpy.types.Context) -> bpy.types.Scene:
    """The context's scene."""
    assert context.scene is not None
    return context.scene


def units_a_metre(scene: bpy.types.Scene) -> float:
    """How many units of the scene are a metre; 1 where a unit is nearly one, such as a yard.

    An armature of half to twice SMPL's size counts as a person of another height and not as one in another unit.
    """
    units = scene.unit_settings
    size = 1.0 if units.system == "NONE" else 1.0 / units.scale_length
    return 1.0 if 0.5 <= size <= 2.0 else size


def layer_of(context: bpy.types.Context) -> bpy.types.ViewLayer:
    """The context's view layer, which knows the active object."""
    assert context.view_layer is not None
    return context.view_layer


def active_object(context: bpy.types.Context) -> bpy.types.Object | None:
    """The view layer's active object, in any mode and editor."""
    return layer_of(context).objects.active


def manager_of(context: bpy.types.Context) -> bpy.types.WindowManager:
    """The window manager, which knows timers, modal operators and dialogs."""
    assert context.window_manager is not None
    return context.window_manager


def windows_of(context: bpy.types.Context) -> list[bpy.types.Window]:
    """The open windows; in background there is one all the same, in which nothing is drawn."""
    return list(manager_of(context).windows)


def region_of(context: bpy.types.Context) -> bpy.types.Region:
    """The region that is being drawn."""
    assert context.region is not None
    return context.region


def ui_scale(context: bpy.types.Context) -> float:
    """Pixels of the interface at this resolution to those at a scale of 1."""
    return preferences_of(context).system.ui_scale


def preferences_of(context: bpy.types.Context) -> bpy.types.Preferences:
    """Blender's preferences."""
    assert context.preferences is not None
    return context.preferences
