"""Fixtures shared by all tests; in continuous integration, an unexpected skip is a failure (see skips.py)."""

from __future__ import annotations

import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import blenders
import pytest
import skips

if find_spec("hypothesis"):  # not in Blender's Pythons
    from hypothesis import settings

    settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
    settings.load_profile("untimed")


@pytest.fixture(scope="session")
def dance_data() -> Path:
    """The folder with motions/ and wavs/ of the training data; tests that need it are skipped without it."""
    folder = Path(os.environ.get("MAGMA_DATA", blenders.ROOT.parent / "shared" / "data" / "dance"))
    if not (folder / "motions").is_dir():
        pytest.skip("the training data is not here; set MAGMA_DATA to its folder")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at how a test ended."""
    report = yield
    skips.forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at what was found in a file or folder of tests."""
    report = yield
    skips.forbid(report)
    return report
