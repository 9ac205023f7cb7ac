"""Variants of a span in Blender: kept, chosen again, and danced at once where their poses fit."""

from __future__ import annotations

import io

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import LOCKED, SAME, keys, move_key, saved_and_opened, select_frames, span_at, spans, state

from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

REPLACED = slice(31, 60)
"""Frames that another variant of the second second changes: not the one after the moves before it."""


@pytest.fixture
def choices(dancer):
    """The dancer with four new variants, of which one is danced, in the second second, whose frames are selected."""
    select_frames(31, 60)
    assert bpy.ops.magma.replace_spans(variants=4) == {"FINISHED"}
    return dancer


def test_variants_come_back_as_the_same_keys(dancer):
    select_frames(31, 60)
    original = keys(dancer)
    assert bpy.ops.magma.replace_spans(variants=4) == {"FINISHED"}
    assert spans(dancer) == [(0, 5, False, 0, 1), (5, 10, False, 1, 5), (10, 15, False, 0, 1)]
    seen = [keys(dancer)]
    for _ in range(4):
        assert bpy.ops.magma.switch_variant(step=1) == {"FINISHED"}
        seen.append(keys(dancer))
    assert np.allclose(seen[4], original, atol=SAME)  # the first of five, after the fifth
    assert len({values.tobytes() for values in seen}) == 5
    for values in reversed(seen[:4]):
        bpy.ops.magma.switch_variant(step=-1)
        assert np.allclose(keys(dancer), values, atol=SAME)
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
    assert np.allclose(keys(dancer), before, atol=SAME)


def test_variants_are_danced_without_the_engine_as_it_would_dance_them(magma, choices, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.operators import edit_jobs

    blenders.use_engine(magma, tmp_path, "die")
    seen = {}
    for step in (1, 1, 1, 1, 1, -1, -1):
        before = keys(choices)
        assert bpy.ops.magma.switch_variant(step=step) == {"FINISHED"}
        kept = load(choices)
        assert hand_edited(choices, kept) == []
        changed = (keys(choices) != before).any(axis=1)
        assert changed[REPLACED].all() and not np.delete(changed, REPLACED).any()
        chosen = span_at(choices, 5).chosen
        assert seen.setdefault(chosen, keys(choices).tobytes()) == keys(choices).tobytes()
    assert len(set(seen.values())) == 5
    blenders.use_engine(magma, tmp_path, "ok")
    for index in range(5):
        edit_jobs.start_edit(
            choices, [{"do": "choose", "start": span_at(choices, 5).start, "index": index}], "Choosing"
        )
        session.wait_for_job(lambda progress: None)
        session.finish_job(bpy.context)
        assert keys(choices).tobytes() == seen[index]


def test_what_a_variant_meets_has_changed_so_the_engine_is_asked(magma, choices, tmp_path):
    select_frames(49, 78)
    bpy.ops.magma.replace_spans(variants=1)
    assert [span[:2] for span in spans(choices)] == [(0, 5), (5, 8), (8, 10), (10, 13), (13, 15)]
    before = state(choices)
    blenders.use_engine(magma, tmp_path, "die")
    with pytest.raises(RuntimeError, match="The engine"):
        bpy.ops.magma.switch_variant(position=span_at(choices, 5).start)
    assert state(choices) == before
    blenders.use_engine(magma, tmp_path, "ok")
    assert bpy.ops.magma.switch_variant(position=span_at(choices, 5).start) == {"FINISHED"}
    changed = (keys(choices) != np.frombuffer(before[3]).reshape(90, -1)).any(axis=1)
    assert changed[31:48].all() and not changed[:31].any() and not changed[49:].any()


def test_a_locked_span_keeps_its_variant_and_keys_changed_by_hand_are_kept(choices):
    bpy.ops.magma.lock_spans()
    before = state(choices)
    with pytest.raises(RuntimeError, match="is locked"):
        bpy.ops.magma.switch_variant(step=1)
    assert state(choices) == before
    bpy.ops.magma.unlock_spans()
    move_key(choices, 5)
    before = state(choices)
    with pytest.raises(RuntimeError, match="changed by hand"):
        bpy.ops.magma.switch_variant(step=1)
    assert state(choices) == before


def test_a_switch_is_one_undo_step_and_variants_are_saved(magma, choices, tmp_path):
    bpy.context.preferences.edit.use_global_undo = True
    blenders.use_engine(magma, tmp_path, "die")
    bpy.ops.ed.undo_push(message="before")
    before = state(choices)
    bpy.ops.magma.switch_variant("EXEC_DEFAULT", True, step=1)
    after = state(bpy.data.objects["song"])
    bpy.ops.ed.undo()
    assert state(bpy.data.objects["song"]) == before
    bpy.ops.ed.redo()
    assert state(bpy.data.objects["song"]) == after
    armature = saved_and_opened(tmp_path)
    assert bpy.ops.magma.switch_variant(step=-1) == {"FINISHED"}
    assert keys(armature).tobytes() == before[3]


def test_clips_that_no_variant_is_kept_in_are_left_out(choices):
    bpy.ops.magma.switch_variant(step=1)
    kept = load(choices)
    with np.load(io.BytesIO(kept.npz)) as arrays:
        names = {name.split("_")[1] for name in arrays.files if name.startswith("clip_")}
    assert names == set(kept.document.clips) and len(names) == 5
