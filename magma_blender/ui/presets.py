"""Presets of settings, as Blender keeps them: a button in the panel's header, and a menu. Some are shipped; those that
are saved go to the user's folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

from .. import paths

if TYPE_CHECKING:
    from collections.abc import Callable

SUBDIR = "magma"
"""Of Blender's folder `scripts/presets`."""
PRESET_SETTINGS = ("wanted_style", "energy", "song_energy", "candidates", "guidance", "beat_snap", "room")
"""What a preset holds of the scene's settings: not what is another one for each song, character or computer."""


class _Presets(Protocol):
    """A menu, or a panel that is one."""

    path_menu: Callable[..., None]


def draw_presets(menu: _Presets, add_operator: str | None = None) -> None:
    """The shipped presets, then the user's. add_operator: also buttons to remove these and to save another one."""

    def draw(folders: Sequence[str], is_shown: bool, **options: str | None) -> None:
        menu.path_menu(folders, "script.execute_preset", filter_ext=lambda end: is_shown and end == ".py", **options)

    shipped = [str(paths.shipped_presets())]
    draw(shipped, True)
    own = bpy.utils.preset_paths(SUBDIR)
    draw(own or shipped, bool(own), add_operator=add_operator)  # which says "Missing Paths" where there are none


class MAGMA_OT_add_preset(AddPresetBase, bpy.types.Operator):
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
        draw_presets(self, "magma.add_preset")


class MAGMA_MT_presets(bpy.types.Menu):
    """Use a preset of settings for the next dance"""

    bl_idname = "MAGMA_MT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry a preset."""
        assert self.layout is not None
        draw_presets(self)
        self.layout.separator()
        self.layout.operator("magma.add_preset", icon="ADD")


CLASSES = (MAGMA_OT_add_preset, MAGMA_PT_presets, MAGMA_MT_presets)
