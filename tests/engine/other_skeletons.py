"""BVH files of other programs' skeletons, made from a motion of ours: any names, units, axes and joint frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_NAMES, PARENTS, REST_OFFSETS, rest_joints

Array = NDArray[np.floating[Any]]

Y_UP = BODY_TO_WORLD.T.astype(np.float64)
PARTS = (
    "pelvis", "spine1", "spine2", "spine3", "neck", "head",
    "collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot",
)  # fmt: skip
"""Our joints, in the order of the other programs' names; their skeletons have no hand tips."""


def naming(pattern: str, left: str, right: str, *parts: str) -> dict[str, str]:
    """Another program's joint names by ours. pattern: the name of a limb's joint with {side} and {part}."""
    names = {}
    for ours, theirs in zip(PARTS, parts, strict=True):
        if f"L_{ours}" in JOINT_NAMES:
            names[f"L_{ours}"] = pattern.format(side=left, part=theirs)
            names[f"R_{ours}"] = pattern.format(side=right, part=theirs)
        else:
            names[ours] = theirs
    return names


MIXAMO = naming(
    "mixamorig:{side}{part}", "Left", "Right", "mixamorig:Hips", "mixamorig:Spine", "mixamorig:Spine1",
    "mixamorig:Spine2", "mixamorig:Neck", "mixamorig:Head",
    "Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase",
)  # fmt: skip


