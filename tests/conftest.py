"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def dance_data() -> Path:
    """The folder with motions/ and wavs/ of the training data; tests that need it are skipped without it."""
    folder = Path(os.environ.get("MAGMA_DATA", ROOT.parent / "shared" / "data" / "dance"))
    if not (folder / "motions").is_dir():
        pytest.skip("the training data is not here; set MAGMA_DATA to its folder")
    return folder
