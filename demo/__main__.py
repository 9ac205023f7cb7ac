"""The whole pipeline once, on a generated song: song, dance, Blender scene, pictures.

    .venv-bpy-4.5.15/bin/python -m demo [--out out] [--style waltz] [--seconds 20] [--seed 1]

Run by a Python that has bpy and numpy; it needs no other package. The engine and Blender's parts (demo.scene,
demo.film) are processes of their own. Exit code 0; 1 after an error, which is one line on stderr; 2 for wrong
arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.report import Report
from engine.audio.composing.demo_song import DEMO_STYLES, write_demo_song

ROOT = Path(__file__).resolve().parent.parent
SCENE_FPS = 30
VIDEO_FPS = 15.0
CELLS = 12
RENDERERS = 4
"""Processes that render at most; each needs about half a gigabyte."""
TASKS = {
    "build": "build the scene",
    "render": "render the scene",
    "video": "write the video",
    "stills": "write the pictures",
}
"""What demo.scene and demo.film are asked for, and what a message about it calls it."""
NO_OPENGL = " Rendering needs OpenGL; on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri."


class DemoError(Exception):
    """Raised when a stage fails; the message says what to do."""


class EngineFailedError(Exception):
    """The engine generated no dance and has reported why on stderr."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the demo; returns the exit code."""
    options = _parse(arguments)
    begin = time.perf_counter()
    try:
        made = _make(options)
    except DemoError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1
    except EngineFailedError:
        return 1
    except OSError as error:
        print(f"demo: error: {error.filename or options.out}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    print(f"{'total':8}{time.perf_counter() - begin:6.1f} s")
    for file, what in made.items():
        print(f"{file}: {what}")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Make a short song, a dance to it, and pictures."
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the files")
    parser.add_argument("--style", choices=DEMO_STYLES, default="waltz")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of song and dance, 2 to 120")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    options = parser.parse_args(arguments)
    if not 2 <= options.seconds <= 120:
        parser.error(f"--seconds is {options.seconds:g}: give a number from 2 to 120")
    return options


def _make(options: argparse.Namespace) -> dict[Path, str]:
    """Run all stages; returns a description of each file."""
    _check_bpy()
    options.out.mkdir(parents=True, exist_ok=True)
    song, dance, document, blend, video, sheet, gif = (
        options.out / f"demo.{suffix}" for suffix in ("wav", "npz", "json", "blend", "mp4", "png", "gif")
    )
    with tempfile.TemporaryDirectory(prefix="magma-demo-") as name:
        folder = Path(name)
        with _stage("song"):
            write_demo_song(song, options.style, options.seconds)
        with _stage("dance"):
            report = _generate(options, song, dance, document)
        with _stage("scene"):
            report_file = folder / "report.json"
            report_file.write_text(json.dumps(report), encoding="utf-8")
            _run_bpy("demo.scene", folder, [["build", *map(str, (dance, document, song, blend, report_file))]])
        with _stage("render"):
            _render(blend, folder)
        with _stage("pictures"):
            inputs = [str(file) for file in (folder, song, report_file)]
            rate = ["--video-fps", str(VIDEO_FPS)]
            outputs = {"video": [video], "stills": [sheet, gif]}
            _run_bpy("demo.film", folder, [[what, *inputs, *map(str, files), *rate] for what, files in outputs.items()])
    return {
        song: f"the song, {options.seconds:g} s of {report['style']} at {report['tempo']:.0f} beats a minute",
        dance: f"the dance, {report['frames']} frames at {report['fps']:g} per second, seed {options.seed}",
        document: "its choreography, for `python -m engine edit`",
        blend: "the scene: open it in Blender and press play, or edit the dance in the add-on's panel",
        video: "the dance with sound (H.264 and AAC)",
        sheet: f"{CELLS} moments of it above the song's beats",
        gif: "its first seconds, small",
    }


@contextmanager
def _stage(name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    print(f"{name:8}{time.perf_counter() - begin:6.1f} s", flush=True)


def _check_bpy() -> None:
    """Raise DemoError if this Python cannot use Blender, before time is spent on the dance."""
    code = "import bpy; print(bpy.app.version_string)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        reason = _last_line(found.stderr)
        raise DemoError(f"{sys.executable} cannot import bpy ({reason}). `make demo` sets up a Python that can.")
    print(f"Blender {_last_line(found.stdout)}", flush=True)


def _generate(options: argparse.Namespace, song: Path, dance: Path, document: Path) -> Report:
    """The engine's report on the dance it generated with its choreography, as its command line gives it, with seed and
    checkpoint."""
    command = [sys.executable, "-m", "engine", "generate", str(song.absolute()), "-o", str(dance.absolute()), "--json"]
    command += ["--style", options.style, "--seed", str(options.seed), "--fps", str(SCENE_FPS)]
    command += ["--checkpoint", options.checkpoint, "--choreography", str(document.absolute())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=_environment())
    if done.returncode:
        raise EngineFailedError(f"The engine ended with code {done.returncode}.")
    report: Report = json.loads(done.stdout)
    return {**report, "seed": options.seed, "checkpoint": options.checkpoint}


def _render(blend: Path, folder: Path) -> None:
    parts = min(os.cpu_count() or 1, RENDERERS)
    print(f"Rendering in {parts} processes; this is the longest stage ...", flush=True)
    wanted = ["--video-fps", str(VIDEO_FPS), "--cells", str(CELLS), "--parts", str(parts)]
    commands = [["render", str(blend), str(folder), *wanted, "--part", str(part)] for part in range(parts)]
    _run_bpy("demo.scene", folder, commands)


def _run_bpy(module: str, folder: Path, commands: Sequence[Sequence[str]]) -> None:
    """Run a module of Blender's with each of the argument lists at the same time. Raises DemoError with its last
    output."""
    running = []
    try:
        for number, command in enumerate(commands):
            log = (folder / f"log_{number}.txt").open("w+", encoding="utf-8", errors="replace")
            process = subprocess.Popen(
                [sys.executable, "-m", module, *command], stdout=log, stderr=subprocess.STDOUT, env=_environment()
            )
            running.append((command[0], process, log))
        for task, process, log in running:
            if process.wait():
                log.seek(0)
                hint = NO_OPENGL if task == "render" else ""
                raise DemoError(f"Blender could not {TASKS[task]} ({_last_line(log.read())}).{hint}")
    finally:
        for _, process, log in running:
            process.kill()
            process.wait()
            log.close()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


if __name__ == "__main__":
    sys.exit(main())
