"""Editing a dance in background Blender with a fake engine: what stays, what changes, and what is refused."""

from __future__ import annotations

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_generate import add_song

from engine.choreography import lock
from magma_blender import choreography, editable, own_keyframes
from magma_blender.errors import MagmaError

ELBOW = 'pose.bones["L_elbow"].rotation_quaternion'
LOCKED = slice(30, 60)
"""Frames of the dance in the second second, which the tests lock; their scene frames are one higher."""


@pytest.fixture
def dancer(magma, tmp_path):
    """A dance of 3 s at 30 frames/s from frame 1 on, which has 15 token positions."""
    add_song(tmp_path)
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    return bpy.data.objects["song"]


def keys(armature):
    """(frames, curves) values of all keys of the dance's curves, bit for bit."""
    from smpl_rig.blender import compat
    from smpl_rig.blender.rewrite import CHANNELS

    curves = {(curve.data_path, curve.array_index): curve for curve in compat.fcurves(armature)}
    columns = []
    for channel in CHANNELS:
        points = curves[channel].keyframe_points
        co = np.empty(2 * len(points), np.float32)
        points.foreach_get("co", co)
        columns.append(co.reshape(-1, 2)[:, 1])
    return np.stack(columns, axis=1)


def state(armature):
    kept = editable.load(armature)
    return kept.document, kept.npz, kept.prints, keys(armature).tobytes(), armature.animation_data.action.name


def select_frames(first, last):
    scene = bpy.context.scene
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = first, last


def lock_the_second_second(armature):
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False
    return keys(armature)


def move_key(armature, frame, path=ELBOW, index=1, by=0.25):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(armature) if (c.data_path, c.array_index) == (path, index))
    point = next(p for p in curve.keyframe_points if round(p.co[0]) == frame)
    point.co[1] += by
    curve.update()


def spans(armature):
    return [(s.start, s.stop, s.locked, s.chosen, len(s.variants)) for s in editable.load(armature).document.spans]


def test_a_dance_is_kept_with_what_editing_needs(dancer):
    kept = editable.load(dancer)
    assert spans(dancer) == [(0, 15, False, 0, 1)]
    assert len(kept.prints) == 90 == len(kept.motion())
    assert kept.about.beats == (0.25, 0.75, 1.25, 1.75, 2.25, 2.75)
    assert editable.hand_edited(dancer, kept) == []
    shown = dancer.magma_spans.spans
    assert [(s.start, s.stop, s.style, s.variant, s.variants) for s in shown] == [(0, 15, "waltz", 1, 1)]


def test_regenerating_changes_all_but_the_locked_keys(dancer):
    before = lock_the_second_second(dancer)
    action = dancer.animation_data.action
    assert spans(dancer) == [(0, 5, False, 0, 1), (5, 10, True, 0, 1), (10, 15, False, 0, 1)]
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keys(dancer)
    assert np.array_equal(after[LOCKED], before[LOCKED])
    changed = (after != before).any(axis=1)
    assert changed[:30].all() and changed[60:].all()
    assert dancer.animation_data.action == action
    assert [span[3:] for span in spans(dancer)] == [(1, 2), (0, 1), (1, 2)]
    assert editable.hand_edited(dancer, editable.load(dancer)) == []
    assert choreography.load(dancer).positions == 15


def test_what_is_keyed_is_what_the_engine_danced(dancer):
    lock_the_second_second(dancer)
    bpy.ops.magma.regenerate_free()
    from smpl_rig.blender.keyframes import read_motion

    motion = editable.load(dancer).motion()
    keyed = read_motion(dancer, range(1, 91), 30.0)
    assert np.abs(keyed.joints() - motion.joints()).max() < 1e-4


