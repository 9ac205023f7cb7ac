"""Hands that stay outside of a body broader than the motion's.

A body is an upright elliptic column about the trunk and a ball about the head. A hand that is deeper in the character's
than the motion's hand is in its own is pushed out, and the arm bends after it by a few degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import rotations as rot
from ..inverse_kinematics import bend_limb
from ..rotations import Array
from ..skeleton import JOINT_INDEX, rest_joints

_BREADTH, _DEPTH = 0.85, 0.62
"""Half the breadth of a trunk in half distances of the shoulders, and its depth in breadths."""
_HIPS_BREADTH = 1.25
_HEAD, _HEAD_AT = 0.105, (0.0, 0.06, 0.025)
"""Radius of a head and its middle from the head joint, metres on SMPL's trunk."""
_ALLOWED, _SOFT = 0.02, 0.01
"""Metres on SMPL's body that a hand may be deeper, and that it may give in beyond that: bodies are no columns, and
where an arm points matters more."""
_LARGEST_TURN = np.radians(4.5)
"""By which a part of an arm leaves its direction for a hand at most."""
_REACH = 0.999
_OVERSTRETCHED = 0.02
"""Sine of the bend from which an elbow that bends backwards goes on doing so."""
SMPL_TRUNK = float(rest_joints()[JOINT_INDEX["head"], 1] - rest_joints()[JOINT_INDEX["L_hip"], 1])
"""Metres from SMPL's hips up to its head joint."""


@dataclass(frozen=True)
class Volume:
    """A body's shape. breadth, depth: half axes of the trunk's column, metres. head: its radius."""

    breadth: float
    depth: float
    head: float


def volume(shoulders: float, hips: float, trunk: float) -> Volume:
    """The shape of a body with half distances of shoulders and hips, and from hips to head, metres."""
    breadth = max(_BREADTH * shoulders, _HIPS_BREADTH * hips)
    return Volume(breadth, _DEPTH * breadth, _HEAD * trunk / SMPL_TRUNK)


_REST = rest_joints().astype(np.float64)
_ENDS = ("hip", "shoulder")
SMPL_VOLUME = volume(_REST[JOINT_INDEX["L_shoulder"], 0], _REST[JOINT_INDEX["L_hip"], 0], SMPL_TRUNK)


@dataclass(frozen=True, eq=False)
class Trunk:
    """A posed body. low, high, head: (T, 3) middle of the hips, of the shoulders, and of the head's ball, stage. turn:
    (T, 3, 3) of the chest."""

    low: Array
    high: Array
    head: Array
    turn: Array


def head_middle(joint: Array, turn: Array, radius: float) -> Array:
    """The middle (T, 3) of a head's ball of a head joint (T, 3) with turn (T, 3, 3)."""
    return joint + turn @ (np.array(_HEAD_AT) * radius / _HEAD)


def depths(points: Array, trunk: Trunk, shape: Volume) -> tuple[Array, Array]:
    """How deep points (T, 3) are in trunk and head, (T, 2) metres, negative outside, and the ways out (T, 2, 3)."""
    axis = trunk.high - trunk.low
    along = np.sum((points - trunk.low) * axis, axis=-1) / np.maximum(np.sum(axis * axis, axis=-1), 1e-9)
    middle = trunk.low + np.clip(along, 0, 1)[:, None] * axis
    away = points - middle
    local = np.einsum("tji,tj->ti", trunk.turn, away)
    distance = np.maximum(np.linalg.norm(local, axis=-1), 1e-6)
    scaled = np.linalg.norm(local / [shape.breadth, shape.depth, shape.depth], axis=-1)
    trunk_depth = distance * (1 / np.maximum(scaled, 1e-6) - 1)
    outward = away / distance[:, None]
    from_head = points - trunk.head
    head_distance = np.maximum(np.linalg.norm(from_head, axis=-1), 1e-6)
    deep = np.stack([trunk_depth, shape.head - head_distance], axis=-1)
    return deep, np.stack([outward, from_head / head_distance[:, None]], axis=1)


def excess(mine: tuple[Array, Array], source: Array, scale: float) -> tuple[Array, Array]:
    """By how much (T, 2), and the ways out (T, 2, 3), a hand is too deep in the character's body, with `depths` mine:
    deeper than the motion's in its own, at depths (T, 2), and than is allowed. scale: the character's breadth relative
    to SMPL's."""
    deep, outward = mine
    return np.maximum(deep - (np.maximum(source, 0) + _ALLOWED) * scale, 0), outward


def push(excesses: list[tuple[Array, Array]], scale: float) -> Array:
    """How far (T, 3) a hand with points of these `excess` is pushed out: a mean that the deepest one governs."""
    moved = []
    for deep, outward in excesses:
        soft = deep**2 / (deep + scale * _SOFT)
        moved.append(np.sum(soft[..., None] * outward, axis=1))
    weights = [np.linalg.norm(each, axis=-1, keepdims=True) for each in moved]
    total = sum(weights) + 1e-12
    return sum(weight * each for weight, each in zip(weights, moved, strict=True)) / total


def source_trunk(joints: Array, world: Array) -> Trunk:
    """The motion's body of joints (T, 24, 3) with world rotations (T, 24, 3, 3)."""
    head, chest = JOINT_INDEX["head"], JOINT_INDEX["spine3"]
    low, high = (0.5 * (joints[:, JOINT_INDEX[f"L_{name}"]] + joints[:, JOINT_INDEX[f"R_{name}"]]) for name in _ENDS)
    return Trunk(low, high, head_middle(joints[:, head], world[:, head], SMPL_VOLUME.head), world[:, chest])


def bent_arm(upper: Array, lower: Array, push: Array, hinge: Array) -> tuple[Array, Array]:
    """World rotations (T, 3, 3) to be put on upper arm and forearm, with vectors (T, 3), that move the wrist by `push`
    (T, 3), or towards that as far as `_LARGEST_TURN` goes. hinge: (T, 3) the elbow's axis."""
    line = upper + lower + push
    length = _REACH * (np.linalg.norm(upper, axis=-1) + np.linalg.norm(lower, axis=-1))
    before = np.linalg.norm(upper + lower, axis=-1)
    distance = np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
    line = line * (np.minimum(distance, np.maximum(length, before)) / distance)[:, None]
    bend = np.cross(rot.normalize(upper), rot.normalize(lower))
    inward = np.sum(bend * hinge, axis=-1, keepdims=True)
    hinge = np.where(inward < -_OVERSTRETCHED, -hinge, hinge)
    turned = bend_limb(upper, lower, line, rot.normalize(np.minimum(np.abs(inward) / 0.2, 1) ** 2 * bend + 0.1 * hinge))
    # the same share of both turns, so that the larger one approaches the largest that is allowed
    vectors = [rot.matrix_to_axis_angle(turn) for turn in turned]
    largest = np.sum([np.linalg.norm(vector, axis=-1) ** 4 for vector in vectors], axis=0) ** 0.25
    share = (1 + (largest / _LARGEST_TURN) ** 4) ** -0.25 * (np.linalg.norm(push, axis=-1) > 0)
    first, second = (rot.axis_angle_to_matrix(share[:, None] * vector) for vector in vectors)
    return first, second
