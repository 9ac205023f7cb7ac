"""The built zip installs in this Blender as a legacy add-on and, from 4.2 on, as an extension, and makes a dance."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy
import installed

INSTALL = Path(__file__).resolve().parent / "install_zip.py"
ZIP = blenders.from_environment(blenders.ZIP_VARIABLE)
HAS_EXTENSIONS = bpy.app.version >= (4, 2, 0)


@pytest.mark.parametrize("how", ["legacy", "extension"])
def test_the_zip_installs_and_dances(how, tmp_path):
    if how == "extension" and not HAS_EXTENSIONS:
        pytest.skip("extensions came with Blender 4.2")
    out = tmp_path / "dance.blend"
    done = blenders.this_one().run(
        INSTALL, how, ZIP, blenders.fake_engine(tmp_path), blenders.song(tmp_path), out, home=tmp_path
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND ")), None)
    assert line and done.returncode == 0, done.stdout + done.stderr
    found = json.loads(line.removeprefix("FOUND "))
    assert found["code"] == 0 and out.is_file(), done.stdout + done.stderr
    assert found["action"] == "song.wav" and found["seed"] == 5 and found["panels"] == [True, True]
    assert found["frames"][0] == 1 and found["frames"][1] > 60
    assert found["gone"]
    # Blender's rules: an extension brings no top-level modules and leaves sys.path alone
    assert found["top_level"] == []
    assert "olicy violation" not in done.stdout + done.stderr


def test_blenders_own_validator_accepts_it():
    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    if not tool.is_file():
        pytest.skip("this Blender has no validator of extensions")
    for target in (ZIP, installed.FOLDER):
        done = subprocess.run([sys.executable, tool, "validate", target], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_choice_the_engine_runs_in_blenders_own_python(addon):
    from magma_blender.engine_host import engine_setup
    from magma_blender.engine_host.session import session

    client = session.client(engine_setup.find())
    found = client.wait(client.request("hello", {}), 60)
    assert found["python"] == platform.python_version() and found["torch"] is None
    assert Path(client.python).name.startswith("python")
    client.stop()


def test_the_engines_process_sees_the_bundle_and_nothing_else_of_ours(magma):
    from magma_blender.engine_host import engine_setup
    from magma_blender.engine_host.session import session

    client = session.client(engine_setup.find())
    found = client.wait(client.request("doctor", {}), 30)
    path = [Path(entry).resolve() for entry in found["path"]]
    assert installed.BUNDLE in path and installed.FOLDER not in path and blenders.ROOT not in path
    assert Path(found["engine"]).resolve() == installed.BUNDLE / "engine" / "__init__.py"
