"""Candidates on muted NLA tracks: they change nothing, are looked at by solo, and can become the dance."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from dances import keys, one_engine, select_frames
from test_nla import seen, tweak
from test_target import danced_is_keyed, refused

from magma_blender.scene import candidates
from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file with the dancer "song", the best of three."""
    with one_engine(tmp_path_factory.mktemp("candidates")) as file:
        settings = bpy.context.scene.magma
        assert bpy.ops.magma.generate_dance() == {"FINISHED"}
        alone = keys(bpy.data.objects["song"])
        bpy.data.objects.remove(bpy.data.objects["song"])
        bpy.data.batch_remove(list(bpy.data.actions))
        settings.candidates, settings.keep_candidates = 3, True
        assert bpy.ops.magma.generate_dance() == {"FINISHED"}
        assert np.array_equal(keys(bpy.data.objects["song"]), alone)
        bpy.ops.wm.save_as_mainfile(filepath=file)
        yield file


@pytest.fixture
def dancer(saved):
    """The best of three dances, and the other two."""
    bpy.ops.wm.open_mainfile(filepath=saved)
    return bpy.data.objects["song"]


SECOND, THIRD = "Candidate, seed 1, score 4.0", "Candidate, seed 2, score 3.0"


def elbows(armature):
    """What tells the dances apart: where the left hand is at frame 5."""
    return seen(armature, (5,))[0, 20]


def names(armature):
    return [
        (track.name, track.mute, [strip.name for strip in track.strips]) for track in armature.animation_data.nla_tracks
    ]


def test_the_others_are_beside_the_best_and_change_nothing(dancer):
    assert names(dancer) == [(THIRD, True, [THIRD]), (SECOND, True, [SECOND])]
    assert [action.name for action in bpy.data.actions] == [SECOND, THIRD, "song"]
    assert dancer.animation_data.action.name == "song" and load(dancer).document.seed == 0
    joints = load(dancer).motion().joints()
    assert np.abs(seen(dancer, (1, 45, 90)) - joints[[0, 44, 89]]).max() < 5e-3
    danced_is_keyed(dancer)
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    danced_is_keyed(dancer)
    assert [action.name for action in bpy.data.actions] == [SECOND, THIRD, "song"]


def test_soloed_one_is_seen(dancer):
    best = elbows(dancer)
    track = dancer.animation_data.nla_tracks[-1]
    track.mute, track.is_solo = False, True
    soloed = elbows(dancer)
    assert np.abs(soloed - best).max() > 0.01
    assert bpy.ops.magma.use_candidate() == {"FINISHED"}
    track.is_solo, track.mute = False, True
    assert load(dancer).document.seed == 1
    assert np.allclose(elbows(dancer), soloed, atol=2e-3)


@pytest.mark.parametrize("pushed_down", [False, True])
def test_a_candidate_becomes_the_dance_and_back(dancer, pushed_down):
    if pushed_down:
        assert bpy.ops.magma.push_down() == {"FINISHED"}
    bpy.context.preferences.edit.use_global_undo = True
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    before, were, kept = keys(dancer), load(dancer), elbows(dancer)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.magma.use_candidate("EXEC_DEFAULT", True, action=THIRD) == {"FINISHED"}
    now = load(dancer)
    assert now.document.seed == 2 and not any(now.document.locked)
    assert np.abs(elbows(dancer) - kept).max() > 0.01
    danced_is_keyed(dancer)
    best = "Candidate, seed 0, score 5.0"
    assert [name for name, mute, _ in names(dancer) if mute] == [best, SECOND]
    assert sorted(action.name for action in bpy.data.actions) == [best, SECOND, "song"]
    bpy.ops.ed.undo()
    dancer = bpy.data.objects["song"]
    assert load(dancer) == were and np.array_equal(keys(dancer), before)
    assert [name for name, mute, _ in names(dancer) if mute] == [THIRD, SECOND]
    bpy.ops.ed.redo()
    dancer = bpy.data.objects["song"]
    assert bpy.ops.magma.use_candidate(action=best) == {"FINISHED"}
    again = load(dancer)
    assert (again.document, again.npz) == (were.document, were.npz)
    assert np.allclose(keys(dancer), before, atol=4e-3) and hand_edited(dancer, again) == []


def test_saved_and_opened_they_are_still_candidates(dancer, tmp_path):
    file = str(tmp_path / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    dancer = bpy.data.objects["song"]
    assert bpy.ops.magma.use_candidate(action=SECOND) == {"FINISHED"}
    danced_is_keyed(dancer)


def test_what_cannot_be_is_said(dancer):
    refused(lambda: bpy.ops.magma.use_candidate(action="none"), "has no candidate", dancer)
    dancer.animation_data.nla_tracks.active = None
    refused(bpy.ops.magma.use_candidate, "make its NLA track active", dancer)
    strip = dancer.animation_data.nla_tracks[-1].strips[0]
    tweak(dancer, strip)
    refused(lambda: bpy.ops.magma.use_candidate(action=SECOND), "being tweaked", dancer)
    dancer.animation_data.use_tweak_mode = False
    strip.action["magma_aside"]["motion"] = 5
    refused(lambda: bpy.ops.magma.use_candidate(action=SECOND), "is damaged .*motion is 5", dancer)


def test_a_failure_leaves_all_as_it_was(dancer, monkeypatch):
    def fail(*_arguments):
        raise ValueError("disk on fire")

    monkeypatch.setattr(candidates, "_set_aside", fail)
    before = keys(dancer).tobytes(), load(dancer), names(dancer)
    with pytest.raises(RuntimeError, match="disk on fire"):
        bpy.ops.magma.use_candidate(action=SECOND)
    assert (keys(dancer).tobytes(), load(dancer), names(dancer)) == before
    assert [action.name for action in bpy.data.actions] == [SECOND, THIRD, "song"]
    bpy.context.scene.magma.target = dancer
    with pytest.raises(RuntimeError, match="disk on fire"):
        bpy.ops.magma.generate_dance()
    assert (keys(dancer).tobytes(), load(dancer), names(dancer)) == before
    assert [action.name for action in bpy.data.actions] == [SECOND, THIRD, "song"]


def test_they_are_removed_on_request(dancer):
    dancer.animation_data.nla_tracks[0].mute = False
    assert bpy.ops.magma.remove_candidates() == {"FINISHED"}
    assert [track.name for track in dancer.animation_data.nla_tracks] == [THIRD]
    refused(bpy.ops.magma.remove_candidates, "mute their tracks first", dancer)
    dancer.animation_data.nla_tracks[0].mute = True
    assert bpy.ops.magma.remove_candidates() == {"FINISHED"}
    assert [action.name for action in bpy.data.actions] == ["song"]
    assert not bpy.ops.magma.use_candidate.poll() and not bpy.ops.magma.remove_candidates.poll()
