"""Motions as keyframes of an armature, and back."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Euler, Quaternion

from .. import rotations as rot
from ..motion import Motion
from ..skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_NAMES
from . import compat
from .armature import RestPose, rest_pose
from .compat import pose_of

Curves = dict[tuple[str, int], bpy.types.FCurve]
"""F-curves by data path and array index."""


def write_motion(
    obj: bpy.types.Object, motion: Motion, frame_start: float, scene_fps: float, action_name: str
) -> bpy.types.Action:
    """Key a motion on an armature in a new action, which becomes the object's; returns the action.

    Key k falls on frame `frame_start` + k * `scene_fps` / motion.fps, so a motion resampled to the scene's rate has its
    keys on whole frames. All 24 bones get quaternion keys and the pelvis location keys, linear in between. The pelvis
    bone is put exactly where the motion's `trans` is (metres, in the space of the armature object: moving the object
    moves the dance). A replaced action stays in the file with a fake user. What the pose held beside rotations
    (scale, offsets of other bones) is reset, since it would move the joints.

    Raises ArmatureError and leaves everything as it was if `obj` is not an SMPL armature.
    """
    quaternions, locations = bone_channels(rest_pose(obj), motion)
    frames = frame_start + np.arange(len(motion)) * (scene_fps / motion.fps)
    new = compat.NewAction(obj, action_name)
    try:
        for joint, name in enumerate(JOINT_NAMES):
            path = f'pose.bones["{name}"]'
            for channel in range(4):
                curve = new.add(f"{path}.rotation_quaternion", channel, name)
                _fill(curve, frames, quaternions[:, joint, channel])
            if joint == 0:
                for channel in range(3):
                    _fill(new.add(f"{path}.location", channel, name), frames, locations[:, channel])
    except BaseException:
        bpy.data.actions.remove(new.action)
        raise
    for name in JOINT_NAMES:
        bone = pose_of(obj).bones[name]
        bone.rotation_mode = "QUATERNION"
        bone.location, bone.scale = (0, 0, 0), (1, 1, 1)
    new.assign()
    return new.action


def read_motion(obj: bpy.types.Object, frames: Sequence[float], fps: float) -> Motion:
    """The motion that the object's action keys, at the given scene frames; the inverse of `write_motion`.

    frames: (N,) scene frames, `fps` of them a second. Bones keyed as Euler angles or axis-angle are read too; a channel
    without keys has its present value. Constraints, NLA strips and keyed offsets of bones other than the pelvis
    are not seen. Raises ArmatureError.
    """
    rest = rest_pose(obj)
    curves = curves_of(obj)
    times = np.asarray(frames, np.float64)

    def channels(path: str, present: Sequence[float]) -> rot.Array:
        values = np.empty((len(times), len(present)))
        for index, value in enumerate(present):
            curve = curves.get((path, index))
            values[:, index] = value if curve is None else [curve.evaluate(frame) for frame in times]
        return values

    quaternions = np.empty((len(times), JOINT_COUNT, 4))
    for joint, name in enumerate(JOINT_NAMES):
        bone, path = pose_of(obj).bones[name], f'pose.bones["{name}"]'
        if bone.rotation_mode == "QUATERNION":
            quaternions[:, joint] = channels(f"{path}.rotation_quaternion", bone.rotation_quaternion[:])
        elif bone.rotation_mode == "AXIS_ANGLE":
            values = channels(f"{path}.rotation_axis_angle", bone.rotation_axis_angle[:])
            quaternions[:, joint] = [Quaternion(value[1:], value[0])[:] for value in values]
        else:
            values = channels(f"{path}.rotation_euler", bone.rotation_euler[:])
            quaternions[:, joint] = [Euler(value, bone.rotation_mode).to_quaternion()[:] for value in values]
    locations = channels('pose.bones["pelvis"].location', pose_of(obj).bones["pelvis"].location[:])
    trans = (locations @ rest.orientations[0].T + rest.heads[0]) @ rest.world_to_armature
    poses = rot.quaternion_to_axis_angle(from_bone_rotations(rest, rot.normalize(quaternions)))
    return Motion(poses.reshape(len(times), -1).astype(np.float32), trans.astype(np.float32), fps)


def curves_of(obj: bpy.types.Object) -> Curves:
    """The F-curves that animate `obj` through its action."""
    return {(curve.data_path, curve.array_index): curve for curve in compat.fcurves(obj)}


def bone_channels(rest: RestPose, motion: Motion) -> tuple[rot.Array, rot.Array]:
    """(T, 24, 4) rotations of the pose bones and (T, 3) location of the pelvis bone that reproduce a motion."""
    locations = (motion.trans @ rest.world_to_armature.T - rest.heads[0]) @ rest.orientations[0]
    return to_bone_rotations(rest, motion.quaternions()), locations


def to_bone_rotations(rest: RestPose, quaternions: rot.Array) -> rot.Array:
    """(T, 24, 4) SMPL's local rotations, pelvis in the world -> (T, 24, 4) pose bones' rotations, sign-continuous."""
    local = np.asarray(quaternions, np.float64).copy()
    local[:, 0] = rot.quaternion_multiply(rot.quaternion_conjugate(_upright()), local[:, 0])
    axes = rest.bone_axes
    bones = rot.quaternion_multiply(rot.quaternion_conjugate(axes), rot.quaternion_multiply(local, axes))
    return rot.make_continuous(bones)


def from_bone_rotations(rest: RestPose, quaternions: rot.Array) -> rot.Array:
    """(T, 24, 4) pose bones' rotations -> (T, 24, 4) SMPL's local rotations; the inverse of `to_bone_rotations`."""
    axes = rest.bone_axes
    local = rot.quaternion_multiply(axes, rot.quaternion_multiply(quaternions, rot.quaternion_conjugate(axes)))
    local[:, 0] = rot.quaternion_multiply(_upright(), local[:, 0])
    return local


def _upright() -> rot.Array:
    return rot.matrix_to_quaternion(BODY_TO_WORLD.astype(np.float64))


def _fill(curve: bpy.types.FCurve, frames: rot.Array, values: rot.Array) -> None:
    """Give an empty F-curve linear keys at `frames` (N,) with `values` (N,)."""
    linear = compat.interpolation("LINEAR")
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), linear, np.int32))
    curve.update()
