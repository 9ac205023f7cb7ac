"""Joints of other programs' skeletons are recognised by the names that these programs publish."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from other_skeletons import naming

from engine.motion.files.joint_names import UnknownJointsError, match_joints
from smpl_rig.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS

HIK = ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")
TRUNK = ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head")
PROGRAMS: dict[str, dict[str, str]] = {
    "Mixamo": naming("mixamorig:{side}{part}", "Left", "Right", *(f"mixamorig:{name}" for name in TRUNK), *HIK),
    "Mixamo, second character": naming("mixamorig7:{side}{part}", "Left", "Right", *(f"mixamorig7:{n}" for n in TRUNK),
        *HIK),
    "Mixamo without colon": naming("mixamorig{side}{part}", "Left", "Right", *(f"mixamorig{n}" for n in TRUNK), *HIK),
    "MotionBuilder": naming("Character1_{side}{part}", "Left", "Right", *(f"Character1_{n}" for n in TRUNK), *HIK),
    "namespace and prefix": naming("s1:Actor_{side}{part}", "Left", "Right", *(f"s1:Actor_{n}" for n in TRUNK),
        *HIK),
    "Armature|": naming("Armature|{side}{part}", "Left", "Right", *(f"Armature|{name}" for name in TRUNK), *HIK),
    "Acclaim": naming(
        "{side}{part}", "l", "r", "root", "lowerback", "upperback", "thorax", "lowerneck", "head",
        "clavicle", "humerus", "radius", "wrist", "femur", "tibia", "foot", "toes",
    ),
    "Biped": naming(
        "Bip001 {side} {part}", "L", "R", "Bip001 Pelvis", "Bip001 Spine", "Bip001 Spine1", "Bip001 Spine2",
        "Bip001 Neck", "Bip001 Head", "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0",
    ),
    "Valve": naming(
        "ValveBiped.Bip01_{side}_{part}", "L", "R", "ValveBiped.Bip01_Pelvis", "ValveBiped.Bip01_Spine",
        "ValveBiped.Bip01_Spine1", "ValveBiped.Bip01_Spine2", "ValveBiped.Bip01_Neck1", "ValveBiped.Bip01_Head1",
        "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0",
    ),
    "Unreal": naming(
        "{part}_{side}", "l", "r", "pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head",
        "clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball",
    ),
    "VRM": naming(
        "{side}{part}", "left", "right", "hips", "spine", "chest", "upperChest", "neck", "head",
        "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes",
    ),
    "VRM in Blender": naming(
        "{part}.{side}", "L", "R", "hips", "spine", "chest", "upper_chest", "neck", "head",
        "shoulder", "upper_arm", "lower_arm", "hand", "upper_leg", "lower_leg", "foot", "toes",
    ),
    "VRoid": naming(
        "J_Bip_{side}_{part}", "L", "R", "J_Bip_C_Hips", "J_Bip_C_Spine", "J_Bip_C_Chest", "J_Bip_C_UpperChest",
        "J_Bip_C_Neck", "J_Bip_C_Head",
        "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "ToeBase",
    ),
    "Rigify": naming(
        "{part}.{side}", "L", "R", "spine", "spine.001", "spine.002", "spine.003", "spine.004", "spine.006",
        "shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe",
    ),
    "Rigify's deforming bones": naming(
        "DEF-{part}.{side}", "L", "R", "DEF-spine", "DEF-spine.001", "DEF-spine.002", "DEF-spine.003", "DEF-spine.004",
        "DEF-spine.006", "shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe",
    ),
    "Rigify's ORG": naming(
        "ORG-{part}.{side}", "L", "R", "ORG-spine", "ORG-spine.001", "ORG-spine.002", "ORG-spine.003", "ORG-spine.004",
        "ORG-face", "shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe",
    ) | {"head": "ORG-spine.006"},
    "MakeHuman": naming(
        "{part}.{side}", "L", "R", "root", "spine05", "spine03", "spine01", "neck01", "head",
        "clavicle", "upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot", "toe1-1",
    ),
    "MakeHuman's own BVH": naming(
        "{part}_{side}", "L", "R", "Hips", "Spine1", "Spine2", "Spine3", "Neck", "Head",
        "Clavicle", "UpArm", "LoArm", "Hand", "UpLeg", "LoLeg", "Foot", "Toe",
    ),
    "Daz": naming(
        "{side}{part}", "l", "r", "hip", "abdomen", "abdomen2", "chest", "neck", "head",
        "Collar", "Shldr", "ForeArm", "Hand", "Thigh", "Shin", "Foot", "Toe",
    ),
    "Daz Genesis 8": naming(
        "{side}{part}", "l", "r", "hip", "abdomenLower", "abdomenUpper", "chestLower", "neckLower", "head",
        "Collar", "ShldrBend", "ForearmBend", "Hand", "ThighBend", "Shin", "Foot", "Toe",
    ),
    "Daz Genesis 9": naming(
        "{side}_{part}", "l", "r", "hip", "spine1", "spine2", "spine3", "neck1", "head",
        "shoulder", "upperarm", "forearm", "hand", "thigh", "shin", "foot", "toes",
    ),
    "Second Life": naming(
        "m{part}{side}", "Left", "Right", "mPelvis", "mTorso", "mSpine3", "mChest", "mNeck", "mHead",
        "Collar", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Foot",
    ),
    "Character Creator": naming(
        "CC_Base_{side}_{part}", "L", "R", "CC_Base_Hip", "CC_Base_Waist", "CC_Base_Spine01", "CC_Base_Spine02",
        "CC_Base_NeckTwist01", "CC_Base_Head",
        "Clavicle", "Upperarm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "ToeBase",
    ),
    "Motive": naming(
        "Skeleton 001_{side}{part}", "L", "R", "Skeleton 001_Hip", "Skeleton 001_Ab", "Skeleton 001_Spine2",
        "Skeleton 001_Chest", "Skeleton 001_Neck", "Skeleton 001_Head",
        "Shoulder", "UArm", "FArm", "Hand", "Thigh", "Shin", "Foot", "Toe",
    ),
    "MVN": naming(
        "{side}{part}", "Left", "Right", "Hips", "Chest", "Chest2", "Chest4", "Neck", "Head",
        "Collar", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Toe",
    ),
    "MVN as FBX": naming(
        "{side}{part}", "Left", "Right", "Pelvis", "L5", "L3", "T8", "Neck", "Head",
        "Shoulder", "UpperArm", "ForeArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toe",
    ),
    "Axis Neuron": naming("Robot_{side}{part}", "Left", "Right", *(f"Robot_{n}" for n in TRUNK), *HIK[:-1], "ToeBase"),
    "Rokoko": naming(
        "{side}{part}", "Left", "Right", "Hips", "Spine1", "Spine2", "Spine3", "Neck", "Head",
        "Shoulder", "Arm", "ForeArm", "Hand", "Thigh", "Shin", "Foot", "Toe",
    ),
    "Bandai-Namco": naming(
        "{part}_{side}", "L", "R", "Hips", "Spine", "Spine1", "Chest", "Neck", "Head",
        "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes",
    ),
    "Kinect": naming(
        "{part}_{side}", "LEFT", "RIGHT", "PELVIS", "SPINE_NAVAL", "SPINE_1", "SPINE_CHEST", "NECK", "HEAD",
        "CLAVICLE", "SHOULDER", "ELBOW", "WRIST", "HIP", "KNEE", "ANKLE", "FOOT",
    ),
    "iPi": naming(
        "{side}{part}", "L", "R", "Hip", "LowerSpine", "MiddleSpine", "Chest", "Neck", "Head",
        "Clavicle", "Shoulder", "Forearm", "Hand", "Thigh", "Shin", "Foot", "Toe",
    ),
    "DeepMotion": naming(
        "{side}_{part}_JNT", "l", "r", "hips_JNT", "spine_JNT", "spine1_JNT", "spine2_JNT", "neck_JNT", "head_JNT",
        "shoulder", "arm", "forearm", "hand", "upleg", "leg", "foot", "toebase",
    ),
    "Advanced Skeleton": naming(
        "{part}_{side}", "L", "R", "Root_M", "Spine1_M", "Spine2_M", "Chest_M", "Neck_M", "Head_M",
        "Scapula", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Toes",
    ),
    "SMPL": naming(
        "m_avg_{side}_{part}", "L", "R", "m_avg_Pelvis", "m_avg_Spine1", "m_avg_Spine2", "m_avg_Spine3", "m_avg_Neck",
        "m_avg_Head", "Collar", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Foot",
    ),
    "SMPL-X": naming(
        "{side}_{part}", "left", "right", "pelvis", "spine1", "spine2", "spine3", "neck", "head",
        "collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot",
    ),
    "MikuMikuDance": naming(
        "{side}{part}", "左", "右", "センター", "上半身", "上半身1", "上半身2", "首", "頭",
        "肩", "腕", "ひじ", "手首", "足", "ひざ", "足首", "つま先",
    ),
    "lf and rt": naming(
        "{side}_{part}", "lf", "rt", "pelvis", "spine_1", "spine_2", "spine_3", "neck", "head",
        "clavicle", "arm", "forearm", "wrist", "thigh", "shin", "foot", "toe",
    ),
    "lt and rt at the end": naming(
        "{part}_{side}", "LT", "RT", "Pelvis", "Spine1", "Spine2", "Spine3", "Neck", "Head",
        "Clavicle", "UpperArm", "LowerArm", "Hand", "Thigh", "Calf", "Foot", "Toe",
    ),
    "Auto-Rig Pro": naming(
        "{part}.{side}", "l", "r", "root.x", "spine_01.x", "spine_02.x", "spine_03.x", "neck.x", "head.x",
        "shoulder", "arm_stretch", "forearm_stretch", "hand", "thigh_stretch", "leg_stretch", "foot", "toes_01",
    ),
    "Auto-Rig Pro's controls": naming(
        "c_{part}.{side}", "l", "r", "c_root.x", "c_spine_01.x", "c_spine_02.x", "c_spine_03.x", "c_neck.x", "c_head.x",
        "shoulder", "arm_fk", "forearm_fk", "hand_fk", "thigh_fk", "leg_fk", "foot_fk", "toes_fk",
    ),
    "Rigify's FK controls": naming(
        "{part}_fk.{side}", "L", "R", "torso", "spine_fk", "spine_fk.001", "spine_fk.002", "neck", "head",
        "shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe",
    ),
    "leg and knee": naming("{side}{part}", "Left", "Right", *TRUNK, *HIK[:4], "Leg", "Knee", "Foot", "Toe"),
}  # fmt: skip
BESIDE = (
    ("L_shoulder", "lShldrTwist"), ("L_shoulder", "LeftArmRoll"), ("L_shoulder", "upperarm_twist_01_l"),
    ("L_hip", "LeftUpLegRoll"), ("L_wrist", "LeftHandThumb1"),
    ("L_wrist", "hand_ik.L"), ("L_ankle", "foot_ik.L"), ("L_ankle", "LeftFoot_End"), ("head", "HeadTop_End"),
    ("pelvis", "左足IK"), ("pelvis", "SkirtLeftLeg"), ("head", "LeftEye"),
    ("pelvis", "MCH-thigh.L"), ("R_elbow", "RightForeArmTwist"), ("R_wrist", "index_01_r"),
)  # fmt: skip
"""Joints beside the body's, with the joint of ours that they hang on."""


