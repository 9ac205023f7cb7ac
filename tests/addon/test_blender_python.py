"""Blender's own Python as the engine's: which programs, and what they import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from magma_blender.engine_host import blender_python, start_engine
from magma_blender.engine_host.isolation import engine_command

SHOW = """
import sys
import numpy, numpy.linalg
print(numpy.__file__)
for name in ("pytest", "soxr"):
    try:
        __import__(name)
        print("found", name)
    except ImportError:
        print("no", name)
"""


@pytest.fixture(autouse=True)
def _looks_again(monkeypatch):
    blender_python.candidates.cache_clear()
    yield
    monkeypatch.undo()
    blender_python.candidates.cache_clear()


@pytest.fixture
def root(tmp_path):
    """A folder with an engine that tells what it imports."""
    (tmp_path / "root" / "engine").mkdir(parents=True)
    (tmp_path / "root" / "engine" / "__init__.py").write_text("")
    (tmp_path / "root" / "engine" / "__main__.py").write_text(SHOW)
    return tmp_path / "root"


def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_this_python_is_among_the_programs(monkeypatch):
    assert Path(sys.executable).resolve() in [path.resolve() for path in blender_python.candidates()]


@pytest.mark.skipif(os.name == "nt", reason="programs are links here")
def test_blender_is_never_taken_for_a_python(tmp_path, monkeypatch):
    """Debian's Blender without a python3.11 on PATH says so of itself."""
    blender, python = tmp_path / "blender", tmp_path / "bin" / f"python{blender_python.VERSION}"
    python.parent.mkdir()
    for file in (blender, python):
        file.write_text("")
        file.chmod(0o755)
    for name in ("prefix", "exec_prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path))
    monkeypatch.setattr(sys, "executable", None)
    monkeypatch.setattr(sys, "_base_executable", str(blender), raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert blender_python.candidates() == (python,)


def test_the_engine_gets_blenders_numpy_and_no_other_package(root, tmp_path):
    command = blender_python.engine_commands(root)[0]
    done = run(command, tmp_path)
    assert done.stdout.splitlines() == [np.__file__, "no pytest", "no soxr"], done.stderr


def test_a_numpy_of_another_python_is_refused(root, tmp_path):
    folder = Path(np.__file__).parents[1]
    done = run(engine_command(sys.executable, root, folder, ".cpython-27m.so"), tmp_path)
    assert done.returncode == start_engine.UNFIT and not done.stdout
    assert "Blender's numpy is *.cpython-27m.so" in done.stderr
