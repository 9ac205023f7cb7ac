"""Where the bones of a character are at each frame, read without touching what the user sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..compat import armature_of, pose_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones at rest. names: parents before children. parents: (B,) numbers, -1 for none. rest: (B, 4, 4) rotation and
    head. lengths: (B,). deforms: (B,) whether vertices may hang on the bone."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Floats
    lengths: Floats
    deforms: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Seen:
    """What an armature does. skeleton: in armature space. objects: (T, 4, 4) the object's matrices. poses:
    (T, B, 4, 4) armature space, all modifiers, constraints and drivers included."""

    skeleton: Skeleton
    objects: Floats
    poses: Floats


def skeleton_of(armature: bpy.types.Object) -> Skeleton:
    """The bones of an armature."""
    bones = list(armature_of(armature).bones)  # Blender lists parents first
    number = {bone.name: index for index, bone in enumerate(bones)}
    return Skeleton(
        tuple(bone.name for bone in bones),
        tuple(number[bone.parent.name] if bone.parent is not None else -1 for bone in bones),
        np.array([bone.matrix_local for bone in bones], np.float64),
        np.array([bone.length for bone in bones], np.float64),
        tuple(bone.use_deform for bone in bones),
    )


def graph_of(scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    """What evaluates a scene with one view layer."""
    graph = scene.view_layers[0].depsgraph
    assert graph is not None
    return graph


def see(scene: bpy.types.Scene, armature: bpy.types.Object, frames: Sequence[int]) -> Seen:
    """The poses at scene frames. scene: one that nobody looks at, and that holds the armature: it is moved in time, and
    neither the pose nor the frame that the user sees changes."""
    skeleton = skeleton_of(armature)
    poses = np.empty((len(frames), len(skeleton.names), 4, 4))
    objects = np.empty((len(frames), 4, 4))
    raw = np.empty(16 * len(skeleton.names), np.float32)
    for index, frame in enumerate(frames):
        scene.frame_set(frame)
        seen = armature.evaluated_get(graph_of(scene))
        pose_of(seen).bones.foreach_get("matrix", raw)
        poses[index] = np.swapaxes(raw.reshape(-1, 4, 4), 1, 2)  # Blender keeps columns
        objects[index] = np.array(seen.matrix_world)
    return Seen(skeleton, objects, poses)
