"""The names of programs of which there is no original that may be passed on, with the helper bones they have."""

from __future__ import annotations

from benchmarks.characters.made_rigs import Naming

FINGER_WORDS = ("Thumb", "Index", "Middle", "Ring", "Pinky")
_PARTS = ("shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toes")
_FINGERS = ("thumb", "index", "middle", "ring", "little")


def limbs(pattern: str, *parts: str | tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Names of arms and legs by a pattern with {part} (and {s}, the side, which stays)."""
    chains = [(part,) if isinstance(part, str) else part for part in parts]
    named = {part: chain for part, chain in zip(_PARTS, chains, strict=True) if chain}
    return {part: tuple(pattern.replace("{part}", name) for name in chain) for part, chain in named.items()}


def fingers(pattern: str, words: tuple[str, ...] = FINGER_WORDS, numbers: str = "123") -> dict[str, tuple[str, ...]]:
    """Names of fingers by a pattern with {part} and {n}."""
    return {
        finger: tuple(pattern.replace("{part}", word).replace("{n}", number) for number in numbers)
        for finger, word in zip(_FINGERS, words, strict=True)
    }


_HIK = ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")
_HIK_TRUNK = {"hips": ("Hips",), "spine": ("Spine", "Spine1", "Spine2"), "neck": ("Neck",), "head": ("Head",)}
_MMD = {
    "shoulder": ("{s}肩",),
    "upper_arm": ("{s}腕", "{s}腕捩"),
    "forearm": ("{s}ひじ", "{s}手捩"),
    "hand": ("{s}手首",),
    "thigh": ("{s}足",),
    "shin": ("{s}ひざ",),
    "foot": ("{s}足首",),
    "toes": ("{s}つま先",),
    "thumb": ("{s}親指０", "{s}親指１", "{s}親指２"),
    "index": ("{s}人指１", "{s}人指２", "{s}人指３"),
    "middle": ("{s}中指１", "{s}中指２", "{s}中指３"),
    "ring": ("{s}薬指１", "{s}薬指２", "{s}薬指３"),
    "little": ("{s}小指１", "{s}小指２", "{s}小指３"),
}
_MMD_TRUNK = {"hips": ("センター", "下半身"), "spine": ("上半身", "上半身2"), "neck": ("首",), "head": ("頭",)}
_MMD_BESIDE = (
    ("{s}足ＩＫ", "全ての親", 0.0),
    ("{s}つま先ＩＫ", "{s}足ＩＫ", 0.0),
    ("{s}足D", "下半身", 0.0),
    ("{s}ひざD", "{s}足D", 0.0),
    ("{s}足首D", "{s}ひざD", 0.0),
    ("{s}足先EX", "{s}足首D", 0.0),
    ("{s}肩P", "上半身2", 1.0),
    ("{s}目", "頭", 0.5),
)

NAMINGS: dict[str, Naming] = {
    "Ready Player Me": Naming(
        "Ready Player Me",
        _HIK_TRUNK,
        {**limbs("{s}{part}", *_HIK), **fingers("{s}Hand{part}{n}")},
        ("Left", "Right"),
        (),
        (
            ("HeadTop_End", "Head", 1.0),
            ("{s}Eye", "Head", 0.4),
            ("{s}Toe_End", "{s}ToeBase", 1.0),
            *((f"{{s}}Hand{word}4", f"{{s}}Hand{word}3", 1.0) for word in FINGER_WORDS),
        ),
    ),
    "Character Creator": Naming(
        "Character Creator",
        {
            "hips": ("CC_Base_Hip", "CC_Base_Pelvis"),
            "spine": ("CC_Base_Waist", "CC_Base_Spine01", "CC_Base_Spine02"),
            "neck": ("CC_Base_NeckTwist01", "CC_Base_NeckTwist02"),
            "head": ("CC_Base_Head",),
        },
        {
            **limbs(
                "CC_Base_{s}_{part}", "Clavicle", "Upperarm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "ToeBase"
            ),
            **fingers("CC_Base_{s}_{part}{n}", ("Thumb", "Index", "Mid", "Ring", "Pinky")),
        },
        ("L", "R"),
        ("CC_Base_BoneRoot",),
        (
            ("CC_Base_{s}_UpperarmTwist01", "CC_Base_{s}_Upperarm", 0.1),
            ("CC_Base_{s}_UpperarmTwist02", "CC_Base_{s}_Upperarm", 0.5),
            ("CC_Base_{s}_ElbowShareBone", "CC_Base_{s}_Forearm", 0.0),
            ("CC_Base_{s}_ForearmTwist01", "CC_Base_{s}_Forearm", 0.1),
            ("CC_Base_{s}_ForearmTwist02", "CC_Base_{s}_Forearm", 0.5),
            ("CC_Base_{s}_ThighTwist01", "CC_Base_{s}_Thigh", 0.1),
            ("CC_Base_{s}_KneeShareBone", "CC_Base_{s}_Calf", 0.0),
            ("CC_Base_{s}_CalfTwist01", "CC_Base_{s}_Calf", 0.1),
            ("CC_Base_{s}_ToeBaseShareBone", "CC_Base_{s}_Foot", 0.9),
            ("CC_Base_{s}_Eye", "CC_Base_Head", 0.4),
            ("CC_Base_{s}_RibsTwist", "CC_Base_Spine02", 0.3),
            ("CC_Base_{s}_Breast", "CC_Base_Spine02", 0.4),
        ),
        {
            "upper_arm": ("CC_Base_{s}_UpperarmTwist01", "CC_Base_{s}_UpperarmTwist02"),
            "forearm": ("CC_Base_{s}_ForearmTwist01", "CC_Base_{s}_ForearmTwist02"),
            "thigh": ("CC_Base_{s}_ThighTwist01",),
            "shin": ("CC_Base_{s}_CalfTwist01",),
        },
    ),
    "Daz Genesis 8": Naming(
        "Daz Genesis 3 and 8",
        {
            "hips": ("hip", "pelvis"),
            "spine": ("abdomenLower", "abdomenUpper", "chestLower", "chestUpper"),
            "neck": ("neckLower", "neckUpper"),
            "head": ("head",),
        },
        {
            **limbs(
                "{s}{part}",
                "Collar",
                ("ShldrBend", "ShldrTwist"),
                ("ForearmBend", "ForearmTwist"),
                "Hand",
                ("ThighBend", "ThighTwist"),
                "Shin",
                "Foot",
                "Toe",
            ),
            **fingers("{s}{part}{n}", ("Thumb", "Index", "Mid", "Ring", "Pinky")),
        },
        ("l", "r"),
        ("Genesis8Female",),
        (
            ("{s}Eye", "head", 0.4),
            ("{s}Pectoral", "chestUpper", 0.3),
            ("{s}Metatarsals", "{s}Foot", 0.2),
            *((f"{{s}}Carpal{n}", "{s}Hand", 0.2) for n in "1234"),
            ("{s}BigToe", "{s}Toe", 0.6),
        ),
    ),
    "Daz Genesis 9": Naming(
        "Daz Genesis 9",
        {
            "hips": ("hip", "pelvis"),
            "spine": ("spine1", "spine2", "spine3", "spine4"),
            "neck": ("neck1", "neck2"),
            "head": ("head",),
        },
        {
            **limbs("{s}_{part}", "shoulder", "upperarm", "forearm", "hand", "thigh", "shin", "foot", "toes"),
            **fingers("{s}_{part}{n}", ("thumb", "index", "mid", "ring", "pinky")),
        },
        ("l", "r"),
        ("Genesis9",),
        (
            ("{s}_upperarmtwist1", "{s}_upperarm", 0.1),
            ("{s}_upperarmtwist2", "{s}_upperarm", 0.6),
            ("{s}_forearmtwist1", "{s}_forearm", 0.3),
            ("{s}_forearmtwist2", "{s}_forearm", 0.7),
            ("{s}_thightwist1", "{s}_thigh", 0.3),
            ("{s}_thightwist2", "{s}_thigh", 0.7),
            ("{s}_indexmetacarpal", "{s}_hand", 0.2),
            ("{s}_metatarsal", "{s}_foot", 0.4),
            ("{s}_eye", "head", 0.4),
            ("{s}_pectoral", "spine3", 0.5),
        ),
        {
            "upper_arm": ("{s}_upperarmtwist1", "{s}_upperarmtwist2"),
            "forearm": ("{s}_forearmtwist1", "{s}_forearmtwist2"),
            "thigh": ("{s}_thightwist1", "{s}_thightwist2"),
        },
    ),
    "MikuMikuDance": Naming(
        "MikuMikuDance",
        _MMD_TRUNK,
        _MMD,
        ("左", "右"),
        ("全ての親",),
        _MMD_BESIDE,
    ),
    "MikuMikuDance in Blender": Naming(
        "MikuMikuDance",
        _MMD_TRUNK,
        {part: tuple(f"{name[3:]}.{{s}}" for name in names) for part, names in _MMD.items()},
        ("L", "R"),
        ("全ての親",),
        tuple(
            (f"{name[3:]}.{{s}}", f"{on[3:]}.{{s}}" if "{s}" in on else on, share) for name, on, share in _MMD_BESIDE
        ),
    ),
    "VRoid": Naming(
        "VRoid",
        {
            "hips": ("J_Bip_C_Hips",),
            "spine": ("J_Bip_C_Spine", "J_Bip_C_Chest", "J_Bip_C_UpperChest"),
            "neck": ("J_Bip_C_Neck",),
            "head": ("J_Bip_C_Head",),
        },
        {
            **limbs(
                "J_Bip_{s}_{part}",
                "Shoulder",
                "UpperArm",
                "LowerArm",
                "Hand",
                "UpperLeg",
                "LowerLeg",
                "Foot",
                "ToeBase",
            ),
            **fingers("J_Bip_{s}_{part}{n}", ("Thumb", "Index", "Middle", "Ring", "Little")),
        },
        ("L", "R"),
        ("Root",),
        (
            ("J_Sec_{s}_Bust1", "J_Bip_C_UpperChest", 0.3),
            ("J_Adj_{s}_FaceEye", "J_Bip_C_Head", 0.4),
            ("J_Sec_Hair1_01", "J_Bip_C_Head", 0.9),
            ("J_Sec_{s}_SkirtSide0_01", "J_Bip_C_Hips", 0.1),
            ("J_Sec_{s}_TopsUpperArmInside", "J_Bip_{s}_UpperArm", 0.0),
        ),
    ),
    "Unreal 5": Naming(
        "Unreal 5",
        {
            "hips": ("pelvis",),
            "spine": tuple(f"spine_0{n}" for n in "12345"),
            "neck": ("neck_01", "neck_02"),
            "head": ("head",),
        },
        {
            **limbs("{part}_{s}", "clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball"),
            **fingers("{part}_0{n}_{s}", ("thumb", "index", "middle", "ring", "pinky")),
        },
        ("l", "r"),
        ("root",),
        (
            ("upperarm_twist_01_{s}", "upperarm_{s}", 0.0),
            ("upperarm_twist_02_{s}", "upperarm_{s}", 0.5),
            ("lowerarm_twist_02_{s}", "lowerarm_{s}", 0.3),
            ("lowerarm_twist_01_{s}", "lowerarm_{s}", 0.7),
            ("thigh_twist_01_{s}", "thigh_{s}", 0.1),
            ("thigh_twist_02_{s}", "thigh_{s}", 0.5),
            ("calf_twist_02_{s}", "calf_{s}", 0.3),
            ("calf_twist_01_{s}", "calf_{s}", 0.7),
            *((f"{word}_metacarpal_{{s}}", "hand_{s}", 0.3) for word in ("index", "middle", "ring", "pinky")),
            ("ik_foot_root", "root", 0.0),
            ("ik_foot_{s}", "ik_foot_root", 0.0),
            ("ik_hand_root", "root", 0.0),
            ("ik_hand_gun", "ik_hand_root", 0.0),
            ("ik_hand_{s}", "ik_hand_gun", 0.0),
            ("interaction", "root", 0.0),
            ("center_of_mass", "root", 0.0),
            ("upperarm_correctiveRoot_{s}", "upperarm_{s}", 0.0),
            ("upperarm_bck_{s}", "upperarm_correctiveRoot_{s}", 0.0),
            ("clavicle_pec_{s}", "spine_05", 0.5),
        ),
        {
            "upper_arm": ("upperarm_twist_01_{s}", "upperarm_twist_02_{s}"),
            "forearm": ("lowerarm_twist_02_{s}", "lowerarm_twist_01_{s}"),
            "thigh": ("thigh_twist_01_{s}", "thigh_twist_02_{s}"),
            "shin": ("calf_twist_02_{s}", "calf_twist_01_{s}"),
        },
        {f"{word}_01_{{s}}": f"{word}_metacarpal_{{s}}" for word in ("index", "middle", "ring", "pinky")},
    ),
    "3ds Max Biped": Naming(
        "3ds Max Biped",
        {
            "hips": ("Bip01 Pelvis",),
            "spine": ("Bip01 Spine", "Bip01 Spine1", "Bip01 Spine2"),
            "neck": ("Bip01 Neck",),
            "head": ("Bip01 Head",),
        },
        {
            **limbs("Bip01 {s} {part}", "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0"),
            **{
                finger: tuple(f"Bip01 {{s}} Finger{n}{end}" for end in ("", "1", "2"))
                for n, finger in enumerate(_FINGERS)
            },
        },
        ("L", "R"),
        ("Bip01",),
        (
            ("Bip01 HeadNub", "Bip01 Head", 1.0),
            ("Bip01 {s} Toe0Nub", "Bip01 {s} Toe0", 1.0),
            ("Bip01 {s} ForeTwist", "Bip01 {s} Forearm", 0.0),
            ("Bip01 {s} Finger0Nub", "Bip01 {s} Finger02", 1.0),
            ("Bip01 Footsteps", "Bip01", 0.0),
            ("Bip01 Prop1", "Bip01", 0.0),
        ),
        {"forearm": ("Bip01 {s} ForeTwist",)},
    ),
    "Advanced Skeleton": Naming(
        "Advanced Skeleton",
        {
            "hips": ("Root_M",),
            "spine": ("RootPart1_M", "RootPart2_M", "Spine1_M", "Chest_M"),
            "neck": ("Neck_M",),
            "head": ("Head_M",),
        },
        {
            **limbs(
                "{part}_{s}",
                "Scapula",
                ("Shoulder", "ShoulderPart1", "ShoulderPart2"),
                ("Elbow", "ElbowPart1", "ElbowPart2"),
                "Wrist",
                ("Hip", "HipPart1", "HipPart2"),
                "Knee",
                "Ankle",
                "Toes",
            ),
            **fingers("{part}Finger{n}_{s}"),
        },
        ("L", "R"),
        (),
        (
            ("ToesEnd_{s}", "Toes_{s}", 1.0),
            ("HeadEnd_M", "Head_M", 1.0),
            ("Eye_{s}", "Head_M", 0.4),
            ("Jaw_M", "Head_M", 0.1),
            ("Cup_{s}", "Wrist_{s}", 0.3),
            ("ThumbFinger4_{s}", "ThumbFinger3_{s}", 1.0),
            ("Heel_End_{s}", "Ankle_{s}", 0.2),
        ),
        {},
        {"PinkyFinger1_{s}": "Cup_{s}"},
    ),
    "Auto-Rig Pro deform bones": Naming(
        "Auto-Rig Pro deform bones",
        {
            "hips": ("root.x",),
            "spine": ("spine_01.x", "spine_02.x", "spine_03.x"),
            "neck": ("neck.x",),
            "head": ("head.x",),
        },
        {
            **limbs(
                "{part}.{s}",
                "shoulder",
                "arm_stretch",
                "forearm_stretch",
                "hand",
                "thigh_stretch",
                "leg_stretch",
                "foot",
                "toes_01",
            ),
            **fingers("c_{part}{n}.{s}", ("thumb", "index", "middle", "ring", "pinky")),
        },
        ("l", "r"),
        (),
        (
            ("arm_twist.{s}", "arm_stretch.{s}", 0.0),
            ("forearm_twist.{s}", "forearm_stretch.{s}", 0.8),
            ("thigh_twist.{s}", "thigh_stretch.{s}", 0.0),
            ("leg_twist.{s}", "leg_stretch.{s}", 0.8),
            *((f"{word}1_base.{{s}}", "hand.{s}", 0.3) for word in ("index", "middle", "ring", "pinky")),
            ("c_eye.{s}", "head.x", 0.4),
            ("breast.{s}", "spine_03.x", 0.5),
        ),
        {
            "upper_arm": ("arm_twist.{s}",),
            "forearm": ("forearm_twist.{s}",),
            "thigh": ("thigh_twist.{s}",),
            "shin": ("leg_twist.{s}",),
        },
    ),
    "Auto-Rig Pro": Naming(
        "Auto-Rig Pro",
        {
            "hips": ("c_root_master.x", "c_root.x"),
            "spine": ("c_spine_01.x", "c_spine_02.x", "c_spine_03.x"),
            "neck": ("c_neck.x",),
            "head": ("c_head.x",),
        },
        {
            **limbs(
                "{part}.{s}",
                "c_shoulder",
                "c_arm_fk",
                "c_forearm_fk",
                "c_hand_fk",
                "c_thigh_fk",
                "c_leg_fk",
                "c_foot_fk",
                "c_toes_fk",
            ),
            **fingers("c_{part}{n}.{s}", ("thumb", "index", "middle", "ring", "pinky")),
        },
        ("l", "r"),
        ("c_pos", "c_traj"),
        (
            ("arm_stretch.{s}", "c_shoulder.{s}", 1.0),
            ("forearm_stretch.{s}", "c_traj", 0.0),
            ("hand.{s}", "c_traj", 0.0),
            ("thigh_stretch.{s}", "c_root.x", 0.0),
            ("leg_stretch.{s}", "c_traj", 0.0),
            ("foot.{s}", "c_traj", 0.0),
            ("c_hand_ik.{s}", "c_traj", 0.0),
            ("c_foot_ik.{s}", "c_traj", 0.0),
            ("c_leg_pole.{s}", "c_traj", 0.0),
            ("c_toes_ik.{s}", "c_foot_ik.{s}", 0.0),
            ("c_arm_ik.{s}", "c_shoulder.{s}", 1.0),
            ("root.x", "c_root.x", 0.0),
            ("c_thigh_b.{s}", "c_root.x", 0.0),
            ("c_index1_base.{s}", "c_hand_fk.{s}", 0.3),
            ("head.x", "c_head.x", 0.0),
        ),
    ),
    "Unity": Naming(
        "Unity",
        {"hips": ("Hips",), "spine": ("Spine", "Chest", "UpperChest"), "neck": ("Neck",), "head": ("Head",)},
        {
            **limbs("{s}{part}", "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes"),
            **{
                finger: tuple(f"{{s}}{word}{bone}" for bone in ("Proximal", "Intermediate", "Distal"))
                for finger, word in zip(_FINGERS, ("Thumb", "Index", "Middle", "Ring", "Little"), strict=True)
            },
        },
        ("Left", "Right"),
        ("Armature",),
        (("{s}Eye", "Head", 0.4), ("Jaw", "Head", 0.1)),
    ),
    "MotionBuilder": Naming(
        "MotionBuilder",
        {part: tuple(f"Actor:{name}" for name in names) for part, names in _HIK_TRUNK.items()},
        {**limbs("Actor:{s}{part}", *_HIK), **fingers("Actor:{s}Hand{part}{n}")},
        ("Left", "Right"),
        ("Actor:Reference",),
        (("Actor:{s}InHandIndex", "Actor:{s}Hand", 0.3), ("Actor:{s}ArmRoll", "Actor:{s}Arm", 0.5)),
        {"upper_arm": ("Actor:{s}ArmRoll",)},
    ),
    "Mixamo": Naming(
        "Mixamo",
        {part: tuple(f"mixamorig4:{name}" for name in names) for part, names in _HIK_TRUNK.items()},
        {**limbs("mixamorig4:{s}{part}", *_HIK), **fingers("mixamorig4:{s}Hand{part}{n}")},
        ("Left", "Right"),
        (),
        (
            ("mixamorig4:HeadTop_End", "mixamorig4:Head", 1.0),
            ("mixamorig4:{s}Toe_End", "mixamorig4:{s}ToeBase", 1.0),
            *((f"mixamorig4:{{s}}Hand{word}4", f"mixamorig4:{{s}}Hand{word}3", 1.0) for word in FINGER_WORDS),
        ),
    ),
    "SMPL-X": Naming(
        "SMPL",
        {"hips": ("pelvis",), "spine": ("spine1", "spine2", "spine3"), "neck": ("neck",), "head": ("head",)},
        {
            **limbs("{s}_{part}", "collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot"),
            **fingers("{s}_{part}{n}", ("thumb", "index", "middle", "ring", "pinky")),
        },
        ("left", "right"),
        ("root",),
        (("jaw", "head", 0.1), ("{s}_eye_smplhf", "head", 0.4)),
    ),
    "SMPL": Naming(
        "SMPL",
        {"hips": ("Pelvis",), "spine": ("Spine1", "Spine2", "Spine3"), "neck": ("Neck",), "head": ("Head",)},
        limbs("{s}_{part}", "Collar", "Shoulder", "Elbow", ("Wrist", "Hand"), "Hip", "Knee", "Ankle", "Foot"),
    ),
    "Microsoft Rocketbox": Naming(
        "Microsoft Rocketbox",
        {
            "hips": ("Bip02 Pelvis",),
            "spine": ("Bip02 Spine", "Bip02 Spine1", "Bip02 Spine2"),
            "neck": ("Bip02 Neck",),
            "head": ("Bip02 Head",),
        },
        limbs("Bip02 {s} {part}", "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0"),
        ("L", "R"),
        ("Bip02",),
    ),
    "Rokoko": Naming(
        "Rokoko",
        {
            "hips": ("Hips",),
            "spine": ("Spine1", "Spine2", "Spine3", "Spine4"),
            "neck": ("Neck",),
            "head": ("Head",),
        },
        limbs("{s}{part}", "Shoulder", "Arm", "ForeArm", "Hand", "Thigh", "Shin", "Foot", "Toe"),
        ("Left", "Right"),
        ("Root",),
    ),
    "plain words": Naming(
        "",
        {"hips": ("pelvis",), "spine": ("belly", "ribcage"), "neck": ("neck",), "head": ("skull",)},
        limbs("{part}_{s}", "collarbone", "upper arm", "lower arm", "hand", "upper leg", "lower leg", "foot", "toes"),
        ("left", "right"),
    ),
    "Spanish": Naming(
        "",
        {"hips": ("cadera",), "spine": ("columna1", "columna2"), "neck": ("cuello",), "head": ("cabeza",)},
        limbs("{part}_{s}", "clavicula", "brazo", "antebrazo", "mano", "muslo", "pantorrilla", "pie", ()),
        ("izq", "der"),
    ),
    "German": Naming(
        "",
        {"hips": ("Becken",), "spine": ("Wirbelsäule", "Brust"), "neck": ("Hals",), "head": ("Kopf",)},
        limbs(
            "{part} {s}",
            "Schlüsselbein",
            "Oberarm",
            "Unterarm",
            "Hand",
            "Oberschenkel",
            "Unterschenkel",
            "Fuß",
            "Zehen",
        ),
        ("links", "rechts"),
    ),
    "French": Naming(
        "",
        {"hips": ("bassin",), "spine": ("colonne",), "neck": ("cou",), "head": ("tête",)},
        limbs("{part} {s}", "épaule", "bras", "avant-bras", "main", "cuisse", "mollet", "pied", "orteils"),
        ("gauche", "droite"),
    ),
}
