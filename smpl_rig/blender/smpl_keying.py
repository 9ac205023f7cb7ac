"""The SMPL armature's channels: a quaternion a joint, and the pelvis's location."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import bpy
import numpy as np

from .. import rotations as rot
from ..motion import Motion
from ..skeleton import BODY_TO_WORLD, CHILDREN, JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, REST_OFFSETS
from .armature import RestPose, check_armature, rest_pose
from .compat import pose_of
from .keying import (
    FEET_TOLERANCE,
    LARGEST_TURN,
    SAME_REST,
    TOLERANCE,
    Bools,
    Channel,
    Floats,
    Frames,
    KeyedValues,
    Rotation,
    curves_of,
    is_modified,
    place_of,
    tolerance_growth,
)
from .rotation_modes import QUATERNION

CHANNELS: list[Channel] = [
    (f'pose.bones["{name}"].rotation_quaternion', index) for name in JOINT_NAMES for index in range(4)
]
CHANNELS += [('pose.bones["pelvis"].location', index) for index in range(3)]
"""Data path and array index of the F-curves: rotations joint by joint, then the location."""
BONES = [*np.repeat(JOINT_NAMES, 4).tolist(), *JOINT_NAMES[:1] * 3]
ROTATIONS = [Rotation(name, QUATERNION, 4 * joint) for joint, name in enumerate(JOINT_NAMES)]
_LOCATION = 4 * JOINT_COUNT
"""The first channel of the location."""

SAME_TURN, SAME_PELVIS = 4e-3, 2e-3
"""Distance of quaternions, and metres of the pelvis, up to which poses are the same: more than sparse keys leave, whose
tolerance grows with the frame rate, and so does this. They leave half of that in each number of a bone's quaternion,
and in the joint's axes these may be one number."""
SAME_PLACE = 5e-3
"""Metres of any joint up to which poses are the same. Turns that are each too small to count add up along a limb."""


