"""A keyed motion changed in some of its frames, and what its keys are now, frame by frame.

A frame's keys are those of the curves that `write_motion` makes which are nearer to it than to any other frame.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import rotations as rot
from ..frame_runs import runs_of
from ..motion import Motion
from ..skeleton import JOINT_COUNT, JOINT_NAMES
from . import compat
from .armature import ArmatureError, rest_pose
from .compat import pose_of
from .keyframes import Curves, bone_channels, curves_of

Bools = NDArray[np.bool_]
CHANNELS = [(f'pose.bones["{name}"].rotation_quaternion', index) for name in JOINT_NAMES for index in range(4)]
CHANNELS += [('pose.bones["pelvis"].location', index) for index in range(3)]
"""Data path and array index of the F-curves that `write_motion` makes: rotations joint by joint, then the location."""

_KEPT_ATTRIBUTES = {
    "co": (np.float32, 2),
    "handle_left": (np.float32, 2),
    "handle_right": (np.float32, 2),
    "handle_left_type": (np.int32, 1),
    "handle_right_type": (np.int32, 1),
    "interpolation": (np.int32, 1),
    "easing": (np.int32, 1),
    "back": (np.float32, 1),
    "amplitude": (np.float32, 1),
    "period": (np.float32, 1),
    "type": (np.int32, 1),
}
"""What a key is made of, for `foreach_get` and `foreach_set`."""


def key_prints(obj: bpy.types.Object, count: int, frame_start: float, step: float = 1.0) -> NDArray[np.int32]:
    """(count,) a fingerprint of the keys of each frame `frame_start` + k * `step`; any moved, changed, added or removed
    key gives its frame another one."""
    total = np.zeros(count, np.uint64)
    curves = curves_of(obj)
    for number, channel in enumerate(CHANNELS):
        curve = curves.get(channel)
        if curve is None:
            continue
        keys = _read(curve, "co")
        frames = _nearest(keys[:, 0], frame_start, step)
        inside = (frames >= 0) & (frames < count)
        bits = np.ascontiguousarray(keys[inside]).view(np.uint32).astype(np.uint64)
        # a sum does not depend on the order of a frame's keys, and 64 bits of it wrap around
        mixed = _mix(_mix(bits[:, 0] + np.uint64(number << 32)) ^ bits[:, 1])
        np.add.at(total, frames[inside], mixed)
    return (total >> np.uint64(32)).astype(np.uint32).view(np.int32)


def rewrite_motion(
    obj: bpy.types.Object, motion: Motion, changed: Bools, frame_start: float, step: float = 1.0
) -> None:
    """Key a motion on the object's action in the `changed` frames (T,) only; all other keys stay bit for bit.

    Frame k is scene frame `frame_start` + k * `step`. New keys are linear. Quaternions continue the sign of the kept
    frame before them; where the kept frame after them has the other sign, which is the same rotation, the last new
    key is held, for a straight line there would pass through zero. An action that others use too is copied first.

    Raises ArmatureError, with everything as it was, where the object, its action or bones are not as `write_motion`
    left them.
    """
    if not changed.any():
        return
    rest = rest_pose(obj)
    curves = curves_of(obj)
    _check(obj, curves)
    quaternions, locations = bone_channels(rest, motion)
    times = frame_start + np.arange(len(motion)) * step
    held = np.zeros((len(motion), JOINT_COUNT), bool)
    for start, stop in runs_of(changed):
        before = _present(curves, times[start - 1]) if start > 0 else None
        after = _present(curves, times[stop]) if stop < len(motion) else None
        piece = quaternions[start:stop]
        if before is not None:
            piece = piece * _sign(piece[0], before)
        elif after is not None:
            piece = piece * _sign(piece[-1], after)
        if after is not None:
            held[stop - 1] = _sign(piece[-1], after)[:, 0] < 0
        quaternions[start:stop] = piece
    values = np.concatenate([quaternions.reshape(len(motion), -1), locations], axis=1)
    compat.own_action(obj)
    curves = curves_of(obj)
    for number, channel in enumerate(CHANNELS):
        holds = held[:, number // 4] if number < 4 * JOINT_COUNT else np.zeros(len(motion), bool)
        _rewrite(curves[channel], times, values[:, number], changed, holds, step)


def _check(obj: bpy.types.Object, curves: Curves) -> None:
    missing = [path for path, index in CHANNELS if (path, index) not in curves]
    if missing:
        raise ArmatureError(f"The action of {obj.name!r} has no keys for {missing[0]}. Restore the dance's keyframes.")
    turned = [name for name in JOINT_NAMES if pose_of(obj).bones[name].rotation_mode != "QUATERNION"]
    if turned:
        raise ArmatureError(f"Bone {turned[0]} of {obj.name!r} is not rotated by quaternions. Set its mode back.")


def _present(curves: Curves, time: float) -> rot.Array:
    """(24, 4) rotations that are keyed at a scene frame."""
    values = [curves[channel].evaluate(time) for channel in CHANNELS[: 4 * JOINT_COUNT]]
    return np.array(values).reshape(JOINT_COUNT, 4)


def _sign(one: rot.Array, other: rot.Array) -> rot.Array:
    """(24, 1) -1 where quaternions (24, 4) lie on opposite sides, else 1."""
    return np.where((one * other).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)


def _rewrite(
    curve: bpy.types.FCurve, times: rot.Array, values: rot.Array, changed: Bools, holds: Bools, step: float
) -> None:
    linear, constant = compat.interpolation("LINEAR"), compat.interpolation("CONSTANT")
    kinds = np.where(holds, constant, linear).astype(np.int32)
    points = curve.keyframe_points
    keys = _read(curve, "co")
    if len(keys) == len(times) and np.allclose(keys[:, 0], times, rtol=0, atol=1e-3 * step):
        keys[changed, 1] = values[changed]
        interpolations = _read(curve, "interpolation")
        interpolations[changed, 0] = kinds[changed]
        points.foreach_set("co", keys.ravel())
        points.foreach_set("interpolation", interpolations.ravel())
        curve.update()
        return
    frames = _nearest(keys[:, 0], times[0], step)
    inside = (frames >= 0) & (frames < len(times))
    stays = ~inside
    stays[inside] = ~changed[frames[inside]]
    kept = {name: _read(curve, name)[stays] for name in _KEPT_ATTRIBUTES}
    new = int(changed.sum())
    order = np.argsort(np.concatenate([kept["co"][:, 0], times[changed]]), kind="stable")
    points.clear()
    points.add(len(order))
    fresh: dict[str, NDArray[np.generic]] = {
        "co": np.stack([times, values], axis=1)[changed],
        "interpolation": kinds[changed, None],
    }
    for name, (kind, width) in _KEPT_ATTRIBUTES.items():
        added = fresh.get(name)
        if added is None:
            # as `points.add` made them, all alike
            added = np.repeat(_read(curve, name)[:1], new, axis=0)
        points.foreach_set(name, np.concatenate([kept[name], added])[order].astype(kind).reshape(-1, width).ravel())
    curve.update()


def _read(curve: bpy.types.FCurve, name: str) -> NDArray[np.generic]:
    """(n, width) an attribute of all keys of a curve."""
    kind, width = _KEPT_ATTRIBUTES[name]
    values = np.empty((len(curve.keyframe_points), width), kind)
    flat = values.ravel()
    curve.keyframe_points.foreach_get(name, flat)
    return flat.reshape(values.shape)


def _nearest(times: NDArray[Any], start: float, step: float) -> NDArray[np.int64]:
    return np.floor((times.astype(np.float64) - start) / step + 0.5).astype(np.int64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits (the finaliser of SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
    2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