def test_undo_redo_saving_and_loading_keep_dance_and_keys_together(dancer, tmp_path):
    bpy.context.preferences.edit.use_global_undo = True
    lock_the_second_second(dancer)
    bpy.ops.ed.undo_push(message="locked")
    locked = state(dancer)
    bpy.ops.magma.regenerate_free("EXEC_DEFAULT", True)
    edited = state(bpy.data.objects["song"])
    bpy.ops.ed.undo()
    assert state(bpy.data.objects["song"]) == locked
    assert [span.locked for span in bpy.data.objects["song"].magma_spans.spans] == [False, True, False]
    bpy.ops.ed.redo()
    assert state(bpy.data.objects["song"]) == edited
    file = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    armature = bpy.data.objects["song"]
    assert state(armature) == edited
    assert [span.variants for span in armature.magma_spans.spans] == [2, 1, 2]
    before = keys(armature)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keys(armature)[LOCKED], before[LOCKED])


def test_two_dancers_keep_their_own(dancer, tmp_path):
    bpy.context.scene.magma.seed = 7
    bpy.ops.magma.generate_dance()
    other = bpy.data.objects["song.001"]
    untouched = state(dancer)
    bpy.context.view_layer.objects.active = other
    bpy.ops.magma.regenerate_free()
    assert state(dancer) == untouched
    other.name = "renamed"
    bpy.context.view_layer.objects.active = dancer
    untouched = state(other)
    bpy.ops.magma.regenerate_free()
    assert state(other) == untouched
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.magma.regenerate_free.poll()  # which of the two?


def test_a_duplicate_is_edited_alone_even_where_it_shares_the_action(dancer):
    twin = dancer.copy()
    bpy.context.scene.collection.objects.link(twin)
    assert twin.animation_data.action == dancer.animation_data.action
    before = state(dancer)
    bpy.context.view_layer.objects.active = twin
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert state(dancer) == before
    assert twin.animation_data.action != dancer.animation_data.action
    assert (keys(twin) != keys(dancer)).any()
    assert editable.hand_edited(twin, editable.load(twin)) == []
    assert choreography.load(twin).action == twin.animation_data.action.name


def test_keys_changed_by_hand_are_noticed_and_nothing_is_lost(dancer):
    lock_the_second_second(dancer)
    for frame in (5, 6, 80):
        move_key(dancer, frame)
    before = state(dancer)
    with pytest.raises(RuntimeError, match=r"changed by hand in frames 5 to 6, 80\. Press Keep My Keyframes"):
        bpy.ops.magma.regenerate_free()
    assert state(dancer) == before


@pytest.mark.parametrize("change", ["removed", "added", "shifted"])
def test_keys_that_are_removed_added_or_shifted_are_noticed(dancer, change):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(dancer) if (c.data_path, c.array_index) == (ELBOW, 2))
    point = curve.keyframe_points[39]
    if change == "removed":
        curve.keyframe_points.remove(point)
    elif change == "added":
        curve.keyframe_points.insert(40.25, 0.3)
    else:
        point.co[0] += 0.25
    assert editable.hand_edited(dancer, editable.load(dancer)) == [39]


def test_keep_my_keyframes_locks_the_present_poses(dancer):
    from smpl_rig.blender.keyframes import read_motion

    for frame in (40, 41):
        move_key(dancer, frame)
    before = keys(dancer)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert np.array_equal(keys(dancer), before)
    kept = editable.load(dancer)
    assert spans(dancer) == [(0, 6, False, 0, 1), (6, 7, True, 1, 2), (7, 15, False, 0, 1)]
    mine = read_motion(dancer, [40, 41], 30.0)
    assert np.allclose(kept.motion().poses[39:41], mine.poses, atol=1e-6)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keys(dancer)
    assert np.array_equal(after[36:42], before[36:42])
    assert (after[:36] != before[:36]).any() and (after[42:] != before[42:]).any()
    with pytest.raises(MagmaError, match="No keyframe"):
        own_keyframes.keep(dancer)


