"""Every operator is in a menu, where Blender's search finds it, and says what it does."""

from __future__ import annotations

import types

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_choreography_panel import Layout
from test_addon_drawing import context_for


def operators():
    """The add-on's operators by the names that scripts call them by."""
    kinds = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("MAGMA_OT_")]
    assert len(kinds) > 40
    return {"magma." + kind.__name__.removeprefix("MAGMA_OT_"): kind for kind in kinds}


class Menus(Layout):
    """A layout that opens every menu in it and notes the operators."""

    def __init__(self, context, found=None):
        super().__init__(context)
        self.found = set() if found is None else found

    def operator(self, name, **options):
        if not name.startswith("magma."):
            return types.SimpleNamespace()
        self.found.add(name)
        return super().operator(name, **options)

    def menu(self, name, text=None):
        kind = getattr(bpy.types, name)
        assert name.startswith("MAGMA_MT") and kind.__doc__ and kind.bl_label
        drawn = types.SimpleNamespace(layout=Menus(self.context, self.found), path_menu=lambda *_, **__: None)
        kind.draw(drawn, self.context)


def in_menus():
    """What the menus that the add-on adds to Blender's own hold, however deep."""
    from magma_blender.ui import menus

    layout = Menus(context_for())
    assert {place for place, _ in menus._added} >= set(menus.PLACES)
    for place, draw in menus._added:
        assert draw in getattr(bpy.types, place)._dyn_ui_initialize()
        draw(types.SimpleNamespace(layout=layout), layout.context)
    return layout.found


def test_every_operator_is_in_a_menu_but_those_with_a_reason(dancer):
    from magma_blender.ui import menus

    found = in_menus() | {"magma.load_character"}  # its menu has one entry a preset, and there is none
    assert set(operators()) - found == set(menus.NOT_IN_MENUS)
    assert all(menus.NOT_IN_MENUS.values())
    # and Blender hides none of these from its search
    assert not [name for name in found if "INTERNAL" in operators()[name].bl_options]


def test_every_operator_and_setting_says_what_it_is(magma):
    from magma_blender.exports.export_settings import MagmaExportSettings
    from magma_blender.operators.import_checkpoint import MagmaOriginal
    from magma_blender.scene.character_fields import MagmaCharacter
    from magma_blender.scene.scene_settings import MagmaSettings

    known = {name: getattr(bpy.ops.magma, name.removeprefix("magma.")).get_rna_type() for name in operators()}
    for name, kind in known.items():
        about = kind.description
        assert about and about[0].isupper() and not about.endswith("."), name
        assert kind.name, name
    groups = (MagmaSettings, MagmaCharacter, MagmaExportSettings, MagmaOriginal, type(magma))
    for kind in (*known.values(), *(group.bl_rna for group in groups)):
        for each in kind.properties:
            if each.identifier not in ("rna_type", "name", "bl_idname", "filter_glob") and not (
                each.is_hidden or each.is_readonly
            ):
                assert each.description, (kind, each.identifier)


def test_the_tab_takes_another_name(magma):
    kinds = [bpy.types.MAGMA_PT_sequencer, bpy.types.MAGMA_PT_viewport, bpy.types.MAGMA_PT_viewport_export]
    assert {kind.bl_category for kind in kinds} == {"MAGMA"}
    magma.tab_name = "Dance"
    assert {getattr(bpy.types, kind.__name__).bl_category for kind in kinds} == {"Dance"}
    magma.tab_name = " "
    assert bpy.types.MAGMA_PT_viewport.bl_category == "MAGMA"


def test_shortcuts_are_off_until_they_are_turned_on(magma):
    from magma_blender.ui import shortcuts

    if bpy.context.window_manager.keyconfigs.addon is None:
        assert not shortcuts._items
        return
    assert len(shortcuts._items) == len(shortcuts.SHORTCUTS) * len(shortcuts.EDITORS)
    for _, item in shortcuts._items:
        assert not item.active and item.idname in operators()


def test_presets_are_used_saved_and_valid_with_any_checkpoint(magma, tmp_path, monkeypatch):
    from magma_blender import paths
    from magma_blender.engine_host.session import session
    from magma_blender.scene.scene_settings import settings_of
    from magma_blender.ui import presets

    listed = []

    def path_menu(folders, _operator, filter_ext, **_):
        names = [file for folder in folders for file in sorted(__import__("os").listdir(folder))]
        listed.append([name for name in names if filter_ext(name[name.rfind(".") :])])

    presets.draw_presets(path_menu)
    assert [bpy.path.display_name(name) for name in listed[0]] == [
        "Background crew",
        "Club, high energy",
        "Wedding waltz",
    ]
    settings = settings_of(bpy.context.scene)
    settings.seed = 5
    for file in paths.shipped_presets().glob("*.py"):
        done = bpy.ops.script.execute_preset(filepath=str(file), menu_idname="MAGMA_PT_presets")
        assert done == {"FINISHED"} and session.notice is None
        assert settings.seed == 5
    bpy.ops.script.execute_preset(
        filepath=str(paths.shipped_presets() / "Wedding_waltz.py"), menu_idname="MAGMA_PT_presets"
    )
    assert settings.style == "waltz" and settings.candidates == 4
    settings.room = 7.5
    assert bpy.ops.magma.add_preset(name="My Ballroom") == {"FINISHED"}
    saved = bpy.utils.preset_find("My Ballroom", presets.SUBDIR, display_name=True) or bpy.utils.preset_find(
        "My_Ballroom", presets.SUBDIR
    )
    try:
        settings.room, settings.style, settings.checkpoint = 1.0, "AUTO", "open"  # which dances no waltz
        bpy.ops.script.execute_preset(filepath=saved, menu_idname="MAGMA_PT_presets")
        assert settings.room == 7.5 and settings.style == "AUTO"
        assert "asks for the style waltz" in session.notice.text
        presets.draw_presets(path_menu)
        assert listed[-1]
    finally:
        assert bpy.ops.magma.add_preset(name="My_Ballroom", remove_name=True) == {"FINISHED"}
        session.notice = None
    assert bpy.utils.preset_find("My_Ballroom", presets.SUBDIR) is None
