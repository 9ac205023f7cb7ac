"""Run by the Blender whose window is photographed: brings it into a state when asked.

    blender --python stages.py -- FOLDER

A file FOLDER/stage says which of the functions below; FOLDER/arranged, JSON, then says where the sidebars and editors
are, as pixels from the upper left corner of the window: {editor: [left, top, right, bottom]}, sidebars as "EDITOR UI".
"""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

context: Any = bpy.context
operators: Any = bpy.ops
context.preferences.view.show_splash = False  # it would swallow the first click
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
ADDON = "magma_blender"
EVERY = 0.2
FRAME = 200
SEEN_FROM = (math.radians(80), 0.0, math.radians(25))
"""Rotation of the view, Euler angles."""


def areas(kind: str) -> list[Any]:
    """The editors of a kind in the window."""
    return [area for area in context.window_manager.windows[0].screen.areas if area.type == kind]


def viewport() -> Any:
    """The largest 3D viewport."""
    return max(areas("VIEW_3D"), key=lambda area: area.width * area.height)


def make_room() -> None:
    """In the workspace Video Editing: a 3D viewport in place of the preview, the outliner in place of files."""
    preview = next(area for area in areas("SEQUENCE_EDITOR") if area.spaces.active.view_type == "PREVIEW")
    preview.type = "VIEW_3D"
    preview.spaces.active.shading.type = "SOLID"
    preview.spaces.active.shading.light = "STUDIO"
    areas("FILE_BROWSER")[0].type = "OUTLINER"


def in_viewport() -> Any:
    """A context as if the mouse were over it."""
    region = next(region for region in viewport().regions if region.type == "WINDOW")
    return context.temp_override(window=context.window_manager.windows[0], area=viewport(), region=region)


def wait_for_engine() -> Iterator[None]:
    """Until nothing is going on any more."""
    session = sys.modules[f"{ADDON}.engine_host.session"].session
    yield
    while session.occupied:
        yield
    if session.notice is not None and session.notice.is_error:
        raise RuntimeError(session.notice.text)
    session.notice = None


def empty() -> Iterator[None]:
    """The add-on, just enabled, with its sidebar open."""
    if not areas("VIEW_3D"):
        make_room()
        yield
    operators.preferences.addon_enable(module=ADDON)
    for area in areas("SEQUENCE_EDITOR"):
        area.spaces.active.show_region_ui = True
    viewport().spaces.active.show_region_ui = True
    yield


def example() -> Iterator[None]:
    """The dance of Try an Example, seen from in front."""
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    with in_viewport():
        operators.magma.try_example("INVOKE_DEFAULT")
    yield from wait_for_engine()
    for area in areas("SEQUENCE_EDITOR"):
        region = next(region for region in area.regions if region.type == "WINDOW")
        with context.temp_override(window=context.window_manager.windows[0], area=area, region=region):
            operators.sequencer.view_all()
        area.spaces.active.timeline_overlay.show_strip_source = False  # which would be a folder of this computer
    show(FRAME)


def show(frame: int) -> None:
    """Fill the 3D viewport with the dancer at a frame."""
    from mathutils import Euler

    context.scene.frame_set(frame)
    space = viewport().spaces.active
    space.overlay.show_bones = space.overlay.show_extras = space.overlay.show_cursor = False
    space.region_3d.view_rotation = Euler(SEEN_FROM).to_quaternion()
    with in_viewport():
        operators.view3d.view_selected()


def edited() -> Iterator[None]:
    """A dance of which moves are locked, and others have variants; the preview range says what an edit is for."""
    scene = context.scene
    dancer = context.object
    rate = scene.render.fps
    scene.use_preview_range = True
    for first, last, act in ((5, 10, operators.magma.lock_spans), (13, 17, operators.magma.replace_spans)):
        scene.frame_preview_start, scene.frame_preview_end = first * rate + 1, last * rate
        with in_viewport():
            act("INVOKE_DEFAULT")
        yield from wait_for_engine()
    assert dancer is not None
    show(FRAME)


def character() -> Iterator[None]:
    """A character with a skeleton of its own is chosen."""
    from benchmarks.characters.made_rigs import build
    from benchmarks.characters.namings import NAMINGS
    from benchmarks.characters.rigs import armature_with

    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    armature = armature_with(build(NAMINGS["Ready Player Me"]))
    armature.name = "Guy"
    armature.select_set(True)
    context.scene.magma.target = armature
    show(1)
    yield


STAGES = {stage.__name__: stage for stage in (empty, example, edited, character)}


def places() -> dict[str, list[int]]:
    """Where editors and sidebars are."""
    window = context.window_manager.windows[0]
    found = {}
    for area in window.screen.areas:
        for name, part in ((area.type, area), *((f"{area.type} {part.type}", part) for part in area.regions)):
            top = window.height - part.y - part.height
            found[name] = [part.x, top, part.x + part.width, top + part.height]
    return found


def and_drawn(stage: Iterator[None]) -> Iterator[None]:
    """A stage, and then that everything is drawn as it is after it, panels that depend on others too."""
    yield from stage
    for _ in range(5):
        for area in context.window_manager.windows[0].screen.areas:
            area.tag_redraw()
        yield


_running: list[Iterator[None]] = []


def turn() -> float:
    """A timer: go on with the stage that was asked for."""
    asked = FOLDER / "stage"
    if asked.exists() and not _running:
        _running.append(and_drawn(STAGES[asked.read_text()]()))
        asked.unlink()
    if _running:
        try:
            next(_running[0])
        except StopIteration:
            _running.clear()
            answer(json.dumps(places()))
        except Exception:
            _running.clear()
            answer(json.dumps({"error": traceback.format_exc()}))
    return EVERY


def answer(text: str) -> None:
    """Write FOLDER/arranged, whole at once."""
    part = FOLDER / "arranged.part"
    part.write_text(text)
    part.replace(FOLDER / "arranged")


bpy.app.timers.register(turn, first_interval=1.0, persistent=True)
