"""How long the panel takes to be drawn, and a button that needs no engine, for a dance of ten minutes and 200 spans.

    xvfb-run -a blender --factory-startup --python benchmarks/in_blender.py -- benchmarks.panel_speed
    .venv-bpy-4.5.15/bin/python -m benchmarks.panel_speed

In a real Blender with a window every sub-panel is open, and each draw of the sidebars is timed, with what it polls, and
the band in the sequencer. In a bpy wheel, which draws nothing, only the buttons are. All figures are milliseconds of
the main thread's own time, the median of some; other programs disturb them less than the clock. The dance is made up;
the add-on's own functions key it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from benchmarks import window_steps
from engine import choreography as doc
from engine.audio.composing.demo_song import write_song
from engine.file_hash import file_sha256
from magma_blender import registration
from magma_blender.engine_host.answers import DanceAnswer
from magma_blender.media import strips
from magma_blender.scene import build_dance, edits, generation_plan
from magma_blender.ui import timeline_band
from smpl_rig.blender.context import scene_of, windows_of
from smpl_rig.dance_motion import DanceMotion, pack_dance_motion
from smpl_rig.motion import Motion, sample

FRAME_RATE, TOKEN_RATE, FPS = 20.0, 10.0, 30
TEMPO = 120.0
ROUNDS = 15
TABS = (122, 150, 165, 185, 210)
"""Pixels below the sidebar's top where the tab may be."""


def dance(folder: Path, seconds: int, spans: int) -> bpy.types.Object:
    """An armature that dances so long, its document in so many spans of two variants each, every third one locked."""
    song = folder / "song.wav"
    write_song(song, np.full((int(seconds * 44_100), 2), 0.1, np.float32))
    positions = int(seconds * TOKEN_RATE)
    random = np.random.default_rng(1)
    tokens = random.integers(0, 512, (positions, 4)).tolist()
    beats = tuple(np.arange(0.0, seconds, 60 / TEMPO).tolist())
    audio = doc.Audio(str(song), file_sha256(song), 0.0, None, 1.0, beats=beats, size=song.stat().st_size)
    checkpoint = doc.CheckpointIdentity("default", "0" * 64)
    document = doc.new_choreography(tokens, TOKEN_RATE, audio, checkpoint, 1, "waltz")
    borders = np.linspace(0, positions, spans + 1).astype(int).tolist()
    for border in borders[1:-1]:
        document = doc.split(document, border)
    for number, (start, stop) in enumerate(pairwise(borders)):
        codes = tuple(tuple(row) for row in random.integers(0, 512, (stop - start, 4)).tolist())
        document = doc.insert_variant(document, start, doc.Variant(codes, 2))
        if number % 3 == 0:
            document = doc.lock(document, start, stop)
    frames = wandering(int(seconds * FRAME_RATE), random)
    count = seconds * FPS
    motion = sample(frames, np.minimum(np.arange(count) / FPS, (len(frames) - 1) / FRAME_RATE))
    npz = pack_dance_motion(DanceMotion(Motion(motion.poses, motion.trans, FPS), frames), ())
    scene = scene_of(bpy.context)
    scene.render.fps, scene.frame_end = FPS, count
    strips.add_song(scene, "song", song, 1)
    plan = generation_plan.for_file(scene, "song", song, 1)
    return build_dance.build(bpy.context, plan, DanceAnswer(npz, doc.to_json(document), notices=(), fills=()), None)


def wandering(count: int, random: np.random.Generator) -> Motion:
    """Smooth movements of all joints, around an upright pose."""
    seconds = np.arange(count)[:, None] / FRAME_RATE
    rates, phases = random.uniform(0.2, 2.0, (2, 72)), random.uniform(0, 6.28, (2, 72))
    poses = 0.2 * (np.sin(rates[0] * seconds * 6.28 + phases[0]) + np.sin(rates[1] * seconds * 2 + phases[1]))
    poses[:, :3] = 0.1 * poses[:, :3] + np.array([np.pi / 2, 0, 0])
    trans = np.concatenate([0.5 * np.sin(seconds * np.array([0.3, 0.4])), np.full((count, 1), 0.9)], axis=1)
    return Motion(poses.astype(np.float32), trans.astype(np.float32), FRAME_RATE)


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> str:
    """The median of some calls of the main thread's own time, and the longest by the clock."""
    used, clock = [], []
    for _ in range(rounds):
        begin, own = time.perf_counter(), time.thread_time()
        work()
        used.append(time.thread_time() - own)
        clock.append(time.perf_counter() - begin)
    return f"{1000 * statistics.median(used):.2f} ms (by the clock at most {1000 * max(clock):.0f} ms)"


