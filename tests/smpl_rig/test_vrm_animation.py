"""VRM animations: joints are where the motion has them, on a skeleton that rests as VRM asks."""

from __future__ import annotations

import numpy as np
import pytest
from exported import gltf_joints

from smpl_rig.gltf_file import GltfError, read_gltf, write_gltf
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX
from smpl_rig.vrm_animation import BONES, EXTENSION, write_vrma

REQUIRED = {
    "hips", "spine", "head", "leftUpperLeg", "leftLowerLeg", "leftFoot", "rightUpperLeg", "rightLowerLeg", "rightFoot",
    "leftUpperArm", "leftLowerArm", "leftHand", "rightUpperArm", "rightLowerArm", "rightHand",
}  # fmt: skip
"""Bones without which no VRM character is one."""


@pytest.fixture
def motion():
    random = np.random.default_rng(7)
    poses = random.normal(0, 0.4, (9, 72)).astype(np.float32)
    return Motion(poses, random.normal(0, 1, (9, 3)).astype(np.float32), 30 / 1.001)


def test_joints_are_where_the_motion_has_them(motion, tmp_path):
    file = tmp_path / "dance.vrma"
    write_vrma(file, motion, "song ü")
    found, name = gltf_joints(file, motion.fps, len(motion))
    joints = motion.joints()
    assert name == "song ü" and set(found) == {"Root", *BONES.values()}
    for joint, bone in BONES.items():
        assert np.abs(found[bone] - joints[:, JOINT_INDEX[joint]]).max() < 1e-5, joint


def test_the_skeleton_rests_as_vrm_asks(motion, tmp_path):
    file = tmp_path / "dance.vrma"
    write_vrma(file, motion, "song")
    gltf = read_gltf(file)
    human = gltf.json["extensions"][EXTENSION]["humanoid"]["humanBones"]
    nodes = gltf.json["nodes"]
    assert set(human) >= REQUIRED and gltf.json["extensionsUsed"] == [EXTENSION]
    assert all(
        nodes[bone["node"]]["name"] == name and "rotation" not in nodes[bone["node"]] for name, bone in human.items()
    )
    place = {name: np.array(nodes[bone["node"]]["translation"]) for name, bone in human.items()}
    for side, outwards in (("left", 1), ("right", -1)):
        assert np.allclose(
            place[f"{side}LowerArm"] / np.linalg.norm(place[f"{side}LowerArm"]), (outwards, 0, 0), atol=1e-6
        )
        assert np.allclose(place[f"{side}Foot"] / np.linalg.norm(place[f"{side}Foot"]), (0, -1, 0), atol=1e-6)
        assert abs(place[f"{side}Toes"][0]) < 1e-6 < place[f"{side}Toes"][2]
    assert 0.8 < place["hips"][1] < 1.1


def test_files_that_are_none_are_refused(motion, tmp_path):
    (tmp_path / "no.glb").write_bytes(b"no glTF file, but longer than its head")
    with pytest.raises(GltfError, match=r"is no .glb file"):
        read_gltf(tmp_path / "no.glb")
    write_vrma(tmp_path / "dance.vrma", motion, "song")
    gltf = read_gltf(tmp_path / "dance.vrma")
    gltf.json["accessors"][0]["componentType"] = 5123
    with pytest.raises(GltfError, match="accessor 0 holds no packed floats"):
        gltf.name_animation("other", 3.0)
    with pytest.raises(GltfError, match="no buffer in a file beside it"):
        write_gltf(tmp_path / "dance.gltf", gltf)
