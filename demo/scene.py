"""The Blender half of the demo: builds a scene from a dance and its song, and renders pictures of the saved scene.

Run by a Python that has bpy, through `python -m demo`:

    python -m demo.scene build DANCE.npz DANCE.json SONG.wav OUT.blend REPORT.json
    python -m demo.scene render IN.blend FOLDER --video-fps 15 --cells 12 --part 0 --parts 2

The dancer is made by the add-on's own code, so that its dance can be edited in the add-on's panel. The studio floor has
half-metre tiles, which make feet and travel easy to judge. `render` opens the saved file, so the pictures show what
users get when they open it; several parts, each in its own process, use several processors.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from demo.report import Report
from magma_blender.engine_host.answers import DanceAnswer
from magma_blender.media import strips
from magma_blender.media.strips import Excerpt
from magma_blender.scene import build_dance, file_properties
from magma_blender.scene.generation_plan import DancePlan
from magma_blender.scene.scene_reference import SceneReference
from smpl_rig.blender import compat
from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import preferences_of, scene_of
from smpl_rig.motion import Motion, load_npz

TILE = 0.5
"""Side of a floor tile, metres."""
FLOOR_RADIUS = 2.5
"""Metres around the dancer's path in which the tiles have full contrast; at twice that they have faded out."""
FADE_STEPS = 10
TILE_SHADES = (0.60, 0.76)
FLOOR_SHADE = 0.86
BACK = (5.0, 3.0, 7.0)
"""Metres from the path to where the floor curves up, radius of the curve, height of the wall."""
SIDES = 10.0
CAMERA = (0.0, -7.0, 1.55)
AIM_HEIGHT = 0.97
CAMERA_HEIGHT_OF_VIEW = 2.55
"""Height of the picture at the dancer, metres: raised arms fit in."""
SIDE_ANGLE = math.radians(20.0)
FOLLOW_SECONDS = 0.8
"""How smoothly the camera follows: standard deviation, in seconds, of the average over the path."""
LIGHT = (-0.35, -0.55, 1.0)
"""Direction to the light, in the axes of the floor: the camera looks along +Y."""

Path2D = NDArray[np.float64]
"""(T, 2) where the dancer is, metres in the world."""

VIDEO_SIZE = (640, 360)
CELL_SIZE = (300, 450)


class _SceneUpTo45(Protocol):
    node_tree: bpy.types.NodeTree


def build(dance_file: Path, document: Path, song: Path, blend: Path, report: Report) -> None:
    """Write `blend` with the dancer, the song in the sequencer, floor, light and camera, at the dance's frame rate.

    document: the dance's choreography (.json).
    """
    motion = load_npz(dance_file)
    song, blend = song.absolute(), blend.absolute()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = scene_of(bpy.context)
    scene.name = "MAGMA Demo"
    scene.render.fps, scene.render.fps_base = round(motion.fps), 1.0
    scene.frame_start, scene.frame_end = 1, len(motion)
    plan = DancePlan(
        scene=SceneReference(scene),
        name=f"Demo {report['style']}",
        audio=song,
        excerpt=Excerpt(0.0, motion.seconds, 1.0),
        frame_start=1,
        fps=motion.fps,
        seed=report["seed"],
        style=report["style"],
        checkpoint=report["checkpoint"],
        guidance=None,
        beat_snap=0.0,
        use_body=True,
        body_file=None,
    )
    made = DanceAnswer(dance_file.read_bytes(), document.read_text(encoding="utf-8"), notices=(), fills=())
    with _file_properties():
        armature = build_dance.build(bpy.context, plan, made, None)
        _furnish(scene, armature, motion, song, report)
        preferences_of(bpy.context).filepaths.save_version = 0  # no demo.blend1 beside it
        # the song's path becomes relative, so the folder may be moved
        bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False, compress=True, relative_remap=True)


@contextlib.contextmanager
def _file_properties() -> Iterator[None]:
    """Register what a file keeps of its dances, since the add-on is not enabled here."""
    file_properties.register()
    try:
        yield
    finally:
        file_properties.unregister()


