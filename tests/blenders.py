"""Help for tests that start Blender: a fake engine, a song, and folders of its own for what it writes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FAKE_ENGINE = ROOT / "tests" / "fake_engine.py"
FORKED_ENGINE = ROOT / "tests" / "forked_engine.py"
ZIP_VARIABLE, NAME_VARIABLE, FOLDER_VARIABLE = "MAGMA_TEST_ZIP", "MAGMA_TEST_ADDON", "MAGMA_TEST_ADDON_FOLDER"
"""In Blender's tests, these variables of the environment say what run_blender_tests.py installed, and where."""

ENGINES = {"fake": None, "numpy": "cpu", "torch": "cpu-torch"}
"""The engines that Blender's tests can run with, and the devices that the real ones use."""
working_engine = "fake"
"""The one that they run with: what pytest's option --engine says."""
forking: tuple[Path, Path] | None = None
"""(socket, the folder of the engine's packages) of the process that `forking_engines` gives."""


def in_ci() -> bool:
    """Whether this is continuous integration, in which nothing may be left out."""
    return os.environ.get("CI") == "true"


def from_environment(variable: str) -> str:
    """What run_blender_tests.py says to the tests that it runs. Raises RuntimeError without it."""
    if variable not in os.environ:
        raise RuntimeError("These tests run on the installed zip: start them with tests/run_blender_tests.py.")
    return os.environ[variable]


@dataclass(frozen=True)
class Blender:
    """A program that runs Python scripts with bpy: Blender itself, or a Python with the bpy wheel."""

    program: str
    is_wheel: bool

    def run(
        self, script: Path, *arguments: object, home: Path, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a script in background, with its user folders under `home`."""
        options = [] if self.is_wheel else ["--background", "--factory-startup", "--python-exit-code", "1", "--python"]
        return subprocess.run(
            [self.program, *options, str(script), "--", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=own_folders(home),
            cwd=home,
        )


def own_folders(home: Path) -> dict[str, str]:
    """Environment in which Blender 3.4 to 5.0 keeps its settings, add-ons and data under `home`."""
    user = home / "blender"
    variables = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "BLENDER_USER_RESOURCES": str(user),
        "BLENDER_USER_CONFIG": str(user / "config"),
        "BLENDER_USER_SCRIPTS": str(user / "scripts"),
        "BLENDER_USER_DATAFILES": str(user / "datafiles"),
        "BLENDER_USER_EXTENSIONS": str(user / "extensions"),
    }
    for folder in variables.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    return {**os.environ, **variables}


def this_one() -> Blender:
    """The Blender that runs this very Python."""
    import bpy

    is_wheel = not bpy.app.binary_path
    program = sys.executable if is_wheel else bpy.app.binary_path
    return Blender(program, is_wheel)


def fake_engine(folder: Path, mode: str = "ok") -> Path:
    """A program that passes for the engine's Python and runs the fake engine in the given mode."""
    program = folder / f"fake-python-{mode}"
    python = fake_engines_python()
    script = f'exec "{python}" "{FAKE_ENGINE}" {mode} "$@"\n'
    if forking:
        address, packages = forking
        fork = f'exec "{python}" -I -S "{FORKED_ENGINE}" --client "{address}" {mode} "$@"'
        script = f'case "$*" in *" {packages} serve") {fork};; esac\n{script}'
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    return program


def fake_engines_python() -> str:
    """A Python with numpy."""
    return os.environ.get("MAGMA_TEST_PYTHON") or (sys.executable if has_numpy(sys.executable) else "python3")


@contextlib.contextmanager
def forking_engines(packages: Path) -> Iterator[tuple[Path, Path]]:
    """A process that fake engines of these packages can be forks of: what to set `forking` to while it lasts."""
    with tempfile.TemporaryDirectory(prefix="magma-fork-") as folder:
        address = Path(folder) / "socket"
        command = [fake_engines_python(), str(FORKED_ENGINE), str(address), str(packages), "serve"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin and process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield address, packages
            process.stdin.close()


def use_engine(preferences: Any, folder: Path, mode: str) -> None:
    """Give the add-on the fake engine in the given mode; for "ok" the one that works, see `ENGINES`."""
    if mode != "ok" or working_engine == "fake":
        preferences.engine_python = str(fake_engine(folder, mode))
    else:
        preferences.engine_python = str(engine_python()) if working_engine == "torch" else ""


def engine_python() -> Path:
    """A Python with the engine's packages."""
    return Path(os.environ.get("MAGMA_TEST_PYTHON", ROOT / ".venv" / "bin" / "python"))


def run_in_repository(code: str, *arguments: object) -> None:
    """Run a script that makes files for a test, with the repository's engine and tests/engine on its path.

    `sys.argv[1:]` are the arguments.
    """
    process = start_in_repository(code, *arguments)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, process.args)


def start_in_repository(code: str, *arguments: object, **options: Any) -> subprocess.Popen[Any]:
    """Start such a script, with options of Popen."""
    path = os.pathsep.join(map(str, [ROOT, ROOT / "tests" / "engine"]))
    command = [str(engine_python()), "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **options)


def has_numpy(python: str) -> bool:
    """Whether it is a Python with numpy."""
    return subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode == 0


def song(folder: Path, seconds: float = 3.0, name: str = "song.wav") -> Path:
    """A quiet 16-bit wav file of clicks at 120 beats a minute."""
    import wave

    rate = 8000
    file = folder / name
    count = int(seconds * rate)
    beat = (8000).to_bytes(2, "little") * 40 + bytes(2 * (rate // 2 - 40))
    samples = (beat * (count // (rate // 2) + 1))[: 2 * count]
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
    return file
