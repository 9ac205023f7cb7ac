"""Rotations of SMPL's trunk for spines and necks of any number of bones."""

from __future__ import annotations

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from ..skeleton import JOINT_INDEX, REST_OFFSETS, rest_joints

_SPINE = ("spine1", "spine2", "spine3")
_LENGTHS = np.linalg.norm(REST_OFFSETS[[JOINT_INDEX["spine2"], JOINT_INDEX["spine3"]]].astype(np.float64), axis=-1)
SPINE_PLACES: tuple[float, ...] = (0.0, float(_LENGTHS[0] / _LENGTHS.sum()), 1.0)
"""Where SMPL's spine joints are between the lowest (0) and the highest (1)."""

_REST = rest_joints().astype(np.float64)
_HIPS, _SHOULDERS = (float(_REST[JOINT_INDEX[f"L_{name}"], 1]) for name in ("hip", "shoulder"))
SPINE_BEGINS = (float(_REST[JOINT_INDEX["spine1"], 1]) - _HIPS) / (_SHOULDERS - _HIPS)
"""Where SMPL's spine begins between its hips (0) and its shoulders (1)."""
_MOST_PELVIS = 0.5
"""Share that the lowest bones of a spine have of the pelvis's rotation at most: what a person does to them is to be
told from what the pelvis does."""

_ONE_PIVOT = 1e-3
"""Share of a chain's length up to which two heads are at one place."""


def places_along(heads: Array) -> Array:
    """Where bones (N,) of a chain with heads (N, 3) begin between the first (0) and the last (1); a lone one is the
    last. Those of a control rig that turn about one pivot, up and down from it, count as one after the other."""
    if len(heads) == 1:
        return np.ones(1)
    steps = np.linalg.norm(np.diff(heads, axis=0), axis=-1)
    apart = steps > _ONE_PIVOT * steps.sum()
    if not apart.any():
        return np.linspace(0, 1, len(heads))
    places = np.concatenate([[0.0], np.cumsum(np.where(apart, steps, steps[apart].mean()))])
    return places / places[-1]


def pelvis_shares(heights: Array) -> Array:
    """Shares (N,) that the bones of a spine have of the pelvis's rotation: as much of them as is lower than where
    SMPL's spine begins, so that the shoulders are over the hips as the motion's are. The last is the chest.

    heights: (N,) of their heads, from the hips (0) to the shoulders (1).
    """
    low, high = heights[:-1], np.maximum(heights[1:], heights[:-1] + 1e-9)
    below = np.clip((SPINE_BEGINS - low) / (high - low), 0, _MOST_PELVIS)
    return np.append(below, 0.0)


def spine_rotations(world: Array, places: Array, shares: Array) -> list[Array]:
    """World rotations (T, 3, 3) of a spine's bones at `places` (N,), with `shares` (N,) of the pelvis's; the last is
    the chest's exactly.

    world: (T, 24, 3, 3) of SMPL's joints.
    """
    knots = [world[:, JOINT_INDEX[name]] for name in _SPINE]
    found = []
    for place, share in zip(places, shares, strict=True):
        upper = 1 if place <= SPINE_PLACES[1] else 2
        low, high = SPINE_PLACES[upper - 1], SPINE_PLACES[upper]
        turn = _between(knots[upper - 1], knots[upper], (place - low) / (high - low))
        found.append(_between(turn, world[:, 0], share))
    return found


def rigid_rotations(joints: Array) -> Array:
    """World rotations (T, 3, 3) of a trunk of one bone between hips and shoulders, which are where the motion's are.

    joints: (T, 24, 3) of the motion, metres. A pelvis leans, sways and turns otherwise than the shoulders over it.
    """
    return _from_hips_to_shoulders(joints) @ _RIGID.T


def _from_hips_to_shoulders(joints: Array) -> Array:
    """Axes (..., 3, 3) left, up and forward of a trunk of joints (..., 24, 3)."""
    (left_hip, right_hip), (left, right) = (
        [joints[..., JOINT_INDEX[f"{side}_{name}"], :] for side in "LR"] for name in ("hip", "shoulder")
    )
    up = rot.normalize(left + right - left_hip - right_hip)
    line = left - right
    across = rot.normalize(line - np.sum(line * up, axis=-1, keepdims=True) * up)
    return np.stack([across, up, np.cross(across, up)], axis=-1)


_RIGID = _from_hips_to_shoulders(_REST)


def neck_rotations(world: Array, count: int) -> list[Array]:
    """World rotations (T, 3, 3) of a neck of `count` bones; the last is SMPL's exactly."""
    chest, neck = world[:, JOINT_INDEX["spine3"]], world[:, JOINT_INDEX["neck"]]
    return [_between(chest, neck, (number + 1) / count) for number in range(count)]


def _between(first: Array, second: Array, share: float) -> Array:
    if share <= 0 or share >= 1:
        return first if share <= 0 else second
    quaternions = rot.matrix_to_quaternion(first), rot.matrix_to_quaternion(second)
    return rot.quaternion_to_matrix(rot.slerp(*quaternions, np.full(len(first), share)))
