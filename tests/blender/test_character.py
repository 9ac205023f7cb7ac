"""An animator's own rig as the target: keyed on its mapped bones alone, and every edit works on it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import rigs
import skips
import user_data
from dances import select_frames, spans
from rigs import dance_on
from test_addon_generate import add_song

from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load
from magma_blender.scene.target import target_of

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

ARM = "mixamorig:LeftForeArm"
LOCKED = slice(30, 60)


@pytest.fixture
def guy(magma, tmp_path):
    """A Mixamo character that dances 3 s at 30 frames/s from frame 1 on."""
    return dance_on(rigs.mixamo(), tmp_path)


def keyed(rig):
    """(frames, curves) what the dance's curves are at every frame, bit for bit."""
    from smpl_rig.blender.keying import curves_of

    curves = curves_of(target_of(rig)._keying)
    return np.array([[curve.evaluate(frame) for curve in curves.values()] for frame in range(1, 91)])


def posed(rig, frame):
    """(C, 4, 4) where Blender shows all bones."""
    bpy.context.scene.frame_set(frame)
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([rig.matrix_world @ bone.matrix for bone in evaluated.pose.bones])


def direction(rig, frame, one, other):
    names = [bone.name for bone in rig.pose.bones]
    heads = posed(rig, frame)[:, :3, 3]
    line = heads[names.index(f"mixamorig:{other}")] - heads[names.index(f"mixamorig:{one}")]
    return line / np.linalg.norm(line)


def follows(rig, frames=(0, 45, 89)):
    """The limbs point where the motion's do."""
    from smpl_rig.skeleton import JOINT_INDEX

    dancer = load(rig)
    joints = dancer.motion().joints()
    for frame in frames:
        for one, other, first, second in (
            ("LeftArm", "LeftForeArm", "L_shoulder", "L_elbow"),
            ("LeftForeArm", "LeftHand", "L_elbow", "L_wrist"),
            ("RightArm", "RightForeArm", "R_shoulder", "R_elbow"),
        ):
            line = joints[frame, JOINT_INDEX[second]] - joints[frame, JOINT_INDEX[first]]
            away = direction(rig, dancer.frame_start + frame, one, other) - line / np.linalg.norm(line)
            assert np.abs(away).max() < 0.02
    assert hand_edited(rig, dancer) == []


def test_a_character_dances_after_one_press(guy):
    follows(guy)
    paths = {curve.data_path.partition('"]')[0] for curve in user_data.curves_of(guy)}
    assert paths <= {f'pose.bones["{bone.name}' for bone in guy.pose.bones}
    moved = {c.data_path for c in user_data.curves_of(guy) if c.data_path.endswith("location")}
    assert moved == {'pose.bones["mixamorig:Hips"].location'}
    assert load(guy).character


def test_locked_moves_keep_their_keys_in_every_edit(guy):
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False
    before = keyed(guy)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keyed(guy)
    assert np.array_equal(after[LOCKED], before[LOCKED]) and (after != before).any()
    follows(guy)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    follows(guy)
    assert len(bpy.data.actions) == 1


def curve_of(rig, bone, index, name="rotation_quaternion"):
    from smpl_rig.blender import compat

    path = f'pose.bones["{bone}"].{name}'
    return next(c for c in compat.fcurves(rig) if (c.data_path, c.array_index) == (path, index))


def turn_key(rig, bone, frame, by=0.2, index=1):
    """As an animator does: a key at the frame with another value; its neighbours are keyed as they are."""
    from smpl_rig.blender.rotation_modes import property_of

    curve = curve_of(rig, bone, index, property_of(rig.pose.bones[bone].rotation_mode))
    values = {near: curve.evaluate(near) for near in (frame - 1, frame, frame + 1)}
    for near, value in values.items():
        curve.keyframe_points.insert(near, value + (by if near == frame else 0)).interpolation = "LINEAR"
    curve.update()


