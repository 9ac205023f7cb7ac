"""What Try an Example puts around its dance: the song as a strip, and a camera and a light where there are none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import layer_of, units_a_metre

from ..media import strips
from .dancer import load
from .target import new_target

if TYPE_CHECKING:
    from mathutils import Vector

MARGIN = 1.15
"""How much farther away the camera is than it needs to be."""
ABOVE = math.radians(8)
"""How far above the dancer's middle the camera is."""
LOOKS = 24
"""Moments of the dance that the camera shows whole."""
ROOM = 1.2
"""Metres that a new dancer needs around its beginning."""
ASIDE = 2.5
"""Metres that it steps aside where something stands there."""
LARGEST = 5.0
"""Metres: what is larger is taken for a floor or a room, in which one dances."""
SUN = (math.radians(40), math.radians(10), math.radians(25))


def furnish(scene: bpy.types.Scene, armature: bpy.types.Object, name: str, song: Path, frame: int) -> None:
    """Add the song as a strip from `frame` on, which the scene then lasts for and plays in time; and a camera that sees
    the whole dance, and a light, where the scene has none."""
    if bpy.app.build_options.audaspace:
        strip = strips.add_song(scene, name, song, frame)
        scene.frame_end = max(scene.frame_end, strip.frame_final_end - 1)
        scene.sync_mode = "AUDIO_SYNC"
    if scene.camera is None:
        scene.camera = _add_camera(scene, armature)
    if not any(obj.type == "LIGHT" for obj in scene.objects):
        data = bpy.data.lights.new("Sun", "SUN")
        assert isinstance(data, bpy.types.SunLight)
        data.energy = 3.0
        light = bpy.data.objects.new("Sun", data)
        light.rotation_euler = SUN
        scene.collection.objects.link(light)


def step_aside(scene: bpy.types.Scene, armature: bpy.types.Object) -> None:
    """Move a new armature beside what stands where it begins, such as the cube of Blender's own first scene."""
    unit = units_a_metre(scene)
    boxes = [_floor_box(obj) for obj in scene.objects if obj.type == "MESH" and obj.parent != armature]
    for aside in ((0, 0), (ASIDE, 0), (-ASIDE, 0), (0, -ASIDE), (0, ASIDE)):
        x, y = (armature.location[axis] + aside[axis] * unit for axis in range(2))
        if not any(
            left - ROOM * unit < x < right + ROOM * unit and near - ROOM * unit < y < far + ROOM * unit
            for left, right, near, far in boxes
            if right - left < LARGEST * unit and far - near < LARGEST * unit
        ):
            armature.location[0], armature.location[1] = x, y
            layer_of(bpy.context).update()
            return


def select_alone(armature: bpy.types.Object) -> None:
    """Select a new armature and nothing else, so that Blender's own Frame Selected shows the dance. In other modes than
    object mode what is selected stays so."""
    if bpy.context.mode != "OBJECT":
        return
    layer = layer_of(bpy.context)
    for obj in layer.objects:
        obj.select_set(obj == armature)
    layer.objects.active = armature


def _floor_box(obj: bpy.types.Object) -> tuple[float, float, float, float]:
    """Least and largest x, least and largest y of an object in the world."""
    from mathutils import Vector

    corners = [obj.matrix_world @ Vector(corner) for corner in obj.bound_box]
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    return min(xs), max(xs), min(ys), max(ys)


def _add_camera(scene: bpy.types.Scene, armature: bpy.types.Object) -> bpy.types.Object:
    from mathutils import Vector

    points, front = _danced(armature)
    low, high = (Vector([pick(point[axis] for point in points) for axis in range(3)]) for pick in (min, max))
    middle = (low + high) / 2
    aside = Vector((-front.y, front.x, 0.0))
    data = bpy.data.cameras.new("Camera")
    render = scene.render
    widest = data.sensor_width / 2 / data.lens
    wide = widest * min(1.0, render.resolution_x / render.resolution_y)
    tall = widest * min(1.0, render.resolution_y / render.resolution_x)
    # in front of the nearest point, far enough for the farthest beside and above the middle
    beside = max(abs((point - middle).dot(aside)) for point in points)
    distance = MARGIN * max(beside / wide, (high.z - low.z) / 2 / tall)
    distance += max((point - middle).dot(front) for point in points)
    camera = bpy.data.objects.new("Camera", data)
    camera.location = middle + distance * (front * math.cos(ABOVE) + Vector((0, 0, math.sin(ABOVE))))
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
    data.clip_end = max(data.clip_end, 4 * distance)
    scene.collection.objects.link(camera)
    return camera


def _danced(armature: bpy.types.Object) -> tuple[list[Vector], Vector]:
    """(places in the world where joints of the dance are, the level direction in which it begins to face)."""
    from mathutils import Matrix, Vector

    from smpl_rig.motion import Motion

    motion = load(armature).motion()
    some = slice(None, None, max(1, len(motion) // LOOKS))
    looks = Motion(motion.poses[some], motion.trans[some], motion.fps)
    place = armature.matrix_world @ Matrix(new_target(armature).stage().tolist())
    points = [place @ Vector(point) for point in looks.joints().reshape(-1, 3).tolist()]
    front = place.to_3x3() @ Vector(looks.rotations()[0, 0, :, 2].tolist())
    front.z = 0.0
    return points, front.normalized() if front.length > 1e-6 else Vector((0.0, -1.0, 0.0))
