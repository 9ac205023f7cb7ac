"""Pictures of several characters that dance the same bars side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Vector

SPACE = 1.5
"""Metres between two characters."""
SIZE = (320, 560)
"""Pixels a character."""
HEIGHT_OF_VIEW = 2.5
"""Metres that a picture shows from top to bottom."""
DISTANCE = 9.0


def furnish(count: int) -> None:
    """Floor, camera and light for so many characters in a row, in the present scene; they face -Y."""
    scene = bpy.context.scene
    width = SPACE * (count + 8)
    mesh = bpy.data.meshes.new("Floor")
    corners = [(x * width, y * width, 0.0) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    material = bpy.data.materials.new("Floor")
    material.diffuse_color = (0.8, 0.81, 0.83, 1)
    mesh.materials.append(material)
    floor = bpy.data.objects.new("Floor", mesh)
    scene.collection.objects.link(floor)
    data = bpy.data.cameras.new("Camera")
    data.type = "ORTHO"
    data.sensor_fit = "VERTICAL"
    data.ortho_scale = HEIGHT_OF_VIEW
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (0.0, -DISTANCE, 1.9)
    aim = Vector((0.0, 0.0, 1.0))
    camera.rotation_euler = (aim - camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    render, shading = scene.render, scene.display.shading
    render.engine = "BLENDER_WORKBENCH"
    render.resolution_x = round(SIZE[1] * SPACE * count / HEIGHT_OF_VIEW)
    render.resolution_y, render.resolution_percentage = SIZE[1], 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    render.film_transparent = False
    scene.view_settings.view_transform = "Standard"
    shading.light, shading.studio_light, shading.color_type = "STUDIO", "paint.sl", "TEXTURE"
    shading.show_shadows, shading.shadow_intensity = True, 0.4
    shading.show_cavity, shading.cavity_type = True, "SCREEN"
    shading.background_type, shading.background_color = "VIEWPORT", (0.9, 0.9, 0.92)
    scene.display.light_direction = (-0.3, 0.8, 0.5)
    scene.display.render_aa = "8"


def stand(character: bpy.types.Object, place: int, count: int) -> None:
    """Put a character on its place of a row, as it rests, all the same height."""
    bpy.context.view_layer.update()
    points = [character.matrix_world @ bone.head_local for bone in character.data.bones if bone.use_deform]
    low, high = min(point.z for point in points), max(point.z for point in points)
    root = character
    while root.parent is not None:
        root = root.parent
    root.scale = root.scale * (1.55 / (high - low))
    bpy.context.view_layer.update()
    points = [character.matrix_world @ bone.head_local for bone in character.data.bones if bone.use_deform]
    middle = sum(point.x for point in points) / len(points)
    front = sum(point.y for point in points) / len(points)
    low = min(point.z for point in points)
    root.location += Vector(((place - (count - 1) / 2) * SPACE - middle, -front, -low))
    bpy.context.view_layer.update()


def render(frames: Sequence[int], folder: Path) -> list[Path]:
    """A PNG of each frame."""
    files = []
    scene = bpy.context.scene
    for frame in frames:
        scene.frame_set(frame)
        scene.render.filepath = str((folder / f"characters_{frame:05d}.png").absolute())
        bpy.ops.render.render(write_still=True)
        files.append(Path(scene.render.filepath))
    return files


def even(first: int, last: int, count: int) -> list[int]:
    """So many frames evenly from first to last."""
    return [math.floor(first + (last - first) * (number + 0.5) / count) for number in range(count)]
