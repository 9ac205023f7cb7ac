"""Exported dances, read again, by Blender's own importers where they work: joints, meshes, names, rates and ranges are
those of the scene, which stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import addon_utils
import bpy
import skips
import user_data
from exported import bvh_joints, gltf_joints
from mathutils import Euler, Matrix
from mathutils.kdtree import KDTree

from magma_blender.errors import SceneError
from magma_blender.exports import export as export_module
from magma_blender.exports import presets
from magma_blender.exports.export import ExportOptions, export_dance
from magma_blender.scene.dancer import load
from smpl_rig.blender import compat
from smpl_rig.blender.armature import create_armature
from smpl_rig.blender.body import add_body
from smpl_rig.gltf_file import read_gltf
from smpl_rig.motion import load_npz

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

FIRST, LAST = 5, 12
COUNT = LAST - FIRST + 1
RATES = {24: (24, 1.0), 29.97: (30, 1.001), 30: (30, 1.0), 60: (60, 1.0)}
PRESETS = {preset.identifier: preset for preset in presets.PRESETS}
IMPORTERS_FAIL = bpy.app.version < (4, 0)
"""Those of glTF and BVH fail in the Python of Debian's 3.4, which has no USD, either."""
METRES = {"BVH": 1e-4, "FBX": 2e-3}
"""How near joints have to be, by format; a millimetre where nothing else is said."""
POINTS = 40
"""Points of the mesh that are looked at."""


def dance(armature, name, size=1.0):
    """Other poses of some bones at every frame, the hips travelling."""
    for frame in range(FIRST, LAST + 1):
        for number, bone in enumerate(("L_elbow", "R_hip", "L_knee", "spine2", "head", "pelvis")):
            posed = armature.pose.bones[bone]
            posed.rotation_quaternion = (
                1,
                0.4 * np.sin(frame + number),
                0.3 * np.cos(frame),
                0.2 * np.sin(frame * number),
            )
            posed.keyframe_insert("rotation_quaternion", frame=frame)
        armature.pose.bones["pelvis"].location = (
            np.array((0.05 * (frame - FIRST), 0.1 * np.sin(frame), 0.08 * frame)) * size
        )
        armature.pose.bones["pelvis"].keyframe_insert("location", frame=frame)
    armature.animation_data.action.name = name


@pytest.fixture
def two(scene):
    """Two dancing characters with bodies. The first one is exported; the other one is active and selected."""
    scene.frame_start, scene.frame_end = 1, 50
    armature, other = create_armature("Dancer"), create_armature("Other")
    for each in (armature, other):
        add_body(each)
        dance(each, {"Dancer": "song.wav", "Other": "other.wav"}[each.name])
    armature.location, armature.rotation_euler = (1, 2, 0), (0, 0, 0.7)
    other.location.x = 3
    bpy.context.view_layer.objects.active = other
    other.select_set(True)
    scene.frame_set(20)
    return armature


def heads(armature, frame):
    bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
    return {
        bone.name.replace(".", "_"): np.array(armature.matrix_world @ bone.matrix)[:3, 3]
        for bone in armature.pose.bones
    }


def body_of(armature):
    return next((obj for obj in bpy.context.scene.objects if obj.find_armature() == armature), None)


