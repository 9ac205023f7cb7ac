"""BVH: our own files are restored exactly, motions of other skeletons become the same dance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError
from engine.motion.files.bvh_format import parse_bvh
from engine.motion.files.bvh_read import read_bvh
from engine.motion.files.bvh_write import write_bvh
from smpl_rig import rotations as rot
from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX, JOINT_NAMES, rest_joints

PARTS = (
    "pelvis", "spine1", "spine2", "spine3", "neck", "head",
    "collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot",
)  # fmt: skip
"""Our joints, in the order of the other programs' names below; their skeletons have no hand tips."""


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
BIPED = naming(
    "Bip01 {side} {part}", "L", "R", "Bip01", "Bip01 Spine", "Bip01 Spine1", "Bip01 Spine2", "Bip01 Neck", "Bip01 Head",
    "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0",
)  # fmt: skip
UNREAL = naming(
    "{part}_{side}", "l", "r", "pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head",
    "clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball",
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


def write_other(path: Path, motion: Motion, rename: dict[str, str], scale: float, arm_drop: float = 0.0,
                z_up: bool = False) -> None:  # fmt: skip
    """Write the motion on another skeleton: other names, no hands, another unit, arms `arm_drop` radians lower at rest.

    Independent of the writer under test, with Euler order X Y Z.
    """
    keep = [i for i, name in enumerate(JOINT_NAMES) if name in rename]
    rest = rest_joints().astype(np.float64)
    turned = {}  # rest rotation of each joint's bone: our rest -> the skeleton's rest
    for joint, name in enumerate(JOINT_NAMES):
        arm = name[2:] in ("shoulder", "elbow", "wrist", "hand")
        sign = -1 if name[0] == "L" else 1
        turned[joint] = rot.axis_angle_to_matrix(np.array([0, 0, sign * arm_drop * arm]))
    axes = BODY_TO_WORLD.astype(np.float64) if z_up else np.eye(3)
    to_file = np.eye(3) if z_up else BODY_TO_WORLD.T.astype(np.float64)
    parents = {j: next((k for k in keep if k == p), -1) for j in keep for p in [_kept_parent(j, keep)]}
    offsets = {
        j: axes @ (turned[p] @ (rest[j] - rest[p]) if (p := parents[j]) >= 0 else np.zeros(3)) * scale for j in keep
    }
    world = global_rotations(motion.rotations().astype(np.float64))
    # the skeleton's world rotation turns its rest pose to the pose: pose = world_ours, rest = turned
    file_world = {j: to_file @ world[:, j] @ turned[j].T @ axes.T for j in keep}
    lines, order = ["HIERARCHY"], []

    def joint_text(joint: int, depth: int) -> None:
        order.append(joint)
        lines.append(f"{'ROOT' if depth == 0 else 'JOINT'} {rename[JOINT_NAMES[joint]]} {{")
        lines.append("OFFSET " + " ".join(f"{v:.8f}" for v in offsets[joint]))
        position = "6 Xposition Yposition Zposition" if depth == 0 else "3"
        lines.append(f"CHANNELS {position} Xrotation Yrotation Zrotation")
        children = [j for j in keep if parents[j] == joint]
        for child in children:
            joint_text(child, depth + 1)
        if not children:
            lines.append("End Site { OFFSET 0 1 0 }")
        lines.append("}")

    joint_text(0, 0)
    columns = [motion.trans.astype(np.float64) @ to_file.T * scale]
    for joint in order:
        parent = parents[joint]
        local = file_world[joint] if parent < 0 else np.swapaxes(file_world[parent], 1, 2) @ file_world[joint]
        x = np.arctan2(-local[:, 1, 2], local[:, 2, 2])
        y = np.arcsin(np.clip(local[:, 0, 2], -1, 1))
        z = np.arctan2(-local[:, 0, 1], local[:, 0, 0])
        columns.append(np.degrees(np.stack([x, y, z], axis=-1)))
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / motion.fps:.6f}"]
    lines += [" ".join(f"{v:.7f}" for v in row) for row in np.concatenate(columns, axis=1)]
    path.write_text("\n".join(lines))


def _kept_parent(joint: int, keep: list[int]) -> int:
    from smpl_rig.skeleton import PARENTS

    parent = PARENTS[joint]
    while parent >= 0 and parent not in keep:
        parent = PARENTS[parent]
    return parent


@pytest.mark.parametrize("unit", [0.01, 1.0])
def test_our_own_files_are_restored(tmp_path: Path, unit: float) -> None:
    motion = dance()
    write_bvh(tmp_path / "a.bvh", motion, unit)
    back = read_bvh(tmp_path / "a.bvh")
    assert back.fps == 30 and len(back) == len(motion)
    np.testing.assert_allclose(back.rotations(), motion.rotations(), atol=1e-6)
    np.testing.assert_allclose(back.trans, motion.trans, atol=2e-6)


