"""Makes characters dance and measures them: the table of docs/characters.md.

    python -m benchmarks.characters --dances DANCE.npz ... [--rigs FOLDER] [--names] [--only TEXT ...]
                                    [--pictures FOLDER] [--json FILE]

in a Python that has bpy, or in a real Blender with `benchmarks/in_blender.py`. A dance has its choreography beside it
(DANCE.json, as `python -m engine generate --choreography` writes it). Each character gets each dance as the button
gives it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from benchmarks.characters import pictures, rigs
from benchmarks.characters.dancing import dance
from benchmarks.characters.measure import Array, Figures, Shown, figures
from magma_blender.scene import characters, file_properties
from smpl_rig.blender import compat
from smpl_rig.blender.compat import pose_of
from smpl_rig.blender.context import scene_of
from smpl_rig.blender.rigs import rig_of
from smpl_rig.retarget.families import ik_names
from smpl_rig.retarget.finding.find_roles import described, find_roles
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import HIPS, PARTS_OF, CharacterMap

LEANING = 0.7
"""Cosine of the angle from which a body lies at rest."""
ANKLE, BALL = 0.047, 0.08
"""Height of an ankle, and distance of the ball ahead of it, as shares of a body's height."""
HEAD = (
    "character", "found", "arms: median", "worst", "legs: worst", "planted: height", "speed", "skating", "source",
    "below floor", "path", "jerk", "knee flips", "sign flips", "hands", "keyed in",
)  # fmt: skip

PICTURES = 8


def shown(character: bpy.types.Object, found: CharacterMap, frames: int) -> Shown:
    """The character's joints as Blender shows them in frames 1 to `frames`."""
    rig = rig_of(character, character=found)
    first = {role: names[0] for role, names in found.items() if not role.endswith("_twist")}
    soles = {side: _sole(rig, found, side) for side in "LR"}
    scene_of(bpy.context).frame_set(1)
    at_rest = _upright(rig, found, rig.to_world @ _carried(character, rig, found), soles)
    rest = {role: _moved(rig.rest[rig.index[name], :3, 3], at_rest) for role, name in first.items()}
    floor = min(float(_moved(points, at_rest)[:, 2].min()) for on_side in soles.values() for _, points in on_side)
    crown = max(_crown(character, at_rest), float(_moved(rig.rest[:, :3, 3], at_rest)[:, 2].max()))
    inverse = {name: np.linalg.inv(rig.rest[rig.index[name]]) for on_side in soles.values() for name, _ in on_side}
    bones, scene = pose_of(character).bones, scene_of(bpy.context)
    joints: dict[str, list[Array]] = {role: [] for role in first}
    tracks: dict[str, list[Array]] = {side: [] for side in soles}
    turns: dict[str, Array] = {}
    keyed = {curve.data_path for curve in compat.fcurves(character) if ".rotation" in curve.data_path}
    turned = [bone for bone in bones if any(path.startswith(f"{bone.path_from_id()}.") for path in keyed)]
    flips = 0
    for frame in range(1, frames + 1):
        scene.frame_set(frame)
        world = np.array(character.matrix_world)
        for role, name in first.items():
            joints[role].append(world[:3, :3] @ np.array(bones[name].head) + world[:3, 3])
        for side, on_side in soles.items():
            now = [_moved(points, world @ np.array(bones[name].matrix) @ inverse[name]) for name, points in on_side]
            tracks[side].append(np.concatenate(now))
        for bone in turned:
            name = bone.name
            quaternion = bone.rotation_mode == "QUATERNION"
            turn = np.array(bone.rotation_quaternion if quaternion else bone.rotation_euler)
            if name in turns:
                flips += bool(turns[name] @ turn < 0 if quaternion else (np.abs(turn - turns[name]) > np.pi).any())
            turns[name] = turn
    return Shown(
        rest,
        {role: np.array(track) for role, track in joints.items()},
        crown - floor,
        floor,
        {side: np.array(track) for side, track in tracks.items()},
        flips,
    )


def seen_map(character: bpy.types.Object, found: CharacterMap) -> CharacterMap:
    """The same map with the bones that show limbs in place of controls that do not, since IK moves them."""
    bones = dict(found.items())
    for limb in characters.choices_of(character).ik:
        side, kind = limb.split("_")
        names = ik_names(found.family)[limb].shown
        bones |= {f"{side}_{part}": (name,) for part, name in zip((*PARTS_OF[kind], "toes"), names, strict=False)}
    return replace(found, bones=bones)


def _moved(points: Array, matrix: Array) -> Array:
    moved: Array = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _carried(character: bpy.types.Object, rig: Rig, found: CharacterMap) -> Array:
    """(4, 4) how bones above the mapped ones, which nobody keys, move those: files come with poses of their own."""
    bone = pose_of(character).bones[found.of("hips")[0]].parent
    while bone is not None and bone.name in found.names:
        bone = bone.parent
    if bone is None:
        return np.eye(4)
    carried: Array = np.array(bone.matrix) @ np.linalg.inv(rig.rest[rig.index[bone.name]])
    return carried