def _furnish(scene: bpy.types.Scene, armature: bpy.types.Object, motion: Motion, song: Path, report: Report) -> None:
    armature_of(armature).display_type = "STICK"
    _add_song(scene, song)
    _mark_bars(scene, report)
    yaw = _facing(motion) + SIDE_ANGLE
    path = motion.trans[:, :2].astype(np.float64)
    _add_floor(scene, path, yaw)
    _add_camera(scene, path, motion.fps, yaw)
    _add_light(scene, yaw)
    _set_look(scene, yaw)
    _set_windows()


def _add_song(scene: bpy.types.Scene, song: Path) -> None:
    scene.sync_mode = "AUDIO_SYNC"
    if not bpy.app.build_options.audaspace:
        print("This bpy was built without sound: the song is not in the .blend.", file=sys.stderr)
        return
    strips.add_sound(scene, song.name, song, 1, 1)


def _mark_bars(scene: bpy.types.Scene, report: Report) -> None:
    """A marker at every fourth of the song's beats."""
    for number, seconds in enumerate(report["beats"]):
        if number % 4 == 0:
            scene.timeline_markers.new(f"beat {number + 1}", frame=1 + round(seconds * scene.render.fps))


def _facing(motion: Motion) -> float:
    """The angle about Z, radians, from -Y to the direction in which the dancer faces in the first second."""
    forward = motion.rotations()[: max(1, round(motion.fps)), 0, :2, 2].mean(axis=0)  # the body's z axis in the world
    return math.atan2(float(forward[0]), -float(forward[1]))


def _turn(yaw: float) -> NDArray[np.float64]:
    return np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])


