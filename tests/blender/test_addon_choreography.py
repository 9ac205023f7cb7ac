"""Editing a dance in background Blender with a fake engine: what stays, what changes, and what is refused."""

from __future__ import annotations

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import (
    LOCKED,
    NEAR,
    keys,
    lock_the_second_second,
    move_key,
    saved_and_opened,
    select_frames,
    span_at,
    spans,
    state,
)

from engine.choreography import lock
from magma_blender.scene import edits
from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.mark.made_up
def test_a_dance_is_kept_with_what_editing_needs(dancer):
    kept = load(dancer)
    assert spans(dancer) == [(0, 15, False, 0, 1)]
    assert len(kept.key_prints) == 90 == len(kept.motion())
    assert kept.document.audio[0].beats == (0.25, 0.75, 1.25, 1.75, 2.25, 2.75)
    assert hand_edited(dancer, kept) == []
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
    assert changed[:30].all() and changed[61:].all()
    assert dancer.animation_data.action == action
    assert [span[3:] for span in spans(dancer)] == [(1, 2), (0, 1), (1, 2)]
    assert hand_edited(dancer, load(dancer)) == []


def test_what_is_keyed_is_what_the_engine_danced(dancer):
    lock_the_second_second(dancer)
    bpy.ops.magma.regenerate_free()
    from smpl_rig.blender.smpl_keying import read_motion

    motion = load(dancer).motion()
    keyed = read_motion(dancer, range(1, 91), 30.0)
    assert np.abs(keyed.joints() - motion.joints()).max() < NEAR


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
    armature = saved_and_opened(tmp_path)
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
    assert hand_edited(twin, load(twin)) == []
    assert load(twin).action == twin.animation_data.action.name


def test_copy_and_paste(dancer):
    select_frames(31, 60)
    bpy.ops.magma.replace_spans(variants=1)
    assert bpy.ops.magma.copy_moves() == {"FINISHED"}
    bpy.context.scene.frame_set(61)
    bpy.ops.magma.paste_moves()
    assert span_at(dancer, 10).danced.source == "copied"
    assert [span[:2] for span in spans(dancer)][:3] == [(0, 5), (5, 10), (10, 15)]


@pytest.mark.made_up
def test_split_merge_and_style_leave_the_keys(dancer):
    before = keys(dancer)
    select_frames(1, 90)
    assert bpy.ops.magma.split_at_bars() == {"FINISHED"}  # a waltz: bars at 0.25 s and 1.75 s
    assert [span[:2] for span in spans(dancer)] == [(0, 1), (1, 9), (9, 15)]
    assert bpy.ops.magma.merge_spans() == {"FINISHED"}
    assert [span[:2] for span in spans(dancer)] == [(0, 15)]
    select_frames(31, 60)
    assert bpy.ops.magma.style_spans(style="salsa", strength=2.0, transition=0.5) == {"FINISHED"}
    span = load(dancer).document.span_at(5)
    assert (span.style, span.style_strength, span.style_transition) == ("salsa", 2.0, 0.5)
    assert dancer.magma_spans.spans[1].style == "salsa"
    with pytest.raises(RuntimeError, match=r"no style 'polka'.*waltz"):
        bpy.ops.magma.style_spans(style="polka")
    assert np.array_equal(keys(dancer), before)


@pytest.mark.made_up
def test_moves_are_given_an_energy_where_the_checkpoint_can_be_told_one(dancer, monkeypatch):
    before = keys(dancer)
    select_frames(31, 60)
    with pytest.raises(RuntimeError, match="cannot be told an energy"):
        bpy.ops.magma.energy_spans(energy=1.3)
    monkeypatch.setattr("magma_blender.operators.spans.has_energy", lambda _: True)
    assert bpy.ops.magma.energy_spans(energy=1.3) == {"FINISHED"}
    assert load(dancer).document.span_at(5).energy == pytest.approx(1.3)
    assert bpy.ops.magma.energy_spans(as_dance=True) == {"FINISHED"}
    assert load(dancer).document.span_at(5).energy is None
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
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import edit_jobs

    def lock_in_between():
        edits.change(dancer, lambda document: lock(document, 0, 5), "Lock Moves")

    for change in (lock_in_between, lambda: move_key(dancer, 9)):
        edit_jobs.start_edit(dancer, [{"do": "regenerate"}], "Regenerating")
        change()
        before = state(dancer)
        session.wait_for_job(lambda progress: None)
        with pytest.raises(MagmaError, match="changed"):
            session.finish_job(bpy.context)
        assert state(dancer) == before


