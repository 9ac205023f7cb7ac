"""Presets of settings, as Blender keeps them: a button in the panel's header, and a menu. Some are shipped; those that
are saved go to the user's folder."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

from .. import paths

SUBDIR = "magma"
"""Of Blender's folder `scripts/presets`."""
PRESET_SETTINGS = ("wanted_style", "energy", "song_energy", "candidates", "guidance", "beat_snap", "room")
"""What a preset holds of the scene's settings: not what is another one for each song, character or computer."""


def draw_presets(path_menu: Callable[..., None], add_operator: str | None = None) -> None:
    """The shipped presets, then the user's. path_menu: Blender's function for menus of files. add_operator: also
    buttons to remove the user's and to save another one."""
    shipped, own = [str(paths.shipped_presets())], list(bpy.utils.preset_paths(SUBDIR))
    path_menu(shipped, "script.execute_preset", filter_ext=lambda ending: ending == ".py")
    path_menu(
        own or shipped,  # since it says "Missing Paths" where there are none
        "script.execute_preset",
        filter_ext=lambda ending: bool(own) and ending == ".py",
        add_operator=add_operator,
    )


class MAGMA_OT_add_preset(AddPresetBase, bpy.types.Operator):  # type: ignore[misc]  # as Blender's own have it
    """Save the settings of the next dance as a preset, or remove a saved one"""

    bl_idname = "magma.add_preset"
    bl_label = "Save Settings as Preset"
    bl_options = {"REGISTER"}
    preset_menu = "MAGMA_PT_presets"
    preset_subdir = SUBDIR
    preset_defines = ("settings = bpy.context.scene.magma",)
    preset_values = tuple(f"settings.{name}" for name in PRESET_SETTINGS)


class MAGMA_PT_presets(PresetPanel, bpy.types.Panel):
    """Use, save and remove presets of settings"""

    bl_idname = "MAGMA_PT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry a preset."""
        assert self.layout is not None
        self.layout.emboss = "PULLDOWN_MENU"
        self.layout.operator_context = "EXEC_DEFAULT"
        draw_presets(self.path_menu, "magma.add_preset")  # type: ignore[attr-defined]  # of `PresetPanel`


class MAGMA_MT_presets(bpy.types.Menu):
    """Use a preset of settings for the next dance"""

    bl_idname = "MAGMA_MT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry a preset."""
        assert self.layout is not None
        draw_presets(self.path_menu)
        self.layout.separator()
        self.layout.operator("magma.add_preset", icon="ADD")


CLASSES = (MAGMA_OT_add_preset, MAGMA_PT_presets, MAGMA_MT_presets)
