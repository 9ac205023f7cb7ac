"""Pictures of several characters that dance the same bars side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Vector

from smpl_rig.blender import compat
from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import layer_of, scene_of

SPACE = 1.4
"""Metres between two characters."""
HEIGHT = 1.7
"""Metres of every character, from sole to crown."""
TALL = 620
"""Pixels from top to bottom."""
HEIGHT_OF_VIEW = 2.4
"""Metres that a picture shows from top to bottom."""
CAMERA = (0.0, -12.0, 1.9)


def furnish(count: int) -> None:
    """Floor, camera and light for so many characters in a row, in the present scene; they face -Y."""
    scene = scene_of(bpy.context)
    width = SPACE * (count + 30)
    mesh = bpy.data.meshes.new("Floor")
    mesh.from_pydata([(x * width, y * width, 0) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], [], [(0, 1, 2, 3)])
    floor = bpy.data.objects.new("Floor", mesh)
    scene.collection.objects.link(floor)
    data = bpy.data.cameras.new("Camera")
    data.type, data.sensor_fit, data.ortho_scale = "ORTHO", "VERTICAL", HEIGHT_OF_VIEW
    camera = bpy.data.objects.new("Camera", data)
    camera.location = CAMERA
    camera.rotation_euler = (Vector((0, 0, 0.95)) - Vector(CAMERA)).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    render, display = scene.render, scene.display
    assert display is not None and display.shading is not None and scene.view_settings is not None
    render.engine = "BLENDER_WORKBENCH"  # type: ignore[assignment]  # which engines there are depends on add-ons
    render.resolution_x = round(TALL * SPACE * count / HEIGHT_OF_VIEW)
    render.resolution_y, render.resolution_percentage = TALL, 100
    render.image_settings.file_format, render.image_settings.color_mode = "JPEG", "RGB"
    render.image_settings.quality = 88
    scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # which there are depends on a file
    shading = display.shading
    shading.light, shading.studio_light, shading.color_type = "STUDIO", "paint.sl", "TEXTURE"
    shading.show_shadows, shading.shadow_intensity = True, 0.4
    shading.show_cavity, shading.cavity_type = True, "SCREEN"
    display.light_direction = (-0.3, 0.8, 0.5)
    display.render_aa = "8"


def stand(character: bpy.types.Object, place: int, count: int) -> None:
    """Put a character on its place of a row, as it is shown now, all as tall."""
    root = character
    while root.parent is not None:
        root = root.parent
    low, high = _extent(character)
    root.scale = root.scale * (HEIGHT / (high.z - low.z))
    layer_of(bpy.context).update()
    low, high = _extent(character)
    middle = (low + high) / 2
    root.location += Vector(((place - (count - 1) / 2) * SPACE - middle.x, -middle.y, -low.z))
    layer_of(bpy.context).update()


def _extent(character: bpy.types.Object) -> tuple[Vector, Vector]:
    """The lowest and highest coordinates of what is shown of a character."""
    graph = bpy.context.evaluated_depsgraph_get()
    points: list[Vector] = []
    for mesh in scene_of(bpy.context).objects:
        if any(isinstance(each, bpy.types.ArmatureModifier) and each.object == character for each in mesh.modifiers):
            shown = mesh.evaluated_get(graph)
            points += [shown.matrix_world @ Vector(corner) for corner in shown.bound_box]
    if not points:
        points = [character.matrix_world @ bone.head_local for bone in armature_of(character).bones]
    axes = list(zip(*points, strict=True))
    return Vector([min(axis) for axis in axes]), Vector([max(axis) for axis in axes])


def render(characters: Sequence[tuple[bpy.types.Object, str]], frames: Sequence[int], folder: Path) -> list[Path]:
    """A picture of each frame. characters: armatures and their hips, which are shown on their place of the row wherever
    the dance has taken them."""
    files = []
    scene = scene_of(bpy.context)
    for frame in frames:
        scene.frame_set(frame)
        for place, (character, hips) in enumerate(characters):
            root = character
            while root.parent is not None:
                root = root.parent
            now = character.matrix_world @ compat.pose_of(character).bones[hips].head
            root.location += Vector(((place - (len(characters) - 1) / 2) * SPACE - now.x, -now.y, 0))
        scene.render.filepath = str((folder / f"characters_{frame:05d}.jpg").absolute())
        bpy.ops.render.render(write_still=True)
        files.append(Path(scene.render.filepath))
    return files


def even(first: int, last: int, count: int) -> list[int]:
    """So many frames evenly from first to last."""
    return [int(first + (last - first) * (number + 0.5) / count) for number in range(count)]
