"""Motions as keyframes of an armature, and back.

Keys are sparse: each curve has as many as its values need, with Bezier curves in between that pass every frame within a
tolerance, see `fit`.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Euler, Quaternion

from .. import rotations as rot
from ..key_fit import Keys, fit_keys
from ..motion import Motion
from ..skeleton import BODY_TO_WORLD, CHILDREN, JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, REST_OFFSETS
from . import compat
from .armature import ArmatureError, RestPose, rest_pose
from .compat import Place, pose_of
from .key_data import KEY_ATTRIBUTES, Attributes, enum_value, read_keys, write_keys

Curves = dict[tuple[str, int], bpy.types.FCurve]
"""F-curves by data path and array index."""

CHANNELS = [(f'pose.bones["{name}"].rotation_quaternion', index) for name in JOINT_NAMES for index in range(4)]
CHANNELS += [('pose.bones["pelvis"].location', index) for index in range(3)]
"""Data path and array index of the F-curves that `write_motion` makes: rotations joint by joint, then the location."""
ROTATIONS = 4 * JOINT_COUNT
"""How many of `CHANNELS` are rotations."""
FEET_TOLERANCE, TOLERANCE = 0.0005, 0.001
"""Metres that a curve may move the farthest joint that its own joint turns: where that may be a foot, which stands on a
floor, and elsewhere. In a dance joints are 0.5 mm off in the mean, and its keys are a sixth of its frames."""
LARGEST_TURN = 2e-3
"""The most that a quaternion's numbers may be off, where a joint moves little: a quarter of a degree."""
USUAL_RATE, MOST_GROWTH = 30.0, 2.0
"""Frames a second up to which these tolerances hold, and how much they grow at most beyond it. Most frames lie between
two of the checkpoint's then, on straight lines whose corners would cost a key each."""
LONGEST_PIECE = 32
"""Frames of the longest piece of a curve, up to the usual rate."""


