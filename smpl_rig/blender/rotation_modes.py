"""What the numbers of a pose bone's rotation channels mean, by its rotation mode.

A mode is Blender's name for it: `QUATERNION` (w, x, y, z), `AXIS_ANGLE` (angle, x, y, z), or the order of Euler angles,
of which `XYZ` turns about X first: R = Rz Ry Rx. Angles are radians, and an Euler channel belongs to its axis whatever
the order is. A rotation has several forms in each mode; curves between keys need forms that are near to each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import rotations as rot

QUATERNION, AXIS_ANGLE = "QUATERNION", "AXIS_ANGLE"
_PROPERTIES = {QUATERNION: "rotation_quaternion", AXIS_ANGLE: "rotation_axis_angle"}
_WORDS = {QUATERNION: ("by quaternions", "Quaternion (WXYZ)"), AXIS_ANGLE: ("by an axis and an angle", "Axis Angle")}
_EVEN = ("XYZ", "YZX", "ZXY")
GIMBAL = 1e-6
"""Cosine of the middle Euler angle below which the two others turn about the same axis."""
JUMP = 2.0
"""Radians that an angle differs in two frames that follow each other only where their forms do."""


def property_of(mode: str) -> str:
    """The pose bone's property that holds its rotation."""
    return _PROPERTIES.get(mode, "rotation_euler")


def width_of(mode: str) -> int:
    """How many channels it has."""
    return 4 if mode in _PROPERTIES else 3


def words_for(mode: str) -> tuple[str, str]:
    """(how a bone of the mode is rotated, the mode's name in Blender), for people."""
    return _WORDS.get(mode, (f"by Euler angles in the order {mode}", f"{mode} Euler"))


def to_quaternions(mode: str, values: rot.Array) -> rot.Array:
    """Unit quaternions (..., 4) of channels (..., 3 or 4)."""
    if mode == QUATERNION:
        return rot.normalize(values)
    if mode == AXIS_ANGLE:
        return rot.axis_angle_to_quaternion(rot.normalize(values[..., 1:]) * values[..., :1])
    first, second, third = (_about(axis, values[..., axis]) for axis in _axes(mode))
    return rot.quaternion_multiply(third, rot.quaternion_multiply(second, first))


def from_quaternions(mode: str, quaternions: rot.Array) -> rot.Array:
    """Channels (T, B, 3 or 4) of unit quaternions (T, B, 4), those of bones of the same mode, in forms that go on from
    frame to frame."""
    quaternions = rot.make_continuous(quaternions)
    if mode == QUATERNION:
        return quaternions
    if mode == AXIS_ANGLE:
        sine = np.linalg.norm(quaternions[..., 1:], axis=-1, keepdims=True)
        # what does not turn has no axis, but Blender wants one
        axes = np.where(sine > 1e-9, quaternions[..., 1:] / np.maximum(sine, 1e-9), [0.0, 1.0, 0.0])
        values = np.concatenate([2 * np.arctan2(sine, quaternions[..., :1]), axes], axis=-1)
    else:
        values = _angles(mode, rot.quaternion_to_matrix(quaternions))
    return continued(mode, values, values[0])


def continued(mode: str, values: rot.Array, before: rot.Array) -> rot.Array:
    """The rotations of channels (T, B, 3 or 4) in the forms that go on from the channels `before` (B, 3 or 4)."""
    if mode == QUATERNION:
        return rot.make_continuous(np.concatenate([before[None], values]))[1:]
    if mode == AXIS_ANGLE:
        return _followed(np.stack([values, -values], axis=-2), before, np.array([2 * np.pi, 0, 0, 0]))
    others = values + np.pi
    middle = _axes(mode)[1]
    others[..., middle] = np.pi - values[..., middle]
    return _followed(np.stack([values, others], axis=-2), before, np.full(3, 2 * np.pi))


def differ_in_form(mode: str, one: rot.Array, other: rot.Array) -> NDArray[np.bool_]:
    """(...) whether the channels (..., 3 or 4) of two frames that follow each other have other forms, so that no curve
    may lead from one to the other."""
    if mode == QUATERNION:
        opposite: NDArray[np.bool_] = (one * other).sum(axis=-1) < 0
        return opposite
    if mode == AXIS_ANGLE:
        flipped = (one[..., 1:] * other[..., 1:]).sum(axis=-1) < 0
        turned: NDArray[np.bool_] = flipped | (np.abs(one[..., 0] - other[..., 0]) > JUMP)
        return turned
    away: NDArray[np.bool_] = np.abs(one - other).max(axis=-1) > JUMP
    return away


def _axes(order: str) -> tuple[int, int, int]:
    """The axes in the order in which they are turned about."""
    first, second, third = ("XYZ".index(letter) for letter in order)
    return first, second, third


def _about(axis: int, angles: rot.Array) -> rot.Array:
    """(..., 4) turns about a coordinate axis."""
    quaternions = np.zeros((*angles.shape, 4))
    quaternions[..., 0], quaternions[..., 1 + axis] = np.cos(angles / 2), np.sin(angles / 2)
    return quaternions


def _angles(order: str, matrices: rot.Array) -> rot.Array:
    """(T, B, 3) Euler angles of rotation matrices (T, B, 3, 3), the middle one within a quarter turn."""
    i, j, k = _axes(order)
    sign = 1.0 if order in _EVEN else -1.0
    m = np.asarray(matrices, np.float64)
    angles = np.empty(m.shape[:-1])
    cosine = np.hypot(m[..., i, i], m[..., j, i])
    angles[..., i] = np.arctan2(sign * m[..., k, j], m[..., k, k])
    angles[..., j] = np.arctan2(-sign * m[..., k, i], cosine)
    angles[..., k] = np.arctan2(sign * m[..., j, i], m[..., i, i])
    for frame, bone in np.argwhere(cosine < GIMBAL):
        # only the sum of the outer angles counts: the first one stays, the last one follows
        angles[frame, bone, i] = angles[frame - 1, bone, i] if frame else 0.0
        back = rot.quaternion_to_matrix(_about(i, -angles[frame, bone, i]))
        rest = m[frame, bone] @ back
        angles[frame, bone, k] = np.arctan2(-sign * rest[i, j], rest[j, j])
    return angles


def _followed(forms: rot.Array, before: rot.Array, period: NDArray[Any]) -> rot.Array:
    """(T, B, w) of two forms (T, B, 2, w) of each frame the one that is nearest to the frame before, the first's to
    `before` (B, w); each number may also be a multiple of its period (w,) away, where that is not 0."""
    inverse = np.divide(1.0, period, out=np.zeros(len(period)), where=period > 0)
    found = np.empty((*forms.shape[:2], forms.shape[-1]))
    bones, last = np.arange(forms.shape[1]), np.asarray(before, np.float64)
    for frame, two in enumerate(forms):
        near = two - period * np.round((two - last[:, None]) * inverse)
        last = near[bones, np.abs(near - last[:, None]).sum(axis=-1).argmin(axis=-1)]
        found[frame] = last
    return found