def test_a_span_with_removed_keys_can_be_kept_then_freed_and_written_anew(dancer):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(dancer) if (c.data_path, c.array_index) == (ELBOW, 2))
    for _ in range(3):
        curve.keyframe_points.remove(curve.keyframe_points[40])
    count = len(curve.keyframe_points)
    bpy.ops.magma.keep_keyframes()
    select_frames(1, 90)
    bpy.ops.magma.unlock_spans()
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert len(curve.keyframe_points) == count + 3
    assert [point.co[0] for point in curve.keyframe_points] == list(range(1, 91))
    assert editable.hand_edited(dancer, editable.load(dancer)) == []


def test_restore_keyframes_keeps_the_changed_action(dancer):
    before = keys(dancer)
    mine = dancer.animation_data.action
    move_key(dancer, 20)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert np.array_equal(keys(dancer), before)
    assert mine.use_fake_user and dancer.animation_data.action != mine
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}


def test_variants_come_back_as_the_same_keys(dancer):
    select_frames(31, 60)
    original = keys(dancer)
    assert bpy.ops.magma.replace_spans(variants=4) == {"FINISHED"}
    assert spans(dancer) == [(0, 5, False, 0, 1), (5, 10, False, 1, 5), (10, 15, False, 0, 1)]
    seen = [keys(dancer)]
    for _ in range(4):
        assert bpy.ops.magma.switch_variant(step=1) == {"FINISHED"}
        seen.append(keys(dancer))
    assert np.array_equal(seen[4], original)  # the first of five, after the fifth
    assert len({values.tobytes() for values in seen}) == 5
    for values in reversed(seen[:4]):
        bpy.ops.magma.switch_variant(step=-1)
        assert np.array_equal(keys(dancer), values)
    outside = np.r_[0:30, 60:90]
    assert all(np.array_equal(values[outside], original[outside]) for values in seen)
    with pytest.raises(RuntimeError, match="has one variant"):
        bpy.ops.magma.switch_variant(position=0)


def test_mirroring_twice_is_as_it_was(dancer):
    select_frames(31, 60)
    before = keys(dancer)
    bpy.ops.magma.mirror_spans()
    assert (keys(dancer)[LOCKED] != before[LOCKED]).any()
    bpy.ops.magma.mirror_spans()
    assert np.array_equal(keys(dancer), before)


def test_copy_and_paste(dancer):
    select_frames(31, 60)
    bpy.ops.magma.replace_spans(variants=1)
    assert bpy.ops.magma.copy_moves() == {"FINISHED"}
    bpy.context.scene.frame_set(61)
    bpy.ops.magma.paste_moves()
    danced = editable.load(dancer).document.span_at(10).danced
    assert danced.source == "copied" and editable.load(dancer).document.span_at(10).start == 10


def test_selection_is_ticked_spans_then_preview_range_then_markers_then_playhead(dancer):
    from magma_blender.selection import selected

    def now():
        return selected(bpy.context, dancer, editable.load(dancer))

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


def test_split_merge_and_style_leave_the_keys(dancer):
    before = keys(dancer)
    select_frames(1, 90)
    assert bpy.ops.magma.split_at_bars() == {"FINISHED"}  # a waltz: bars at 0.25 s and 1.75 s
    assert [span[:2] for span in spans(dancer)] == [(0, 1), (1, 9), (9, 15)]
    assert bpy.ops.magma.merge_spans() == {"FINISHED"}
    assert [span[:2] for span in spans(dancer)] == [(0, 15)]
    select_frames(31, 60)
    assert bpy.ops.magma.style_spans(style="salsa", strength=2.0) == {"FINISHED"}
    span = editable.load(dancer).document.span_at(5)
    assert (span.style, span.style_strength) == ("salsa", 2.0)
    assert dancer.magma_spans.spans[1].style == "salsa"
    with pytest.raises(RuntimeError, match=r"no style 'polka'.*waltz"):
        bpy.ops.magma.style_spans(style="polka")
    assert np.array_equal(keys(dancer), before)


def test_the_lock_icon_toggles(dancer):
    bpy.ops.magma.toggle_span_lock(position=3)
    assert spans(dancer)[0][2]
    bpy.ops.magma.toggle_span_lock(position=3)
    assert not spans(dancer)[0][2]


