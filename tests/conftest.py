"""Fixtures shared by all tests; and in continuous integration, nothing is skipped that is not expected to be."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import blenders
import pytest

WHEEL = "a wheel"
EXPECTED_SKIPS = {
    (WHEEL, "a wheel opens no file given on its command line"),
    ("4.2", "this Blender was built without sound"),
    ("3.4", "extensions came with Blender 4.2"),
    ("3.4", "this Blender has no validator of extensions"),
    ("3.4", "this Blender has no setting for online access"),
}
"""What does not apply to one Blender (or to any wheel) by its nature, and why: (Blender, the reason in the test)."""


@pytest.fixture(scope="session")
def dance_data() -> Path:
    """The folder with motions/ and wavs/ of the training data; tests that need it are skipped without it."""
    folder = Path(os.environ.get("MAGMA_DATA", blenders.ROOT.parent / "shared" / "data" / "dance"))
    if not (folder / "motions").is_dir():
        pytest.skip("the training data is not here; set MAGMA_DATA to its folder")
    return folder


def is_expected(reason: str) -> bool:
    """Whether tests may be skipped for this reason in the Blender that runs them, if one does."""
    try:
        import bpy
    except ImportError:
        return False
    blender = {bpy.app.version_string.rpartition(".")[0]} | (set() if bpy.app.binary_path else {WHEEL})
    return any((name, reason) in EXPECTED_SKIPS for name in blender)


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In continuous integration, turn an unexpected skip into a failure."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not blenders.in_ci():
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not is_expected(reason):
        report.outcome = "failed"
        report.longrepr = f"Continuous integration skips nothing but EXPECTED_SKIPS of tests/conftest.py: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what a test came to."""
    report = yield
    forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at what a file or folder of tests came to."""
    report = yield
    forbid_skip(report)
    return report
