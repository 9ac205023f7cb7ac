"""The menu "Dance": every operator that a user calls, where Blender's search (F3) finds it. What is in it is data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import bpy

from .draw import never_raises

PLACES = ("VIEW3D_MT_object_animation", "SEQUENCER_MT_strip")
"""Blender's menus that it is in: Object > Animation and Pose > Animation, and Strip in the sequencer."""
EXPORTS = "TOPBAR_MT_file_export"
NOT_IN_MENUS = {
    "magma.toggle_span_lock": "is for one row of the list of spans; Lock and Unlock Moves are in the menu",
    "magma.browse_motion": "is the file browser that Insert Motion opens",
}
"""Operators that no menu has, and why."""


@dataclass(frozen=True)
class Entry:
    """An operator. text: empty is its own label. values: its properties."""

    operator: str
    text: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Submenu:
    """Another menu. text: empty is its own label."""

    menu: str
    text: str = ""


BREAK = None
"""A line between groups."""
Content = tuple[Entry | Submenu | None, ...]

DANCE: Content = (
    Entry("magma.generate_dance"),
    Entry("magma.try_example"),
    Entry("magma.cancel"),
    BREAK,
    Entry("magma.add_song"),
    Entry("magma.use_active"),
    Entry("magma.new_seed"),
    Submenu("MAGMA_MT_presets", "Presets"),
    BREAK,
    Submenu("MAGMA_MT_choreography"),
    Submenu("MAGMA_MT_history"),
    Submenu("MAGMA_MT_music"),
    Submenu("MAGMA_MT_character"),
    Submenu("MAGMA_MT_nla"),
    BREAK,
    Entry("magma.transfer_dance"),
    Entry("magma.export_dance"),
    Entry("magma.quality_report"),
    BREAK,
    Submenu("MAGMA_MT_engine"),
)
CHOREOGRAPHY: Content = (
    Entry("magma.lock_spans"),
    Entry("magma.unlock_spans"),
    Entry("magma.split_span"),
    Entry("magma.split_at_bars"),
    Entry("magma.merge_spans"),
    BREAK,
    Entry("magma.replace_spans"),
    Entry("magma.regenerate_free"),
    Entry("magma.switch_variant", "Previous Variant", {"step": -1}),
    Entry("magma.switch_variant", "Next Variant", {"step": 1}),
    Entry("magma.mirror_spans"),
    Entry("magma.copy_moves"),
    Entry("magma.paste_moves"),
    Submenu("MAGMA_MT_span_style"),
    Submenu("MAGMA_MT_span_energy"),
    Entry("magma.insert_motion"),
    BREAK,
    Entry("magma.accept_edit"),
    Entry("magma.reject_edit"),
    Entry("magma.compare_edit"),
    BREAK,
    Entry("magma.make_loop"),
    Entry("magma.chain_dances"),
    BREAK,
    Entry("magma.keep_keyframes"),
    Entry("magma.restore_keyframes"),
    Entry("magma.mark_beats"),
    Entry("magma.relink_song"),
)
HISTORY: Content = (
    Entry("magma.go_back"),
    Entry("magma.rename_version"),
    Entry("magma.remove_version"),
    Entry("magma.clean_history"),
)
MUSIC: Content = (
    Entry("magma.listen"),
    Entry("magma.mark_song_beats", "Mark the Song's Beats"),
    Entry("magma.follow_markers"),
    Entry("magma.reset_rhythm", "Rhythm as Heard"),
    Entry("magma.update_rhythm", "Use Rhythm for This Dance"),
    BREAK,
    Entry("magma.scale_tempo", "Half the Tempo", {"factor": 0.5}),
    Entry("magma.scale_tempo", "Twice the Tempo", {"factor": 2.0}),
    Entry("magma.set_tempo"),
    Entry("magma.tap_tempo", "Tap Tempo"),
    Entry("magma.use_taps"),
    BREAK,
    Entry("magma.this_is_one"),
    *(Entry("magma.set_metre", f"{beats} Beats a Bar", {"beats": beats}) for beats in (2, 3, 4, 6)),
    Entry("magma.use_style", "Style That Fits the Song", {"style": ""}),
)
CHARACTER: Content = (
    Entry("magma.use_active"),
    Entry("magma.detect_character"),
    Entry("magma.mirror_character"),
    BREAK,
    Entry("magma.save_character", "Save Character Preset"),
    Submenu("MAGMA_MT_character_presets", "Load Character Preset"),
)
NLA: Content = (
    Entry("magma.push_down"),
    Entry("magma.in_place"),
    Entry("magma.let_travel"),
    BREAK,
    Submenu("MAGMA_MT_candidates"),
    Entry("magma.remove_candidates"),
    BREAK,
    Entry("magma.mark_asset"),
    Submenu("MAGMA_MT_assets"),
)
ENGINE: Content = (
    Entry("magma.check_engine"),
    Entry("magma.open_log"),
    Entry("magma.copy_message"),
    BREAK,
    Entry("magma.install_pytorch"),
    Entry("magma.remove_pytorch"),
    Entry("magma.import_checkpoint"),
    Entry("magma.fetch_encodec"),
)