def refused(operator, sentence, rig):
    """One sentence, and all as it was."""
    before = user_data.of_object(rig), [action.name for action in bpy.data.actions]
    with pytest.raises(RuntimeError, match=sentence) as caught:
        operator()
    assert "Traceback" not in str(caught.value)
    assert (user_data.of_object(rig), [action.name for action in bpy.data.actions]) == before


def test_every_edit_undo_saving_and_loading(guy, tmp_path):
    select_frames(31, 60)
    bpy.ops.magma.lock_spans()
    bpy.context.scene.use_preview_range = False
    before = keyed(guy)[LOCKED]
    for operator in (bpy.ops.magma.regenerate_free, bpy.ops.magma.make_loop):
        assert operator() == {"FINISHED"}
    bpy.context.scene.frame_set(5)
    for operator in (bpy.ops.magma.replace_spans, bpy.ops.magma.mirror_spans, bpy.ops.magma.switch_variant):
        assert operator() == {"FINISHED"}
        assert np.array_equal(keyed(guy)[LOCKED], before)
        assert hand_edited(guy, load(guy)) == []
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    dancer = load(guy)
    bpy.ops.magma.regenerate_free("EXEC_DEFAULT", True)
    assert load(bpy.data.objects["Guy"]) != dancer
    bpy.ops.ed.undo()
    guy = bpy.data.objects["Guy"]
    assert load(guy) == dancer
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    guy = bpy.data.objects["Guy"]
    assert load(guy) == dancer and hand_edited(guy, dancer) == []


def test_chained_dances_of_a_character(guy, tmp_path):
    bpy.context.scene.magma.target = None
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    other = bpy.context.view_layer.objects.active
    for obj in (other, guy):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = guy
    before = keyed(guy)
    assert bpy.ops.magma.chain_dances() == {"FINISHED"}
    assert len(load(guy).key_prints) > 150 and hand_edited(guy, load(guy)) == []
    assert np.array_equal(keyed(guy)[:60], before[:60])


MODES = {"LeftForeArm": "XYZ", "LeftArm": "ZXY", "Spine": "YXZ", "RightUpLeg": "AXIS_ANGLE", "RightArm": "XZY"}


def test_bones_keep_their_rotation_modes(magma, tmp_path):
    rig = rigs.mixamo()
    for name, mode in MODES.items():
        rig.pose.bones[f"mixamorig:{name}"].rotation_mode = mode
    dance_on(rig, tmp_path)
    follows(rig)
    select_frames(31, 60)
    bpy.ops.magma.lock_spans()
    bpy.context.scene.use_preview_range = False
    before = keyed(rig)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keyed(rig)[LOCKED], before[LOCKED])
    follows(rig)
    assert {bone.rotation_mode for bone in rig.pose.bones} == {"QUATERNION", *MODES.values()}
    rig.pose.bones[ARM].rotation_mode = "QUATERNION"
    refused(bpy.ops.magma.regenerate_free, "changed by hand", rig)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    follows(rig)


def test_a_twist_bone_that_a_constraint_turns_is_left_to_it(magma, tmp_path):
    rig = rigs.mixamo()
    bpy.ops.object.mode_set(mode="EDIT")
    edit = rig.data.edit_bones
    for side in ("Left", "Right"):
        twist, arm = edit.new(f"{side}ForeArmTwist"), edit[f"mixamorig:{side}ForeArm"]
        twist.head = (arm.head + edit[f"mixamorig:{side}Hand"].head) / 2
        twist.tail, twist.parent = twist.head + arm.vector, arm
    bpy.ops.object.mode_set(mode="OBJECT")
    held = rig.pose.bones["LeftForeArmTwist"].constraints.new("COPY_ROTATION")
    held.target, held.subtarget = rig, "mixamorig:LeftHand"
    dance_on(rig, tmp_path)
    follows(rig)
    modes = dict(json.loads(load(rig).character)["modes"])
    assert "RightForeArmTwist" in modes and "LeftForeArmTwist" not in modes


