"""What is written for which receiver. A new receiver is a row of `PRESETS`."""

from __future__ import annotations

from dataclasses import dataclass

from smpl_rig.blender.baking.form import AS_DANCED, IN_PLACE, ROOT_BONE

TRAVELS = (
    (AS_DANCED, "As Danced", "The hips travel, as in Blender"),
    (IN_PLACE, "In Place", "The horizontal way of the hips is left out"),
    (ROOT_BONE, "Root Bone", "The horizontal way of the hips is moved onto a bone at the floor, for root motion"),
)
FBX, GLB, GLTF, BVH, USD, NPZ, VRMA = "FBX", "GLB", "GLTF", "BVH", "USD", "NPZ", "VRMA"
MOTION_ONLY = (NPZ, VRMA)
"""Formats of the dance on a body that all characters share: they have no armature and no mesh."""


@dataclass(frozen=True)
class Preset:
    """What a receiver needs.

    format: who writes it. name: on the command line, `FORMAT:NAME`, or `FORMAT` where it is empty. ending: of the file.
    units: of length in the file, a metre. y_up: whether the bones themselves are written with Y up; other formats say
    their axes. keeps_place: whether the character stands where it stands in the scene, else at the origin, facing
    ahead. keeps_frames: whether the dance begins at its frame of the scene, else at 0. travel: what it is at first.
    scales: whether bones may be scaled. armature: the name that the armature gets; empty keeps its own.
    """

    format: str
    name: str
    label: str
    description: str
    ending: str
    units: float = 1.0
    y_up: bool = False
    keeps_place: bool = False
    keeps_frames: bool = False
    travel: str = AS_DANCED
    scales: bool = True
    armature: str = ""

    @property
    def identifier(self) -> str:
        """Of the setting."""
        return f"{self.format}_{self.name}" if self.name else self.format

    @property
    def option(self) -> str:
        """On the command line."""
        return f"{self.format}:{self.name}" if self.name else self.format


PRESETS = (
    Preset(FBX, "UNITY", "FBX for Unity", "Centimetres without any scale, from frame 0 on", ".fbx", units=100.0),
    Preset(
        FBX, "UNREAL", "FBX for Unreal", "Centimetres without any scale, from frame 0 on, with a root bone", ".fbx",
        units=100.0, travel=ROOT_BONE, armature="Armature",
    ),
    Preset(
        FBX, "", "FBX for Blender and Others", "Metres, at the place and the frames of the scene", ".fbx",
        keeps_place=True, keeps_frames=True,
    ),
    Preset(GLB, "", "glTF Binary", "One file, for three.js, Godot, Unity, Unreal and the web", ".glb"),
    Preset(GLTF, "", "glTF Separate", "The same with its buffer and textures in files beside it", ".gltf"),
    Preset(
        BVH, "", "BVH", "The skeleton with Y up, in centimetres, as most programs expect", ".bvh",
        units=100.0, y_up=True, scales=False,
    ),
    Preset(
        BVH, "BLENDER", "BVH in Metres", "The skeleton with Y up, as Blender imports it", ".bvh",
        y_up=True, scales=False,
    ),
    Preset(
        USD, "", "USD", "A stage in metres, at the place and the frames of the scene", ".usdc",
        keeps_place=True, keeps_frames=True,
    ),
    Preset(NPZ, "", "AMASS", "The dance as SMPL poses, as data sets have them", ".npz"),
    Preset(VRMA, "", "VRM Animation", "The dance for any VRM character", ".vrma"),
)  # fmt: skip


def preset_of(identifier: str) -> Preset:
    """The preset of a setting."""
    return next(preset for preset in PRESETS if preset.identifier == identifier)