def test_cancelling_changes_nothing(magma, dancer, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import edit_jobs

    blenders.use_engine(magma, tmp_path, "slow")
    before = state(dancer)
    edit_jobs.start_edit(dancer, [{"do": "regenerate"}], "Regenerating")
    assert not bpy.ops.magma.lock_spans.poll()
    session.cancel_job()
    session.wait_for_job(lambda progress: None)
    with pytest.raises(MagmaError, match="Cancelled"):
        session.finish_job(bpy.context)
    assert state(dancer) == before


def test_a_new_dance_on_the_same_armature_replaces_the_document(dancer):
    lock_the_second_second(dancer)
    bpy.context.scene.magma.target = dancer
    bpy.context.scene.magma.seed = 3
    bpy.ops.magma.generate_dance()
    assert spans(dancer) == [(0, 15, False, 0, 1)]
    assert hand_edited(dancer, load(dancer)) == []


def test_two_dances_become_one(dancer):
    bpy.context.scene.magma.seed = 7
    bpy.ops.magma.generate_dance()
    other = bpy.data.objects["song.001"]
    before, untouched = keys(dancer), state(other)
    bpy.context.view_layer.objects.active = dancer
    dancer.select_set(True)
    other.select_set(True)
    assert bpy.ops.magma.chain_dances(seconds=1.0) == {"FINISHED"}
    document, length = load(dancer).document, len(load(other).document)
    join = round(document.token_rate)
    borders = [(span.start, span.stop) for span in document.spans]
    assert borders == [(0, length), (length, length + join), (length + join, 2 * length + join)]
    frames = round((length / document.token_rate + 1.0 + 3.0) * 30)
    assert keys(dancer).shape[0] == frames and np.array_equal(keys(dancer)[:90], before)
    assert state(other) == untouched


@pytest.mark.made_up
def test_after_a_chain_beats_and_bars_are_those_of_both_songs(dancer):
    settings, scene = bpy.context.scene.magma, bpy.context.scene
    settings.style, settings.seed = "salsa", 7
    bpy.ops.magma.generate_dance()  # the first is a waltz
    other = bpy.data.objects["song.001"]
    bpy.context.view_layer.objects.active = dancer
    dancer.select_set(True)
    other.select_set(True)
    bpy.ops.magma.chain_dances(seconds=1.0)
    assert load(dancer).document.audio[1].beats == load(other).document.audio[0].beats
    assert bpy.ops.magma.mark_beats() == {"FINISHED"}
    markers = {marker.name: marker.frame for marker in scene.timeline_markers}
    first = {"bar 1": 8, "bar 1.2": 24, "bar 1.3": 38, "bar 2": 54, "bar 2.2": 68, "bar 2.3": 84}
    second = {"bar 3": 128, "bar 3.2": 144, "bar 3.3": 158, "bar 3.4": 174, "bar 4": 188, "bar 4.2": 204}
    assert markers == first | second  # the second song begins 4 s after the first, at frame 121
    assert [span.bars for span in dancer.magma_spans.spans] == ["bar 1.1–2.3", "bar 2.3–2.3", "bar 2.3–4.2"]
    select_frames(1, 210)
    bpy.ops.magma.split_at_bars()
    assert [span[0] for span in spans(dancer)] == [0, 1, 9, 15, 20, 21, 31]


@pytest.fixture
def still(tmp_path):
    """A file with a motion of a second at 60 frames/s."""
    from smpl_rig.motion import Motion, save_npz

    file = tmp_path / "still.npz"
    save_npz(file, Motion(np.zeros((60, 72), np.float32), np.zeros((60, 3), np.float32), 60.0))
    return file


@pytest.mark.made_up
def test_a_motion_of_a_file_is_inserted_at_the_playhead_and_locked(dancer, still):
    from magma_blender.engine_host.session import session

    before = keys(dancer)
    bpy.context.scene.frame_set(33)
    assert bpy.ops.magma.insert_motion(filepath=str(still)) == {"FINISHED"}
    assert [span[:3] for span in spans(dancer)] == [(0, 5, False), (5, 10, True), (10, 15, False)]
    assert load(dancer).document.span_at(5).danced.source == "motion"
    assert any("12 mm off" in line for line in session.notice.details)
    changed = (keys(dancer) != before).any(axis=1)
    assert changed[31:60].all() and not changed[:31].any()
    assert hand_edited(dancer, load(dancer)) == []
    for file, sentence in ((still.with_name("gone.npz"), "gone.npz"), ("", "No motion is given")):
        before = state(dancer)
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.magma.insert_motion(filepath=str(file))
        assert state(dancer) == before


@pytest.mark.filterwarnings("ignore:.*blend relative")  # 5.0 wants to be told of such paths, 3.4 cannot
def test_a_path_relative_to_the_blend_is_found(dancer, still, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.ops.magma.insert_motion(filepath="//still.npz") == {"FINISHED"}


@pytest.mark.made_up
def test_a_loop_locks_its_end(dancer):
    before = keys(dancer)
    assert bpy.ops.magma.make_loop() == {"FINISHED"}
    assert spans(dancer) == [(0, 14, False, 0, 1), (14, 15, True, 1, 2)]
    assert np.array_equal(keys(dancer)[:85], before[:85]) and (keys(dancer)[85:] != before[85:]).any()


@pytest.mark.made_up
def test_beats_are_marked_once(dancer):
    scene = bpy.context.scene
    scene.timeline_markers.new("mine", frame=3)
    for _ in range(2):
        assert bpy.ops.magma.mark_beats() == {"FINISHED"}
    names = {marker.name: marker.frame for marker in scene.timeline_markers}
    assert len(scene.timeline_markers) == 7
    assert (names["bar 1"], names["bar 1.2"], names["bar 2"], names["mine"]) == (8, 24, 54, 3)