def test_what_holds_a_bone_is_named_and_other_things_stay(guy):
    empty = bpy.data.objects.new("handle", None)
    bpy.context.scene.collection.objects.link(empty)
    constraint = guy.pose.bones["mixamorig:LeftHand"].constraints.new("IK")
    constraint.target, constraint.chain_count = empty, 2
    for operator in (bpy.ops.magma.generate_dance, bpy.ops.magma.restore_keyframes, bpy.ops.magma.regenerate_free):
        refused(operator, 'Bone "mixamorig:Left(Fore)?(Arm|Hand)".* constraint "IK" of .*Mute the constraint', guy)
    constraint.mute = True
    limit = guy.pose.bones[ARM].constraints.new("LIMIT_SCALE")
    guy["mine"] = 5
    before = user_data.of_object(guy)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert user_data.of_object(guy)["pose"] == before["pose"] and limit.influence == 1.0
    guy.pose.bones[ARM].driver_add("rotation_quaternion", 1)
    refused(bpy.ops.magma.generate_dance, "LeftForeArm.*has a driver", guy)


def test_an_animated_character_dances_as_an_unanimated_one(magma, tmp_path):
    """It came with a walk, which keys every bone's place and size as well, and a bone between others."""
    plain = dance_on(rigs.mixamo(root=True), tmp_path)
    wanted = [posed(plain, frame) for frame in (1, 45, 90)]
    rig = rigs.mixamo("Walker", root=True)
    for frame in (1, 20):
        for bone in rig.pose.bones:
            bone.location, bone.scale = (0.1, 0.02 * frame, 0), (1, 1 + 0.01 * frame, 1)
            for name in ("location", "scale") if "Head" not in bone.name else ("location",):
                bone.keyframe_insert(name, frame=frame)
    root = rig.pose.bones["root"]
    root.location, root.scale = (0, 0, 0), (1, 1, 1)
    for frame in (1, 20):
        root.keyframe_insert("location", frame=frame)
        root.keyframe_insert("scale", frame=frame)
    walk = rig.animation_data.action
    bpy.context.scene.magma.target = rig
    bpy.ops.magma.generate_dance()
    for frame, bones in zip((1, 45, 90), wanted, strict=True):
        assert np.abs(posed(rig, frame)[:, :3, 3] - bones[:, :3, 3]).max() < 2e-3
    assert hand_edited(rig, load(rig)) == [] and walk.use_fake_user


def test_what_the_pose_of_a_root_bone_shows_is_what_dances(magma, tmp_path):
    """As glTF files leave it: the rest pose lies somewhere else, in another unit."""
    from mathutils import Matrix

    seen = Matrix.Translation((1, 2, 0.5)) @ Matrix.Rotation(2.5, 4, "Z")
    plain = rigs.mixamo(root=True)
    plain.matrix_world = seen
    dance_on(plain, tmp_path)
    rig = rigs.mixamo("Imported", root=True)
    rig.matrix_world = Matrix.Translation((0, 0, 3)) @ Matrix.Rotation(1.2, 4, "X") @ Matrix.Scale(100, 4)
    root = rig.pose.bones["root"]
    root.matrix = rig.matrix_world.inverted() @ seen @ root.bone.matrix_local
    dance_on(rig, tmp_path)
    keyed_there = rig.animation_data.action.name
    for frame in (1, 45, 90):
        assert np.abs(posed(rig, frame) - posed(plain, frame))[:, :3, 3].max() < 1e-3
    assert not any('"root"' in curve.data_path for curve in user_data.curves_of(rig))

    # what moves it carries the dance along, as what moves the object does
    before, place = posed(rig, 45), root.matrix_basis.copy()
    root.keyframe_insert("location", frame=1)
    root.location += Matrix(root.bone.matrix_local).to_3x3().inverted() @ rig.matrix_world.inverted().to_3x3().col[0]
    root.keyframe_insert("location", frame=45)
    assert np.abs(posed(rig, 45)[:, :3, 3] - before[:, :3, 3] - [1, 0, 0]).max() < 1e-3
    assert hand_edited(rig, load(rig)) == [] and rig.animation_data.action.name == keyed_there
    select_frames(31, 60)
    bpy.ops.magma.lock_spans()
    bpy.context.scene.use_preview_range = False
    kept = keyed(rig)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keyed(rig)[LOCKED], kept[LOCKED]) and hand_edited(rig, load(rig)) == []
    bpy.context.scene.frame_set(45)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    bpy.context.scene.frame_set(1)
    assert np.abs(np.array(root.matrix_basis) - np.array(place)).max() < 1e-5


