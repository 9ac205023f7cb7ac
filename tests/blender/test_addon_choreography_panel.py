"""What the window shows of a dance that is edited: the list, the buttons, the band, and what they are for."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
from dances import lock_the_second_second, select_frames, spans

from magma_blender.scene.dancer import load


@pytest.mark.made_up
def test_selection_is_ticked_spans_then_preview_range_then_markers_then_playhead(dancer):
    from magma_blender.scene.selection import selected

    def now():
        return selected(bpy.context, dancer, load(dancer))

    scene = bpy.context.scene
    scene.frame_set(50)
    assert bpy.ops.magma.split_span() == {"FINISHED"}  # 49 / 30 s * 5 = position 8
    scene.frame_set(10)
    assert now() == ([(0, 8)], "span under the playhead")
    for frame in (19, 43):
        scene.timeline_markers.new("here", frame=frame).select = True
    assert now() == ([(3, 7)], "selected markers")
    select_frames(31, 60)
    assert now() == ([(5, 10)], "preview range")
    dancer.magma_spans.spans[1].selected = True
    assert now() == ([(8, 15)], "ticked spans")
    bpy.ops.magma.lock_spans()
    assert spans(dancer) == [(0, 8, False, 0, 1), (8, 15, True, 0, 1)]
    assert now()[0] == [(8, 15)]  # the tick stays


class Layout:
    """Stands in for a panel's layout, which Blender makes only for windows: accepts whatever is drawn, and checks that
    every operator, menu, icon and property that is named exists."""

    def __init__(self, context, seen=None):
        self.context, self.seen = context, [] if seen is None else seen

    def _part(self, **_):
        return Layout(self.context, self.seen)

    row = column = box = split = _part

    def label(self, text="", icon="NONE", translate=True, icon_value=0):
        assert icon_value >= 0
        assert "cannot show this" not in text  # what `never_raises` says
        assert len(text) < 200 and "\0" not in text and "\n" not in text
        text.encode("utf-8")  # as Blender does
        self.seen.append(text)
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items

    def operator(self, name, text=None, icon="NONE", emboss=True, depress=False, translate=True):
        kind = getattr(bpy.types, "MAGMA_OT_" + name.partition(".")[2])
        self.label(text or kind.bl_label, icon, translate)
        properties = kind.bl_rna.properties if hasattr(kind, "bl_rna") else {}
        return type("Values", (), {"known": properties})()

    def menu(self, name, text=None):
        assert hasattr(bpy.types, name)

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties

    def prop_search(self, data, name, *_, **__):
        self.prop(data, name)

    def template_icon(self, icon_value, scale=1.0):
        assert icon_value >= 0

    def separator(self):
        pass

    def progress(self, text="", factor=0.0, translate=True):
        self.label(text, translate=translate)

    def template_list(self, kind, _name, data, collection, active_data, active, rows):
        assert active in active_data.bl_rna.properties
        draw_item = getattr(bpy.types, kind).draw_item
        for index, item in enumerate(getattr(data, collection)):
            draw_item(None, self.context, self, data, item, 0, active_data, active, index, 0)


@pytest.mark.made_up
def test_the_panel_shows_the_spans(dancer, monkeypatch):
    import types

    from magma_blender.ui import choreography_panel

    lock_the_second_second(dancer)
    select_frames(1, 30)
    bpy.ops.magma.replace_spans(variants=2)
    context = types.SimpleNamespace(
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)),
        region=types.SimpleNamespace(width=400),
    )
    for kind in (choreography_panel.MAGMA_PT_sequencer_choreography, choreography_panel.MAGMA_PT_viewport_choreography):
        assert kind.poll(context)
        layout = Layout(context)
        kind.draw(types.SimpleNamespace(layout=layout), context)
        assert {"0.0–1.0 s", "bar 1.1–1.2", "2 of 3", "Replace Moves"} <= set(layout.seen)
        assert any("For 0.0 to 1.0 s (preview range)" in text for text in [" ".join(layout.seen)])
    menu = Layout(context)
    choreography_panel.MAGMA_MT_span_style.draw(types.SimpleNamespace(layout=menu), context)
    assert {"As the Dance (Waltz)", "Salsa"} <= set(menu.seen)
    bpy.context.scene.use_preview_range = False
    bpy.context.scene.frame_set(500)
    layout = Layout(context)
    choreography_panel.MAGMA_PT_viewport_choreography.draw(types.SimpleNamespace(layout=layout), context)
    assert any("outside" in text for text in layout.seen)


@pytest.mark.made_up
def test_the_band_lies_where_the_spans_are(dancer):
    from magma_blender.ui import timeline_band

    lock_the_second_second(dancer)
    found = timeline_band.bars(dancer, lambda frame: 10 * frame)
    assert [(bar.left, bar.right + timeline_band.GAP, bar.locked) for bar in found] == [
        (10, pytest.approx(310), False),
        (pytest.approx(310), pytest.approx(610), True),
        (pytest.approx(610), pytest.approx(910), False),
    ]
    points = timeline_band.hatching(found[1], 24, 18, 7)
    assert len(points) > 40
    assert all(309 <= x <= 610 and 24 <= y <= 42 for x, y in points)


def test_what_changes_the_dance_can_be_undone(magma):
    from magma_blender.operators import insert_motion, moves, spans

    for kind in (*spans.CLASSES, *moves.CLASSES, *insert_motion.CLASSES):
        changes_nothing = kind in (moves.MAGMA_OT_copy_moves, insert_motion.MAGMA_OT_browse_motion)
        assert ("UNDO" in kind.bl_options) != changes_nothing
