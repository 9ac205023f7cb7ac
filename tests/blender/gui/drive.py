"""Drives Blender's window through the whole job and writes down what it saw.

    blender --factory-startup --app-template Video_Editing -p 0 0 1600 1200 --python drive.py -- \\
        --zip ADDON.zip --engine-python PYTHON --song SONG --report OUT.json --picture OUT.png

The steps run from an application timer, each between two turns of Blender's event loop, as a user's actions would. The
mouse and the ESC key come from xdotool, because Blender has no way to simulate them without a special build.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler, Vector

bpy.context.preferences.view.show_splash = False  # it would swallow the first clicks
ADDON = "magma_blender"
PICTURE_FRAME = 240
TAB_BELOW_TOP = {"SEQUENCE_EDITOR": 240, "VIEW_3D": 122}
"""Pixels from the sidebar's top to the tab MAGMA, which 3.4 cannot be told to show in any other way than by a click."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("zip", "engine-python", "song", "report", "picture"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


class Ticks:
    """Counts the turns of the event loop while a dance is made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> float:
        self.count += 1
        return 0.02


def sequence_editor(window: Any, view: str) -> Any:
    areas = [area for area in window.screen.areas if area.type == "SEQUENCE_EDITOR"]
    return next(area for area in areas if area.spaces.active.view_type == view)


def sequencer() -> tuple[Any, Any, Any]:
    """(window, area, main region) of the sequencer."""
    window = bpy.context.window_manager.windows[0]
    area = sequence_editor(window, "SEQUENCER")
    return window, area, next(r for r in area.regions if r.type == "WINDOW")


def in_sequencer() -> Any:
    window, area, region = sequencer()
    return bpy.context.temp_override(window=window, area=area, region=region)


def names() -> dict[str, list[str]]:
    return {kind: sorted(b.name for b in getattr(bpy.data, kind)) for kind in ("objects", "actions", "meshes")}


def click_tab(area: Any) -> None:
    region = next(r for r in area.regions if r.type == "UI")
    window = bpy.context.window_manager.windows[0]
    x = region.x + region.width - 12
    y = window.height - (region.y + region.height - TAB_BELOW_TOP[area.type])
    subprocess.run(["xdotool", "mousemove", str(x), str(y), "click", "1"], check=True)


def drawn_panels() -> set[str]:
    """The kinds of editors in which Blender draws the panel from now on, filled as it draws them."""
    seen: set[str] = set()
    panels = sys.modules[f"{ADDON}.ui.panels"]
    original = panels.draw_sidebar

    def draw_sidebar(layout: Any, context: Any) -> None:
        original(layout, context)
        seen.add(context.area.type)

    panels.draw_sidebar = draw_sidebar
    return seen


def drawn_figures() -> list[int]:
    """Grows by one each time that the figure of a dance in the making is drawn, from now on."""
    drawn: list[int] = []
    preview = sys.modules[f"{ADDON}.ui.preview"]
    original = preview.lines

    def lines(joints: Any) -> Any:
        drawn.append(len(drawn))
        return original(joints)

    preview.lines = lines
    return drawn


def install(zip_file: Path, engine_python: Path) -> Any:
    bpy.ops.preferences.addon_install(filepath=str(zip_file), overwrite=True)
    bpy.ops.preferences.addon_enable(module=ADDON)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.engine_python = str(engine_python)
    return sys.modules[f"{ADDON}.engine_host.session"].session


def arrange() -> Any:
    """A 3D viewport in place of the sequencer's preview; its area."""
    window = bpy.context.window_manager.windows[0]
    area = sequence_editor(window, "PREVIEW")
    area.type = "VIEW_3D"
    space = area.spaces.active
    space.shading.type = "SOLID"
    space.shading.light = "STUDIO"
    space.overlay.show_cursor = False
    space.overlay.show_extras = False
    space.overlay.show_bones = False
    files = next(a for a in window.screen.areas if a.type == "FILE_BROWSER")
    files.type = "OUTLINER"
    sequence_editor(window, "SEQUENCER").spaces.active.timeline_overlay.show_strip_source = False
    return area


def wait_for_job(session: Any, limit: float = 120) -> Iterator[float]:
    end = time.monotonic() + limit
    while session.job is not None and time.monotonic() < end:
        yield 0.05
    yield 0.3


def picture_while_written(viewport: Any, drawn: list[int], file: Path, session: Any) -> Iterator[float]:
    """A picture once the figure has been drawn a few times, if that happens at all."""
    while session.job is not None and len(drawn) < 5:
        yield 0.05
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=viewport):
        bpy.ops.screen.screenshot(filepath=str(file))


