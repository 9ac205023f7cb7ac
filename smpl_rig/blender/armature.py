"""SMPL's 24 joints as a Blender armature, and how an armature's rest pose relates to SMPL's.

Frames. `body` is SMPL's rest frame (y up), `world` the Z-up frame of motions, `armature` the object's own space.
SMPL's local rotation R_j turns joint j in axes parallel to the body frame, while a pose bone rotates in the axes of its
own rest orientation M_j (armature space). With C the turn body -> armature and Q_j = C^-1 M_j, the same rotation in the
bone's axes is the conjugate

    basis_j = Q_j^-1 R_j Q_j

for every bone but the pelvis, whose SMPL rotation also stands the y-up body up in the Z-up world: B = BODY_TO_WORLD is
removed first, basis_0 = Q_0^-1 B^-1 R_0 Q_0. So a pose of zeros in Blender is the upright T-pose, and bones may point
wherever an animator likes them to. The derivation needs only that the rest pose is SMPL's T-pose; proportions and
bone rolls are free, and an armature built in SMPL's y-up frame (and turned by its object) works as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..rotations import matrix_to_quaternion
from ..skeleton import (
    BODY_TO_WORLD,
    CHILDREN,
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    REST_OFFSETS,
    SOLE_BELOW_FOOT,
    rest_joints,
)
from . import compat
from .compat import armature_of, pose_of
from .context import layer_of, scene_of

FloatArray = NDArray[np.floating[Any]]

LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
"""Joint pairs whose direction tells whether a rest pose is a T-pose."""
LARGEST_LIMB_ANGLE = np.radians(30.0)
LEAF_TAILS = {"head": (0.0, 0.14, 0.0), "L_foot": (0.02, 0.0, 0.07), "R_foot": (-0.02, 0.0, 0.07)}
"""Where the bones of leaf joints end, metres from the joint in the body frame; hands lie on the forearm's line."""
HAND_LENGTH = 0.08


class ArmatureError(ValueError):
    """An object cannot carry a dance; the message names what is missing and what to do."""


@dataclass(frozen=True)
class RestPose:
    """Rest pose of an armature in SMPL's terms.

    heads: (24, 3) joint positions, armature space and its units. orientations: (24, 3, 3) bone axes M_j, armature
    space. body_to_armature: (3, 3) the turn C, an exact multiple of quarter turns. size: the armature's units a metre,
    see `_units_a_metre`.
    """

    heads: FloatArray
    orientations: FloatArray
    body_to_armature: FloatArray
    size: float = 1.0

    @property
    def world_to_armature(self) -> FloatArray:
        """(3, 3) turn of the Z-up world into armature space; identity for an armature that stands upright itself."""
        return self.body_to_armature @ BODY_TO_WORLD.T

    @property
    def bone_axes(self) -> FloatArray:
        """(24, 4) quaternions Q_j: bone axes in the body frame."""
        return matrix_to_quaternion(self.body_to_armature.T @ self.orientations)


def standing_joints() -> NDArray[np.float32]:
    """(24, 3) rest joints in the Z-up world, facing -Y, soles on the floor, pelvis above the origin; metres."""
    joints = rest_joints() @ BODY_TO_WORLD.T
    sole = joints[[JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]], 2].min() - SOLE_BELOW_FOOT
    return joints - np.array([0, 0, sole], np.float32)


def create_armature(name: str, size: float = 1.0) -> bpy.types.Object:
    """A new armature with SMPL's 24 joints, standing in T-pose on the floor at the origin, facing -Y.

    size: its units a metre: 100 where a unit of the scene is a centimetre. It is linked to the active scene's
    collection. In object mode it also becomes the active object; what is selected stays so, and somebody who is editing
    another object goes on editing it. Bones run from joint to joint with rolls that make knees and elbows bend about
    their local X; pose bones use quaternions. See the module's text for how SMPL rotations become theirs.
    """
    data = bpy.data.armatures.new(name)
    data.display_type = "OCTAHEDRAL"
    obj = bpy.data.objects.new(name, data)
    obj.show_in_front = True
    with _edit_mode(obj):
        _add_bones(data, size)
    for bone in pose_of(obj).bones:
        bone.rotation_mode = "QUATERNION"
    compat.group_bones(
        obj,
        {
            "Spine": ("THEME09", [name for name in JOINT_NAMES if name[1] != "_"]),
            "Left": ("THEME04", [name for name in JOINT_NAMES if name.startswith("L_")]),
            "Right": ("THEME01", [name for name in JOINT_NAMES if name.startswith("R_")]),
        },
    )
    scene_of(bpy.context).collection.objects.link(obj)
    if bpy.context.mode == "OBJECT":
        layer_of(bpy.context).objects.active = obj
    return obj


@contextmanager
def _edit_mode(obj: bpy.types.Object) -> Iterator[None]:
    """Edit mode of an object that is in no scene yet, in a scene of its own: the user's mode and selection stay."""
    scene = bpy.data.scenes.new("smpl_rig edit")
    try:
        scene.collection.objects.link(obj)
        layer = scene.view_layers[0]
        layer.objects.active = obj
        with bpy.context.temp_override(scene=scene, view_layer=layer, active_object=obj, object=obj):
            bpy.ops.object.mode_set(mode="EDIT")
            yield
            bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        bpy.data.scenes.remove(scene)