def _upright(rig: Rig, found: CharacterMap, at_rest: Array, soles: dict[str, list[tuple[str, Array]]]) -> Array:
    """(4, 4) armature to world with a body that lies at rest stood up where its feet are."""
    ankles, hips, shoulders = (
        _moved(np.array([rig.rest[rig.index[found.of(f"{side}_{part}")[0]], :3, 3] for side in "LR"]), at_rest).mean(0)
        for part in ("foot", "thigh", "upper_arm")
    )
    up = (shoulders - ankles) / np.linalg.norm(shoulders - ankles)
    if up[2] > LEANING:
        return at_rest
    placed = np.concatenate([_moved(points, at_rest) for on_side in soles.values() for _, points in on_side])
    ground = hips - up * float(((hips - placed) @ up).max())
    turn = np.array(Vector(up).rotation_difference(Vector((0, 0, 1))).to_matrix())
    stood = np.eye(4)
    stood[:3, :3], stood[:3, 3] = turn, ground - turn @ ground
    return stood @ at_rest


def _sole(rig: Rig, found: CharacterMap, side: str) -> list[tuple[str, Array]]:
    """Points of a foot, armature space, by the bone that they hang on: those before the head of the toes on these.
    Without a mesh they are under ankle and ball on the floor, which is where the object is, or below the lowest
    head."""
    foot, toes = found.of(f"{side}_foot")[0], found.of(f"{side}_toes")[:1]
    heads = np.array([rig.rest[rig.index[name], :3, 3] for name in (foot, *toes)])
    points = rig.feet.get(side, np.zeros((0, 3)))
    if not len(points):
        shoulders = np.mean([rig.heads[rig.index[found.of(f"{each}_upper_arm")[0]]] for each in "LR"], axis=0)
        world = rig.heads[[rig.index[name] for name in (foot, *toes)]]
        way = shoulders - world[0]
        axis = int(np.abs(way).argmax())
        up = np.sign(way[axis]) * np.eye(3)[axis]
        heights, origin, size = world @ up, float(rig.to_world[:3, 3] @ up), float((shoulders - world[0]) @ up) / 0.78
        above = (heights.min() - origin) / size
        floor = origin if -0.01 <= above < 0.07 else heights.min() - (0.012 if toes else ANKLE) * size
        world -= (heights - floor)[:, None] * up
        if not toes:
            left, right = (rig.heads[rig.index[found.of(f"{each}_thigh")[0]]] for each in "LR")
            ahead = np.cross(left - right, up) / np.linalg.norm(left - right)
            world = np.stack([world[0], world[0] + BALL * size * ahead])
        return [(foot, _moved(world, np.linalg.inv(rig.to_world)))]
    if not toes:
        return [(foot, points)]
    ahead = (points - heads[1]) @ (heads[1] - heads[0]) > 0
    return [(name, part) for name, part in ((foot, points[~ahead]), (toes[0], points[ahead])) if len(part)]


def _crown(character: bpy.types.Object, at_rest: Array) -> float:
    """The highest point of the meshes that hang on a character, as they rest, with its space at a matrix (4, 4)."""
    highest, inverse = -np.inf, np.linalg.inv(np.array(character.matrix_world))
    for mesh in scene_of(bpy.context).objects:
        if mesh.type == "MESH" and mesh.find_armature() == character:
            assert isinstance(mesh.data, bpy.types.Mesh)
            points = np.array([vertex.co for vertex in mesh.data.vertices])
            highest = max(highest, _moved(points, at_rest @ inverse @ np.array(mesh.matrix_world))[:, 2].max())
    return float(highest)


def measure(case: rigs.Case, files: Sequence[Path]) -> list[tuple[str, str, Figures, float]]:
    """(dance, what was found, figures, seconds) of a character in each dance."""
    rows = []
    for file in files:
        rigs.empty_file()
        character = case.load()
        found = find_roles(rig_of(character))
        motion, seconds = dance(character, file)
        seen = shown(character, seen_map(character, found.map), len(motion))
        rows.append((file.stem, described(found), figures(motion, seen), seconds))
    return rows


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.characters")
    parser.add_argument("--dances", type=Path, nargs="+", required=True)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--names", action="store_true", help="skeletons with the names of programs as well")
    parser.add_argument("--only", nargs="+", default=[""], help="characters with one of these in their names")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    file_properties.register()
    characters.register()
    chosen = [case for case in rigs.cases(options.rigs, options.names) if _asked(case, options.only)]
    if options.pictures is not None:
        draw(chosen, options.dances[0], options.pictures)
        return 0
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD), flush=True)
    kept = []
    for case in chosen:
        try:
            rows = measure(case, options.dances)
        except Exception as error:  # the table goes on with the other characters
            print(f"| {case.name} | {type(error).__name__}: {error} |", flush=True)
            continue
        for name, found, row, seconds in rows:
            print("| " + " | ".join([f"{case.name}, {name}", found, *row.row(), f"{seconds:.1f} s"]) + " |", flush=True)
            kept.append({"character": case.name, "dance": name, "found": found, "seconds": seconds, **asdict(row)})
    if options.json is not None:
        options.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return 0


def _asked(case: rigs.Case, parts: Sequence[str]) -> bool:
    return any(part in case.name for part in parts)


def draw(chosen: Sequence[rigs.Case], file: Path, folder: Path) -> None:
    """Pictures of the characters side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    rigs.empty_file()
    pictures.furnish(len(chosen))
    row = []
    for place, case in enumerate(chosen):
        character = case.load()
        pictures.stand(character, place, len(chosen))
        motion, _ = dance(character, file)
        row.append((character, find_roles(rig_of(character)).map.of(HIPS)[0]))
    for picture in pictures.render(row, pictures.even(1, len(motion), PICTURES), folder):
        print(picture)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a wheel may not end after a rig's own script has run