def test_gimbal_lock_is_written_without_loss(tmp_path: Path) -> None:
    motion = dance(4)
    motion.poses.reshape(-1, 24, 3)[:, 16] = [np.pi / 2, 0, 0]
    motion.poses.reshape(-1, 24, 3)[2, 17] = [-np.pi / 2, 0, 0]
    write_bvh(tmp_path / "a.bvh", motion)
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").rotations(), motion.rotations(), atol=2e-6)


def test_angles_do_not_jump_by_full_turns(tmp_path: Path) -> None:
    write_bvh(tmp_path / "a.bvh", dance(200))
    values = parse_bvh(tmp_path / "a.bvh").values
    assert np.abs(np.diff(values[:, 3:], axis=0)).max() < 180


@pytest.mark.parametrize(
    ("names", "scale", "arm_drop", "z_up"),
    [(MIXAMO, 100, 0.0, False), (BIPED, 39.37, 0.0, True), (UNREAL, 1, 0.8, False)],
    ids=["mixamo", "biped in inches, z up", "unreal, a-pose"],
)
def test_motions_of_other_skeletons_are_the_same(
    tmp_path: Path, names: dict[str, str], scale: float, arm_drop: float, z_up: bool
) -> None:
    """With the names, unit, axes and rest pose of another program, the joints are restored."""
    motion = dance()
    write_other(tmp_path / "b.bvh", motion, names, scale, arm_drop, z_up)
    back = read_bvh(tmp_path / "b.bvh")
    ours, theirs = motion.joints(), back.joints()
    rise = (theirs - ours)[:, 0, 2]
    assert np.ptp(rise) < 1e-4  # moved to the floor as a whole
    body = [i for i in range(24) if "hand" not in JOINT_NAMES[i]]
    np.testing.assert_allclose((theirs - rise[:, None, None] * [0, 0, 1])[:, body], ours[:, body], atol=2e-3)
    lower = theirs[:, [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]], 2].min(axis=1)
    assert np.percentile(lower, 2) == pytest.approx(0.02, abs=1e-3)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    write_bvh(tmp_path / "good.bvh", dance(5))
    text = (tmp_path / "good.bvh").read_text()
    for name, content, words in (
        ("text", "la la la", "not a BVH file"),
        ("cut", text[: len(text) - 1200], "should have 5 frames"),
        ("open", text.replace("}\nMOTION", "\nMOTION"), "damaged"),
        ("word", text.replace("OFFSET", "OFSET", 1), "damaged"),
        ("nan", text.rsplit(" ", 1)[0] + " nan\n", r"the value nan in frame 5 of 5 \(R_hand yrotation\)"),
        ("fps", text.replace("Frame Time: 0.0", "Frame Time: -0.0"), "damaged"),
        ("dog", text.replace("L_knee", "paw"), "L_knee"),
    ):
        path = tmp_path / f"{name}.bvh"
        path.write_text(content)
        with pytest.raises(DataError, match=words):
            read_bvh(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_bvh(tmp_path / "gone.bvh")


@pytest.mark.parametrize(("step", "fps"), [("0.033333", 30), ("0.0333667", 29.97), ("0.0083333", 120), ("0.04", 25)])
def test_frame_times_as_programs_write_them(tmp_path: Path, step: str, fps: float) -> None:
    write_bvh(tmp_path / "a.bvh", dance(3))
    text = (tmp_path / "a.bvh").read_text()
    line = next(part for part in text.splitlines() if part.startswith("Frame Time"))
    (tmp_path / "a.bvh").write_text(text.replace(line, f"Frame Time: {step}"))
    assert parse_bvh(tmp_path / "a.bvh").fps == pytest.approx(fps, abs=1e-3)


def test_a_real_dance_is_restored(tmp_path: Path, dance_data: Path) -> None:
    from smpl_rig.motion import load_npz

    motion = load_npz(dance_data / "motions" / "cmu_05_05.npz")
    write_bvh(tmp_path / "a.bvh", motion)
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").joints(), motion.joints(), atol=1e-5)


def test_our_files_of_a_lying_body_are_restored_lying(tmp_path: Path) -> None:
    poses = np.zeros((4, 72), np.float32)
    poses[:, 2] = 0.3
    lying = Motion(poses, np.tile(np.array([0, 0, 0.2], np.float32), (4, 1)), 20.0)
    write_bvh(tmp_path / "lying.bvh", lying)
    np.testing.assert_allclose(read_bvh(tmp_path / "lying.bvh").joints(), lying.joints(), atol=1e-4)
