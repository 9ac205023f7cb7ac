"""The built zip installs in this Blender as a legacy add-on and, from 4.2 on, as an extension, and makes a dance."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy

INSTALL = Path(__file__).resolve().parent / "install_zip.py"
HAS_EXTENSIONS = bpy.app.version >= (4, 2, 0)


@pytest.fixture(scope="module")
def addon_zip(tmp_path_factory):
    sys.path.insert(0, str(blenders.ROOT))
    import build_addon

    file = tmp_path_factory.mktemp("zip") / "magma_blender.zip"
    build_addon.build(blenders.ROOT, file)
    return file


@pytest.mark.parametrize("how", ["legacy", "extension"])
def test_the_zip_installs_and_dances(how, addon_zip, tmp_path):
    if how == "extension" and not HAS_EXTENSIONS:
        pytest.skip("extensions came with Blender 4.2")
    out = tmp_path / "dance.blend"
    done = blenders.this_one().run(
        INSTALL, how, addon_zip, blenders.fake_engine(tmp_path), blenders.song(tmp_path), out, home=tmp_path
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


def test_blenders_own_validator_accepts_it(addon_zip, tmp_path):
    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    if not tool.is_file():
        pytest.skip("this Blender has no validator")
    with zipfile.ZipFile(addon_zip) as archive:
        archive.extractall(tmp_path)
    for target in (addon_zip, tmp_path / "magma_blender"):
        done = subprocess.run([sys.executable, tool, "validate", target], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
