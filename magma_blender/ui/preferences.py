"""The add-on's preferences: the engine's Python, device and data folder, and what PyTorch is installed for."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import os

import bpy

from smpl_rig.blender.context import preferences_of

from .. import paths
from ..engine_host import engine_setup
from ..engine_host.installation.environment import ENVIRONMENT, why_not_installed
from ..engine_host.session import session
from ..errors import SetupError
from ..operators.import_checkpoint import IMPORT_SETTINGS, MagmaOriginal
from ..scene import review_setting
from . import shortcuts, tab
from .draw import draw_lines, draw_notice, draw_running, never_raises


def _rename_tab(preferences: "MagmaPreferences", _context: bpy.types.Context) -> None:
    tab.rename_tab(preferences.tab_name)


class MagmaPreferences(bpy.types.AddonPreferences):
    """The add-on's page in Blender's preferences."""

    bl_idname = paths.PACKAGE

    engine_python: bpy.props.StringProperty(
        name="Engine Python",
        description="Python to run the engine with; empty is Blender's own, or the one that Install PyTorch made",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device", description="What the engine computes on", items=engine_setup.DEVICES, default="auto"
    )
    data_folder: bpy.props.StringProperty(
        name="Data Folder",
        description="Where the engine's environment, log and sounds go; empty is Blender's own data folder",
        subtype="DIR_PATH",
    )
    tab_name: bpy.props.StringProperty(
        name="Tab", description="Name of the tab in the sidebars", default=tab.TAB, update=_rename_tab
    )
    review_edits: bpy.props.EnumProperty(
        name="Review Edits",
        description="When edits wait for Accept or Reject",
        items=review_setting.CHOICES,
        default=review_setting.IN_WINDOW,
    )
    show_shortcuts: bpy.props.BoolProperty(
        name="Shortcuts", description="Keyboard shortcuts, which are off until you turn them on"
    )
    original: bpy.props.PointerProperty(
        name="Original MAGMA", description="What an import of the original's checkpoint asks for", type=MagmaOriginal
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the preferences."""
        assert self.layout is not None
        with never_raises(self.layout):
            draw_preferences(self.layout, context, self)


def draw_preferences(layout: bpy.types.UILayout, context: bpy.types.Context, preferences: MagmaPreferences) -> None:
    """The engine's settings and buttons, what is going on and what happened, and the import of checkpoints."""
    layout.use_property_split = True
    column = layout.column()
    column.prop(preferences, "engine_python")
    column.prop(preferences, "device")
    column.prop(preferences, "data_folder")
    column.prop(preferences, "tab_name")
    column.prop(preferences, "review_edits")
    data = engine_setup.data_folder()
    draw_lines(column, [f"Data folder in use: {data}"], context, "FILE_FOLDER", most=3)
    try:
        setup = session.setup()
        draw_lines(layout, [f"Engine Python in use: {session.python_of(setup)}"], context, "CHECKMARK", most=3)
    except SetupError as error:
        draw_lines(layout, [str(error)], context, "ERROR")
    if not draw_running(layout, context):
        row = layout.row()
        row.operator("magma.check_engine", icon="CHECKMARK")
        row.operator("magma.open_log", icon="TEXT")
    if session.notice is not None:
        draw_notice(layout, session.notice, context)
    if not session.occupied:
        draw_pytorch(layout, context, preferences)
    if _draw_title(box := layout.box(), preferences, "show_shortcuts"):
        shortcuts.draw_shortcuts(box, context)


def draw_pytorch(layout: bpy.types.UILayout, context: bpy.types.Context, preferences: MagmaPreferences) -> None:
    """The box for what Blender's own Python cannot do."""
    data = engine_setup.data_folder()
    problem = why_not_installed(data)
    box = layout.box()
    box.label(text="GPU and Original Checkpoints")
    if problem is None:
        lines = ["PyTorch is installed, and the engine uses it."]
    elif os.path.lexists(data / ENVIRONMENT):
        lines = [f"PyTorch {problem}: press Install PyTorch to use it again. Dances are made without it."]
    else:
        lines = ["Only these need PyTorch, about 1 GB to download."]
    draw_lines(box, lines, context, "INFO" if problem else "CHECKMARK", most=3)
    row = box.row()
    row.operator("magma.install_pytorch", text="Install PyTorch" if problem else "Reinstall PyTorch", icon="IMPORT")
    row.operator("magma.remove_pytorch", icon="TRASH")
    draw_original(box, preferences.original)


def draw_original(layout: bpy.types.UILayout, settings: MagmaOriginal) -> None:
    """The box for checkpoints of the original MAGMA, closed until it is asked for."""
    box = layout.box()
    if not _draw_title(box, settings, "is_open"):
        return
    column = box.column()
    for name in IMPORT_SETTINGS:
        column.prop(settings, name)
    importing = column.operator("magma.import_checkpoint", icon="IMPORT")
    for name in IMPORT_SETTINGS:
        setattr(importing, name, getattr(settings, name))
    column.separator()
    column.prop(settings, "encodec_file")
    column.operator("magma.fetch_encodec", icon="URL").filepath = settings.encodec_file


def _draw_title(box: bpy.types.UILayout, owner: MagmaOriginal | MagmaPreferences, name: str) -> bool:
    """The title of a box that is closed until it is asked for; whether it is open. name: the setting that says so."""
    is_open = bool(getattr(owner, name))
    title = box.row()
    title.alignment = "LEFT"
    title.use_property_split = False
    title.prop(owner, name, icon="TRIA_DOWN" if is_open else "TRIA_RIGHT", emboss=False)
    return is_open


def tab_name() -> str:
    """The name of the sidebars' tab that the user chose."""
    addon = preferences_of(bpy.context).addons.get(paths.PACKAGE)
    chosen = addon.preferences if addon is not None else None
    return str(chosen.tab_name) if isinstance(chosen, MagmaPreferences) else tab.TAB


CLASSES = (MagmaPreferences,)