def dance(frames: int = 40, fps: float = 30.0, seed: int = 0) -> Motion:
    """A body that stands upright on the floor, turns round, and swings every limb smoothly."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, 2 * np.pi, frames)[:, None, None]
    angles = random.normal(size=(1, 24, 3)) * np.sin(time * random.integers(1, 4, (1, 24, 1))) * 0.5
    pelvis = rot.yaw(np.linspace(0, 7, frames)) @ BODY_TO_WORLD @ rot.axis_angle_to_matrix(0.3 * angles[:, 0])
    angles[:, 0] = rot.matrix_to_axis_angle(pelvis)
    trans = np.stack([np.sin(time[:, 0, 0]), np.cos(time[:, 0, 0]), np.full(frames, 0.93)], axis=-1)
    return Motion(angles.reshape(frames, 72).astype(np.float32), trans.astype(np.float32), fps)


def t_pose(frames: int = 1, fps: float = 30.0, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Motion:
    """Our rest pose, held, facing -Y."""
    poses = np.zeros((frames, 72), np.float32)
    poses[:, :3] = rot.matrix_to_axis_angle(BODY_TO_WORLD)
    return Motion(poses, np.tile(np.array(at, np.float32), (frames, 1)), fps)


def joined(*motions: Motion) -> Motion:
    """Motions one after the other."""
    return Motion(
        np.concatenate([motion.poses for motion in motions]),
        np.concatenate([motion.trans for motion in motions]),
        motions[0].fps,
    )


def bones_along_x() -> Array:
    """Frames (24, 3, 3) of joints whose first bone is along their own +X."""
    frames = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    for joint in range(JOINT_COUNT):
        child = next((c for c in range(joint + 1, JOINT_COUNT) if PARENTS[c] == joint), None)
        bone = REST_OFFSETS[child] if child is not None else rest_joints()[joint]
        if joint:
            frames[joint] = rot.quaternion_to_matrix(
                rot.rotation_between(np.array([1.0, 0, 0]), bone.astype(np.float64))
            )
    return frames


def arms_lowered(angle: float, axes: Array = Y_UP) -> Array:
    """Frames (24, 3, 3) of joints of a skeleton that is in an A-pose, its arms `angle` radians lower, when they are
    zero."""
    turned = np.zeros((JOINT_COUNT, 3))
    for joint, name in enumerate(JOINT_NAMES):
        if name[2:] in ("shoulder", "elbow", "wrist", "hand"):
            turned[joint, 2] = -angle if name[0] == "L" else angle
    facing = axes @ BODY_TO_WORLD.astype(np.float64)
    return np.swapaxes(rot.axis_angle_to_matrix(turned), 1, 2) @ facing.T


def random_frames(seed: int) -> Array:
    """Frames (24, 3, 3) of joints with arbitrary axes."""
    return rot.axis_angle_to_matrix(np.random.default_rng(seed).normal(size=(JOINT_COUNT, 3)) * 2)


def bvh_text(
    motion: Motion,
    rename: Mapping[str, str] = MIXAMO,
    scale: float = 100.0,
    frames: Array | None = None,
    axes: Array = Y_UP,
    everywhere: bool = False,
    mirrored: bool = False,
    turning: bool = True,
) -> str:
    """The motion on another skeleton as the text of a BVH file with Euler angles X Y Z.

    rename: the skeleton's joint names by ours; joints without one are left out. scale: its units in a metre. frames:
    (24, 3, 3) axes of its joints in our T-pose; None is a skeleton whose T-pose is zero, in the file's axes. axes: (3,
    3) from Z up to the file's axes. everywhere: positions on every joint. mirrored: in the file's x.
    turning: False leaves the rotations at zero.
    """
    keep = [joint for joint, name in enumerate(JOINT_NAMES) if name in rename]
    rest = rest_joints().astype(np.float64)
    facing = axes @ BODY_TO_WORLD.astype(np.float64)
    flip = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    own = np.tile(facing.T, (JOINT_COUNT, 1, 1)) if frames is None else frames
    world = axes @ global_rotations(motion.rotations().astype(np.float64)) @ own
    parents = {joint: _kept_parent(joint, keep) for joint in keep}
    lines, order = ["HIERARCHY"], []

    def joint_text(joint: int) -> None:
        order.append(joint)
        parent = parents[joint]
        offset = flip @ own[parent].T @ (rest[joint] - rest[parent]) * scale if parent >= 0 else np.zeros(3)
        lines.append(f"{'ROOT' if parent < 0 else 'JOINT'} {rename[JOINT_NAMES[joint]]}\n{{")
        lines.append("OFFSET " + " ".join(f"{value:.8f}" for value in offset))
        places = "6 Xposition Yposition Zposition" if parent < 0 or everywhere else "3"
        lines.append(f"CHANNELS {places} Xrotation Yrotation Zrotation")
        children = [child for child in keep if parents[child] == joint]
        for child in children:
            joint_text(child)
        if not children:
            lines.append("End Site\n{\nOFFSET 0 1 0\n}")
        lines.append("}")

    joint_text(0)
    columns = []
    for joint in order:
        parent = parents[joint]
        if parent < 0:
            columns.append(motion.trans.astype(np.float64) @ axes.T @ flip * scale)
        elif everywhere:
            bones = flip @ own[parent].T @ (rest[joint] - rest[parent]) * scale
            columns.append(np.tile(bones, (len(motion), 1)) if turning else world[:, parent] @ bones)
        local = world[:, joint] if parent < 0 else np.swapaxes(world[:, parent], 1, 2) @ world[:, joint]
        local = flip @ local @ flip if turning else np.tile(np.eye(3), (len(motion), 1, 1))
        x = np.arctan2(-local[:, 1, 2], local[:, 2, 2])
        y = np.arcsin(np.clip(local[:, 0, 2], -1, 1))
        z = np.arctan2(-local[:, 0, 1], local[:, 0, 0])
        columns.append(np.degrees(np.stack([x, y, z], axis=-1)))
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / motion.fps:.6f}"]
    lines += [" ".join(f"{value:.7f}" for value in row) for row in np.concatenate(columns, axis=1)]
    return "\n".join(lines) + "\n"


def write_bvh_text(path: Path, text: str) -> Path:
    """The path, with the text in it."""
    path.write_text(text, encoding="utf-8")
    return path


def same_body(motion: Motion, other: Motion, tolerance: float) -> bool:
    """Whether two motions have the same joints but for the hands, in metres, raised or lowered as a whole."""
    ours, theirs = motion.joints().astype(np.float64), other.joints().astype(np.float64)
    if ours.shape != theirs.shape:
        return False
    body = [joint for joint, name in enumerate(JOINT_NAMES) if "hand" not in name]
    rise = np.median(theirs[:, 0, 2] - ours[:, 0, 2])
    return bool(np.abs((theirs - rise * np.array([0, 0, 1]) - ours)[:, body]).max() < tolerance)


def _kept_parent(joint: int, keep: list[int]) -> int:
    parent = PARENTS[joint]
    while parent >= 0 and parent not in keep:
        parent = PARENTS[parent]
    return parent
