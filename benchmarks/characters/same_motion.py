"""The same character in other guises dances the same: how far its joints are from where they were, in millimetres.

    python -m benchmarks.characters.same_motion --dance DANCE.npz [--rigs FOLDER] [--names] [--only TEXT ...] [--exact]

in a Python that has bpy, or in a real Blender with `benchmarks/in_blender.py`. All joints of the mapped bones count, in
all frames, as Blender shows them, for a character that is 1.7 m from its lowest joint to its highest. Keys are as few
as always, so both motions are off by what those leave; --exact has keys that leave nothing. The guises:

- unit 0.01, unit 100: the object is scaled by that, and the bones in it so that the character is as large as before;
- axes: the object is turned by -90 degrees about X, as importers leave it, and the bones back;
- parent: under an object that is moved, turned and scaled, the character where it was before;
- FBX, glTF: written and read again by Blender, as its exporters and importers do by default, without leaf bones;
- size 0.01, size 2.5: the whole character is scaled about the origin, so lengths count by that;
- turned: by 40 degrees about the vertical and moved; its dance is turned and moved likewise;
- lying: turned by -90 degrees about X. The dance stands upright all the same; joints are compared after the turn about
  the vertical and the shift that fit best.

A control rig is only moved as an object: other units or axes of its bones, or a file, make another rig of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import bpy
import numpy as np
from mathutils import Matrix

from benchmarks.characters import rigs
from benchmarks.characters.dancing import dance
from benchmarks.characters.measure import HEIGHT, Array
from magma_blender.scene import file_properties
from smpl_rig.blender.character_keying import CharacterKeying
from smpl_rig.blender.compat import armature_of, pose_of
from smpl_rig.blender.context import layer_of, scene_of
from smpl_rig.blender.rigs import rig_of
from smpl_rig.retarget.finding.find_roles import find_roles
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import HIPS, CharacterMap

FACING = Matrix.Rotation(np.radians(40), 4, "Z")
PLACED = Matrix.Translation((2.0, -1.0, 0.3)) @ FACING
LYING = Matrix.Rotation(np.radians(-90), 4, "X")
HOLDER = Matrix.Translation((1.0, 2.0, 3.0)) @ Matrix.Rotation(0.7, 4, (1, 2, 3)) @ Matrix.Scale(0.4, 4)
EXACT = 0.01
"""Share of the usual tolerances that exact keys have."""


@dataclass(frozen=True)
class Guise:
    """change: changes a character, or makes it in another file; its armature. world: what that does to the world that
    the character stands in; None where only the turn about the vertical is to be the same."""

    change: Callable[[bpy.types.Object], bpy.types.Object]
    world: Matrix | None


def _unit(size: float) -> Guise:
    return Guise(lambda character: in_space(character, Matrix.Scale(size, 4)), Matrix.Identity(4))


def _moved(matrix: Matrix) -> Callable[[bpy.types.Object], bpy.types.Object]:
    def change(character: bpy.types.Object) -> bpy.types.Object:
        top = _top(character)
        top.matrix_world = matrix @ top.matrix_world
        layer_of(bpy.context).update()
        return character

    return change


def in_space(character: bpy.types.Object, space: Matrix) -> bpy.types.Object:
    """Put a matrix on the armature's object and its inverse on what is in it, so that nothing moves in the world."""
    back, inside = space.inverted(), [each for each in character.children if each.parent_type == "OBJECT"]
    on_bones = {each: each.matrix_world.copy() for each in character.children if each.parent_type == "BONE"}
    armature_of(character).transform(back)
    for bone in pose_of(character).bones:
        bone.location *= back.median_scale
    for child in inside:
        local = character.matrix_world.inverted() @ child.matrix_world
        if isinstance(child.data, bpy.types.Mesh):
            child.data.transform(local.inverted() @ back @ local, shape_keys=True)
    character.matrix_world = character.matrix_world @ space
    layer_of(bpy.context).update()
    for child, place in on_bones.items():
        child.matrix_world = place
    layer_of(bpy.context).update()
    return character


def _held(character: bpy.types.Object) -> bpy.types.Object:
    top = _top(character)
    place, holder = top.matrix_world.copy(), bpy.data.objects.new("Holder", None)
    scene_of(bpy.context).collection.objects.link(holder)
    holder.matrix_world = HOLDER
    top.parent = holder
    layer_of(bpy.context).update()
    top.matrix_world = place
    layer_of(bpy.context).update()
    return character


def _as_file(ending: str) -> Callable[[bpy.types.Object], bpy.types.Object]:
    def change(character: bpy.types.Object) -> bpy.types.Object:
        character.animation_data_clear()
        hips, bones = find_roles(rig_of(character)).map.of(HIPS)[0], pose_of(character).bones
        for bone in bones:
            if bone not in bones[hips].parent_recursive:  # whose poses say where it stands
                bone.matrix_basis.identity()
        wanted = {character, *character.children_recursive}
        top = character
        while top.parent is not None:
            top = top.parent
            wanted.add(top)
        layer = layer_of(bpy.context)
        for found in layer.objects:  # what importers keep outside the view layer cannot be selected
            found.select_set(found in wanted or found.find_armature() == character)
        layer.objects.active = character
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"character.{ending}"
            if ending == "fbx":
                bpy.ops.export_scene.fbx(filepath=str(file), use_selection=True, add_leaf_bones=False, bake_anim=False)
            else:
                # as it stands, not as it rests: an imported character's root bone may be posed
                options: dict[str, Any] = {"export_animations": False}
                if bpy.app.version >= (4, 0):
                    options["export_rest_position_armature"] = False
                bpy.ops.export_scene.gltf(filepath=str(file), use_selection=True, **options)
            rigs.empty_file()
            return rigs.open_file(file)

    return change