def _add_floor(scene: bpy.types.Scene, path: Path2D, yaw: float) -> None:
    """Tiles that fade into a plain floor, which turns up into a wall behind the dancer."""
    local = path @ _turn(yaw)  # in the floor's own axes: the camera looks along +Y
    low, high = local.min(axis=0) - SIDES, local.max(axis=0) + SIDES
    back, radius, height = BACK
    high[1] = local[:, 1].max() + back
    low, high = np.floor(low / TILE) * TILE, np.ceil(high / TILE) * TILE
    columns = np.arange(low[0], high[0] + TILE / 2, TILE)
    angles = np.linspace(0, math.pi / 2, 13)[1:]
    profile = [
        *((y, 0.0) for y in np.arange(low[1], high[1] + TILE / 2, TILE)),
        *((high[1] + radius * math.sin(a), radius * (1 - math.cos(a))) for a in angles),
        (high[1] + radius, height),
    ]
    vertices = [(x, y, z) for y, z in profile for x in columns]
    width, faces, shades = len(columns), [], []
    dots = local[:: max(1, len(local) // 100)]
    for row in range(len(profile) - 1):
        for column in range(width - 1):
            first = row * width + column
            faces.append((first, first + 1, first + 1 + width, first + width))
            middle = (columns[column] + TILE / 2, profile[row][0] + TILE / 2)
            distance = float(np.linalg.norm(dots - middle, axis=1).min())
            fade = min(max(distance / FLOOR_RADIUS - 1, 0), 1) if profile[row + 1][1] == 0 else 1
            shades.append((round(fade * FADE_STEPS), (round(middle[0] / TILE - 0.5) + row) % 2))
    mesh = bpy.data.meshes.new("Floor")
    mesh.from_pydata(vertices, [], faces)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    kinds = sorted(set(shades))
    for step, tile in kinds:
        part = step / FADE_STEPS
        mesh.materials.append(_grey(f"Floor {step}.{tile}", TILE_SHADES[tile] * (1 - part) + FLOOR_SHADE * part))
    mesh.polygons.foreach_set("material_index", np.array([kinds.index(kind) for kind in shades], np.int32))
    mesh.update()
    floor = bpy.data.objects.new("Floor", mesh)
    floor.rotation_euler.z = yaw
    floor.hide_select = True
    floor.display.show_shadows = False  # casts none, but receives the dancer's
    scene.collection.objects.link(floor)


def _grey(name: str, shade: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    colour = (shade, shade * 1.01, shade * 1.04)
    compat.set_surface(material, colour, 0.6)
    material.diffuse_color = (*colour, 1)
    material.roughness = 0.9
    return material


def _add_camera(scene: bpy.types.Scene, path: Path2D, fps: float, yaw: float) -> None:
    """A camera before the dancer that follows smoothly: it hangs on an empty with a key every half second."""
    rig = bpy.data.objects.new("Camera Rig", None)
    rig.empty_display_size = 0.2
    rig.rotation_euler.z = yaw
    scene.collection.objects.link(rig)
    data = bpy.data.cameras.new("Camera")
    data.sensor_fit = "VERTICAL"
    distance = math.hypot(CAMERA[1], CAMERA[2] - AIM_HEIGHT)
    data.lens = data.sensor_height * distance / CAMERA_HEIGHT_OF_VIEW
    camera = bpy.data.objects.new("Camera", data)
    camera.parent = rig
    camera.location = CAMERA
    camera.rotation_euler.x = math.pi / 2 - math.atan2(CAMERA[2] - AIM_HEIGHT, -CAMERA[1])
    scene.collection.objects.link(camera)
    scene.camera = camera
    times = np.arange(len(path))
    for frame in np.unique(np.append(np.arange(0, len(path), max(1, round(fps / 2))), len(path) - 1)):
        weights = np.exp(-0.5 * ((times - frame) / (FOLLOW_SECONDS * fps)) ** 2)
        rig.location = (*(weights @ path / weights.sum()), 0)
        rig.keyframe_insert("location", frame=int(frame) + 1)


def _light_in_world(yaw: float) -> NDArray[np.float64]:
    direction = np.array(LIGHT) / np.linalg.norm(LIGHT)
    direction[:2] = _turn(yaw) @ direction[:2]
    return direction


def _add_light(scene: bpy.types.Scene, yaw: float) -> None:
    """A soft sun and a grey world, for rendering with Eevee or Cycles."""
    from mathutils import Vector

    data = bpy.data.lights.new("Key Light", "SUN")
    assert isinstance(data, bpy.types.SunLight)
    data.energy, data.angle = 3.0, math.radians(12)
    light = bpy.data.objects.new("Key Light", data)
    direction = Vector(_light_in_world(yaw).tolist())
    light.location = direction * 6
    light.rotation_euler = direction.to_track_quat("Z", "Y").to_euler()
    scene.collection.objects.link(light)
    scene.world = bpy.data.worlds.new("Studio")
    scene.world.color = (0.5, 0.5, 0.52)


def _set_look(scene: bpy.types.Scene, yaw: float) -> None:
    """Workbench with studio light, shadows and creases: it renders a frame in a fraction of a second without a GPU."""
    render, display = scene.render, _display(scene)
    render.engine = "BLENDER_WORKBENCH"  # type: ignore[assignment]  # which engines there are depends on add-ons
    render.resolution_x, render.resolution_y = 1280, 720
    assert scene.view_settings is not None
    scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # which there are depends on a file
    x, y, z = _light_in_world(yaw)
    display.light_direction = (x, z, -y)  # Workbench wants it y up
    # softest where the light grazes: the shadows of spread fingers look like stains on shin and hip
    display.shadow_focus, display.shadow_shift = 0.0, 0.3
    assert display.shading is not None
    _shade(display.shading)


def _display(scene: bpy.types.Scene) -> bpy.types.SceneDisplay:
    """The settings of Workbench."""
    assert scene.display is not None
    return scene.display


def _shade(shading: bpy.types.View3DShading) -> None:
    shading.light, shading.studio_light = "STUDIO", "paint.sl"
    shading.color_type = "MATERIAL"
    shading.show_shadows = True
    shading.shadow_intensity = 0.45
    shading.show_cavity = True
    shading.cavity_type = "SCREEN"  # the other one is grainy
    shading.show_specular_highlight = True


def _set_windows() -> None:
    """Show the dancer through the camera, shaded as in the pictures, when the file is opened."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            space = area.spaces.active
            if isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None:
                space.region_3d.view_perspective, space.region_3d.view_camera_zoom = "CAMERA", 24.0
                space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
                space.overlay.show_relationship_lines = space.overlay.show_extras = space.overlay.show_cursor = False
                space.shading.type = "SOLID"
                _shade(space.shading)


def render(blend: Path, folder: Path, video_fps: float, cells: int, part: int, parts: int) -> None:
    """Render PNGs of a saved scene: `video_00000.png`, ... and, evenly over the dance, `cell_00.png`, ... with their
    time. Only every `parts`-th of each, from number `part` on.
    """
    bpy.ops.wm.open_mainfile(filepath=str(blend.absolute()), load_ui=False)
    scene = scene_of(bpy.context)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.compression = "PNG", "RGB", 10
    scene.render.resolution_percentage = 100
    seconds = (scene.frame_end - scene.frame_start + 1) / scene.render.fps
    _display(scene).render_aa = "OFF"
    _smooth_edges(scene)
    scene.render.resolution_x, scene.render.resolution_y = VIDEO_SIZE
    for number in range(part, math.floor(seconds * video_fps + 1e-6), parts):
        _render(scene, number / video_fps, folder / f"video_{number:05d}.png")
    _display(scene).render_aa = "5"
    scene.render.use_compositing = False
    scene.render.resolution_x, scene.render.resolution_y = CELL_SIZE
    _set_stamp(scene.render)
    for number in range(part, cells, parts):
        time = seconds * (number + 0.5) / cells
        scene.render.stamp_note_text = f" {time:.1f} s"
        _render(scene, time, folder / f"cell_{number:02d}.png")


def _smooth_edges(scene: bpy.types.Scene) -> None:
    """Anti-aliasing by the compositor. Without a GPU, frames take three quarters of the time that they take with
    Workbench's own."""
    if bpy.app.version >= (5, 0):
        tree = bpy.data.node_groups.new("Smooth Edges", "CompositorNodeTree")
        assert tree.interface is not None
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = cast("_SceneUpTo45", scene).node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    layers, smooth = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeAntiAliasing")
    tree.links.new(layers.outputs[0], smooth.inputs[0])
    tree.links.new(smooth.outputs[0], output.inputs[0])


def _render(scene: bpy.types.Scene, seconds: float, file: Path) -> None:
    frame = 1 + seconds * scene.render.fps
    scene.frame_set(int(frame), subframe=frame % 1)
    scene.render.filepath = str(file.absolute())
    bpy.ops.render.render(write_still=True)


def _set_stamp(settings: bpy.types.RenderSettings) -> None:
    """Only the note, in dark letters."""
    for name in dir(settings):
        if name.startswith("use_stamp_"):
            setattr(settings, name, name == "use_stamp_note")
    settings.use_stamp = True
    settings.stamp_font_size = 20
    settings.stamp_foreground = (0.05, 0.05, 0.06, 1)
    settings.stamp_background = (0, 0, 0, 0)


def main() -> int:
    """What `python -m demo` asks for."""
    parser = argparse.ArgumentParser(description="Build and render the demo's scene (called by python -m demo).")
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build")
    for name in ("dance", "document", "song", "blend", "report"):
        builder.add_argument(name, type=Path)
    renderer = commands.add_parser("render")
    renderer.add_argument("blend", type=Path)
    renderer.add_argument("folder", type=Path)
    renderer.add_argument("--video-fps", type=float, required=True)
    for name in ("--cells", "--part", "--parts"):
        renderer.add_argument(name, type=int, required=True)
    options = parser.parse_args()
    if options.command == "build":
        report: Report = json.loads(options.report.read_text(encoding="utf-8"))
        build(options.dance, options.document, options.song, options.blend, report)
    else:
        render(options.blend, options.folder, options.video_fps, options.cells, options.part, options.parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
