"""Characters that tests build: the names of a family on a body of other proportions, axes and rest pose."""

from __future__ import annotations

import json

import bpy
import numpy as np

from smpl_rig.blender.armature import standing_joints
from smpl_rig.skeleton import JOINT_INDEX

MIXAMO = {
    "Hips": (None, "pelvis"),
    "Spine": ("Hips", "spine1"),
    "Spine1": ("Spine", "spine2"),
    "Spine2": ("Spine1", "spine3"),
    "Neck": ("Spine2", "neck"),
    "Head": ("Neck", "head"),
}
for side, letter in (("Left", "L"), ("Right", "R")):
    MIXAMO |= {
        f"{side}Shoulder": ("Spine2", f"{letter}_collar"),
        f"{side}Arm": (f"{side}Shoulder", f"{letter}_shoulder"),
        f"{side}ForeArm": (f"{side}Arm", f"{letter}_elbow"),
        f"{side}Hand": (f"{side}ForeArm", f"{letter}_wrist"),
        f"{side}UpLeg": ("Hips", f"{letter}_hip"),
        f"{side}Leg": (f"{side}UpLeg", f"{letter}_knee"),
        f"{side}Foot": (f"{side}Leg", f"{letter}_ankle"),
        f"{side}ToeBase": (f"{side}Foot", f"{letter}_foot"),
    }
ARMS_DOWN = np.radians(40)


def heads_of(size):
    """SMPL's joints with the arms lowered, a person `size` as tall."""
    joints = standing_joints().astype(np.float64)
    for letter, sign in (("L", 1), ("R", -1)):
        shoulder = joints[JOINT_INDEX[f"{letter}_shoulder"]].copy()
        c, s = np.cos(ARMS_DOWN), np.sin(ARMS_DOWN)
        turn = np.array([[c, 0, sign * s], [0, 1, 0], [-sign * s, 0, c]])
        for part in ("elbow", "wrist", "hand"):
            index = JOINT_INDEX[f"{letter}_{part}"]
            joints[index] = shoulder + turn @ (joints[index] - shoulder)
    return joints * size


def mixamo(name="Guy", prefix="mixamorig:", size=1.1, root=False):
    """An armature with Mixamo's names, arms lowered, bones that all point up. root: with a bone above the hips."""
    data = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    if root:
        bone = data.edit_bones.new("root")
        bone.head, bone.tail = (0, 0, 0), (0, 0.3, 0)
    joints = heads_of(size)
    for number, (bone_name, (parent, joint)) in enumerate(MIXAMO.items()):
        bone = data.edit_bones.new(prefix + bone_name)
        bone.head = joints[JOINT_INDEX[joint]]
        bone.tail = bone.head.copy()
        bone.tail.z += 0.1
        bone.roll = 0.1 * number
        if parent is not None or root:
            bone.parent = data.edit_bones[prefix + parent if parent is not None else "root"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return obj


def chibi(name="Rogue"):
    """KayKit's names and proportions: a head as large as the rest, short legs, one neck too few."""
    import blenders

    from benchmarks.characters.made_rigs import rig_of
    from benchmarks.characters.rigs import armature_with

    file = blenders.ROOT / "tests" / "smpl_rig" / "rigs" / "kaykit.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    names = data["names"]
    parents = {bone: names[above] if above >= 0 else "" for bone, above in zip(names, data["parents"], strict=True)}
    rig = armature_with(rig_of(parents, dict(zip(names, data["heads"], strict=True))))
    rig.name = name
    return rig


def linked(rig, folder):
    """The same rig, linked from a library into an empty file at 30 frames/s."""
    file, name = str(folder / "library.blend"), rig.name
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    bpy.context.scene.render.fps = 30
    with bpy.data.libraries.load(file, link=True) as (_, wanted):
        wanted.objects = [name]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    return wanted.objects[0]


def override_of(rig, folder):
    """A library override of the same."""
    made = linked(rig, folder).override_create(remap_local_usages=True)
    made.name = "Override"
    return made


def dance_on(rig, folder):
    """The rig with a dance of 3 s at 30 frames/s from frame 1 on."""
    from test_addon_generate import add_song

    add_song(folder)
    bpy.context.scene.magma.target = rig
    bpy.context.scene.magma.style = "waltz"
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    bpy.context.view_layer.objects.active = rig
    return rig
