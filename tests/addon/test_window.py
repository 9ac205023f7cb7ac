"""The whole job in Blender's window on a virtual screen: generate, undo, ESC, while the window keeps answering."""

from __future__ import annotations

import json
import shutil
import subprocess

import blenders
import pytest

DRIVE = blenders.ROOT / "tests" / "blender" / "gui" / "drive.py"
MISSING = [program for program in ("blender", "xvfb-run", "xdotool") if shutil.which(program) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")
def test_generate_undo_and_escape_in_the_window(addon_zip, tmp_path):
    report, picture = tmp_path / "report.json", tmp_path / "picture.png"
    arguments = {
        "zip": addon_zip,
        "engine-python": blenders.fake_engine(tmp_path, "slow"),
        "song": blenders.song(tmp_path, 6.0),
        "report": report,
        "picture": picture,
    }
    command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1200x24", "blender", "--factory-startup"]
    command += ["--app-template", "Video_Editing", "-p", "0", "0", "1600", "1200", "--python", str(DRIVE), "--"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(
        command, env=blenders.own_folders(tmp_path), capture_output=True, text=True, timeout=180, check=False
    )
    assert report.is_file(), done.stdout + done.stderr
    seen = json.loads(report.read_text())
    assert "error" not in seen, seen["error"]
    assert seen["panels_drawn"] == ["SEQUENCE_EDITOR", "VIEW_3D"]

    assert seen["invoked"] == ["RUNNING_MODAL"]
    # the engine works for six seconds, in which the window must go on turning; a busy computer draws it a few times
    # a second
    assert seen["ticks"] >= 3
    assert seen["figures_drawn"] >= 5 and picture.with_suffix(".preview.png").stat().st_size > 10_000
    assert seen["actions"] == {"song": [1, seen["strip_frames"][1]]}
    assert seen["undone"] and seen["redone"]

    assert seen["running_before_escape"]
    assert seen["cancelled_unchanged"] and seen["cancel_notice"].startswith("Cancelled")
    assert picture.stat().st_size > 10_000