def recognised(names: Sequence[str], parents: Sequence[int]) -> dict[str, str]:
    return {JOINT_NAMES[ours]: names[theirs] for ours, theirs in match_joints(names, parents).items()}


@pytest.mark.parametrize("change", [str, str.upper, str.lower], ids=["as published", "upper case", "lower case"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_joints_are_recognised_by_the_names_of_other_programs(program: str, change: type[str]) -> None:
    """Whatever the letter case, with joints beside the body's, or without."""
    wanted = {ours: change(theirs) for ours, theirs in PROGRAMS[program].items()}
    order = [name for name in JOINT_NAMES if name in wanted]
    names = [wanted[name] for name in order]
    parents = [order.index(JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]) if name != "pelvis" else -1 for name in order]
    assert recognised(names, parents) == wanted
    more = [*names, *(name for _, name in BESIDE)]
    on = [*parents, *(order.index(joint) for joint, _ in BESIDE)]
    assert recognised(more, on) == wanted


def test_joints_of_cat_say_their_limb_too() -> None:
    wanted = naming(
        "CATRig{side}{part}", "L", "R", "CATRigPelvis", "CATRigSpine1", "CATRigSpine2", "CATRigRibcage", "CATRigNeck1",
        "CATRigHead", "ArmCollarbone", "ArmUpperArm", "ArmForearm", "ArmHand", "LegThigh", "LegCalf", "LegFoot",
        "LegToe",
    )  # fmt: skip
    order = [name for name in JOINT_NAMES if name in wanted]
    parents = [order.index(JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]) if name != "pelvis" else -1 for name in order]
    assert recognised([wanted[name] for name in order], parents) == wanted


