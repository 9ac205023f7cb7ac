"""Exported dances, read again by Blender's own importers: joints, meshes, names, rates and ranges are those of the scene,
which stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
import user_data
from mathutils import Euler, Matrix

from magma_blender.errors import SceneError
from magma_blender.exports import presets
from magma_blender.exports.export import ExportOptions, export_dance
from smpl_rig.blender import compat
from smpl_rig.blender.armature import create_armature
from smpl_rig.blender.body import add_body

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

FIRST, LAST = 5, 16
COUNT = LAST - FIRST + 1
RATES = {24: (24, 1.0), 29.97: (30, 1.001), 30: (30, 1.0), 60: (60, 1.0)}
PRESETS = {preset.identifier: preset for preset in presets.PRESETS}
CANNOT = {(3, 4): ("GLB", "GLTF", "BVH", "BVH_BLENDER", "USD")}
"""What some Blenders cannot read: 3.4's importers of glTF and BVH fail in its Python, and it has no USD."""
METRES = {"BVH": 1e-4, "BVH_BLENDER": 1e-4, "GLB": 1e-3, "GLTF": 1e-3, "USD": 1e-3}
"""How near joints have to be; 2 mm where nothing else is said."""


def dance(armature, name):
    """Keys on some bones, the hips travelling; every bone that is keyed is another one at every frame."""
    frames = range(FIRST, LAST + 1, 3)
    for frame in [*frames, LAST]:
        for number, bone in enumerate(("L_elbow", "R_hip", "L_knee", "spine2", "head", "pelvis")):
            posed = armature.pose.bones[bone]
            posed.rotation_quaternion = (1, 0.4 * np.sin(frame + number), 0.3 * np.cos(frame), 0.2 * np.sin(frame * number))
            posed.keyframe_insert("rotation_quaternion", frame=frame)
        armature.pose.bones["pelvis"].location = (0.05 * (frame - FIRST), 0.1 * np.sin(frame), 0.08 * frame)
        armature.pose.bones["pelvis"].keyframe_insert("location", frame=frame)
    armature.animation_data.action.name = name


@pytest.fixture
def two(scene):
    """Two dancing characters with bodies, of which the first is exported; the second one is active and selected."""
    scene.frame_start, scene.frame_end = 1, 50
    armature, other = create_armature("Dancer"), create_armature("Other")
    add_body(armature), add_body(other)
    other.data.transform(Matrix.Scale(1.2, 4))
    dance(armature, "song.wav")
    dance(other, "other.wav")
    armature.location, armature.rotation_euler = (1, 2, 0), (0, 0, 0.7)
    other.location.x = 3
    bpy.context.view_layer.objects.active = other
    other.select_set(True)
    scene.frame_set(20)
    return armature


def set_rate(scene, rate):
    scene.render.fps, scene.render.fps_base = RATES[rate]


def heads(armature, frame):
    bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
    bpy.context.view_layer.update()
    return {
        bone.name.replace(".", "_"): np.array(armature.matrix_world @ bone.matrix)[:3, 3] for bone in armature.pose.bones
    }


def points(mesh):
    """(N, 3) the mesh as it is bent now, world."""
    seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([seen.matrix_world @ vertex.co for vertex in seen.data.vertices])


def shown(armature):
    """Per frame of the dance, (heads by bone, sorted points of the mesh)."""
    mesh = next((obj for obj in bpy.context.scene.objects if obj.type == "MESH" and obj.find_armature() == armature), None)
    scene, frame = bpy.context.scene, bpy.context.scene.frame_current
    found = [(heads(armature, frame), points(mesh) if mesh else None) for frame in range(FIRST, LAST + 1)]
    scene.frame_set(frame)
    return found


def place_of(armature):
    """Where a character stands, and how it is turned about the vertical."""
    return Matrix.Translation(armature.matrix_world.translation) @ Euler((0, 0, 0.7)).to_matrix().to_4x4()


def state():
    """All that must be as before: names, users, selection, frame, actions and what the scene shows."""
    kinds = ("objects", "meshes", "armatures", "actions", "scenes", "materials", "images", "collections")
    names = {kind: sorted((block.name, block.users) for block in getattr(bpy.data, kind)) for kind in kinds}
    scene, layer = bpy.context.scene, bpy.context.view_layer
    objects = {obj.name: (user_data.of_object(obj), obj.select_get(), obj.mode) for obj in scene.objects}
    modifiers = [(m.name, m.show_viewport) for obj in scene.objects for m in obj.modifiers]
    return names, scene.name, scene.frame_current, layer.objects.active.name, objects, modifiers