def away_from_what_is_kept(rig, frames):
    """(degrees, metres) that the mapped bones are farthest from the dance that the record keeps, as Blender shows
    them."""
    from smpl_rig.rotations import matrix_to_axis_angle

    keying = target_of(rig)._keying
    solved, bones = keying._solved(load(rig).motion()), keying._retargeter.shown
    names = [bone.name for bone in rig.pose.bones]
    world, rest = keying._rig.to_world, keying._rig.rest
    turn = world[:3, :3] / np.linalg.norm(world[:3, 0])
    chosen = [names.index(bone) for bone in bones]
    turned, moved = 0.0, 0.0
    for frame in frames:
        shown = posed(rig, frame)[chosen]
        places = solved.places[frame - 1] @ world[:3, :3].T + world[:3, 3]
        moved = max(moved, float(np.linalg.norm(shown[:, :3, 3] - places, axis=1).max()))
        wanted = turn @ solved.turns[frame - 1] @ rest[chosen, :3, :3]
        axes = shown[:, :3, :3] / np.linalg.norm(shown[:, :3, :3], axis=1, keepdims=True)
        away = matrix_to_axis_angle(np.swapaxes(wanted, -1, -2) @ axes)
        turned = max(turned, float(np.degrees(np.linalg.norm(away, axis=1)).max()))
    return turned, moved


def hand_edits_are_noticed_kept_and_locked(rig, edits, change=turn_key):
    """edits: frame -> the bone that is turned there, or what `change` does."""
    for frame, bone in edits.items():
        change(rig, bone, frame)
    assert {frame - 1 for frame in edits} <= set(hand_edited(rig, load(rig)))
    refused(bpy.ops.magma.regenerate_free, "changed by hand in frames ", rig)
    before = keyed(rig)
    bpy.context.scene.frame_set(3)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert bpy.context.scene.frame_current == 3 and np.array_equal(keyed(rig), before)
    assert any(span[2] for span in spans(rig))
    degrees, metres = away_from_what_is_kept(rig, [near for frame in edits for near in (frame - 1, frame, frame + 1)])
    print(f"{rig.name}: {degrees:.2f} degrees, {1000 * metres:.1f} mm")
    assert degrees < 0.5 and metres < 5e-3
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert all(np.array_equal(keyed(rig)[frame - 2 : frame + 1], before[frame - 2 : frame + 1]) for frame in edits)
    assert hand_edited(rig, load(rig)) == []


def test_keys_changed_by_hand_are_noticed_kept_and_locked(guy):
    bones = ("LeftForeArm", "Spine1", "LeftUpLeg", "Head", "RightLeg", "Hips", "RightShoulder")
    edits = {10 + 11 * number: f"mixamorig:{bone}" for number, bone in enumerate(bones)}
    hand_edits_are_noticed_kept_and_locked(guy, edits)


