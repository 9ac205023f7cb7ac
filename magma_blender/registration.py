"""What Blender is told when the add-on is enabled and disabled."""

from __future__ import annotations

import atexit
from typing import cast

import bpy

from . import batch
from .engine_host.session import session
from .exports import export_settings
from .operators import (
    character,
    engine,
    export_dance,
    first_steps,
    generate,
    import_checkpoint,
    insert_motion,
    moves,
    relink_song,
    rhythm,
    spans,
    transfer_dance,
)
from .scene import character_fields, dancer, scene_settings, span_list
from .translations import texts
from .ui import (
    character_panel,
    choreography_panel,
    export_panel,
    menus,
    music_panel,
    panels,
    preferences,
    presets,
    preview,
    settings_panels,
    shortcuts,
    tab,
    timeline_band,
)

CLASSES = (
    *import_checkpoint.CLASSES,  # before the preferences, which hold one of them
    *preferences.CLASSES,
    *generate.CLASSES,
    *first_steps.CLASSES,
    *engine.CLASSES,
    *spans.CLASSES,
    *moves.CLASSES,
    *insert_motion.CLASSES,
    *relink_song.CLASSES,
    *rhythm.CLASSES,
    *character.CLASSES,
    *transfer_dance.CLASSES,
    *export_dance.CLASSES,
    *presets.CLASSES,
    *panels.CLASSES,
    # in the order in which they are shown
    *choreography_panel.CLASSES,
    *character_panel.CLASSES,
    *music_panel.CLASSES,
    *settings_panels.CLASSES,
    *export_panel.CLASSES,
    *menus.CLASSES,
)

_commands: list[object] = []


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def _before_load(*_arguments: object) -> None:
    session.drop_job("Cancelled: another file was loaded.")
    dancer.forget_seen()


def register() -> None:
    """Classes, `scene.magma` and `scene.magma_export`, handlers, and from 4.2 on `blender --command magma`."""
    texts.register()
    scene_settings.register()
    span_list.register()
    character_fields.register()
    export_settings.register()
    tabbed = cast("list[type[bpy.types.Panel]]", [cls for cls in CLASSES if hasattr(cls, "bl_category")])
    for cls in CLASSES:
        bpy.utils.register_class(cls)
        if cls is preferences.MagmaPreferences:
            tab.name_tab(preferences.tab_name(), tabbed)
    preview.register()
    timeline_band.register()
    menus.register()
    shortcuts.register()
    bpy.app.handlers.load_pre.append(_before_load)
    if hasattr(bpy.utils, "register_cli_command"):
        command = bpy.utils.register_cli_command("magma", batch.command)  # type: ignore[func-returns-value]  # a handle
        _commands.append(command)
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
    shortcuts.unregister()
    menus.unregister()
    timeline_band.unregister()
    preview.unregister()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    if _before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_before_load)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    character_fields.unregister()
    export_settings.unregister()
    span_list.unregister()
    scene_settings.unregister()
    texts.unregister()
