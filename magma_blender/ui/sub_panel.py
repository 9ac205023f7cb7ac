"""Sub-panels of the tab "MAGMA", the same in the sidebars of sequencer and 3D viewport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import bpy

from .draw import never_raises

Draw = Callable[[bpy.types.UILayout, bpy.types.Context], None]
Poll = Callable[[bpy.types.Context], bool]


def sub_panels(
    label: str, draw: Draw, poll: Poll | None = None, parent: str = ""
) -> tuple[type[bpy.types.Panel], type[bpy.types.Panel]]:
    """The panel in the sequencer, and that in the 3D viewport, both folded at first.

    draw: what it shows. poll: where it is shown at all; everywhere without one. parent: the label of the sub-panel that
    it belongs to.
    """
    return (
        _panel("sequencer", "SEQUENCE_EDITOR", label, draw, poll, parent),
        _panel("viewport", "VIEW_3D", label, draw, poll, parent),
    )


def _panel(
    sidebar: str,
    space: Literal["SEQUENCE_EDITOR", "VIEW_3D"],
    label: str,
    draw_in: Draw,
    is_shown: Poll | None,
    parent: str,
) -> type[bpy.types.Panel]:
    above = f"MAGMA_PT_{sidebar}"

    class SubPanel(bpy.types.Panel):
        bl_idname = f"{above}_{label.lower()}"
        bl_parent_id = f"{above}_{parent.lower()}" if parent else above
        bl_space_type = space
        bl_region_type = "UI"
        bl_category = "MAGMA"
        bl_label = label
        bl_options = {"DEFAULT_CLOSED"}

        @classmethod
        def poll(cls, context: bpy.types.Context) -> bool:
            """Where it is shown at all."""
            with never_raises():
                return is_shown is None or is_shown(context)
            return False

        def draw(self, context: bpy.types.Context) -> None:
            """Draw the panel."""
            assert self.layout is not None
            with never_raises(self.layout):
                draw_in(self.layout, context)

    SubPanel.__name__ = SubPanel.__qualname__ = SubPanel.bl_idname
    return SubPanel