def points(mesh):
    """(N, 3) the mesh as it is bent now, world."""
    seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    found = np.empty(3 * len(seen.data.vertices), np.float32)
    seen.data.vertices.foreach_get("co", found)
    world = np.array(seen.matrix_world)
    return found.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def shown(armature, first=FIRST):
    """Per frame of the dance, (heads by bone, some points of the mesh), world."""
    scene, frame, body = bpy.context.scene, bpy.context.scene.frame_current, body_of(armature)
    found = []
    for number in range(first, first + COUNT):
        joints = heads(armature, number)
        every = points(body)
        found.append((joints, every[:: len(every) // POINTS]))
    scene.frame_set(frame)
    return found


def to_origin(armature):
    """(4, 4) from where a character stands, turned by 0.7 about the vertical, to the origin."""
    place = Matrix.Translation(armature.matrix_world.translation) @ Euler((0, 0, 0.7)).to_matrix().to_4x4()
    return np.array(place.inverted())


def moved(expected, matrix, way=None):
    """The same elsewhere. way: (T, 3) what is taken off each frame afterwards."""
    way = np.zeros((len(expected), 3)) if way is None else way
    turn, place = matrix[:3, :3], matrix[:3, 3]
    return [
        ({name: turn @ joint + place - off for name, joint in joints.items()}, every @ turn.T + place - off)
        for (joints, every), off in zip(expected, way, strict=True)
    ]


def state():
    """All that must be as before: names and users of everything, keys, selection, mode, frame."""
    kinds = ("objects", "meshes", "armatures", "actions", "scenes", "materials", "images", "collections")
    names = {kind: sorted((block.name, block.users) for block in getattr(bpy.data, kind)) for kind in kinds}
    scene, layer = bpy.context.scene, bpy.context.view_layer
    objects = {obj.name: (user_data.of_object(obj), obj.select_get(), obj.mode) for obj in scene.objects}
    modifiers = [(modifier.name, modifier.show_viewport) for obj in scene.objects for modifier in obj.modifiers]
    return names, scene.name, scene.frame_current, layer.objects.active.name, objects, modifiers


def export(armature, preset, folder, travel=None, **options):
    file = folder / f"dance{preset.ending}"
    before = state()
    done = export_dance(
        armature.users_scene[0], armature, ExportOptions(preset, travel or preset.travel, **options), file
    )
    assert state() == before and not list(folder.glob(".magma*"))
    assert len(done) == COUNT
    return file


def read_again(file, preset, rate):
    """(the armature in an empty file, the scene frame of its dance's beginning, scene frames from one of its frames to
    the next)."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    render = bpy.context.scene.render
    render.fps, render.fps_base = RATES[rate]
    if preset.format == "FBX":
        bpy.ops.import_scene.fbx(filepath=str(file), anim_offset=0)
    elif preset.format in ("GLB", "GLTF"):
        bpy.ops.import_scene.gltf(filepath=str(file))
    elif preset.format == "BVH":
        bpy.ops.import_anim.bvh(filepath=str(file), global_scale=1 / preset.units, frame_start=0, update_scene_fps=True)
    else:
        bpy.ops.wm.usd_import(filepath=str(file))
    (armature,) = (obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE")
    # Blender's importers of FBX and glTF know no fps_base: they make 30 frames of 30 / 1.001
    step = render.fps_base if preset.format in ("FBX", "GLB", "GLTF") else 1.0
    start = 1 if preset.format == "BVH" else FIRST * step if preset.keeps_frames else 0
    assert render.fps / render.fps_base == pytest.approx(rate, abs=2e-3)
    return armature, start, step


def same(file, preset, rate, expected):
    """That all joints and points are where they are expected; the armature and its action, read again."""
    armature, start, step = read_again(file, preset, rate)
    body, worst = body_of(armature), 0.0
    for index, (joints, every) in enumerate(expected):
        now = heads(armature, start + index * step)
        worst = max(worst, *(np.linalg.norm(joint - now[name]) for name, joint in joints.items()))
        if body is not None:
            worst = max(worst, farthest(every, points(body)))
    told(preset, worst)
    action = compat.places(armature)[0].action
    assert np.allclose(action.frame_range, (start, start + (COUNT - 1) * step), atol=0.02)
    return armature, action


def farthest(some, every):
    """How far the farthest of some points is from its nearest one: files may hold a point several times."""
    tree = KDTree(len(every))
    for index, point in enumerate(every):
        tree.insert(point, index)
    tree.balance()
    return max(tree.find(point)[2] for point in some)


def same_joints(preset, found, expected):
    """That joints (T, 3) by name are where they are expected."""
    for index, (joints, _) in enumerate(expected):
        told(preset, max(np.linalg.norm(joint - found[name][index]) for name, joint in joints.items()))


def told(preset, worst):
    print(f"FIGURE {preset.identifier} {worst * 1000:.4f} mm")
    assert worst < METRES.get(preset.format, 1e-3), f"{worst * 1000:.3f} mm"


# -- each format


@pytest.mark.parametrize(
    ("identifier", "rate"),
    [("FBX_UNITY", 30), ("FBX_UNREAL", 60), ("FBX", 29.97), ("GLB", 24), ("GLTF", 60), ("USD", 24)],
)
def test_a_character_is_read_again_where_it_was(two, tmp_path, scene, identifier, rate):
    scene.render.fps, scene.render.fps_base = RATES[rate]
    preset, expected = PRESETS[identifier], shown(two)
    if not preset.keeps_place:
        expected = moved(expected, to_origin(two))
    if preset.format == "USD" and IMPORTERS_FAIL:
        with pytest.raises(SceneError, match=r"This Blender 3\.4 was built without USD"):
            export(two, preset, tmp_path)
        return
    file = export(two, preset, tmp_path)
    if preset.format in ("GLB", "GLTF"):
        found, name = gltf_joints(file, rate, COUNT)
        same_joints(preset, found, expected)
        assert name == "song.wav" and not {"Other", "Other Body"} & set(found)
        if IMPORTERS_FAIL:
            return
    armature, action = same(file, preset, rate, expected)
    if preset.format != "USD":
        assert "song.wav" in action.name and len(bpy.data.actions) == 1
        assert armature.name == (preset.armature or "Dancer")
        assert body_of(armature).name == "Dancer Body"
        assert set(armature.data.bones.keys()) <= {"root", *expected[0][0]}  # no leaves


@pytest.mark.parametrize(("identifier", "rate"), [("BVH", 29.97), ("BVH_BLENDER", 30)])
def test_a_skeleton_is_read_again_where_it_was(two, tmp_path, scene, identifier, rate):
    scene.render.fps, scene.render.fps_base = RATES[rate]
    preset, expected = PRESETS[identifier], moved(shown(two), to_origin(two))
    file = export(two, preset, tmp_path)
    found, fps = bvh_joints(file, preset.units)
    assert fps == pytest.approx(rate, rel=1e-5)
    assert rate != 29.97 or "Frame Time: 0.0333666" in file.read_text()
    assert len(found["head"]) == COUNT
    same_joints(preset, found, expected)
    if not IMPORTERS_FAIL:
        same(file, preset, rate, expected)


def test_uneven_rates_are_written_in_gltf_too(two, tmp_path, scene):
    """Which Blender's exporter gets wrong, by a third of a second in three minutes."""
    scene.render.fps, scene.render.fps_base = RATES[29.97]
    found, _ = gltf_joints(export(two, PRESETS["GLB"], tmp_path), 30 / 1.001, COUNT)
    same_joints(PRESETS["GLB"], found, moved(shown(two), to_origin(two)))


# -- where characters stand, how large they are, and how they travel


@pytest.mark.parametrize("size", [0.01, 100.0])
def test_a_scaled_and_turned_object_leaves_no_scale_in_the_file(scene, tmp_path, size):
    """As imported characters have it: bones in another unit, lying down, and the object makes good for both."""
    armature = create_armature("Dancer", 1 / size)
    body = add_body(armature)
    dance(armature, "song.wav", 1 / size)
    lying = Euler((np.pi / 2, 0, 0)).to_matrix().to_4x4()
    armature.data.transform(lying.inverted())
    body.data.transform(lying.inverted())
    armature.matrix_world = (
        Matrix.Translation((1, 2, 0)) @ Euler((0, 0, 0.7)).to_matrix().to_4x4() @ lying @ Matrix.Scale(size, 4)
    )
    bpy.context.view_layer.objects.active = armature
    bpy.context.view_layer.update()
    expected = moved(shown(armature), to_origin(armature))
    file = export(armature, PRESETS["GLB"], tmp_path)
    found, _ = gltf_joints(file, 30, COUNT)
    same_joints(PRESETS["GLB"], found, expected)
    assert all(np.allclose(node.get("scale", 1), 1, atol=1e-5) for node in read_gltf(file).json["nodes"])
    file = export(armature, PRESETS["FBX_UNITY"], tmp_path)
    assert np.allclose(same(file, PRESETS["FBX_UNITY"], 30, expected)[0].scale, 0.01)


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, 1.5, 1)])
def test_what_bones_cannot_say_stays_with_the_object(two, tmp_path, scale):
    two.scale = scale
    bpy.context.view_layer.update()
    expected = moved(shown(two), np.array(Matrix.Translation(-two.location)))
    found, _ = gltf_joints(export(two, PRESETS["GLB"], tmp_path, meshes=False), 30, COUNT)
    same_joints(PRESETS["GLB"], found, expected)


