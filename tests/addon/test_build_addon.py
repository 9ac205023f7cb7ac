"""The zip: the same bytes each time, what dancing needs and no more, and no import in it that leads nowhere."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
import build_addon  # noqa: E402

ADDON = "magma_blender/"
BUNDLE = "magma_blender/bundle/"
ROOMS = {
    "": {"engine_host", "exports", "manual", "media", "operators", "presets", "scene", "translations", "ui", "bundle"},
    "manual/": {"benchmarks", "checkpoints", "go", "images"},
    "bundle/": {"checkpoints", "engine", "smpl_rig"},
    "bundle/checkpoints/": {"default", "open"},
    "bundle/engine/": {
        "audio",
        "choreography",
        "editing",
        "models",
        "motion",
        "pipeline",
        "reporting",
        "runtime",
        "service",
    },
    "bundle/smpl_rig/": {"assets", "blender", "retarget"},
}
"""The folders in the zip, and the folders in each of them."""
STARTED_BY_NAME = {"engine.__main__"}
"""Modules of the bundle that nothing imports: they are run."""


@pytest.fixture(scope="module")
def archive(addon_zip):
    with zipfile.ZipFile(addon_zip) as content:
        yield content


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory):
    """The add-on's folder as an installation leaves it."""
    folder = tmp_path_factory.mktemp("unpacked")
    archive.extractall(folder)
    return folder / "magma_blender"


def test_the_rooms_are_those_that_dancing_needs(archive):
    names = archive.namelist()
    assert all(name.startswith(ADDON) for name in names)
    for room, wanted in ROOMS.items():
        below = [name.removeprefix(ADDON + room) for name in names if name.startswith(ADDON + room)]
        assert {name.split("/")[0] for name in below if "/" in name} == wanted, room
    assert not [name for name in names if "test" in name.lower() or "bake_" in name or "__pycache__" in name]
    lists = ("engine_requirements.txt", "engine_lock.txt", "engine_lock_torch.txt")
    for file in (
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "bundle/checkpoints/default/model.safetensors",
        *lists,
    ):
        assert ADDON + file in names


def test_it_is_compressed(archive):
    entries = archive.infolist()
    assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in entries)
    assert sum(entry.compress_size for entry in entries) < 0.95 * sum(entry.file_size for entry in entries)
    assert sum(entry.compress_size for entry in entries) < 65 * 2**20


def imported(tree: ast.AST, place: str, names: set[str], base: str) -> Iterator[str]:
    """Files of the zip that a file at `place` imports anywhere in it; absolute names are looked for below `base`.

    Fails for a relative import, or one of ours, that leads to no file.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            folder = place.split("/")[: -node.level] if node.level else base.rstrip("/").split("/")
            stem = "/".join([*folder, *(node.module.split(".") if node.module else [])])
            ours = node.level or (node.module or "").split(".")[0] in build_addon.PACKAGES
            found = {f"{stem}.py", f"{stem}/__init__.py"} & names
            assert found or not ours, f"{place}: {ast.unparse(node)}"
            inside = {f"{stem}/{alias.name}" for alias in node.names}
            yield from found
            yield from {f"{path}{end}" for path in inside for end in (".py", "/__init__.py")} & names
        elif isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {*build_addon.PACKAGES, "magma_blender"}


def reached(archive, starts: set[str], base: str) -> set[str]:
    """Files that are imported, by way of others, from `starts`; with them."""
    names = set(archive.namelist())
    done: set[str] = set()
    left = set(starts)
    while left:
        name = left.pop()
        done.add(name)
        left |= set(imported(ast.parse(archive.read(name)), name, names, base)) - done
    return done


def test_every_file_is_read_by_the_python_of_the_oldest_blender(archive):
    """Blender 3.4 to 4.0 have Python 3.10, which runs the engine, too."""
    for name in python_files(archive, ADDON):
        ast.parse(archive.read(name), name, feature_version=(3, 10))


def python_files(archive, folder: str) -> set[str]:
    return {name for name in archive.namelist() if name.startswith(folder) and name.endswith(".py")}


def test_in_blender_every_import_of_ours_is_relative_and_leads_to_a_file(archive):
    starts = python_files(archive, ADDON) - python_files(archive, BUNDLE)
    shared = reached(archive, starts, BUNDLE)
    assert BUNDLE + "engine/protocol.py" in shared and BUNDLE + "smpl_rig/blender/armature.py" in shared
    for name in shared:
        for node in ast.walk(ast.parse(archive.read(name))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in {"engine", "smpl_rig", "magma_blender"}, name


def test_nothing_in_the_bundle_is_unused(archive):
    """Every module there is imported by the add-on, the server, the jobs or a command of the command line."""
    addon = python_files(archive, ADDON) - python_files(archive, BUNDLE)
    starts = addon | {BUNDLE + name.replace(".", "/") + ".py" for name in STARTED_BY_NAME}
    unused = python_files(archive, BUNDLE) - reached(archive, starts, BUNDLE)
    assert {name for name in unused if not name.endswith("__init__.py")} == set()


def run_in_bundle(unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own that sees of ours the bundle only, as the engine's process does."""
    bundle = unpacked / "bundle"
    environment = {**os.environ, "PYTHONPATH": str(bundle)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=bundle, env=environment, capture_output=True, text=True, check=False
    )


