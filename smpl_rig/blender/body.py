"""A skinned mesh on an SMPL armature."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..body_model import BodyModel, mannequin
from ..skeleton import JOINT_NAMES
from . import compat
from .armature import rest_pose


@dataclass(frozen=True)
class Look:
    """colour: linear RGB, 0..1."""

    colour: tuple[float, float, float]
    roughness: float


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
    joints = rest.heads @ rest.body_to_armature  # armature space -> body frame
    vertices = model.fitted(joints) @ rest.body_to_armature.T.astype(np.float32)

    name = f"{armature.name} Body"
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], model.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(model.faces), bool))
    for material in model.materials:
        mesh.materials.append(_material(material))
    mesh.polygons.foreach_set("material_index", model.material.astype(np.int32))
    mesh.update()

    body = bpy.data.objects.new(name, mesh)
    _skin(body, model)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = armature
    for collection in armature.users_collection:
        collection.objects.link(body)
    return body


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