def test_in_place_and_on_a_root_bone(two, tmp_path):
    expected = moved(shown(two), to_origin(two))
    way = np.array([joints["pelvis"] for joints, _ in expected])
    way = (way - way[0]) * (1, 1, 0)
    assert np.abs(way).max() > 0.3
    preset = PRESETS["GLB"]
    found, _ = gltf_joints(export(two, preset, tmp_path, presets.IN_PLACE), 30, COUNT)
    same_joints(preset, found, moved(expected, np.eye(4), way))
    found, _ = gltf_joints(export(two, preset, tmp_path, presets.ROOT_BONE), 30, COUNT)
    same_joints(preset, found, expected)
    assert np.abs(found["root"] - way).max() < 1e-3
    own = found["pelvis"] - found["root"]
    assert np.ptp(own[:, :2], axis=0).max() < 1e-5


def test_meshes_follow_as_they_do_in_blender(two, tmp_path):
    """Held by a bone, with modifiers of their own; what is not rendered is left out."""
    hat, hidden = (bpy.data.objects.new(name, bpy.data.meshes.new(name)) for name in ("Hat", "Cage"))
    for obj in (hat, hidden):
        obj.data.from_pydata([(0, 0, 0), (0.1, 0, 0), (0, 0.2, 0)], [], [(0, 1, 2)])
        bpy.context.scene.collection.objects.link(obj)
        obj.parent, obj.parent_type, obj.parent_bone = two, "BONE", "head"
    hat.matrix_parent_inverse, hat.location = Matrix.Scale(2, 4), (0.01, 0.02, 0.03)
    hat.modifiers.new("Solidify", "SOLIDIFY").thickness = 0.05
    body = body_of(two)
    body.modifiers.clear()
    body.modifiers.new("Subdivision", "SUBSURF").levels = 1
    body.modifiers.new("Armature", "ARMATURE").object = two
    hidden.hide_render = True
    expected, scene = moved(shown(two), to_origin(two)), bpy.context.scene
    scene.frame_set(LAST)
    hats = moved([({}, points(hat))], to_origin(two))[0][1]
    scene.frame_set(20)
    file = export(two, PRESETS["FBX_UNITY"], tmp_path)
    same(file, PRESETS["FBX_UNITY"], 30, expected)
    assert "Cage" not in bpy.data.objects
    bpy.context.scene.frame_set(LAST - FIRST)
    assert farthest(hats, points(bpy.data.objects["Hat"])) < 2e-3


