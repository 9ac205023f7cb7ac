"""Nothing is skipped in silence: in continuous integration, what is not expected to be skipped fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import skips

SKIPPING = """
import pytest

@pytest.mark.skipif(True, reason="no such program")
def test_marked(): pass

def test_package(): pytest.importorskip("no_such_package")

@pytest.fixture
def data(): pytest.skip("no such data")

def test_data(data): pass

def test_that_runs(): pass
"""


@pytest.mark.parametrize(("ci", "ends"), [("true", "1 failed, 1 passed, 2 errors"), ("", "1 passed, 3 skipped")])
def test_a_skip_fails_in_continuous_integration_only(ci: str, ends: str, tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SKIPPING)
    (tmp_path / "conftest.py").write_bytes(Path(__file__).with_name("conftest.py").read_bytes())
    code = "import os, sys; sys.path.insert(0, sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path), "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env={"CI": ci}, capture_output=True, text=True, check=False)
    assert ends in done.stdout, done.stdout + done.stderr
    assert (done.returncode == 0) == (not ci)
    if ci:
        assert "may skip only what tests/skips.py lists, and not: no such program" in done.stdout


def test_a_file_that_skips_itself_fails_in_continuous_integration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    longrepr = ("test_x.py", 1, "Skipped: could not import 'encodec'")
    report = pytest.CollectReport("test_x.py", "skipped", longrepr, [])
    skips.forbid(report)
    assert report.failed and "could not import 'encodec'" in str(report.longrepr)


def test_what_is_expected_in_one_blender_is_not_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    outcomes = {}
    for blender in ("3.4", "4.5"):
        monkeypatch.setattr(skips, "running", lambda blender=blender: {blender})
        report = pytest.CollectReport("test_x.py", "skipped", ("x", 1, "Skipped: extensions came with Blender 4.2"), [])
        skips.forbid(report)
        outcomes[blender] = report.outcome
    assert outcomes == {"3.4": "skipped", "4.5": "failed"}