def test_every_module_of_the_engine_imports_without_what_is_left_out(archive, unpacked):
    names = [
        name.removeprefix(BUNDLE).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in python_files(archive, BUNDLE)
        if not name.startswith(BUNDLE + "smpl_rig/blender/") and name != BUNDLE + "__init__.py"
    ]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.split('.')[0] in ('engine', 'smpl_rig'): print(module.__file__)\n"
    )
    done = run_in_bundle(unpacked, "-c", code, *names)
    assert done.returncode == 0, done.stderr
    files = [Path(line) for line in done.stdout.splitlines()]
    assert len(files) >= len(names) and all(file.is_relative_to(unpacked) for file in files)


def test_the_command_line_offers_what_is_there(unpacked):
    here = run_in_bundle(unpacked, "-m", "engine", "--help")
    assert here.returncode == 0 and "generate" in here.stdout and "chain" in here.stdout, here.stderr
    assert "train" not in here.stdout and "evaluate" not in here.stdout
    refused = run_in_bundle(unpacked, "-m", "engine", "evaluate")
    assert refused.returncode == 2 and "invalid choice: 'evaluate'" in refused.stderr
    whole = subprocess.run(
        [sys.executable, "-m", "engine", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "train-vqvae" in whole.stdout and "evaluate" in whole.stdout


def test_the_engines_process_does_not_see_the_add_ons_modules(unpacked):
    code = (
        "from importlib.util import find_spec as f; print([f(n) for n in ('errors', 'paths', 'batch', 'scene', 'ui')])"
    )
    assert run_in_bundle(unpacked, "-c", code).stdout.strip() == str([None] * 5)


def test_the_same_tree_gives_the_same_bytes_whatever_the_files_dates_and_rights(addon_zip, tmp_path):
    again, copy = tmp_path / "again.zip", tmp_path / "copy"
    for path in build_addon.source_files(ROOT):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
        os.utime(copy / path, (1_600_000_000, 1_600_000_000))
        (copy / path).chmod(0o600)
    shutil.copytree(ROOT / "docs", copy / "docs")
    for path in ("mkdocs.yml", "manual/repository_pages.py", "benchmarks/README.md"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
    (copy / "engine" / "__pycache__").mkdir()
    (copy / "engine" / "__pycache__" / "x.pyc").write_bytes(b"x")
    build_addon.build(copy, again)  # no git there: the files are walked
    assert again.read_bytes() == addon_zip.read_bytes()


@pytest.mark.parametrize(
    ("place", "source", "wanted"),
    [
        ("magma_blender/a.py", "from engine.protocol import x\n", "from .bundle.engine.protocol import x\n"),
        (
            "magma_blender/ui/a.py",
            "def f():\n    from smpl_rig import x\n",
            "def f():\n    from ..bundle.smpl_rig import x\n",
        ),
        (
            "magma_blender/a.py",
            "if 1: from smpl_rig import (\n    x,\n)\n",
            "if 1: from .bundle.smpl_rig import (\n    x,\n)\n",
        ),
        ("magma_blender/a.py", "t = 'from engine.x import y'\n", "t = 'from engine.x import y'\n"),
        ("magma_blender/a.py", "from engines import x\n", "from engines import x\n"),
        ("magma_blender/a.py", "é = 1; from engine import x\n", "é = 1; from .bundle.engine import x\n"),
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


def test_what_git_does_not_track_is_in_no_manual(archive):
    stray = ROOT / "docs" / "images" / "stray_picture.png"
    assert ADDON + "manual/images/panel.png" in archive.namelist()
    stray.write_bytes(b"x")
    try:
        pages = build_addon.manual_pages(ROOT)
    finally:
        stray.unlink()
    assert "images/panel.png" in pages and "images/stray_picture.png" not in pages


def test_without_mkdocs_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "manual.plain", None)
    with pytest.raises(build_addon.BuildError, match=r"requirements-docs\.txt"):
        build_addon.build(ROOT, tmp_path / "a.zip")