def test_fingers_changed_by_hand_are_kept_whatever_else_is_edited(magma, tmp_path):
    from benchmarks.characters.made_rigs import build
    from benchmarks.characters.namings import NAMINGS
    from benchmarks.characters.rigs import armature_with

    rig, finger = armature_with(build(NAMINGS["Mixamo"])), "mixamorig4:LeftHandIndex2"
    bpy.context.scene.magma.target = rig
    bpy.context.scene.magma_character.hands = "style"
    dance_on(rig, tmp_path)
    keying, all_frames = target_of(rig)._keying, np.arange(90)
    assert keying.keyed.hands == "long"  # a waltz's
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"} and hand_edited(rig, load(rig)) == []

    # of the fingers beside a key that was changed nobody says that they are changed
    turn_key(rig, "mixamorig4:RightForeArm", 70)
    assert hand_edited(rig, load(rig)) == [68, 69, 70]
    turn_key(rig, finger, 40)
    before = keyed(rig)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"} and hand_edited(rig, load(rig)) == []
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keyed(rig)
    assert np.array_equal(after[38:41], before[38:41]) and (after != before).any()
    assert not target_of(rig)._keying.differ(load(rig).motion(), all_frames, 1.0 + all_frames).any()

    # nor where all poses are looked at, since the keys alone do not say them; and restored keys have them
    curve_of(rig, "mixamorig4:Hips", 0).modifiers.new("NOISE").strength = 0
    assert hand_edited(rig, load(rig)) == []
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    names = np.array([name for name in target_of(rig)._keying.keyed.modes for _ in range(4)])
    one, other = (each[39, : len(names)][names == finger] for each in (keyed(rig), before))
    assert np.abs(one / np.linalg.norm(one) - other / np.linalg.norm(other)).max() < 2e-3
    assert hand_edited(rig, load(rig)) == []


def test_a_constraint_of_the_animators_own_is_kept_as_poses(guy):
    empty = bpy.data.objects.new("handle", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.rotation_euler = (0.3, 0.2, 0.9)
    constraint = guy.pose.bones["mixamorig:LeftHand"].constraints.new("COPY_ROTATION")
    constraint.target = empty
    for frame, influence in ((1, 0), (40, 0), (45, 1), (50, 0)):
        constraint.influence = influence
        constraint.keyframe_insert("influence", frame=frame)
    shown = posed(guy, 45)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    constraint.mute = True
    assert np.abs(posed(guy, 45) - shown).max() < 0.02
    assert hand_edited(guy, load(guy)) == []
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}


def test_another_rest_pose_is_said_and_restoring_keys_the_dance_for_it(guy):
    bpy.ops.object.mode_set(mode="EDIT")
    guy.data.edit_bones[ARM].tail.x += 0.2
    bpy.ops.object.mode_set(mode="OBJECT")
    refused(bpy.ops.magma.regenerate_free, "rest pose of .*LeftForeArm.*Restore Keyframes", guy)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    follows(guy)


def test_what_is_chosen_for_a_character(guy, tmp_path):
    from magma_blender.scene import characters

    fields = bpy.context.scene.magma_character
    assert characters.description(guy).startswith("Mixamo, 22 of 22 bones")
    assert fields.L_forearm == ARM and (fields.spine, fields.spine_last) == ("mixamorig:Spine", "mixamorig:Spine2")
    fields.degrees, fields.centimetres = 3.0, 2.0
    fields.spine_last = "mixamorig:Spine1"
    fields.L_forearm = ""
    with pytest.raises(RuntimeError, match="No bone was found for left forearm"):
        bpy.ops.magma.generate_dance()
    assert bpy.ops.magma.mirror_character(side="R") == {"FINISHED"} and fields.L_forearm == ARM
    assert bpy.ops.magma.save_character(name="Guys/x") == {"FINISHED"}
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert '"degrees":3.0,"metres":0.02' in load(guy).character
    assert not any("Spine2" in curve.data_path for curve in user_data.curves_of(guy))
    assert bpy.ops.magma.detect_character() == {"FINISHED"} and fields.spine_last == "mixamorig:Spine2"
    assert bpy.ops.magma.load_character(name="Guys_x") == {"FINISHED"} and fields.spine_last == "mixamorig:Spine1"
    assert round(fields.degrees, 4) == 3.0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert bpy.context.scene.magma_character.spine_last == "mixamorig:Spine1"