def test_errors_leave_all_as_it_was(magma, dancer, tmp_path):
    select_frames(1, 90)
    bpy.ops.magma.lock_spans()
    before = state(dancer)
    with pytest.raises(RuntimeError, match="Everything is locked"):
        bpy.ops.magma.regenerate_free()
    for mode, sentence in (("fail", "The song is silent"), ("die", "The engine"), ("nonsense", "cannot be used")):
        blenders.use_engine(magma, tmp_path, mode)
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.magma.regenerate_free()
        assert state(dancer) == before
    blenders.use_engine(magma, tmp_path, "ok")
    select_frames(200, 300)
    with pytest.raises(RuntimeError, match="hold no move of the dance"):
        bpy.ops.magma.unlock_spans()
    bpy.context.scene.use_preview_range = False
    bpy.context.scene.frame_set(200)
    with pytest.raises(RuntimeError, match="Frame 200 is outside the dance"):
        bpy.ops.magma.unlock_spans()
    assert state(dancer) == before


def test_a_change_while_the_engine_works_is_not_overwritten(dancer):
    from magma_blender import edits
    from magma_blender.errors import MagmaError
    from magma_blender.session import session

    def lock_in_between():
        editable.change(dancer, lambda document: lock(document, 0, 5))

    for change in (lock_in_between, lambda: move_key(dancer, 9)):
        edits.start(dancer, [{"do": "regenerate"}], "Regenerating")
        change()
        before = state(dancer)
        session.wait_for_job(lambda progress: None)
        with pytest.raises(MagmaError, match="changed"):
            session.finish_job(bpy.context)
        assert state(dancer) == before


def test_cancelling_changes_nothing(magma, dancer, tmp_path):
    from magma_blender import edits
    from magma_blender.errors import MagmaError
    from magma_blender.session import session

    blenders.use_engine(magma, tmp_path, "slow")
    before = state(dancer)
    edits.start(dancer, [{"do": "regenerate"}], "Regenerating")
    assert not bpy.ops.magma.lock_spans.poll()
    session.cancel_job()
    session.wait_for_job(lambda progress: None)
    with pytest.raises(MagmaError, match="Cancelled"):
        session.finish_job(bpy.context)
    assert state(dancer) == before


def test_a_dance_from_before_still_shows_what_it_showed(dancer):
    editable.forget(dancer)
    assert choreography.load(dancer).positions == 15
    assert not bpy.ops.magma.lock_spans.poll()
    with pytest.raises(MagmaError, match="generate it anew"):
        editable.find_dancer(bpy.context)
    assert len(dancer.magma_spans.spans) == 0


def test_a_new_dance_on_the_same_armature_replaces_the_document(dancer):
    lock_the_second_second(dancer)
    bpy.context.scene.magma.target = dancer
    bpy.context.scene.magma.seed = 3
    bpy.ops.magma.generate_dance()
    assert spans(dancer) == [(0, 15, False, 0, 1)]
    assert editable.hand_edited(dancer, editable.load(dancer)) == []


def test_two_dances_become_one(dancer):
    bpy.context.scene.magma.seed = 7
    bpy.ops.magma.generate_dance()
    other = bpy.data.objects["song.001"]
    before, untouched = keys(dancer), state(other)
    bpy.context.view_layer.objects.active = dancer
    dancer.select_set(True)
    other.select_set(True)
    assert bpy.ops.magma.chain_dances(seconds=1.0) == {"FINISHED"}
    assert [span[:2] for span in spans(dancer)] == [(0, 15), (15, 20), (20, 35)]
    assert keys(dancer).shape[0] == 210 and np.array_equal(keys(dancer)[:90], before)
    assert state(other) == untouched


