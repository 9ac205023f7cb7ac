"""The history of a dance: every generation and edit is a version, and the way back to any gives just that."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
from dances import curves, load, lock_the_second_second, select_frames

from smpl_rig.blender.key_data import KEY_ATTRIBUTES, read_keys


def versions(armature):
    """Names, the oldest first, with a star at the one that is danced."""
    return [("*" if each.present else "") + each.name for each in reversed(armature.magma_history.versions[:])]


def number_of(armature, name):
    return next(each.number for each in armature.magma_history.versions if each.name.startswith(name))


def state(armature):
    """Everything a version has to bring back: document, motion, all attributes of all keys, and how it is kept."""
    dancer = load(armature)
    motion = dancer.motion()
    attributes = [read_keys(curve, name).tobytes() for curve in curves(armature) for name in KEY_ATTRIBUTES]
    return dancer.document, motion.poses.tobytes(), motion.trans.tobytes(), dancer.key_prints, attributes


def go_back(armature, name):
    assert bpy.ops.magma.go_back(number=number_of(armature, name)) == {"FINISHED"}


@pytest.fixture
def edited(dancer):
    """The dancer after a lock and two edits by the engine, with what it was after each."""
    states = {"Generate": state(dancer)}
    lock_the_second_second(dancer)
    states["Lock"] = state(dancer)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    states["Regenerate"] = state(dancer)
    select_frames(61, 90)
    assert bpy.ops.magma.replace_spans() == {"FINISHED"}
    states["Replace"] = state(dancer)
    return dancer, states


def test_every_edit_is_a_version_and_all_of_them_come_back_to_the_bit(edited):
    dancer, states = edited
    assert versions(dancer) == [
        "Generate",
        "Lock Moves, 1.0 to 2.0 s",
        "Regenerate Unlocked Moves",
        "*Replace Moves, 2.0 to 3.0 s",
    ]
    action = dancer.animation_data.action
    for name in ("Generate", "Replace", "Lock", "Regenerate", "Generate"):
        go_back(dancer, name)
        assert state(dancer) == states[name], name
        assert dancer.animation_data.action == action
    assert versions(dancer)[0] == "*Generate" and len(versions(dancer)) == 4