def export(armature, preset, folder, travel=None, **options):
    preset = PRESETS[preset]
    file = folder / f"dance{preset.ending}"
    before = state()
    scene = armature.users_scene[0]
    export_dance(scene, armature, ExportOptions(preset, travel or preset.travel, **options), file)
    assert state() == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".magma")]
    return file


def read_again(file, preset, rate):
    """(the armature in an empty file, the scene frame of the dance's beginning, scene frames from one of its frames to
    the next)."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    set_rate(bpy.context.scene, rate)
    if preset.format == "FBX":
        bpy.ops.import_scene.fbx(filepath=str(file), anim_offset=0)
    elif preset.format in ("GLB", "GLTF"):
        bpy.ops.import_scene.gltf(filepath=str(file))
    elif preset.format == "BVH":
        bpy.ops.import_anim.bvh(filepath=str(file), global_scale=1 / preset.units, frame_start=0, update_scene_fps=True)
    else:
        bpy.ops.wm.usd_import(filepath=str(file))
    found = [obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE"]
    assert len(found) == 1, [obj.name for obj in bpy.context.scene.objects]
    # Blender's importers of FBX and glTF know no fps_base: they make 30 frames of 30 / 1.001
    step = bpy.context.scene.render.fps_base if preset.format in ("FBX", "GLB", "GLTF") else 1.0
    start = 1 if preset.format == "BVH" else FIRST * step if preset.keeps_frames else 0
    return found[0], start, step


def same(armature, start, step, expected, move, tolerance, way=None, mesh=True):
    """That every joint, and every point of the mesh, is where it was. move: (4, 4) from the scene to the file."""
    body = next((obj for obj in bpy.context.scene.objects if obj.type == "MESH" and obj.find_armature() == armature), None)
    assert (body is not None) == mesh
    worst = 0.0
    move = np.array(move)
    for index, (joints, vertices) in enumerate(expected):
        now = heads(armature, start + index * step)
        shift = np.zeros(3) if way is None else way[index]
        for name, joint in joints.items():
            worst = max(worst, np.linalg.norm(move[:3, :3] @ joint + move[:3, 3] - shift - now[name]))
        if mesh:
            wanted = vertices @ move[:3, :3].T + move[:3, 3] - shift
            got = points(body)
            # files may hold a point once a corner
            order = [tree_of(got).find(point)[2] for point in wanted[:: max(len(wanted) // 50, 1)]]
            worst = max(worst, *order)
    print(f"FIGURE {armature.name} {bpy.app.version_string[:3]} {worst * 1000:.4f} mm")
    assert worst < tolerance, worst
    return worst


def tree_of(points):
    from mathutils.kdtree import KDTree

    tree = KDTree(len(points))
    for index, point in enumerate(points):
        tree.insert(point, index)
    tree.balance()
    return tree


CASES = [
    ("FBX_UNITY", 30), ("FBX_UNREAL", 60), ("FBX", 29.97), ("GLB", 24), ("GLTF", 60), ("BVH", 29.97), ("BVH_BLENDER", 30),
    ("USD", 24),
]  # fmt: skip


@pytest.mark.parametrize(("identifier", "rate"), CASES)
def test_what_is_exported_is_read_again(two, tmp_path, scene, identifier, rate):
    if identifier in CANNOT.get(bpy.app.version[:2], ()):
        pytest.skip("this Blender cannot read the format")
    set_rate(scene, rate)
    preset, expected = PRESETS[identifier], shown(two)
    move = Matrix() if preset.keeps_place else place_of(two).inverted()
    file = export(two, identifier, tmp_path)
    armature, start, step = read_again(file, preset, rate)
    has_mesh = preset.format != "BVH"
    same(armature, start, step, expected, move, METRES.get(identifier, 2e-3), mesh=has_mesh)
    render = bpy.context.scene.render
    assert render.fps / render.fps_base == pytest.approx(rate, abs=2e-3)
    action = compat.places(armature)[0].action
    if preset.format in ("FBX", "GLB", "GLTF"):
        assert "song.wav" in action.name and len(bpy.data.actions) == 1
        assert armature.name == (preset.armature or "Dancer")
        assert [obj.name for obj in bpy.context.scene.objects if obj.find_armature()] == ["Dancer Body"]
    assert np.allclose(action.frame_range, (start, start + (COUNT - 1) * step), atol=0.02)
