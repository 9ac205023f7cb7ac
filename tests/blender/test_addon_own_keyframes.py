"""Keyframes that the animator has changed: noticed, kept and locked, or restored."""

from __future__ import annotations

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import ELBOW, NEAR, keys, lock_the_second_second, move_key, select_frames, spans, state

from magma_blender.errors import MagmaError
from magma_blender.scene import own_keyframes
from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.mark.made_up
def test_keys_changed_by_hand_are_noticed_and_nothing_is_lost(dancer):
    lock_the_second_second(dancer)
    for frame in (5, 6, 80):
        move_key(dancer, frame)
    before = state(dancer)
    with pytest.raises(RuntimeError, match=r"changed by hand in frames 4 to 7, 79 to 81\. Press Keep My Keyframes"):
        bpy.ops.magma.regenerate_free()
    assert state(dancer) == before


@pytest.mark.parametrize("change", ["removed", "added", "raised"])
def test_keys_that_are_removed_added_or_raised_are_noticed(dancer, change):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(dancer) if (c.data_path, c.array_index) == (ELBOW, 2))
    frames = [round(point.co[0]) - 1 for point in curve.keyframe_points]
    number = len(frames) // 2
    point = curve.keyframe_points[number]
    if change == "removed":
        curve.keyframe_points.remove(point)
    elif change == "added":
        curve.keyframe_points.insert(frames[number] + 1.25, 0.3)
    else:
        point.co[1] += 0.1
    edited = hand_edited(dancer, load(dancer))
    # the key, and what lies between it and the keys beside it
    assert frames[number] in edited
    assert set(edited) <= set(range(frames[number - 1], frames[number + 1] + 1))


@pytest.mark.made_up
def test_keep_my_keyframes_locks_the_present_poses(dancer):
    from smpl_rig.blender.smpl_keying import read_motion

    for frame in (40, 41):
        move_key(dancer, frame)
    before = keys(dancer)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert np.array_equal(keys(dancer), before)
    kept = load(dancer)
    assert spans(dancer) == [(0, 6, False, 0, 1), (6, 7, True, 1, 2), (7, 15, False, 0, 1)]
    mine = read_motion(dancer, [40, 41], 30.0)
    assert np.allclose(kept.motion().poses[39:41], mine.poses, atol=1e-6)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keys(dancer)
    assert np.array_equal(after[36:42], before[36:42])
    assert (after[:36] != before[:36]).any() and (after[42:] != before[42:]).any()
    with pytest.raises(MagmaError, match="No keyframe"):
        own_keyframes.keep(dancer)


@pytest.mark.made_up
def test_kept_keyframes_get_tokens_of_their_own(dancer):
    from magma_blender.engine_host.session import session

    tokens = load(dancer).document.tokens
    move_key(dancer, 40)
    bpy.ops.magma.keep_keyframes()
    now = load(dancer).document.tokens
    assert now[6] != tokens[6] and (*now[:6], *now[7:]) == (*tokens[:6], *tokens[7:])
    assert "1.2 to 1.4 s" in session.notice.text and "12 mm off" in session.notice.details[0]


@pytest.mark.made_up
@pytest.mark.parametrize("mode", ["none", "fail", "die", "nonsense"])
def test_keyframes_are_kept_without_the_engine(magma, dancer, tmp_path, mode):
    tokens = load(dancer).document.tokens
    move_key(dancer, 40)
    before = keys(dancer)
    if mode == "none":
        magma.engine_python = str(tmp_path / "gone")
    else:
        blenders.use_engine(magma, tmp_path, mode)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert spans(dancer) == [(0, 6, False, 0, 1), (6, 7, True, 1, 2), (7, 15, False, 0, 1)]
    assert np.array_equal(keys(dancer), before) and hand_edited(dancer, load(dancer)) == []
    assert load(dancer).document.tokens == tokens


def test_keyframes_that_change_again_while_they_are_read_are_not_lost(magma, dancer):
    from magma_blender.engine_host import engine_setup
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import edit_jobs

    move_key(dancer, 40)
    edit_jobs.start_keeping_keyframes(dancer, engine_setup.find())
    move_key(dancer, 40)
    before = state(dancer)
    session.wait_for_job(lambda progress: None)
    with pytest.raises(MagmaError, match="changed"):
        session.finish_job(bpy.context)
    assert state(dancer) == before


def test_a_span_with_removed_keys_can_be_kept_then_freed_and_generated_again(dancer):
    from smpl_rig.blender import compat
    from smpl_rig.blender.smpl_keying import read_motion

    curve = next(c for c in compat.fcurves(dancer) if (c.data_path, c.array_index) == (ELBOW, 2))
    for _ in range(2):
        curve.keyframe_points.remove(curve.keyframe_points[1])
    bpy.ops.magma.keep_keyframes()
    select_frames(1, 90)
    bpy.ops.magma.unlock_spans()
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    keyed, danced = read_motion(dancer, range(1, 91), 30.0), load(dancer).motion()
    assert np.abs(keyed.joints() - danced.joints()).max() < NEAR
    assert hand_edited(dancer, load(dancer)) == []


def test_restore_keyframes_keeps_the_changed_action(dancer):
    before = keys(dancer)
    mine = dancer.animation_data.action
    move_key(dancer, 20)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert np.array_equal(keys(dancer), before)
    assert mine.use_fake_user and dancer.animation_data.action != mine
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
