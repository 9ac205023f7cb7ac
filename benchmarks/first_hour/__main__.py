"""Tries the add-on as a new user would, in a real Blender with an empty home, and writes figures and a recording.

    .venv/bin/python -m benchmarks.first_hour [--out out/first_hour] [--zip ADDON.zip] [--no-recording]

Needs what benchmarks/window/desk.py names. Exit code 0; 1 when a step did not come to what it should, with a picture of
the screen in the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.window.desk import HEIGHT, WIDTH, Desk, NotSeenError

from .way import Way, WrongError, walk

ROOT = Path(__file__).resolve().parent.parent.parent
OBSERVER = Path(__file__).resolve().parent / "observer.py"
SCREEN = "screen"
"""The folder of the recording, beside the figures."""
TO_THE_DANCE = ("install the zip", "a first dance")


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_hour")
    parser.add_argument("--out", type=Path, default=Path("out/first_hour"))
    parser.add_argument("--zip", type=Path, help="the add-on; without it, built of this repository")
    parser.add_argument("--no-recording", action="store_true", help="figures only")
    options = parser.parse_args()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    zip_file = options.zip
    if zip_file is None:
        zip_file = out / "magma_blender.zip"
        subprocess.run((sys.executable, ROOT / "build_addon.py", "--output", zip_file), check=True)
    with Desk() as desk:
        begin = time.monotonic()
        stop: Callable[[], float] = (lambda: begin) if options.no_recording else desk.record(fresh(out / SCREEN))
        desk.open_blender("--python", OBSERVER, "--", desk.folder)
        try:
            way = walk(desk, zip_file)
        except (NotSeenError, WrongError) as error:
            desk.save_picture(out / "failed.png")
            stop()
            print(f"first_hour: {error}", file=sys.stderr)
            return 1
        figures = figures_of(way, stop())
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"From the zip to the dance: {figures['clicks']} clicks, {figures['seconds']} s")
    return 0


def fresh(folder: Path) -> Path:
    """The folder without what an earlier recording has left in it."""
    for picture in folder.glob("*.jpg"):
        picture.unlink()
    return folder


def figures_of(way: Way, recorded_from: float) -> dict[str, object]:
    """Clicks and seconds to the dance, and each chapter, in seconds of the recording."""
    first = [chapter for chapter in way.chapters if chapter.name in TO_THE_DANCE]
    return {
        "clicks": sum(chapter.clicks for chapter in first),
        "keys": sum(chapter.keys for chapter in first),
        "seconds": round(first[-1].end - first[0].begin, 1),
        "seconds of processors": round(sum(chapter.work for chapter in first), 1),
        "screen": [WIDTH, HEIGHT],
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "chapters": [
            {
                **asdict(chapter),
                "begin": round(chapter.begin - recorded_from, 2),
                "end": round(chapter.end - recorded_from, 2),
                "work": round(chapter.work, 1),
            }
            for chapter in way.chapters
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