def test_sparse_keys_are_fewer_and_keep_the_feet_where_they_are(magma):
    from magma_blender.scene import characters
    from magma_blender.scene.target import new_target
    from smpl_rig.motion import Motion

    rig = rigs.mixamo()
    rates, phases = np.array([1, 2, 4]), np.random.default_rng(0).uniform(0, 2 * np.pi, (72, 3))
    turns = 2 * np.pi * np.arange(90)[:, None, None] / 30 * rates + phases
    poses = (0.2 / rates * np.sin(turns)).sum(-1)
    poses[:, 0] += np.pi / 2
    motion = Motion(poses.astype(np.float32), np.tile(np.float32([0, 0, 0.9]), (90, 1)), 30.0)
    counts, feet = [], []
    names = [bone.name for bone in rig.pose.bones]
    for degrees in (0.0, 5.0):
        characters.choose(rig, characters.Choices(degrees=degrees, centimetres=3.0 if degrees else 0.0))
        target = new_target(rig, 1)
        target.write(motion, 1, "waves", None)
        assert not target._keying.differ(motion, np.arange(90), 1.0 + np.arange(90)).any()
        counts.append(sum(len(curve.keyframe_points) for curve in user_data.curves_of(rig)))
        feet.append([posed(rig, frame)[names.index("mixamorig:LeftFoot"), :3, 3] for frame in range(1, 91, 7)])
    assert counts[1] < 0.8 * counts[0]
    assert np.abs(np.array(feet[0]) - feet[1]).max() < 2e-3


def armature_of(parents, places):
    from benchmarks.characters.made_rigs import rig_of
    from benchmarks.characters.rigs import armature_with

    return armature_with(rig_of(parents, places))


def a_car():
    wheels = {
        f"wheel.{end}{side}": (x, y, 0.3) for end, y in (("F", -1.2), ("B", 1.3)) for side, x in (("L", 1), ("R", -1))
    }
    return armature_of({"body": "", **dict.fromkeys(wheels, "body")}, {"body": (0, 0, 0.6), **wheels})


def a_dog():
    parents, places = {"hips": "", "spine": "hips", "head": "spine"}, {"hips": (0, 0.5, 0.5), "spine": (0, 0, 0.5)}
    places["head"] = (0, -0.5, 0.7)
    for side, x in (("L", 0.1), ("R", -0.1)):
        for y, root, limb in (
            (0.5, "hips", ("thigh", "shin", "foot")),
            (-0.1, "spine", ("upper_arm", "forearm", "hand")),
        ):
            for number, part in enumerate(limb):
                places[f"{part}.{side}"] = (x, y + 0.03 * (number == 1), 0.48 - 0.22 * number)
                parents[f"{part}.{side}"] = f"{limb[number - 1]}.{side}" if number else root
    return armature_of(parents, places)


def without_legs():
    rig = rigs.mixamo()
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in list(rig.data.edit_bones):
        if "Leg" in bone.name or "Foot" in bone.name or "Toe" in bone.name:
            rig.data.edit_bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def one_bone_twice():
    from magma_blender.scene import characters

    rig = rigs.mixamo()
    bones = {**characters.map_of(rig).bones, "R_forearm": ("mixamorig:LeftForeArm",)}
    characters.choose(rig, characters.Choices(replace(characters.map_of(rig), bones=bones)))
    return rig


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (a_car, "neither arms nor legs"),
        (a_dog, "four legs"),
        (without_legs, "no legs"),
        (one_bone_twice, 'Bone "mixamorig:LeftForeArm" is both left forearm and right forearm'),
    ],
)
def test_no_humanoid_is_said_in_one_sentence(magma, tmp_path, made, sentence):
    rig = made()
    add_song(tmp_path)
    bpy.context.scene.magma.target = rig
    refused(bpy.ops.magma.generate_dance, sentence, rig)