def buttons(armature: bpy.types.Object) -> Iterator[None]:
    """Prints what buttons cost that need no engine."""
    operators = bpy.ops.magma  # type: ignore[attr-defined]  # the add-on's own
    bpy.context.view_layer.objects.active = armature  # type: ignore[union-attr]
    scene_of(bpy.context).frame_set(3000)
    bpy.ops.ed.undo_push(message="before")
    for name in ("lock_spans", "unlock_spans", "split_span", "mark_beats"):
        if name == "split_span":
            frames = iter(range(3013, 9000, 21))

            def split(frames: Iterator[int] = frames) -> None:
                scene_of(bpy.context).frame_set(next(frames))
                operators.split_span()

            print(f"{name}: {milliseconds(split)}", flush=True)
        else:
            print(f"{name}: {milliseconds(getattr(operators, name))}", flush=True)
        yield
    print(f"what an edit looks at before it asks the engine: {milliseconds(lambda: edits.ready(armature))}", flush=True)
    yield
    print(f"an undo step of Blender's: {milliseconds(lambda: bpy.ops.ed.undo_push(message='step'), 5)}", flush=True)


Times = dict[str, list[float]]


def watch_draws() -> Times:
    """Opens all sub-panels and times what Blender calls to draw, from now on: names and seconds of the thread."""
    times: Times = defaultdict(list)

    def timed(name: str, function: Callable[..., object]) -> Callable[[object, object], object]:
        def call(panel: object, context: object) -> object:  # Blender counts the arguments
            begin = time.thread_time()
            try:
                return function(panel, context)
            finally:
                times[name].append(time.thread_time() - begin)

        return call

    def timed_band(draw: Callable[[], None] = timeline_band.draw) -> None:
        begin = time.thread_time()
        draw()
        times["the band"].append(time.thread_time() - begin)

    classes: list[Any] = list(registration.CLASSES)
    for kind in classes:
        if issubclass(kind, bpy.types.Panel) and hasattr(kind, "bl_category"):
            kind.bl_options = set()
            kind.draw = timed(kind.__name__, kind.draw)
            if "poll" in vars(kind):
                kind.poll = classmethod(timed(f"{kind.__name__}.poll", kind.poll.__func__))
    setattr(timeline_band, "draw", timed_band)  # noqa: B010 - mypy minds assignments
    return times


def draws(times: Times) -> Iterator[None]:
    """Draws the sidebar of a 3D viewport and a sequencer some times, and prints what that took."""
    screen = windows_of(bpy.context)[0].screen
    viewport = max((a for a in screen.areas if a.type == "VIEW_3D"), key=lambda area: area.height)
    sequencer = next(a for a in screen.areas if a.type != "VIEW_3D" and a.height > 50)
    sequencer.type = "SEQUENCE_EDITOR"
    for area in (viewport, sequencer):
        space = area.spaces.active
        assert isinstance(space, bpy.types.SpaceView3D | bpy.types.SpaceSequenceEditor)
        space.show_region_ui = True
    for number in range(40):
        yield
        if number % 8 == 7 and not times["MAGMA_PT_viewport"]:
            _click_tab(viewport, number // 8)
    times.clear()
    for _ in range(ROUNDS):
        for area in (viewport, sequencer):
            for region in area.regions:
                if region.type == "UI" or area == sequencer:  # a viewport takes long without a GPU
                    region.tag_redraw()
        for _ in range(3):
            yield
    sums: dict[str, float] = {}
    for name, found in sorted(times.items(), key=lambda pair: -statistics.median(pair[1])):
        a_draw = max(1, round(len(found) / ROUNDS)) * 1000 * statistics.median(found)
        sums[name] = a_draw
        print(f"  {name}: {a_draw:.3f} ms a draw", flush=True)
    whole = sum(value for name, value in sums.items() if "viewport" in name)
    print(f"the viewport's sidebar, everything open: {whole:.2f} ms a draw", flush=True)


def _click_tab(area: bpy.types.Area, trial: int) -> None:
    """Show the tab MAGMA: Blender 3.4 can be told in no other way than by a click; each trial is further down."""
    import subprocess

    region = next(r for r in area.regions if r.type == "UI")
    if hasattr(region, "active_panel_category"):
        region.active_panel_category = "MAGMA"  # type: ignore[assignment]  # which there are depends on add-ons
        return
    height = windows_of(bpy.context)[0].height
    place = (region.x + region.width - 12, height - (region.y + region.height - TABS[trial]))
    subprocess.run(["xdotool", "mousemove", *map(str, place), "click", "1"], check=True)


def steps(seconds: int, spans: int) -> Iterator[None]:
    """Everything, a step each time that the window asks."""
    print(f"Blender {bpy.app.version_string}, {seconds} s, {spans} spans", flush=True)
    times = watch_draws()
    registration.register()
    with tempfile.TemporaryDirectory() as folder:
        armature = dance(Path(folder), seconds, spans)
        yield
        if not bpy.app.background:
            yield from draws(times)
        yield from buttons(armature)


def main() -> None:
    """Begin; in a window its loop does the rest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.panel_speed")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--spans", type=int, default=200)
    options = parser.parse_args()
    going = steps(options.seconds, options.spans)
    if bpy.app.background:
        for _ in going:
            pass
        return

    window_steps.begin(going, 0.05, 1.0)


if __name__ == "__main__":
    main()