def _top(character: bpy.types.Object) -> bpy.types.Object:
    top = character
    while top.parent is not None:
        top = top.parent
    return top


AS_OBJECT: Mapping[str, Guise] = {
    "parent": Guise(_held, Matrix.Identity(4)),
    "size 0.01": Guise(_moved(Matrix.Scale(0.01, 4)), Matrix.Scale(0.01, 4)),
    "size 2.5": Guise(_moved(Matrix.Scale(2.5, 4)), Matrix.Scale(2.5, 4)),
    "turned": Guise(_moved(PLACED), PLACED),
    "lying": Guise(_moved(LYING), None),
}
ALL: Mapping[str, Guise] = {
    "unit 0.01": _unit(0.01),
    "unit 100": _unit(100.0),
    "axes": Guise(lambda character: in_space(character, LYING), Matrix.Identity(4)),
    "FBX": Guise(_as_file("fbx"), Matrix.Identity(4)),
    "glTF": Guise(_as_file("glb"), Matrix.Identity(4)),
    **AS_OBJECT,
}


def heads(character: bpy.types.Object, found: CharacterMap, frames: int) -> Array:
    """(T, C, 3) where the mapped bones begin, as Blender shows them in frames 1 to `frames`, world."""
    bones, scene = pose_of(character).bones, scene_of(bpy.context)
    track = []
    for frame in range(1, frames + 1):
        scene.frame_set(frame)
        world = np.array(character.matrix_world)
        track.append(np.array([bones[name].head for name in found.names]) @ world[:3, :3].T + world[:3, 3])
    return np.array(track)


def away(shown: Array, before: Array, world: Matrix | None) -> float:
    """How far (T, C, 3) joints are at most from those before, in a world that was changed, in the units of before."""
    if world is None:
        return float(np.linalg.norm(_fitted(shown, before) - before, axis=-1).max())
    back = np.array(world.inverted())
    return float(np.linalg.norm(shown @ back[:3, :3].T + back[:3, 3] - before, axis=-1).max())


def _fitted(shown: Array, before: Array) -> Array:
    """Joints turned about the vertical and shifted to be nearest to those before."""
    middle, their_middle = shown.mean(axis=(0, 1)), before.mean(axis=(0, 1))
    ours, theirs = (shown - middle)[..., :2], (before - their_middle)[..., :2]
    angle = np.arctan2((ours[..., 0] * theirs[..., 1] - ours[..., 1] * theirs[..., 0]).sum(), (ours * theirs).sum())
    c, s = np.cos(angle), np.sin(angle)
    return (shown - middle) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + their_middle


def height_of(rig: Rig, found: CharacterMap) -> float:
    """Metres from the lowest joint to the highest of a body at rest, which may lie."""
    ankles, shoulders = (
        np.mean([rig.heads[rig.index[found.of(f"{side}_{part}")[0]]] for side in "LR"], axis=0)
        for part in ("foot", "upper_arm")
    )
    up = (shoulders - ankles) / np.linalg.norm(shoulders - ankles)
    return float(np.ptp(rig.heads[[rig.index[name] for name in found.names]] @ up))


def compare(case: rigs.Case, file: Path) -> dict[str, float | str]:
    """Millimetres by guise, or what went wrong."""
    rigs.empty_file()
    character = case.load()
    guises = AS_OBJECT if armature_of(character).get("rig_id") else ALL
    rig = rig_of(character)
    found = find_roles(rig).map
    size = height_of(rig, found)
    motion, _ = dance(character, file)
    before = heads(character, found, len(motion))
    result: dict[str, float | str] = {}
    for name, guise in guises.items():
        rigs.empty_file()
        changed = guise.change(case.load())
        theirs = find_roles(rig_of(changed)).map
        if dict(theirs.items()) != dict(found.items()):
            differ = sorted(set(theirs.items()) ^ set(found.items()))
            result[name] = f"other bones: {differ[0][0]}"
            continue
        dance(changed, file)
        farthest = away(heads(changed, theirs, len(motion)), before, guise.world)
        result[name] = 1000 * farthest * HEIGHT / size
    return result


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.characters.same_motion")
    parser.add_argument("--dance", type=Path, required=True)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--names", action="store_true", help="skeletons with the names of programs as well")
    parser.add_argument("--only", nargs="+", default=[""], help="characters with one of these in their names")
    parser.add_argument("--exact", action="store_true", help="keys that leave nothing of the motion")
    options = parser.parse_args()
    file_properties.register()
    if options.exact:
        usual = CharacterKeying.tolerances
        mock.patch.object(CharacterKeying, "tolerances", lambda self: EXACT * usual(self)).start()
    print("| character | " + " | ".join(ALL) + " |\n|" + "---|" * (len(ALL) + 1), flush=True)
    for case in rigs.cases(options.rigs, options.names):
        if any(part in case.name for part in options.only):
            try:
                figures = compare(case, options.dance)
            except Exception as error:  # the table goes on with the other characters
                print(f"| {case.name} | {type(error).__name__}: {error} |", flush=True)
                continue
            texts = {name: each if isinstance(each, str) else f"{each:.2f}" for name, each in figures.items()}
            print("| " + " | ".join([case.name, *(texts.get(name, "") for name in ALL)]) + " |", flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a wheel may not end after a rig's own script has run