def test_bones_that_bend_nothing_are_left_out_where_asked(two, tmp_path):
    for name in ("L_hand", "spine2"):
        two.data.bones[name].use_deform = False
    expected = moved(shown(two), to_origin(two))
    every = set(two.data.bones.keys())
    found, _ = gltf_joints(export(two, PRESETS["GLB"], tmp_path, deform_only=False), 30, COUNT)
    assert every <= set(found)
    found, _ = gltf_joints(export(two, PRESETS["GLB"], tmp_path, meshes=False), 30, COUNT)
    assert every - set(found) == {"L_hand", "spine2"} and "Dancer Body" not in found
    for joints, _ in expected:
        del joints["L_hand"], joints["spine2"]
    same_joints(PRESETS["GLB"], found, expected)


def test_what_plays_is_exported_from_the_nla(two, tmp_path):
    data = two.animation_data
    expected = moved(shown(two), to_origin(two))
    action = data.action
    strip = data.nla_tracks.new().strips.new("dance", 31, action)
    data.action = None
    other = data.nla_tracks.new()
    other.strips.new("other", 31, bpy.data.actions["other.wav"])
    other.mute = True
    strip.frame_start_ui = 31
    assert np.allclose(shown(two, 31)[2][1], moved(shown(two, 31), np.eye(4))[2][1])
    found, name = gltf_joints(export(two, PRESETS["GLB"], tmp_path), 30, COUNT)
    same_joints(PRESETS["GLB"], found, expected)
    assert name == "song.wav"


