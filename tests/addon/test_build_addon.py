"""The zip: the same bytes each time, one folder, and no import in it that Blender could not resolve."""

from __future__ import annotations

import ast
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
import build_addon  # noqa: E402


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    file = tmp_path_factory.mktemp("zip") / "magma_blender.zip"
    build_addon.build(ROOT, file)
    with zipfile.ZipFile(file) as content:
        yield content


def test_one_folder_with_all_that_is_needed(archive):
    names = archive.namelist()
    assert all(name.startswith("magma_blender/") for name in names)
    for wanted in ("__init__.py", "blender_manifest.toml", "engine/protocol.py", "engine/service/server.py"):
        assert f"magma_blender/{wanted}" in names
    assert "magma_blender/smpl_rig/blender/armature.py" in names
    assert not [name for name in names if "test" in name.lower() or "__pycache__" in name]


def test_no_absolute_import_of_our_packages_is_left(archive):
    for name in archive.namelist():
        if not name.endswith(".py") or name.startswith("magma_blender/engine/"):
            continue
        for node in ast.walk(ast.parse(archive.read(name))):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & {"engine", "smpl_rig", "magma_blender"}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in {"engine", "smpl_rig", "magma_blender"}


def test_every_relative_import_leads_to_a_file_of_the_zip(archive):
    names = set(archive.namelist())
    for name in names:
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(archive.read(name))):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = name.split("/")[: -node.level]
                target = "/".join([*folder, *(node.module.split(".") if node.module else [])])
                assert f"{target}.py" in names or f"{target}/__init__.py" in names, f"{name}: {ast.unparse(node)}"


def test_the_same_tree_gives_the_same_bytes_whatever_the_files_dates_and_rights(tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    build_addon.build(ROOT, first)
    copy = tmp_path / "copy"
    for path in build_addon.source_files(ROOT):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
        os.utime(copy / path, (1_600_000_000, 1_600_000_000))
        (copy / path).chmod(0o600)
    (copy / "engine" / "__pycache__").mkdir()
    (copy / "engine" / "__pycache__" / "x.pyc").write_bytes(b"x")
    build_addon.build(copy, second)  # no git there: the files are walked
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("place", "source", "wanted"),
    [
        ("magma_blender/a.py", "from engine.protocol import x\n", "from .engine.protocol import x\n"),
        ("magma_blender/a.py", "def f():\n    from smpl_rig import x\n", "def f():\n    from .smpl_rig import x\n"),
        ("magma_blender/smpl_rig/a.py", "from smpl_rig.b import x\n", "from ..smpl_rig.b import x\n"),
        ("magma_blender/smpl_rig/c/a.py", "from smpl_rig.b import x\n", "from ...smpl_rig.b import x\n"),
        (
            "magma_blender/a.py",
            "if 1: from smpl_rig import (\n    x,\n)\n",
            "if 1: from .smpl_rig import (\n    x,\n)\n",
        ),
        ("magma_blender/a.py", "t = 'from engine.x import y'\n", "t = 'from engine.x import y'\n"),
        ("magma_blender/a.py", "from engines import x\n", "from engines import x\n"),
        ("magma_blender/a.py", "é = 1; from engine import x\n", "é = 1; from .engine import x\n"),
    ],
)
def test_imports_are_made_relative(place, source, wanted):
    assert build_addon.rewrite_imports(source, place) == wanted


def test_an_import_without_relative_form_is_refused():
    with pytest.raises(build_addon.BuildError, match=r"line 2: write `from engine.protocol import"):
        build_addon.rewrite_imports("import os\nimport engine.protocol\n", "magma_blender/a.py")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(build_addon.BuildError, match="cannot be written"):
        build_addon.build(ROOT, tmp_path / "absent" / "a.zip")


def test_versions_agree_and_requirements_are_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    manifest = tomllib.loads((ROOT / "magma_blender" / "blender_manifest.toml").read_text())
    from magma_blender import bl_info

    assert project["version"] == manifest["version"] == ".".join(map(str, bl_info["version"]))
    lines = (ROOT / "magma_blender" / "engine_requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert all(len(text) <= 64 and not text.endswith(".") for text in manifest["permissions"].values())
