"""Motions as VRM animations (.vrma), which any VRM character dances.

Format: VRM Consortium, VRMC_vrm_animation 1.0. The file's skeleton rests in VRM's T-pose: Y up, facing +Z, arms along
X, legs straight down, feet straight ahead, palms down. SMPL's rest pose is one nearly; the few degrees between are
taken out: with A_j the turn that brings joint j's limb from SMPL's rest to VRM's, a posed joint W_j is written as
W_j A_j^-1, and offsets of its children as A_j times SMPL's. So all joints stay where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import rotations as rot
from .gltf_file import Gltf, write_gltf
from .kinematics import global_rotations, local_rotations
from .motion import Motion
from .skeleton import (
    BODY_TO_WORLD,
    CHILDREN,
    JOINT_COUNT,
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    REST_OFFSETS,
    SOLE_BELOW_FOOT,
)

EXTENSION = "VRMC_vrm_animation"
_TRUNK = {
    "pelvis": "hips",
    "spine1": "spine",
    "spine2": "chest",
    "spine3": "upperChest",
    "neck": "neck",
    "head": "head",
}
_LIMBS = {
    "collar": "Shoulder",
    "shoulder": "UpperArm",
    "elbow": "LowerArm",
    "wrist": "Hand",
    "hip": "UpperLeg",
    "knee": "LowerLeg",
    "ankle": "Foot",
    "foot": "Toes",
}
_SIDES = {"L": "left", "R": "right"}
BONES = _TRUNK | {f"{side}_{part}": word + bone for side, word in _SIDES.items() for part, bone in _LIMBS.items()}
"""VRM's name of each of SMPL's joints but the last ones of the hands, which VRM has not."""
_ARM, _LEG, _FOOT = ("shoulder", "elbow", "wrist"), ("hip", "knee"), ("ankle", "foot")

Floats = NDArray[np.float64]


def write_vrma(file: Path, motion: Motion, name: str) -> None:
    """Write a motion as a VRM animation `name`. Raises OSError."""
    write_gltf(file, vrm_animation(motion, name))


def vrm_animation(motion: Motion, name: str) -> Gltf:
    """A motion as the glTF file of a VRM animation: a key a frame, the first one at 0."""
    turns = _to_vrm_rest()
    offsets = np.array([turns[max(PARENTS[j], 0)] @ REST_OFFSETS[j] for j in range(JOINT_COUNT)])
    offsets[0] = (0.0, _hips_height(offsets), 0.0)
    rotations = rot.axis_angle_to_matrix(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    rotations[:, 0] = BODY_TO_WORLD.T @ rotations[:, 0]
    local = local_rotations(global_rotations(rotations) @ np.swapaxes(turns, -1, -2))
    quaternions = np.roll(rot.make_continuous(rot.matrix_to_quaternion(local)), -1, axis=-1)  # glTF has w last

    bones = [joint for joint in range(JOINT_COUNT) if JOINT_NAMES[joint] in BONES]
    node = {joint: 1 + number for number, joint in enumerate(bones)}
    gltf = Gltf({"asset": {"version": "2.0", "generator": "MAGMA for Blender"}, "scene": 0, "scenes": [{"nodes": [0]}]})
    nodes: list[dict[str, Any]] = [{"name": "Root", "children": [node[0]]}]
    for joint in bones:
        entry: dict[str, Any] = {"name": BONES[JOINT_NAMES[joint]], "translation": offsets[joint].tolist()}
        children = [node[child] for child in CHILDREN[joint] if child in node]
        nodes.append(entry | ({"children": children} if children else {}))
    gltf.json["nodes"] = nodes

    times = gltf.add("SCALAR", np.arange(len(motion)) / motion.fps)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    tracks = [(joint, "rotation", "VEC4", quaternions[:, joint]) for joint in bones]
    for joint, path, kind, values in [(0, "translation", "VEC3", motion.trans @ BODY_TO_WORLD), *tracks]:
        channels.append({"sampler": len(samplers), "target": {"node": node[joint], "path": path}})
        samplers.append({"input": times, "output": gltf.add(kind, values), "interpolation": "LINEAR"})
    gltf.json["animations"] = [{"name": name, "samplers": samplers, "channels": channels}]
    human = {BONES[JOINT_NAMES[joint]]: {"node": node[joint]} for joint in bones}
    gltf.json["extensionsUsed"] = [EXTENSION]
    gltf.json["extensions"] = {EXTENSION: {"specVersion": "1.0", "humanoid": {"humanBones": human}}}
    return gltf


def _to_vrm_rest() -> Floats:
    """(24, 3, 3) the turns A from SMPL's rest pose to VRM's, body frame."""
    turns = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    for side, outwards in (("L", 1.0), ("R", -1.0)):
        goals = {part: np.array([outwards, 0.0, 0.0]) for part in _ARM} | {
            part: np.array([0.0, -1.0, 0.0]) for part in _LEG
        }
        for part, goal in goals.items():
            joint = JOINT_INDEX[f"{side}_{part}"]
            limb = REST_OFFSETS[CHILDREN[joint][0]].astype(np.float64)
            turns[joint] = rot.quaternion_to_matrix(rot.rotation_between(limb, goal))
        foot = REST_OFFSETS[JOINT_INDEX[f"{side}_foot"]].astype(np.float64)
        ahead = rot.rotation_between(foot * (1, 0, 1), np.array([0.0, 0.0, 1.0]))
        for part in _FOOT:
            turns[JOINT_INDEX[f"{side}_{part}"]] = rot.quaternion_to_matrix(ahead)
    return turns


def _hips_height(offsets: Floats) -> float:
    """Metres from the soles to the pelvis of the skeleton with these rest offsets (24, 3)."""
    heights = np.zeros(JOINT_COUNT)
    for joint in range(1, JOINT_COUNT):
        heights[joint] = heights[PARENTS[joint]] + offsets[joint, 1]
    return float(SOLE_BELOW_FOOT - heights[[JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]].min())