class SmplKeying:
    """See `keying.Keying`. The pelvis bone is put exactly where a motion's `trans` is: metres, in the space of the
    armature object, so that moving the object moves the dance; an armature built in another unit gets its own units."""

    channels: Sequence[Channel] = CHANNELS
    bones: Sequence[str] = BONES
    rotations: Sequence[Rotation] = ROTATIONS
    resting: Collection[str] = ()

    def __init__(self, armature: bpy.types.Object) -> None:
        self.armature = armature

    @cached_property
    def _rest(self) -> RestPose:
        return rest_pose(self.armature)

    @property
    def units(self) -> float:
        """How many of the armature's units are a metre."""
        return self._rest.size

    def stage(self) -> Floats:
        """(4, 4) the world of a motion in the armature's space: its origin is that of the armature."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._rest.world_to_armature * self._rest.size
        return matrix

    def is_alone(self, first: float, last: float) -> bool:
        """What else poses the bones is not looked at."""
        return True

    def check(self) -> None:
        """Raise ArmatureError unless it is an armature of this file with SMPL's bones in T-pose."""
        check_armature(self.armature)

    def tolerances(self) -> Floats:
        """(C,) what keys may leave."""
        carries_foot = [
            any(JOINT_INDEX[f"{side}_foot"] in _below(joint) for side in "LR") for joint in range(JOINT_COUNT)
        ]
        metres = np.where(carries_foot, FEET_TOLERANCE, TOLERANCE)
        turns = np.minimum(metres / 2 / (_reach() + 0.05), LARGEST_TURN)
        return np.concatenate([np.repeat(turns, 4), np.full(3, FEET_TOLERANCE * self._rest.size)])

    def effect(self) -> None:
        """Its chains are short."""

    def values(self, motion: Motion, frames: Frames | None = None) -> Floats:
        """(N, C) rotations of the pose bones and location of the pelvis bone that show a motion."""
        rest, some = self._rest, motion if frames is None else _some(motion, frames)
        locations = (some.trans * rest.size @ rest.world_to_armature.T - rest.heads[0]) @ rest.orientations[0]
        turns = to_bone_rotations(rest, some.quaternions())
        return np.concatenate([turns.reshape(len(some), -1), locations], axis=1)

    def read(self, motion: Motion, frames: Frames, times: Floats) -> Motion:
        """What is keyed now. Keyed offsets of bones other than the pelvis are not seen."""
        rest, keyed = self._rest, KeyedValues(self, times)
        quaternions = np.stack([keyed.rotations(name) for name in JOINT_NAMES], axis=1)
        locations = keyed.locations(JOINT_NAMES[0])
        trans = (locations @ rest.orientations[0].T + rest.heads[0]) @ rest.world_to_armature / rest.size
        poses = rot.quaternion_to_axis_angle(from_bone_rotations(rest, quaternions))
        return Motion(poses.reshape(len(trans), -1).astype(np.float32), trans.astype(np.float32), motion.fps)

    def keeping(self, motion: Motion, frames: Frames, times: Floats) -> str:
        """SMPL's own armature needs no word, and has no fingers."""
        return ""

    def differ(self, motion: Motion, frames: Frames, times: Floats) -> Bools:
        """(N,) where another pose is keyed."""
        now, then = self.read(motion, frames, times), _some(motion, frames)
        one, other = (
            rot.axis_angle_to_quaternion(poses.astype(np.float64).reshape(-1, JOINT_COUNT, 3))
            for poses in (now.poses, then.poses)
        )
        turned = rot.quaternion_distance(one, other).max(axis=1)
        moved = np.abs(now.trans - then.trans).max(axis=1)
        away = np.linalg.norm(now.joints() - then.joints(), axis=-1).max(axis=1)
        growth = tolerance_growth(motion.fps)
        same = (turned <= growth * SAME_TURN) & (moved <= growth * SAME_PELVIS) & (away <= growth * SAME_PLACE)
        differ: Bools = ~same
        return differ

    def moved_rest(self, motion: Motion, frames: Frames, times: Floats) -> str | None:
        """A bone that rests in another pose: its keys are not what the present rest pose asks for."""
        place, curves = place_of(self), curves_of(self)
        offset = (place.offset or 0.0) if place is not None else 0.0
        if len(curves) < len(CHANNELS) or any(map(is_modified, curves.values())):
            return None  # then poses are compared, not keys
        values = np.array([[curves[channel].evaluate(time - offset) for channel in CHANNELS] for time in times])
        wanted = self.values(motion, frames)
        # keyed by hand, quaternions may have any length
        turns, wanted_turns = (each[:, :_LOCATION].reshape(-1, JOINT_COUNT, 4) for each in (values, wanted))
        away = rot.quaternion_distance(rot.normalize(turns), wanted_turns).max(axis=0)
        moved = np.abs(values[:, _LOCATION:] - wanted[:, _LOCATION:]).max() / self.units
        if max(away.max(), moved) <= SAME_REST:
            return None
        return JOINT_NAMES[int(away.argmax()) if away.max() > SAME_REST else 0]

    def prepare(self) -> None:
        """Quaternions; no scale, no offsets of bones, which would move the joints."""
        for name in JOINT_NAMES:
            pose_bone = pose_of(self.armature).bones[name]
            pose_bone.rotation_mode = "QUATERNION"
            pose_bone.location, pose_bone.scale = (0, 0, 0), (1, 1, 1)


def read_motion(obj: bpy.types.Object, frames: Sequence[float], fps: float) -> Motion:
    """The motion that the object's keys make at scene frames (N,), `fps` of them a second. Bones keyed as Euler angles
    or axis-angle are read too. Raises ArmatureError."""
    like = Motion(np.zeros((0, 3 * JOINT_COUNT), np.float32), np.zeros((0, 3), np.float32), fps)
    return SmplKeying(obj).read(like, np.zeros(0, np.int64), np.asarray(frames, np.float64))


def _some(motion: Motion, frames: Frames) -> Motion:
    return Motion(motion.poses[frames], motion.trans[frames], motion.fps)


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


def _below(joint: int) -> set[int]:
    """A joint and all that hang on it."""
    return {joint}.union(*(_below(child) for child in CHILDREN[joint]))


def _reach() -> rot.Array:
    """(24,) the way from each joint along the bones to the farthest joint that it turns, metres."""
    reach = np.zeros(JOINT_COUNT)
    for joint in range(JOINT_COUNT - 1, 0, -1):
        parent = PARENTS[joint]
        reach[parent] = max(reach[parent], reach[joint] + float(np.linalg.norm(REST_OFFSETS[joint])))
    return reach