def test_linked_characters_and_overrides(magma, tmp_path):
    linked = rigs.linked(rigs.mixamo(), tmp_path)
    add_song(tmp_path)
    bpy.context.scene.magma.target = linked
    with pytest.raises(RuntimeError, match="Make a library override"):
        bpy.ops.magma.generate_dance()
    rig = linked.override_create(remap_local_usages=True)
    dance_on(rig, tmp_path)
    bpy.context.scene.magma_character.hands = "fists"
    select_frames(31, 60)
    bpy.ops.magma.lock_spans()
    bpy.context.scene.use_preview_range = False
    before = keyed(rig)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keyed(rig)[LOCKED], before[LOCKED])
    made = load(rig)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    again = next(obj for obj in bpy.context.scene.objects if obj.name == "Guy" and obj.override_library)
    assert load(again) == made and hand_edited(again, made) == []
    assert bpy.context.scene.magma_character.hands == "fists"


def constraints(rig):
    """All but their influences, which switches drive."""
    return {bone.name: [(c.type, c.mute, c.name) for c in bone.constraints] for bone in rig.pose.bones}


def test_a_rigify_control_rig_dances_through_its_fk_controls(rigify, tmp_path):
    before = constraints(rigify)
    drivers = len(rigify.animation_data.drivers)
    rig = dance_on(rigify, tmp_path)
    assert constraints(rig) == before and len(rig.animation_data.drivers) == drivers
    bones = rig.pose.bones
    joints = load(rig).motion().joints()
    from smpl_rig.skeleton import JOINT_INDEX

    for frame in (0, 45, 89):
        bpy.context.scene.frame_set(frame + 1)
        # what deforms the mesh
        line = (bones["ORG-hand.L"].matrix.translation - bones["ORG-forearm.L"].matrix.translation).normalized()
        wanted = joints[frame, JOINT_INDEX["L_wrist"]] - joints[frame, JOINT_INDEX["L_elbow"]]
        assert np.abs(np.array(line) - wanted / np.linalg.norm(wanted)).max() < 0.02
    assert bones["upper_arm_parent.L"]["IK_FK"] == 1.0
    paths = {curve.data_path for curve in user_data.curves_of(rig)}
    assert 'pose.bones["upper_arm_parent.L"]["IK_FK"]' in paths and not any("_ik" in path for path in paths)
    bones = ("forearm_fk.L", "upper_arm_fk.R", "thigh_fk.L", "shin_fk.R", "head", "spine_fk.002", "torso")
    hand_edits_are_noticed_kept_and_locked(rig, {10 + 11 * number: bone for number, bone in enumerate(bones)})


def test_a_failure_puts_switches_and_poses_back(rigify, tmp_path):
    from magma_blender.scene import dance_keys

    add_song(tmp_path)
    bpy.context.scene.magma.target = rigify
    bones = rigify.pose.bones
    bones["upper_arm_parent.L"]["IK_FK"] = 0.25
    bones["upper_arm_fk.L"].location = (0, 0.125, 0)

    def fails(*_arguments):
        raise ValueError("disk on fire")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dance_keys, "write", fails)
        with pytest.raises(RuntimeError, match="disk on fire"):
            bpy.ops.magma.generate_dance()
    assert bones["upper_arm_parent.L"]["IK_FK"] == 0.25
    assert tuple(bones["upper_arm_fk.L"].location) == (0, 0.125, 0)
    assert bones["torso"]["head_follow"] != 1.0


def test_what_takes_long_is_worked_out_beside_the_window(guy, monkeypatch):
    import time

    from magma_blender.engine_host.session import session
    from magma_blender.operators.generate import start_dance
    from smpl_rig.retarget.retargeter import Retargeter

    bpy.context.scene.magma.seed = 5
    start_dance(bpy.context)
    session.wait_for_job(lambda _: None)
    while not session.work_ahead():
        time.sleep(0.01)
    monkeypatch.setattr(Retargeter, "solve", None)
    assert session.finish_job(bpy.context) == guy
    assert load(guy).document.seed == 5
