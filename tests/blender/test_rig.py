"""The armature and keyframes: what Blender evaluates must be what the kinematics say."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from smpl_rig import motion as motions
from smpl_rig.blender import compat
from smpl_rig.blender.armature import ArmatureError, check_armature, create_armature, standing_joints
from smpl_rig.blender.body import add_body
from smpl_rig.blender.context import units_a_metre
from smpl_rig.blender.keyframes import write_motion
from smpl_rig.blender.smpl_keying import SmplKeying, read_motion
from smpl_rig.body_model import BodyModel, mannequin
from smpl_rig.kinematics import forward_kinematics, global_rotations
from smpl_rig.rotations import axis_angle_to_matrix
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX, JOINT_NAMES, PARENTS, rest_joints

UPRIGHT = np.array([np.pi / 2, 0, 0], np.float32)


def random_motion(frames: int = 61, seed: int = 0) -> motions.Motion:
    rng = np.random.default_rng(seed)
    poses = rng.normal(0, 0.8, (frames, 24, 3)).astype(np.float32)
    return motions.Motion(poses.reshape(frames, 72), rng.normal(0, 1, (frames, 3)).astype(np.float32), 30.0)


def heads_at(obj, frame) -> np.ndarray:
    whole = int(np.floor(frame))
    bpy.context.scene.frame_set(whole, subframe=float(frame - whole))
    posed = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([(posed.matrix_world @ posed.pose.bones[name].matrix).translation for name in JOINT_NAMES])


def snapshot() -> dict:
    return {
        "objects": sorted(bpy.data.objects.keys()),
        "actions": sorted(bpy.data.actions.keys()),
        "scenes": sorted(bpy.data.scenes.keys()),
        "armatures": sorted(bpy.data.armatures.keys()),
        "animated": sorted(obj.name for obj in bpy.data.objects if obj.animation_data is not None),
    }


def test_armature_is_an_upright_smpl_skeleton(scene):
    obj = create_armature("Dancer")
    assert obj.name in scene.collection.objects
    assert [bone.name for bone in obj.data.bones] and set(obj.data.bones.keys()) == set(JOINT_NAMES)
    for index, name in enumerate(JOINT_NAMES):
        parent = obj.data.bones[name].parent
        assert (parent.name if parent else None) == (JOINT_NAMES[PARENTS[index]] if index else None)
        assert obj.data.bones[name].length > 0.02
    assert np.allclose(heads_at(obj, 1), standing_joints(), atol=1e-5)
    assert np.allclose(obj.matrix_world, np.eye(4))
    assert not np.any(np.isnan(heads_at(obj, 1))) and heads_at(obj, 1)[:, 2].min() == pytest.approx(0.02, abs=1e-5)
    check_armature(obj)


@pytest.mark.parametrize(("unit", "size"), [(0.01, 100.0), (0.3048, 3.2808), (0.9144, 1.0), (1.0, 1.0), (1.7, 1.0)])
def test_a_dancer_stands_on_the_floor_in_scenes_of_any_unit(scene, unit, size):
    """A scene in yards: an armature a tenth larger would be danced as one in metres, and sink into the floor."""
    scene.unit_settings.scale_length = unit
    assert units_a_metre(scene) == pytest.approx(size, rel=1e-3)
    obj = create_armature("Dancer", units_a_metre(scene))
    still = motions.Motion(np.tile(np.concatenate([UPRIGHT, np.zeros(69)]), (2, 1)), np.zeros((2, 3)), 30.0)
    still.trans[:] = standing_joints()[0]
    write_motion(SmplKeying(obj), still, 1, 30, "standing")
    assert heads_at(obj, 1)[:, 2].min() == pytest.approx(0.02 * size, abs=2e-3 * size)


def test_left_and_right_bones_mirror_each_other(scene):
    """Paste Flipped and symmetrise need mirrored rest bones."""
    bones = create_armature("Dancer").data.bones
    flip = np.diag([-1.0, 1.0, 1.0])
    for name in JOINT_NAMES:
        if name.startswith("L_"):
            left, right = (np.array(bones[n].matrix_local)[:3, :3] for n in (name, "R" + name[1:]))
            assert np.allclose(flip @ left @ flip, right, atol=1e-4), name


def test_creating_leaves_mode_and_selection_alone(scene):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    obj = create_armature("Dancer")
    assert bpy.context.view_layer.objects.active == obj
    assert [o.name for o in bpy.context.selected_objects] == [cube.name]
    assert len(bpy.data.scenes) == 1 and bpy.context.mode == "OBJECT"

    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.mode_set(mode="EDIT")
    second = create_armature("Second")
    assert bpy.context.mode == "EDIT_MESH" and bpy.context.view_layer.objects.active == cube
    assert len(second.data.bones) == 24 and second.name in scene.collection.objects
    bpy.ops.object.mode_set(mode="OBJECT")


def test_random_poses_match_forward_kinematics(scene):
    obj, motion = create_armature("Dancer"), random_motion()
    write_motion(SmplKeying(obj), motion, 1, 30, "random")
    joints = motion.joints()
    for frame in range(0, len(motion), 10):
        assert np.abs(heads_at(obj, 1 + frame) - joints[frame]).max() < 5e-3


def test_real_clip_matches_forward_kinematics(scene, dance_data):
    path = sorted((dance_data / "motions").glob("*waltz*.npz"))[0]
    motion = motions.resample(motions.load_npz(path), 30).cut(0, 300)
    obj = create_armature("Dancer")
    write_motion(SmplKeying(obj), motion, 1, 30, path.stem)
    joints = motion.joints()
    for frame in range(0, len(motion), 10):
        assert np.abs(heads_at(obj, 1 + frame) - joints[frame]).max() < 5e-3


def test_keys_fall_on_the_scene_frames_of_their_times(scene):
    """25 frames/s motion in a 30 frames/s scene: key 5 is 0.2 s, that is 6 frames, after the start."""
    obj, motion = create_armature("Dancer"), random_motion()
    motion = motions.Motion(motion.poses, motion.trans, 25.0)
    write_motion(SmplKeying(obj), motion, 7.5, 30, "offset")
    assert np.abs(heads_at(obj, 7.5 + 6) - motion.joints()[5]).max() < 1e-3


def test_read_motion_gives_back_what_was_written(scene):
    obj, motion = create_armature("Dancer"), random_motion()
    write_motion(SmplKeying(obj), motion, 10, 30, "random")
    back = read_motion(obj, range(10, 10 + len(motion)), 30)
    assert np.abs(back.rotations() - motion.rotations()).max() < 8e-3  # half a degree
    assert np.abs(back.trans - motion.trans).max() < 1e-3
    assert back.fps == 30


def test_read_motion_understands_euler_keys(scene):
    obj = create_armature("Dancer")
    bone = obj.pose.bones["L_knee"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.5, 0, 0)
    bone.keyframe_insert("rotation_euler", frame=1)
    posed = heads_at(obj, 1)
    read = read_motion(obj, [1], 30)
    assert np.abs(read.joints()[0] - posed).max() < 1e-4


def test_rest_pose_reads_as_the_upright_t_pose(scene):
    read = read_motion(create_armature("Dancer"), [1], 30)
    assert np.allclose(read.poses[0, :3], UPRIGHT, atol=1e-5) and np.allclose(read.poses[0, 3:], 0, atol=1e-5)
    assert np.allclose(read.joints()[0], standing_joints(), atol=1e-5)


def test_quaternion_curves_never_jump_to_the_other_sign(scene):
    turn = np.zeros((90, 24, 3), np.float32)
    turn[:, 0] = UPRIGHT
    turn[:, 16, 1] = np.linspace(0, 4 * np.pi, 90)  # the axis-angle of two full turns
    motion = motions.Motion(turn.reshape(90, 72), np.zeros((90, 3), np.float32), 30.0)
    obj = create_armature("Dancer")
    write_motion(SmplKeying(obj), motion, 1, 30, "turn")
    curves = [c for c in compat.fcurves(obj) if c.data_path == 'pose.bones["L_shoulder"].rotation_quaternion']
    values = np.array([[curve.evaluate(frame) for frame in range(1, 91)] for curve in curves])
    assert np.abs(np.diff(values, axis=1)).max() < 0.2


def test_channels_are_grouped_by_bone(scene):
    obj = create_armature("Dancer")
    write_motion(SmplKeying(obj), random_motion(3), 1, 30, "few")
    curves = compat.fcurves(obj)
    assert len(curves) == 24 * 4 + 3
    assert all(curve.group.name in curve.data_path for curve in curves)


def test_a_replaced_action_is_kept(scene, tmp_path):
    obj = create_armature("Dancer")
    first = write_motion(SmplKeying(obj), random_motion(5, seed=1), 1, 30, "dance")
    second = write_motion(SmplKeying(obj), random_motion(5, seed=2), 1, 30, "dance")
    assert first != second and obj.animation_data.action == second and first.use_fake_user
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "dances.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "dances.blend"))
    assert len(bpy.data.actions) == 2
    obj = bpy.data.objects["Dancer"]
    assert np.abs(heads_at(obj, 3) - random_motion(5, seed=2).joints()[2]).max() < 1e-3


def user_armature(joints: np.ndarray, tails: np.ndarray, rolls: np.ndarray, name: str = "Mine") -> bpy.types.Object:
    obj = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    for index, bone_name in enumerate(JOINT_NAMES):
        bone = obj.data.edit_bones.new(bone_name)
        bone.head, bone.tail, bone.roll = joints[index], joints[index] + tails[index], rolls[index]
        if index:
            bone.parent = obj.data.edit_bones[JOINT_NAMES[PARENTS[index]]]
    bpy.ops.object.mode_set(mode="OBJECT")
    return obj


@pytest.mark.parametrize("y_up", [False, True])
def test_an_armature_of_other_proportions_and_bone_axes_dances_the_same(scene, y_up):
    rng = np.random.default_rng(3)
    joints = standing_joints() * 1.2
    if y_up:
        joints = joints @ BODY_TO_WORLD
    obj = user_armature(joints, rng.normal(0, 0.1, (24, 3)), rng.uniform(-3, 3, 24))
    if y_up:
        obj.rotation_euler = (np.pi / 2, 0, 0)
    motion = random_motion()
    obj.pose.bones["neck"].location = (0.1, 0, 0)
    write_motion(SmplKeying(obj), motion, 1, 30, "mine")
    offsets = 1.2 * np.array([np.zeros(3), *(standing_joints()[1:] - standing_joints()[list(PARENTS[1:])])])
    wanted = forward_kinematics(motion.rotations(), motion.trans, (offsets @ BODY_TO_WORLD).astype(np.float32))
    for frame in (0, 20, 60):
        assert np.abs(heads_at(obj, 1 + frame) - wanted[frame]).max() < 5e-3
    back = read_motion(obj, range(1, 62), 30)
    assert np.abs(back.rotations() - motion.rotations()).max() < 8e-3  # half a degree
    assert np.abs(back.trans - motion.trans).max() < 1e-3


def test_moving_the_object_moves_the_dance(scene):
    obj, motion = create_armature("Dancer"), random_motion(5)
    write_motion(SmplKeying(obj), motion, 1, 30, "random")
    obj.location = (5, 0, 0)
    assert np.abs(heads_at(obj, 3) - motion.joints()[2] - (5, 0, 0)).max() < 1e-3


def test_what_is_not_an_smpl_armature_is_refused_by_name_and_nothing_changes(scene):
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    joints, tails = standing_joints(), np.tile([0, 0, 0.1], (24, 1))
    renamed = user_armature(joints, tails, np.zeros(24), "Renamed")
    renamed.data.bones["neck"].name = "Hals"
    orphan = user_armature(joints, tails, np.zeros(24), "Orphan")
    bpy.ops.object.mode_set(mode="EDIT")
    orphan.data.edit_bones["L_knee"].parent = None
    bpy.ops.object.mode_set(mode="OBJECT")
    a_pose = standing_joints()
    for side, sign in (("L", 1), ("R", -1)):
        chain = [JOINT_INDEX[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand")]
        turn = axis_angle_to_matrix(np.array([0, sign * np.radians(45), 0]))
        a_pose[chain] = (a_pose[chain] - a_pose[chain[0]]) @ turn.T + a_pose[chain[0]]
    sloping = user_armature(a_pose, tails, np.zeros(24), "Sloping")
    before = snapshot()
    for obj, words in (
        (cube, ["Cube", "mesh"]),
        (renamed, ["Renamed", "neck"]),
        (orphan, ["Orphan", "L_knee", "L_hip"]),
        (sloping, ["Sloping", "T-pose", "45 degrees"]),
    ):
        with pytest.raises(ArmatureError) as caught:
            write_motion(SmplKeying(obj), random_motion(5), 1, 30, "no")
        assert all(word in str(caught.value) for word in words), str(caught.value)
    assert snapshot() == before


def body_vertices(body) -> np.ndarray:
    evaluated = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    evaluated.to_mesh_clear()
    return points.reshape(-1, 3) @ np.array(body.matrix_world)[:3, :3].T + np.array(body.matrix_world)[:3, 3]


def skinned(model, motion, frame) -> np.ndarray:
    """Linear blend skinning by the formula: sum over joints of weight (R (v - rest joint) + joint)."""
    rotations, joints = global_rotations(motion.rotations())[frame], motion.joints()[frame]
    moved = np.einsum("jab,vjb->vja", rotations, model.vertices[:, None] - model.joints[None]) + joints
    return np.einsum("vj,vja->va", model.weights, moved)


def test_the_body_stands_on_the_floor_and_follows_the_dance(scene):
    rig, motion = create_armature("Dancer"), random_motion(5)
    body = add_body(rig)
    assert body.parent == rig and body.name in scene.collection.objects and bpy.context.view_layer.objects.active == rig
    rest = body_vertices(body)
    assert rest[:, 2].min() == pytest.approx(0, abs=1e-3) and rest[:, 2].max() == pytest.approx(1.72, abs=0.03)
    write_motion(SmplKeying(rig), motion, 1, 30, "random")
    scene.frame_set(3)
    assert np.abs(body_vertices(body) - skinned(mannequin(), motion, 2)).max() < 3e-3
    assert [slot.material.name for slot in body.material_slots] == ["MAGMA Wood", "MAGMA Joints"]


def test_the_feet_of_the_body_stay_above_the_floor_in_a_real_clip(scene, dance_data):
    path = sorted((dance_data / "motions").glob("*waltz*.npz"))[0]
    motion = motions.resample(motions.load_npz(path), 30).cut(0, 300)
    rig = create_armature("Dancer")
    body = add_body(rig)
    write_motion(SmplKeying(rig), motion, 0, 30, "waltz")
    lowest = []
    for frame in range(0, 300, 15):
        scene.frame_set(frame)
        lowest.append(body_vertices(body)[:, 2].min())
    # the clip itself lets a foot joint sink by a few centimetres now and then
    assert np.median(lowest) > -0.03


def test_a_user_model_replaces_the_mannequin_and_is_fitted(scene):
    rng = np.random.default_rng(1)
    owner = np.arange(240) % 24
    joints = rest_joints() * np.float32(1.05) + np.float32(0.1)
    vertices = (joints[owner] + rng.normal(0, 0.03, (240, 3))).astype(np.float32)
    faces = np.arange(240, dtype=np.int32).reshape(80, 3)
    model = BodyModel(vertices, faces, np.eye(24, dtype=np.float32)[owner], joints, material=np.zeros(80, np.uint8))
    motion, rig = random_motion(5), create_armature("Dancer")
    body = add_body(rig, model)
    write_motion(SmplKeying(rig), motion, 1, 30, "random")
    scene.frame_set(3)
    fitted = BodyModel(model.fitted(rest_joints()), faces, model.weights, rest_joints())
    assert np.abs(body_vertices(body) - skinned(fitted, motion, 2)).max() < 1e-3


def test_a_body_for_a_y_up_armature_stands_up(scene):
    rig = user_armature(standing_joints() @ BODY_TO_WORLD, np.tile([0, 0, 0.1], (24, 1)), np.zeros(24))
    rig.rotation_euler = (np.pi / 2, 0, 0)
    rest = body_vertices(add_body(rig))
    assert rest[:, 2].min() == pytest.approx(0, abs=1e-3) and rest[:, 2].max() == pytest.approx(1.72, abs=0.03)


def test_ten_dancers_have_one_mesh_and_an_edited_one_is_left_alone(scene, tmp_path):
    """A file does not grow by a mannequin a dancer; and what an animator sculpted is not put on the next dancer."""
    bodies = [add_body(create_armature("Dancer")) for _ in range(10)]
    assert len(bpy.data.meshes) == 1 and len({body.name for body in bodies}) == 10
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ten.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "ten.blend"))
    ninth = bpy.data.objects["Dancer.009 Body"]
    assert [group.name for group in ninth.vertex_groups] == list(JOINT_NAMES)
    assert add_body(create_armature("Later")).data == ninth.data
    ninth.data.vertices[7].co.z += 0.01
    fresh = add_body(create_armature("Fresh")).data
    assert fresh != ninth.data and len(bpy.data.meshes) == 2
    tall = user_armature(standing_joints() * 1.2, np.tile([0, 0, 0.1], (24, 1)), np.zeros(24), "Tall")
    assert add_body(tall).data not in (fresh, ninth.data)


def test_the_mannequin_costs_a_file_less_than_half_a_megabyte(scene, tmp_path):
    def size(name):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name), compress=False, copy=True)
        return (tmp_path / name).stat().st_size

    rig = create_armature("Dancer")
    before = size("rig.blend")
    add_body(rig)
    assert size("body.blend") - before < 400_000


def test_bodies_share_materials_and_only_smpl_armatures_get_one(scene):
    first, second = (add_body(create_armature("Dancer")) for _ in range(2))
    assert first.name != second.name and len(bpy.data.materials) == 2
    before = snapshot()
    with pytest.raises(ArmatureError):
        add_body(bpy.data.objects["Dancer Body"])
    assert snapshot() == before
