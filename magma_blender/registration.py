"""What Blender is told when the add-on is enabled and disabled."""

from __future__ import annotations

import atexit
from typing import cast

import bpy

from . import batch
from .engine_host.session import session
from .exports import export_settings
from .operators import (
    candidates,
    character,
    dance_asset,
    engine,
    export_dance,
    first_steps,
    generate,
    history,
    import_checkpoint,
    insert_motion,
    moves,
    nla_dance,
    quality_report,
    relink_song,
    review,
    rhythm,
    spans,
    transfer_dance,
)
from .scene import character_fields, dancer, file_properties, scene_settings
from .translations import texts
from .ui import (
    asset_menu,
    candidates_menu,
    character_panel,
    choreography_panel,
    dance_plot,
    export_panel,
    history_panel,
    manual,
    menus,
    music_panel,
    panels,
    pose_picture,
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
    *nla_dance.CLASSES,
    *candidates.CLASSES,
    *dance_asset.CLASSES,
    *insert_motion.CLASSES,
    *review.CLASSES,
    *relink_song.CLASSES,
    *rhythm.CLASSES,
    *character.CLASSES,
    *history.CLASSES,
    *transfer_dance.CLASSES,
    *export_dance.CLASSES,
    *quality_report.CLASSES,
    *presets.CLASSES,
    *panels.CLASSES,
    # in the order in which they are shown
    *choreography_panel.CLASSES,
    *history_panel.CLASSES,
    *character_panel.CLASSES,
    *music_panel.CLASSES,
    *settings_panels.CLASSES,
    *export_panel.CLASSES,
    *candidates_menu.CLASSES,
    *asset_menu.CLASSES,
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
    file_properties.register()
    character_fields.register()
    export_settings.register()
    tabbed = cast("list[type[bpy.types.Panel]]", [cls for cls in CLASSES if hasattr(cls, "bl_category")])
    for cls in CLASSES:
        bpy.utils.register_class(cls)
        if cls is preferences.MagmaPreferences:
            tab.name_tab(preferences.tab_name(), tabbed)
    preview.register()
    timeline_band.register()
    dance_plot.register()
    menus.register()
    manual.register()
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
    manual.unregister()
    menus.unregister()
    dance_plot.unregister()
    timeline_band.unregister()
    preview.unregister()
    pose_picture.unregister()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    if _before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_before_load)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    character_fields.unregister()
    export_settings.unregister()
    file_properties.unregister()
    scene_settings.unregister()
    texts.unregister()
