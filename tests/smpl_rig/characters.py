"""Characters and motions that the tests of retargeting make: no files, no Blender."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smpl_rig import rotations as rot
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import FINGERS, SIDES, CharacterMap
from smpl_rig.rotations import Array
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, rest_joints

SMPL_ROLES = {
    "hips": ("pelvis",), "spine": ("spine1", "spine2", "spine3"), "neck": ("neck",), "head": ("head",),
    **{
        f"{side}_{part}": (f"{side}_{joint}",)
        for side in SIDES
        for part, joint in {
            "shoulder": "collar", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist",
            "thigh": "hip", "shin": "knee", "foot": "ankle", "toes": "foot",
        }.items()
    },
}  # fmt: skip
ARMS_DOWN = {"T": 0.0, "A": 45.0, "down": 80.0}
"""Degrees by which the arms hang down in rest poses."""


def dance(seconds: float = 3.0, fps: float = 30.0, seed: int = 0) -> Motion:
    """Smooth moves of all joints on feet that stand and step."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * fps)) / fps
    sizes = np.full((JOINT_COUNT, 3), 0.15)
    for names, size in ((("hip", "knee", "ankle", "foot"), 0.12), (("shoulder", "elbow", "wrist"), 0.6)):
        sizes[[JOINT_INDEX[f"{side}_{name}"] for side in SIDES for name in names]] = size
    angles = np.zeros((len(time), JOINT_COUNT, 3))
    for rate in (0.3, 0.7, 1.1):
        angles += (
            sizes
            * random.normal(size=(JOINT_COUNT, 3))
            * np.sin(2 * np.pi * (rate * time[:, None, None] + random.random((JOINT_COUNT, 3))))
        )
    for side in SIDES:
        knee, hip, ankle = (JOINT_INDEX[f"{side}_{name}"] for name in ("knee", "hip", "ankle"))
        step = np.maximum(np.sin(2 * np.pi * 0.8 * time + (0 if side == "L" else np.pi)), 0)
        angles[:, knee] = [0.4, 0, 0] + 0.6 * step[:, None] * [1, 0, 0]
        angles[:, hip, 0] = -0.2 - 0.3 * step
        angles[:, ankle, 0] = -0.2
        angles[:, JOINT_INDEX[f"{side}_foot"]] = 0  # joint positions do not tell how toes turn
    turns = rot.axis_angle_to_matrix(angles)
    turns[:, 0] = rot.yaw(0.4 * np.sin(time)) @ BODY_TO_WORLD @ turns[:, 0]
    motion = from_rotations(turns, np.zeros((len(time), 3)), fps)
    lowest = motion.joints()[:, [10, 11], 2].min(axis=1)
    trans = np.stack([0.2 * np.sin(time), 0.1 * np.sin(1.3 * time), 0.02 - lowest], axis=-1)
    return lock_feet(replace(motion, trans=trans.astype(np.float32)))


def random_axes(count: int, seed: int) -> Array:
    """Right-handed axes (N, 3, 3) in any direction."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))
    axes[:, :, 0] *= np.linalg.det(axes)[:, None]
    return axes


def rig_of(
    heads: Array,
    parents: tuple[int, ...],
    names: tuple[str, ...],
    to_world: Array | None = None,
    axes: int | None = None,
) -> Rig:
    """A rig with bones at heads (B, 3) in the world, upright and facing -Y, seen through an object's matrix."""
    to_world = np.eye(4) if to_world is None else to_world
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    if axes is not None:
        rest[:, :3, :3] = random_axes(len(names), axes)
    rest[:, :3, 3] = heads
    yes, no = np.ones(len(names), bool), np.zeros(len(names), bool)
    return Rig(names, parents, rest, to_world, yes, yes, yes, no)


def smpl_rig(axes: int | None = None) -> Rig:
    """SMPL's own body, on the floor."""
    joints = rest_joints().astype(np.float64)
    joints[:, 1] -= joints[JOINT_INDEX["L_foot"], 1] - 0.02
    return rig_of(joints @ BODY_TO_WORLD.T, PARENTS, JOINT_NAMES, axes=axes)


def person(arms: str = "T", axes: int | None = None, to_world: Array | None = None) -> tuple[Rig, CharacterMap]:
    """A person of other proportions: a root bone, four bones of the spine, twist bones, three fingers, toes.

    arms: the rest pose, a key of `ARMS_DOWN`. to_world: the object; the rig is the same in its armature.
    """
    bones: dict[str, tuple[str, Array]] = {}
    roles: dict[str, tuple[str, ...]] = {}

    def add(role: str, parent: str, *heads: tuple[float, float, float]) -> str:
        names = []
        for number, head in enumerate(heads):
            name = f"{role}.{number}"
            bones[name] = (parent, np.array(head, float))
            names.append(name)
            parent = name
        if role != "root":
            roles[role] = tuple(names)
        return parent

    root = add("root", "", (0, 0, 0))
    hips = add("hips", root, (0, 0.01, 1.0))
    chest = add("spine", hips, (0, 0.02, 1.08), (0, 0.02, 1.18), (0, 0.03, 1.28), (0, 0.03, 1.36))
    add("head", add("neck", chest, (0, 0.02, 1.52)), (0, 0, 1.62))
    for side, x in (("L", 1.0), ("R", -1.0)):
        shin = add(f"{side}_shin", add(f"{side}_thigh", hips, (0.1 * x, 0, 0.95)), (0.1 * x, -0.01, 0.5))
        add(f"{side}_toes", add(f"{side}_foot", shin, (0.1 * x, 0.03, 0.09)), (0.11 * x, -0.11, 0.02))
        shoulder = add(f"{side}_shoulder", chest, (0.03 * x, 0, 1.47))
        turn = rot.axis_angle_to_matrix(np.radians(ARMS_DOWN[arms]) * x * np.array([0.0, 1.0, 0.0]))
        root_of_arm = np.array([0.18 * x, 0.02, 1.48])

        def out(
            x_along: float, y: float, z: float, turn: Array = turn, origin: Array = root_of_arm, x: float = x
        ) -> tuple:
            return tuple(origin + turn @ np.array([x_along * x, y, z]))

        upper = add(f"{side}_upper_arm", shoulder, out(0, 0, 0))
        add(f"{side}_upper_arm_twist", upper, out(0.1, 0, 0))
        lower = add(f"{side}_forearm", upper, out(0.3, 0, 0))
        add(f"{side}_forearm_twist", lower, out(0.42, 0, 0))
        hand = add(f"{side}_hand", lower, out(0.55, 0, 0))
        for finger, y in (("index", -0.03), ("middle", 0.0), ("little", 0.04)):
            add(f"{side}_{finger}", hand, out(0.64, y, 0), out(0.68, y, -0.002), out(0.71, y, -0.005))
        add(f"{side}_thumb", hand, out(0.57, -0.03, -0.01), out(0.6, -0.05, -0.02))
    names = tuple(bones)
    parents = tuple(names.index(parent) if parent else -1 for parent, _ in bones.values())
    heads = np.stack([head for _, head in bones.values()])
    return rig_of(heads, parents, names, to_world, axes), CharacterMap(roles)


assert set(FINGERS) >= {"index", "middle", "little", "thumb"}