def draw_content(layout: bpy.types.UILayout, content: Content) -> None:
    """One row an entry."""
    layout.operator_context = "INVOKE_DEFAULT"
    for part in content:
        if isinstance(part, Entry):
            values = layout.operator(part.operator, text=part.text or None)
            for name, value in part.values.items():
                setattr(values, name, value)
        elif isinstance(part, Submenu):
            layout.menu(part.menu, text=part.text or None)
        else:
            layout.separator()


def _menu(name: str, label: str, about: str, content: Content) -> type[bpy.types.Menu]:
    class DanceMenu(bpy.types.Menu):
        __doc__ = about
        bl_idname = name
        bl_label = label

        def draw(self, context: bpy.types.Context) -> None:
            """One row an entry."""
            assert self.layout is not None
            with never_raises(self.layout):
                draw_content(self.layout, content)

    DanceMenu.__name__ = DanceMenu.__qualname__ = name
    return DanceMenu


MAGMA_MT_dance = _menu("MAGMA_MT_dance", "Dance", "Dances to songs: generate, edit, export", DANCE)
CLASSES = (
    _menu("MAGMA_MT_choreography", "Choreography", "What can be done to moves of a dance", CHOREOGRAPHY),
    _menu("MAGMA_MT_history", "History", "The versions of a dance, and the way back to them", HISTORY),
    _menu("MAGMA_MT_music", "Music", "What is heard of the song, and corrections", MUSIC),
    _menu("MAGMA_MT_character", "Character", "Which bone of the character is what", CHARACTER),
    _menu("MAGMA_MT_nla", "NLA and Assets", "The dance in NLA strips and as an asset, and other candidates", NLA),
    _menu("MAGMA_MT_engine", "Engine", "The process that generates dances, and what it can use", ENGINE),
    MAGMA_MT_dance,
)


def _draw_dance(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    assert menu.layout is not None
    menu.layout.separator()
    menu.layout.menu("MAGMA_MT_dance")


def _draw_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    assert menu.layout is not None
    menu.layout.operator("magma.export_dance", text="MAGMA Dance")


_added: list[tuple[str, Callable[[bpy.types.Menu, bpy.types.Context], None]]] = []


def register() -> None:
    """Add the entries to Blender's menus."""
    for place, draw in (*((place, _draw_dance) for place in PLACES), (EXPORTS, _draw_export)):
        getattr(bpy.types, place).append(draw)
        _added.append((place, draw))


def unregister() -> None:
    """Remove them."""
    while _added:
        place, draw = _added.pop()
        getattr(bpy.types, place).remove(draw)
