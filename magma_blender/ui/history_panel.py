"""The sub-panel "History" in both sidebars: the versions of the dance, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..scene.history.shown_versions import MagmaVersion, versions_of
from ..scene.selection import dancer_or_none
from ..translations.texts import translated
from .draw import name_text, never_raises
from .pose_picture import icon_of
from .sub_panel import sub_panels

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

PICTURE_SCALE = 5.0
"""Of the selected version's picture, in heights of a row."""


class MAGMA_UL_versions(bpy.types.UIList):
    """One row a version."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: object,
        item: object,
        icon: int | None,
        active_data: object,
        active_property: str | None,
        index: int | None,
        flt_flag: int | None,
    ) -> None:
        """Pose, name, and which is danced."""
        with never_raises(layout):
            _draw_version(layout, item)


def _draw_version(layout: bpy.types.UILayout, item: object) -> None:
    assert isinstance(item, MagmaVersion)
    row = layout.row(align=True)
    row.label(text=translated(name_text(item.name)), icon_value=icon_of(item.pose))
    danced: IconItems = "RADIOBUT_ON" if item.present else "BLANK1"
    row.label(text="", icon=danced)


def has_versions(context: bpy.types.Context) -> bool:
    """Only where there is a dance with versions."""
    armature = dancer_or_none(context)
    return armature is not None and len(versions_of(armature).versions) > 0


def _draw_history(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    armature = dancer_or_none(context)
    if armature is None:
        return
    shown = versions_of(armature)
    layout.template_list("MAGMA_UL_versions", "", shown, "versions", shown, "active", rows=5)
    if 0 <= shown.active < len(shown.versions):
        version = shown.versions[shown.active]
        layout.template_icon(icon_of(version.pose), scale=PICTURE_SCALE)
        made = layout.row()  # in the list it would take the names' room
        made.alignment = "CENTER"
        made.active = False
        made.label(text=name_text(version.made), translate=False)
    column = layout.column(align=True)
    column.operator("magma.go_back", text="Go Back", icon="LOOP_BACK")
    row = column.row(align=True)
    row.operator("magma.rename_version", text="Rename")
    row.operator("magma.remove_version", text="Remove")
    row.operator("magma.clean_history", text="Clean Up")


MAGMA_PT_sequencer_history, MAGMA_PT_viewport_history = sub_panels("History", _draw_history, has_versions)
CLASSES = (MAGMA_UL_versions, MAGMA_PT_sequencer_history, MAGMA_PT_viewport_history)
