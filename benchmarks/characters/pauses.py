"""How long Blender's window stands still while a dance is solved and keyed on a character.

    xvfb-run -a blender --factory-startup --python benchmarks/in_blender.py -- \
        benchmarks.characters.pauses --dance DANCE.npz

in a real Blender with a window. A dance has its choreography beside it, see `benchmarks.characters`. It goes to each
character in the steps that Generate Dance has once the engine has answered: its motion is read, solved and fitted in a
thread (before that the armature is looked at); then it is keyed. A timer that wants to be called every 5 ms tells how
long the window kept it waiting meanwhile. In brackets: seconds of the processor, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

from benchmarks import window_steps
from benchmarks.characters import rigs
from benchmarks.characters.dancing import dance
from benchmarks.characters.made_rigs import build
from benchmarks.characters.namings import NAMINGS
from engine.choreography import from_json
from magma_blender.engine_host.answers import DanceAnswer
from magma_blender.scene import file_properties
from magma_blender.scene.generated_dance import read_generated
from magma_blender.scene.target import new_target
from smpl_rig.blender.compat import pose_of
from smpl_rig.blender.context import scene_of

TICK = 0.005
CHARACTERS: dict[str, Callable[[], bpy.types.Object]] = {
    "names of Mixamo": lambda: rigs.armature_with(build(NAMINGS["Mixamo"])),
    "Rigify control rig": rigs.control_rig,
}


def steps(file: Path) -> Iterator[None]:
    """Prints a row a character; yields to the window in between."""
    answer = DanceAnswer(file.read_bytes(), file.with_suffix(".json").read_text(encoding="utf-8"), notices=(), fills=())
    heads = ("character", "bones", "looked at", "keyed", "solved", "longest pause meanwhile")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|", flush=True)
    for name, make in CHARACTERS.items():
        rigs.empty_file()
        character = make()
        scene_of(bpy.context).frame_set(1)
        for _ in range(100):  # what drawing it for the first time takes
            yield
        begin, used = time.perf_counter(), time.thread_time()
        work = new_target(character, 1, from_json(answer.document)).work_ahead()
        thread = threading.Thread(target=lambda: work(read_generated(answer).motion, True))  # noqa: B023  # joined here
        looked, longest = (time.perf_counter() - begin, time.thread_time() - used), 0.0
        thread.start()
        last = time.perf_counter()
        while thread.is_alive():
            yield
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        solved = time.perf_counter() - begin - looked[0]
        used = time.thread_time()
        _, seconds = dance(character, file)
        keyed = seconds, time.thread_time() - used
        bones = str(len(pose_of(character).bones))
        both = (f"{clock:.2f} s ({processor:.2f} s)" for clock, processor in (looked, keyed))
        print("| " + " | ".join((name, bones, *both, f"{solved:.2f} s", f"{longest:.2f} s")) + " |", flush=True)


def main() -> None:
    """Begin; the window's loop does the rest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.characters.pauses")
    parser.add_argument("--dance", type=Path, required=True)
    options = parser.parse_args()
    file_properties.register()
    window_steps.begin(steps(options.dance), TICK, 1.0)


if __name__ == "__main__":
    main()