@pytest.mark.parametrize("pattern", ["{}_Dancer", "Target_{}", "Master:{}", "Master_{}", "Tail {} top"])
def test_what_all_joints_begin_or_end_with_does_not_matter(pattern: str) -> None:
    """A model's name, whatever it is."""
    wanted = {ours: pattern.format(name.partition(":")[2]) for ours, name in PROGRAMS["Mixamo"].items()}
    order = [name for name in JOINT_NAMES if name in wanted]
    parents = [order.index(JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]) if name != "pelvis" else -1 for name in order]
    assert recognised([wanted[name] for name in order], parents) == wanted


@pytest.mark.parametrize(("program", "number"), [("MakeHuman", "02"), ("Rigify's deforming bones", ".001")])
def test_of_two_bones_in_a_limb_the_first_counts(program: str, number: str) -> None:
    wanted = PROGRAMS[program]
    order = [name for name in JOINT_NAMES if name in wanted]
    names, parents = [], []
    last: dict[str, int] = {}
    for name in order:
        parents.append(last[JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]] if name != "pelvis" else -1)
        names.append(wanted[name])
        last[name] = len(names) - 1
        if name[2:] in ("shoulder", "elbow", "hip", "knee"):
            parents.append(last[name])
            names.append(wanted[name].replace("01", number) if "01" in wanted[name] else wanted[name] + number)
            last[name] = len(names) - 1
    assert recognised(names, parents) == wanted