def test_beats_are_marked_once(dancer):
    scene = bpy.context.scene
    scene.timeline_markers.new("mine", frame=3)
    for _ in range(2):
        assert bpy.ops.magma.mark_beats() == {"FINISHED"}
    names = {marker.name: marker.frame for marker in scene.timeline_markers}
    assert len(scene.timeline_markers) == 7
    assert (names["bar 1"], names["bar 1.2"], names["bar 2"], names["mine"]) == (8, 24, 54, 3)


def test_a_rotation_of_the_other_sign_keeps_the_kept_keys(scene):
    """A new piece may turn once more than the old one: its last key is held, so that nothing passes through zero."""
    from smpl_rig.blender import compat
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.rewrite import rewrite_motion
    from smpl_rig.motion import Motion

    armature = create_armature("turner")
    poses = np.zeros((30, 24, 3), np.float32)
    write_motion(armature, Motion(poses.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), 1, 30.0, "turn")
    before = keys(armature)
    turning = poses.copy()
    turning[10:20, 12, 1] = np.linspace(0.3, 2 * np.pi - 0.3, 10)
    changed = np.zeros(30, bool)
    changed[10:20] = True
    rewrite_motion(armature, Motion(turning.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), changed, 1)
    after = keys(armature)
    assert np.array_equal(np.delete(after, np.s_[10:20], 0), np.delete(before, np.s_[10:20], 0))
    path = 'pose.bones["neck"].rotation_quaternion'
    curves = [curve for curve in compat.fcurves(armature) if curve.data_path == path]
    for frame in np.arange(10, 21, 0.25):
        assert np.linalg.norm([curve.evaluate(frame) for curve in curves]) > 0.9
    assert {curves[0].keyframe_points[k].interpolation for k in range(19)} == {"LINEAR"}
    assert curves[0].keyframe_points[19].interpolation == "CONSTANT"


class Layout:
    """Stands in for a panel's layout, which Blender makes only for windows: takes whatever is drawn, and checks that
    every operator, menu, icon and property that is named exists."""

    def __init__(self, context, seen=None):
        self.context, self.seen = context, [] if seen is None else seen

    def _part(self, **_):
        return Layout(self.context, self.seen)

    row = column = box = _part

    def label(self, text="", icon="NONE"):
        self.seen.append(text)
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items

    def operator(self, name, text="", icon="NONE", emboss=True):
        kind = getattr(bpy.types, "MAGMA_OT_" + name.partition(".")[2])
        self.label(text or kind.bl_label, icon)
        properties = kind.bl_rna.properties if hasattr(kind, "bl_rna") else {}
        return type("Values", (), {"known": properties})()

    def menu(self, name, text=""):
        assert hasattr(bpy.types, name)

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties

    def separator(self):
        pass

    def template_list(self, kind, _name, data, collection, active_data, active, rows):
        assert active in active_data.bl_rna.properties
        draw_item = getattr(bpy.types, kind).draw_item
        for index, item in enumerate(getattr(data, collection)):
            draw_item(None, self.context, self, data, item, 0, active_data, active, index)


def test_the_panel_shows_the_spans(dancer, monkeypatch):
    import types

    from magma_blender import choreography_panel

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


def test_the_band_lies_where_the_spans_are(dancer):
    from magma_blender import band

    lock_the_second_second(dancer)
    found = band.bars(dancer, lambda frame: 10 * frame)
    assert [(bar.left, bar.right + band.GAP, bar.locked) for bar in found] == [
        (10, pytest.approx(310), False),
        (pytest.approx(310), pytest.approx(610), True),
        (pytest.approx(610), pytest.approx(910), False),
    ]
    points = band.hatching(found[1], 24, 18, 7)
    assert len(points) > 40
    assert all(309 <= x <= 610 and 24 <= y <= 42 for x, y in points)


def test_every_operator_says_what_it_does(magma):
    from magma_blender import op_choreography, op_spans

    for kind in (*op_spans.CLASSES, *op_choreography.CLASSES):
        assert kind.__doc__ and kind.bl_label and not kind.__doc__.endswith(".")
        assert "UNDO" in kind.bl_options or kind is op_choreography.MAGMA_OT_copy_moves
