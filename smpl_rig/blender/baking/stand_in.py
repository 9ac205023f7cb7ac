"""A stand-in of a character, baked: an armature whose bones are plain, one key a frame, and its meshes at rest on it.

Exporters name things in a file as they are named in Blender, so it has the originals' names meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..compat import armature_of
from ..key_data import enum_value, write_keys
from .bake import Baked
from .hanging import Hanging
from .poses import Floats, skeleton_of
from .workplace import Workplace

_STILL = 1e-5
"""Share of a bone's length up to which its place, and ten times that of its size up to which its scale is not keyed:
what single precision leaves of a bone that only turns."""


def build(
    work: Workplace, original: bpy.types.Object, baked: Baked, name: str, armature_name: str, first: int
) -> bpy.types.Object:
    """The stand-in of an armature, with its dance in an action `name` from frame `first` on."""
    scene = work.scene
    data = bpy.data.armatures.new("magma export")
    armature = bpy.data.objects.new("magma export", data)
    scene.collection.objects.link(armature)
    layer = scene.view_layers[0]
    layer.objects.active = armature
    with bpy.context.temp_override(scene=scene, view_layer=layer, active_object=armature, object=armature):
        bpy.ops.object.mode_set(mode="EDIT")
        _add_bones(data, baked)
        bpy.ops.object.mode_set(mode="OBJECT")
    armature.matrix_world = Matrix(baked.place.tolist())
    armature.select_set(True, view_layer=layer)
    work.name(armature, armature_name or original.name, bpy.data.objects.get)
    work.name(data, armature_of(original).name, bpy.data.armatures.get)
    work.name(scene, name, bpy.data.scenes.get)  # an FBX file names the take after it
    scene.frame_start, scene.frame_end = first, first + len(baked.poses) - 1
    layer.update()
    _key(work, armature, baked, name, first)
    scene.frame_set(first)
    return armature


def _add_bones(data: bpy.types.Armature, baked: Baked) -> None:
    bones = data.edit_bones
    skeleton = baked.skeleton
    for name, rest, length, deforms in zip(
        skeleton.names, skeleton.rest, skeleton.lengths, skeleton.deforms, strict=True
    ):
        bone = bones.new(name)
        bone.head, bone.tail = (0, 0, 0), (0, length, 0)
        bone.matrix = Matrix(rest.tolist())
        bone.use_deform = deforms
    for name, parent in zip(skeleton.names, skeleton.parents, strict=True):
        if parent >= 0:
            bones[name].parent = bones[skeleton.names[parent]]


def _key(work: Workplace, armature: bpy.types.Object, baked: Baked, name: str, first: int) -> None:
    """A key a frame and bone; what never moves or grows has none."""
    # the bones are where Blender's single precision has put them
    found = skeleton_of(armature)
    order = [found.names.index(bone) for bone in baked.skeleton.names]
    quaternions, locations, scales = baked.with_rest(found.rest[order]).channels()
    place = compat.place_in_new_action(armature, "magma export")
    work.name(place.action, name, bpy.data.actions.get)
    place.assign()
    frames = np.arange(first, first + len(baked.poses), dtype=np.float64)
    for bone, bone_name in enumerate(baked.skeleton.names):
        path = f'pose.bones["{bpy.utils.escape_identifier(bone_name)}"]'
        tracks = {"rotation_quaternion": quaternions[:, bone]}
        if np.abs(locations[:, bone]).max() > _STILL * baked.skeleton.lengths[bone]:
            tracks["location"] = locations[:, bone]
        if np.abs(scales[:, bone] - 1).max() > 10 * _STILL:
            tracks["scale"] = scales[:, bone]
        for channel, values in tracks.items():
            for index in range(values.shape[1]):
                curve = place.add(f"{path}.{channel}", index, bone_name)
                _fill(curve, frames, values[:, index])


def _fill(curve: bpy.types.FCurve, frames: Floats, values: Floats) -> None:
    curve.keyframe_points.add(len(frames))
    write_keys(curve, "co", np.stack([frames, values], axis=1))
    write_keys(curve, "interpolation", np.full((len(frames), 1), enum_value("interpolation", "LINEAR")))
    curve.update()


def add_meshes(work: Workplace, armature: bpy.types.Object, baked: Baked, hanging: Sequence[Hanging]) -> None:
    """The stand-ins of meshes, at rest on that of the armature: without a place, a turn or a scale of their own."""
    names = baked.skeleton.names
    for mesh in hanging:
        obj = bpy.data.objects.new("magma export", mesh.mesh)
        work.scene.collection.objects.link(obj)
        at_rest = baked.to_file @ mesh.world
        obj.parent = armature
        if mesh.bone in names:
            bone = names.index(mesh.bone)
            # a child of a bone is at its tail
            tail = np.eye(4)
            tail[1, 3] = baked.skeleton.lengths[bone]
            at_rest = np.linalg.inv(baked.poses[0, bone] @ tail) @ at_rest
            obj.parent_type, obj.parent_bone = "BONE", mesh.bone
        mesh.mesh.transform(Matrix(at_rest.tolist()), shape_keys=True)
        if np.linalg.det(at_rest[:3, :3]) < 0:
            mesh.mesh.flip_normals()
        mesh.mesh.update()
        if mesh.skinned:
            modifier = obj.modifiers.new("Armature", "ARMATURE")
            assert isinstance(modifier, bpy.types.ArmatureModifier)
            modifier.object = armature
        for slot, original in zip(obj.material_slots, mesh.original.material_slots, strict=False):
            if original.link == "OBJECT":
                slot.link, slot.material = "OBJECT", original.material
        obj.select_set(True, view_layer=work.scene.view_layers[0])
        work.name(obj, mesh.original.name, bpy.data.objects.get)
        data = mesh.original.data
        assert data is not None
        work.name(mesh.mesh, data.name, bpy.data.meshes.get)
