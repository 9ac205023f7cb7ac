"""What a new user has: a Blender, the zip and a song. No network, no other Python, nothing installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy

SCRIPT = Path(__file__).resolve().parent / "first_dance.py"
SECONDS = 20
OFFLINE = ("unshare", "--map-root-user", "--net")
"""Runs a program in a network of its own, in which there is nothing."""


def can_go_offline() -> bool:
    if shutil.which(OFFLINE[0]) is None:
        return False
    return subprocess.run([*OFFLINE, "true"], capture_output=True, check=False).returncode == 0


def bare_variables(home: Path) -> dict[str, str]:
    """The environment of a user who has set up nothing, whose PATH has the system's programs only."""
    kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH", "OMP_WAIT_POLICY") if name in os.environ}
    folders = {name: value for name, value in blenders.own_folders(home).items() if Path(value).is_relative_to(home)}
    return {**kept, **folders, "PATH": "/usr/bin:/bin", "TMPDIR": str(home)}


@pytest.mark.slow
@pytest.mark.skipif(not can_go_offline(), reason="a network of its own is not permitted here")
def test_the_first_dance_needs_nothing_but_blender_and_the_zip(tmp_path):
    song = blenders.song(tmp_path, SECONDS)
    blender = blenders.this_one()
    options = [] if blender.is_wheel else ["--background", "--python-exit-code", "1", "--python"]
    arguments = [str(SCRIPT), "--", blenders.from_environment(blenders.ZIP_VARIABLE), str(song)]
    done = subprocess.run(
        [*OFFLINE, blender.program, *options, *arguments],
        env=bare_variables(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    output = done.stdout + done.stderr
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND ")), None)
    assert line and done.returncode == 0, output
    found = json.loads(line.removeprefix("FOUND "))
    print(f"the first dance: {found['dancing']:.1f} s after {found['installing']:.1f} s for the zip")
    assert found["offline"]
    assert found["frames"] == [1, SECONDS * 30]
    assert Path(found["song"]).name == ("song.ogg" if bpy.app.build_options.audaspace else "song.wav")
    assert found["turns"] > 1.0
    told = [found["said"], *(line for line in output.splitlines() if line.startswith(("MAGMA", "Error", "Warning")))]
    assert not [line for line in told if "install" in line.lower()]