def test_helpers_before_a_joint_and_copies_of_the_skeleton_do_not_confuse() -> None:
    wanted = PROGRAMS["Rigify's deforming bones"]
    order = [name for name in JOINT_NAMES if name in wanted]
    parents = [order.index(JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]) if name != "pelvis" else -1 for name in order]
    names = [wanted[name] for name in order]
    copies = [name.replace("DEF-", "CTL-") for name in names if ".L" in name]
    assert recognised([*names, *copies], [*parents, *[0] * len(copies)]) == wanted


def test_helpers_that_are_named_as_their_joint_with_an_underscore_are_not_meant() -> None:
    wanted = {ours: name.partition(":")[2] for ours, name in PROGRAMS["Mixamo"].items()}
    names, parents = [], []
    for ours in (name for name in JOINT_NAMES if name in wanted):
        parents.append(names.index(wanted[JOINT_NAMES[PARENTS[JOINT_INDEX[ours]]]]) if ours != "pelvis" else -1)
        if ours[2:] in ("hip", "knee", "shoulder", "elbow"):
            names.append(f"_{wanted[ours]}")
            parents.append(len(names) - 1)
        names.append(wanted[ours])
    assert recognised(names, parents) == wanted


@pytest.mark.parametrize("lost", ["L_knee", "R_elbow", "head"])
def test_a_limb_that_is_missing_is_named(lost: str) -> None:
    wanted = {**PROGRAMS["Mixamo"], "neck": "mixamorig:Collar", lost: "mixamorig:Antenna"}
    order = [name for name in JOINT_NAMES if name in wanted]
    parents = [order.index(JOINT_NAMES[PARENTS[JOINT_INDEX[name]]]) if name != "pelvis" else -1 for name in order]
    with pytest.raises(UnknownJointsError, match=lost):
        match_joints([wanted[name] for name in order], parents)