def _add_bones(data: bpy.types.Armature, size: float) -> None:
    joints = standing_joints()
    # the child on the main line of the body, where a joint has several
    main_child = {"pelvis": "spine1", "spine3": "neck"}
    for index, name in enumerate(JOINT_NAMES):
        bone = data.edit_bones.new(name)
        bone.head = joints[index]
        if CHILDREN[index]:
            child = JOINT_INDEX[main_child[name]] if name in main_child else CHILDREN[index][0]
            bone.tail = joints[child]
        elif name in LEAF_TAILS:
            bone.tail = joints[index] + BODY_TO_WORLD @ np.array(LEAF_TAILS[name], np.float32)
        else:
            forearm = joints[index] - joints[PARENTS[index]]
            bone.tail = joints[index] + forearm * (HAND_LENGTH / np.linalg.norm(forearm))
        bone.head, bone.tail = bone.head * size, bone.tail * size
        # Z forwards on limbs and spine: hinges then bend about X. A foot already points forwards, so there Z is up.
        bone.align_roll(Vector((0, 0, 1) if name.endswith(("ankle", "foot")) else (0, -1, 0)))
        if PARENTS[index] >= 0:
            bone.parent = data.edit_bones[JOINT_NAMES[PARENTS[index]]]
            bone.use_connect = (bone.parent.tail - bone.head).length < 1e-6 * size


def check_armature(obj: bpy.types.Object) -> None:
    """Raise ArmatureError, naming what is wrong, unless a motion can be written to `obj`. Changes nothing.

    Needed are an armature of this file with bones named and parented as SMPL's joints (others may be added: fingers, a
    bone above the pelvis) whose rest pose is a T-pose.
    """
    rest_pose(obj)


def check_usable(obj: bpy.types.Object) -> None:
    """Raise ArmatureError, naming what is wrong, where an object's bones cannot be keyed at all. Changes nothing."""
    if obj.type != "ARMATURE":
        kind = obj.type.lower().replace("_", " ")
        raise ArmatureError(f"{obj.name!r} is of type {kind}, not an armature. Choose an armature, or make a new one.")
    if obj.library is not None:
        raise ArmatureError(
            f"{obj.name!r} is linked from another file, in which alone it can be changed. Make a library override of "
            "it first (Object > Library Override > Make)."
        )
    if obj.mode == "EDIT":
        raise ArmatureError(f"The bones of {obj.name!r} are being edited. Leave Edit Mode first.")


def rest_pose(obj: bpy.types.Object) -> RestPose:
    """The armature's rest pose; raises ArmatureError like `check_armature`."""
    check_usable(obj)
    bones = armature_of(obj).bones
    missing = [name for name in JOINT_NAMES if name not in bones]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise ArmatureError(
            f"Armature {obj.name!r} lacks the SMPL bones {listed}. Rename its bones to SMPL's joint names, "
            "or make a new armature."
        )
    for index, name in enumerate(JOINT_NAMES[1:], start=1):
        parent, wanted = bones[name].parent, JOINT_NAMES[PARENTS[index]]
        if parent is None or parent.name != wanted:
            found = "no parent" if parent is None else f"the parent {parent.name}"
            raise ArmatureError(
                f"Bone {name} of armature {obj.name!r} has {found}, but SMPL needs {wanted}. Change it, "
                "or make a new armature."
            )
    matrices = np.array([bones[name].matrix_local for name in JOINT_NAMES], np.float64)
    heads = matrices[:, :3, 3]
    turn = _body_to_armature(heads)
    _check_t_pose(obj.name, heads @ turn)
    return RestPose(heads, matrices[:, :3, :3], turn, _units_a_metre(heads))


def _units_a_metre(heads: FloatArray) -> float:
    """1 for bodies from half to twice of SMPL's size: children and giants. Others are built in another unit, and as
    large as SMPL's in it."""
    lengths = np.linalg.norm(heads[1:] - heads[list(PARENTS[1:])], axis=1).sum()
    ratio = float(lengths / np.linalg.norm(REST_OFFSETS[1:], axis=1).sum())
    return 1.0 if 0.5 <= ratio <= 2.0 else ratio


def _body_to_armature(heads: FloatArray) -> FloatArray:
    """(3, 3) the one of the 24 turns by quarter turns that brings SMPL's rest joints nearest to `heads`."""
    ours = rest_joints().astype(np.float64)
    product = (heads - heads[0]).T @ ours
    candidates: list[FloatArray] = []
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            turn = np.eye(3)[list(axes)] * np.array(signs)
            if np.linalg.det(turn) > 0:
                candidates.append(turn)
    return max(candidates, key=lambda turn: float(np.sum(turn * product)))


def _check_t_pose(name: str, heads: FloatArray) -> None:
    """heads: (24, 3) in the body frame."""
    ours = rest_joints().astype(np.float64)
    for side, (start, end) in itertools.product("LR", LIMBS):
        first, second = JOINT_INDEX[f"{side}_{start}"], JOINT_INDEX[f"{side}_{end}"]
        limb, wanted = heads[second] - heads[first], ours[second] - ours[first]
        cosine = limb @ wanted / max(np.linalg.norm(limb) * np.linalg.norm(wanted), 1e-12)
        if cosine < np.cos(LARGEST_LIMB_ANGLE):
            angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            raise ArmatureError(
                f"Armature {name!r} does not rest in a T-pose: {side}_{start} is {angle:.0f} degrees off. "
                "Pose it as a T and apply the pose as rest pose (Pose > Apply)."
            )