def steps(values: argparse.Namespace, report: dict[str, Any]) -> Iterator[float]:
    session = install(values.zip, values.engine_python)
    scene = bpy.context.scene
    scene.render.fps = 30
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    viewport = arrange()
    yield 0.5
    _window, area, _ = sequencer()
    strip = scene.sequence_editor_create().sequences.new_sound("song", str(values.song), 2, 1)
    scene.sequence_editor.active_strip = strip
    strip.show_waveform = True
    scene.frame_end = min(strip.frame_final_end - 1, 900)
    area.spaces.active.show_region_ui = True
    viewport.spaces.active.show_region_ui = True
    seen = drawn_panels()
    yield 0.7
    for _ in range(2):  # the first click does not always arrive
        for shown in (area, viewport):
            if shown.type not in seen:
                click_tab(shown)
                yield 0.7
    with in_sequencer():
        bpy.ops.sequencer.view_all()
        bpy.ops.ed.undo_push(message="strip added")

    drawn = drawn_figures()
    before = names()
    ticks = Ticks()
    bpy.app.timers.register(ticks)
    with in_sequencer():
        report["invoked"] = sorted(bpy.ops.magma.generate_dance("INVOKE_DEFAULT"))
    yield from picture_while_written(viewport, drawn, values.picture.with_suffix(".preview.png"), session)
    yield from wait_for_job(session)
    bpy.app.timers.unregister(ticks)
    report.update(
        ticks=ticks.count,
        figures_drawn=len(drawn),
        notice=session.notice.text if session.notice else None,
        objects=names()["objects"],
        actions={action.name: list(action.frame_range) for action in bpy.data.actions},
        strip_frames=[strip.frame_final_start, strip.frame_final_end - 1],
    )

    with in_sequencer():
        bpy.ops.ed.undo()
    report["undone"] = names() == before
    yield 0.3
    with in_sequencer():
        bpy.ops.ed.redo()
    yield 0.3
    report["redone"] = names()["objects"] == report["objects"]

    dancing = names()
    with in_sequencer():
        bpy.ops.magma.generate_dance("INVOKE_DEFAULT")
    while session.job is not None and session.job.request.progress.stage == "start":
        yield 0.02
    yield 0.1
    report["running_before_escape"] = session.job is not None
    _, area, region = sequencer()
    x, y = region.x + region.width // 2, _window.height - (region.y + region.height // 2)
    subprocess.run(["xdotool", "mousemove", str(x), str(y), "key", "Escape"], check=True)
    yield from wait_for_job(session, 30)
    report["cancelled_unchanged"] = names() == dancing
    report["cancel_notice"] = session.notice.text if session.notice else None

    yield from take_picture(viewport, values, session)
    report["panels_drawn"] = sorted(seen)


def take_picture(viewport: Any, values: argparse.Namespace, session: Any) -> Iterator[float]:
    armature = next(obj for obj in bpy.data.objects if obj.type == "ARMATURE")
    bpy.context.scene.frame_set(min(PICTURE_FRAME, bpy.context.scene.frame_end))
    session.notice = None
    armature.select_set(True)
    window = bpy.context.window_manager.windows[0]
    region = next(r for r in viewport.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=viewport, region=region):
        viewport.spaces.active.region_3d.view_rotation = look_at_face(armature)
        bpy.ops.view3d.view_selected()
    yield 1.0
    with bpy.context.temp_override(window=window, area=viewport):
        bpy.ops.screen.screenshot(filepath=str(values.picture))
    yield 0.2


def look_at_face(armature: Any) -> Any:
    """View rotation from a little above, 25 degrees beside the direction the dancer faces."""
    left = (armature.pose.bones["L_hip"].head - armature.pose.bones["R_hip"].head).normalized()
    facing = left.cross(Vector((0, 0, 1)))
    aside = facing + left * math.tan(math.radians(25))
    return Euler((math.radians(78), 0, math.atan2(aside.x, -aside.y))).to_quaternion()


def main() -> None:
    values = arguments()
    report: dict[str, Any] = {}
    running = steps(values, report)

    def turn() -> float | None:
        try:
            return next(running)
        except StopIteration:
            pass
        except Exception:
            report["error"] = traceback.format_exc()
        values.report.write_text(json.dumps(report, indent=1))
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(turn, first_interval=1.5, persistent=True)


main()
