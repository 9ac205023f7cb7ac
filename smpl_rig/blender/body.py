"""A skinned mesh on an SMPL armature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..body_model import BodyModel, mannequin
from ..skeleton import JOINT_NAMES
from . import compat
from .armature import rest_pose


@dataclass(frozen=True)
class Look:
    """colour: linear RGB, 0..1."""

    colour: tuple[float, float, float]
    roughness: float


CONTENT_KEY = "magma_body"
"""A mesh's property: digests of the model that it was made of, and of what it was then."""
LOOKS = {
    "Wood": Look((0.60, 0.33, 0.15), 0.38),
    "Joints": Look((0.16, 0.07, 0.03), 0.30),
    "Skin": Look((0.62, 0.42, 0.33), 0.50),
}


def add_body(armature: bpy.types.Object, model: BodyModel | None = None) -> bpy.types.Object:
    """Give an SMPL armature a mesh that follows it; returns the mesh object, named "<armature> Body".

    model: the user's own body (`body_model.load`); without one, the bundled mannequin. The mesh is fitted to the
    armature's rest joints, parented to it without an offset, skinned through vertex groups named as the bones, and
    linked to the armature's collections. Selection and mode stay. Raises ArmatureError if it is not an SMPL armature.
    """
    rest = rest_pose(armature)
    model = model or mannequin()
    joints = rest.heads @ rest.body_to_armature / rest.size  # armature space -> body frame
    vertices = (model.fitted(joints) * rest.size @ rest.body_to_armature.T).astype(np.float32)

    mesh = _mesh(model, vertices)
    body = bpy.data.objects.new(f"{armature.name} Body", mesh)
    if not body.vertex_groups:
        _skin(body, model)
        mesh[CONTENT_KEY] += _state(mesh)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = armature
    for collection in armature.users_collection:
        collection.objects.link(body)
    return body


def _mesh(model: BodyModel, vertices: NDArray[np.float32]) -> bpy.types.Mesh:
    """A mesh of the model, fitted: one that is in the file already, so that a file with many dancers has one mesh, or
    else a new one. A mesh that was edited is nobody else's."""
    content = _digest(vertices, model.faces, model.weights)
    for mesh in bpy.data.meshes:
        kept = str(mesh.get(CONTENT_KEY, ""))
        # of all meshes of a file, few are worth a look at each of their vertices
        if mesh.library is None and kept.startswith(content) and kept == content + _state(mesh):
            return mesh
    mesh = bpy.data.meshes.new("MAGMA Body")
    faces = [face[:3] if face[3:] == face[2:3] else face for face in model.faces.tolist()]
    mesh.from_pydata(vertices.tolist(), [], faces)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(model.faces), bool))
    for material in model.materials:
        mesh.materials.append(_material(material))
    mesh.polygons.foreach_set("material_index", model.material.astype(np.int32))
    mesh.update()
    mesh[CONTENT_KEY] = content
    return mesh


def _state(mesh: bpy.types.Mesh) -> str:
    """A digest of what an animator can change in a mesh: vertices, their weights, faces, and the names of materials,
    shape keys, UV maps and colours."""
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    corners, material = np.empty(len(mesh.loops), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    mesh.polygons.foreach_get("material_index", material)
    weights = [(v.index, one.group, one.weight) for v in mesh.vertices for one in v.groups]
    names = [slot.name if slot is not None else "" for slot in mesh.materials]
    names += [key.name for key in (mesh.shape_keys.key_blocks if mesh.shape_keys is not None else ())]
    names += [layer.name for layers in (mesh.uv_layers, mesh.color_attributes) for layer in layers]
    return f" {_digest(points, corners, material, np.array(weights, np.float32))} {'/'.join(names)}"


def _digest(*arrays: NDArray[Any]) -> str:
    joined = hashlib.sha256()
    for array in arrays:
        joined.update(np.ascontiguousarray(array).tobytes())
    return joined.hexdigest()[:16]


def _skin(body: bpy.types.Object, model: BodyModel) -> None:
    for joint, bone in enumerate(JOINT_NAMES):
        group = body.vertex_groups.new(name=bone)
        # 1/255 steps: few enough different values that vertices can be assigned in lots
        steps = np.round(model.weights[:, joint] * 255).astype(np.int64)
        used = np.flatnonzero(steps)
        ordered = used[np.argsort(steps[used], kind="stable")]
        values, starts = np.unique(steps[ordered], return_index=True)
        for value, lot in zip(values, np.split(ordered, starts[1:]), strict=True):
            group.add(lot.tolist(), float(value) / 255, "REPLACE")


def _material(name: str) -> bpy.types.Material:
    """The file's material of this name, so that bodies share it and the user may restyle it, or else a new one."""
    full_name = f"MAGMA {name}"
    material = bpy.data.materials.get(full_name)
    if material is None:
        look = LOOKS[name]
        material = bpy.data.materials.new(full_name)
        compat.set_surface(material, look.colour, look.roughness)
        material.diffuse_color = (*look.colour, 1)
        material.roughness = look.roughness
    return material