def write_motion(
    obj: bpy.types.Object,
    motion: Motion,
    frame_start: float,
    scene_fps: float,
    action_name: str,
    keep_former: bool = True,
    former_range: tuple[float, float] | None = None,
) -> bpy.types.Action:
    """Key a motion on an armature in a new action, which becomes the object's; returns the action.

    Frame k of the motion is frame `frame_start` + k * `scene_fps` / motion.fps. All 24 bones get quaternion keys and
    the pelvis location keys. The pelvis bone is put exactly where the motion's `trans` is (metres, in the space of the
    armature object: moving the object moves the dance; an armature built in another unit gets its own units). What the
    pose held beside rotations (scale, offsets of other bones) is reset, since it would move the joints.

    What else the replaced action holds, such as keys of the object or of other bones, is in the new one, too; it stays
    in the file with a fake user if `keep_former`. former_range: first and last frame of a motion that was keyed before;
    what the same curves have outside both motions is the animator's and goes over as well.

    Raises ArmatureError and leaves everything as it was if `obj` is not an SMPL armature.
    """
    rest = rest_pose(obj)
    quaternions, locations = bone_channels(rest, motion)
    values = np.concatenate([quaternions.reshape(len(motion), -1), locations], axis=1)
    data = obj.animation_data
    if data is not None and data.use_tweak_mode:
        raise ArmatureError(f"An NLA strip of {obj.name!r} is being tweaked. Leave its Tweak Mode (Tab) first.")
    check_free(obj)
    former = data.action if data is not None else None
    new = compat.place_in_new_action(obj, action_name)
    try:
        step = scene_fps / motion.fps
        first, last = frame_start, frame_start + (len(motion) - 1) * step
        if former_range is not None:
            first, last = min(first, former_range[0]), max(last, former_range[1])
        present = our_curves(new)
        for number, (keys, channel) in enumerate(zip(fit(values, rest, motion.fps), CHANNELS, strict=True)):
            bone = JOINT_NAMES[number // 4] if number < ROTATIONS else JOINT_NAMES[0]
            outside: list[Attributes] = []
            if channel in present:
                if former_range is not None:
                    outside = _outside(present[channel], first - 0.5, last + 0.5)
                # a new curve, without the modifiers and the like of the old one
                new.remove(present[channel])
            fill(new.add(*channel, bone), [*outside, attributes(keys, frame_start, step)])
    except BaseException:
        bpy.data.actions.remove(new.action)
        raise
    for name in JOINT_NAMES:
        pose_bone = pose_of(obj).bones[name]
        pose_bone.rotation_mode = "QUATERNION"
        pose_bone.location, pose_bone.scale = (0, 0, 0), (1, 1, 1)
    if former is not None and keep_former and former.library is None:
        former.use_fake_user = True
    new.assign()
    return new.action


def check_free(obj: bpy.types.Object) -> None:
    """Raise ArmatureError where something of the user's stands between keys and bones: a driver, or a curve that is
    locked against changes."""
    data = obj.animation_data
    ours = set(CHANNELS)
    driven = [(c.data_path, c.array_index) for c in data.drivers] if data is not None else []
    for path, index in driven:
        if (path, index) in ours:
            raise ArmatureError(
                f"{path} of {obj.name!r} has a driver, which would win over keys. Delete the driver first."
            )
    locked = next((path for (path, _), curve in curves_of(obj).items() if curve.lock), None)
    if locked is not None:
        raise ArmatureError(f"The F-curve of {locked} of {obj.name!r} is locked. Unlock it in the Graph Editor first.")


def place_of(obj: bpy.types.Object) -> Place | None:
    """Where the keys that `write_motion` makes are: the first of the object's places that has any."""
    for place in compat.places(obj):
        if any((curve.data_path, curve.array_index) in _OURS for curve in place.curves()):
            return place
    return None


_OURS = frozenset(CHANNELS)


def curves_of(obj: bpy.types.Object) -> Curves:
    """The F-curves of `CHANNELS` that animate `obj`."""
    place = place_of(obj)
    return our_curves(place) if place is not None else {}


def our_curves(place: Place) -> Curves:
    """The F-curves of `CHANNELS` at a place."""
    curves = {(curve.data_path, curve.array_index): curve for curve in place.curves()}
    return {channel: curves[channel] for channel in CHANNELS if channel in curves}


def read_motion(obj: bpy.types.Object, frames: Sequence[float], fps: float) -> Motion:
    """The motion that the object's keys make, at the given scene frames; the inverse of `write_motion`.

    frames: (N,) scene frames, `fps` of them a second. Bones keyed as Euler angles or axis-angle are read too; a channel
    without keys, or with a muted curve, has its present value. Constraints, drivers and keyed offsets of bones other
    than the pelvis are not seen; nor is the NLA, but that a strip may hold the keys. Raises ArmatureError.
    """
    rest = rest_pose(obj)
    place = place_of(obj)
    present = place.curves() if place is not None else compat.fcurves(obj)
    curves = {(curve.data_path, curve.array_index): curve for curve in present if not curve.mute}
    times = np.asarray(frames, np.float64) - ((place.offset or 0.0) if place is not None else 0.0)

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
    trans = (locations @ rest.orientations[0].T + rest.heads[0]) @ rest.world_to_armature / rest.size
    poses = rot.quaternion_to_axis_angle(from_bone_rotations(rest, rot.normalize(quaternions)))
    return Motion(poses.reshape(len(times), -1).astype(np.float32), trans.astype(np.float32), fps)


def bone_channels(rest: RestPose, motion: Motion) -> tuple[rot.Array, rot.Array]:
    """(T, 24, 4) rotations of the pose bones and (T, 3) location of the pelvis bone that reproduce a motion."""
    locations = (motion.trans * rest.size @ rest.world_to_armature.T - rest.heads[0]) @ rest.orientations[0]
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


def fit(values: rot.Array, rest: RestPose, fps: float, frame: int = 0) -> list[Keys]:
    """Keys of the `CHANNELS` with the values (T, 99), within the tolerances above.

    fps: of the values. frame: number of the first one in the motion, whose keys lie on a grid.
    """
    growth, longest = tolerance_growth(fps), longest_piece(fps)
    carries_foot = [any(JOINT_INDEX[f"{side}_foot"] in _below(joint) for side in "LR") for joint in range(JOINT_COUNT)]
    metres = np.where(carries_foot, FEET_TOLERANCE, TOLERANCE)
    turns = np.minimum(metres / 2 / (_reach() + 0.05), LARGEST_TURN)
    tolerance = np.concatenate([np.repeat(turns, 4), np.full(len(CHANNELS) - ROTATIONS, FEET_TOLERANCE * rest.size)])
    # as Blender keeps them, so that a value that does not change is one number
    return fit_keys(values.astype(np.float32), tolerance * growth, longest, frame % longest)


def tolerance_growth(fps: float) -> float:
    """How much larger the tolerances are at a frame rate."""
    return float(np.clip(fps / USUAL_RATE, 1.0, MOST_GROWTH))


def longest_piece(fps: float) -> int:
    """Frames of the longest piece of a curve at that rate: every curve has a key on each such frame of the motion."""
    return round(LONGEST_PIECE * max(fps / USUAL_RATE, 1.0))


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


def attributes(keys: Keys, frame_start: float, step: float) -> Attributes:
    """What Blender calls the attributes of keys: (n, width) each, for `foreach_set`."""
    times = frame_start + keys.frames * step
    third = np.diff(times, prepend=times[:1] - step, append=times[-1:] + step) / 3
    free = enum_value("handle_left_type", "FREE")
    straight, curved = enum_value("interpolation", "LINEAR"), enum_value("interpolation", "BEZIER")
    return {
        "handle_left_type": np.full((len(times), 1), free),
        "handle_right_type": np.full((len(times), 1), free),
        "co": np.stack([times, keys.values], axis=1),
        "handle_left": np.stack([times - third[:-1], keys.before], axis=1),
        "handle_right": np.stack([times + third[1:], keys.after], axis=1),
        "interpolation": np.where(keys.straight, straight, curved)[:, None],
    }


def _outside(curve: bpy.types.FCurve, first: float, last: float) -> list[Attributes]:
    """The curve's keys that are not between two frames."""
    old = {name: read_keys(curve, name) for name in KEY_ATTRIBUTES}
    outside = (old["co"][:, 0] < first) | (old["co"][:, 0] > last)
    return [{name: values[outside] for name, values in old.items()}] if outside.any() else []


def fill(curve: bpy.types.FCurve, parts: Sequence[Attributes]) -> None:
    """Give an empty F-curve the keys of all parts, in the order of their times."""
    order = np.argsort(np.concatenate([part["co"][:, 0] for part in parts]), kind="stable")
    curve.keyframe_points.add(len(order))
    for name in KEY_ATTRIBUTES:
        if not any(name in part for part in parts):
            continue  # they are as `add` made them
        usual = read_keys(curve, name)[:1]
        values = [part[name] if name in part else np.repeat(usual, len(part["co"]), axis=0) for part in parts]
        write_keys(curve, name, np.concatenate(values)[order])
    curve.update()