# -- motions without a character


def test_a_vrm_animation_poses_limbs_as_they_are(two, tmp_path):
    expected = shown(two)
    file = export(two, PRESETS["VRMA"], tmp_path)
    found, name = gltf_joints(file, 30, COUNT)
    assert name == "song.wav"
    names = {"L_hip": "leftUpperLeg", "L_knee": "leftLowerLeg", "L_ankle": "leftFoot", "L_foot": "leftToes",
             "R_shoulder": "rightUpperArm", "R_elbow": "rightLowerArm", "R_wrist": "rightHand",
             "L_shoulder": "leftUpperArm", "L_elbow": "leftLowerArm", "L_wrist": "leftHand",
             "pelvis": "hips", "spine3": "upperChest", "neck": "neck", "head": "head"}  # fmt: skip
    turn = np.array(Euler((0, 0, -0.7)).to_matrix())
    worst = 0.0
    for index, (joints, _) in enumerate(expected):
        for one, other in zip(list(names)[:-1], list(names)[1:], strict=True):
            wanted = turn @ (joints[other] - joints[one])
            limb = found[names[other]][index] - found[names[one]][index]
            cosine = wanted @ limb / np.linalg.norm(wanted) / np.linalg.norm(limb)
            worst = max(worst, np.degrees(np.arccos(min(cosine, 1.0))))
    print(f"FIGURE VRMA {worst:.4f} degrees")
    assert worst < 1
    with pytest.raises(SceneError, match="has no root bone"):
        export(two, PRESETS["VRMA"], tmp_path, presets.ROOT_BONE)


def test_smpl_poses_are_those_of_the_dance(dancer, tmp_path):
    file = tmp_path / "dance.npz"
    done = export_dance(bpy.context.scene, dancer, ExportOptions(PRESETS["NPZ"], presets.AS_DANCED), file)
    kept, read = load(dancer).motion(), load_npz(file)
    assert (done.first, len(done), done.name) == (1, len(kept), "song")
    assert np.array_equal(read.poses, kept.poses) and np.allclose(read.trans, kept.trans, atol=1e-6)
    assert read.fps == kept.fps
    settings = bpy.context.scene.magma_export
    settings.preset = "FBX_UNREAL"
    assert settings.travel == presets.ROOT_BONE  # as the receiver usually wants it
    settings.preset, settings.travel = "NPZ", presets.IN_PLACE
    file.unlink()
    assert bpy.ops.magma.export_dance(filepath=str(file.with_suffix(""))) == {"FINISHED"}
    assert np.ptp(load_npz(file).trans[:, :2], axis=0).max() < 1e-6


# -- when it cannot be


def test_an_exporter_that_fails_leaves_everything_as_it_was(two, tmp_path, monkeypatch):
    file = tmp_path / "dance.fbx"
    file.write_bytes(b"what somebody made")

    def fail(_preset, part, scene, _armature):
        part.write_bytes(b"half")
        assert bpy.context.scene == scene
        raise RuntimeError("a fault of the exporter")

    monkeypatch.setattr(export_module.writers, "write", fail)
    before = state()
    with pytest.raises(RuntimeError, match="a fault"):
        export_dance(bpy.context.scene, two, ExportOptions(PRESETS["FBX"], presets.AS_DANCED), file)
    assert state() == before and file.read_bytes() == b"what somebody made" and list(tmp_path.iterdir()) == [file]


def test_what_is_missing_is_said_in_a_sentence(two, tmp_path):
    addon_utils.disable("io_anim_bvh")
    try:
        with pytest.raises(SceneError, match=r"add-on .*BVH.* is off"):
            export(two, PRESETS["BVH"], tmp_path)
    finally:
        addon_utils.enable("io_anim_bvh")
    with pytest.raises(SceneError, match="cannot be written"):
        export(two, PRESETS["NPZ"], tmp_path / "absent")
    two.data.pose_position = "REST"
    with pytest.raises(SceneError, match="rest position"):
        export(two, PRESETS["GLB"], tmp_path)
    still = create_armature("Still")
    with pytest.raises(SceneError, match="has no dance and no action"):
        export(still, PRESETS["GLB"], tmp_path)
