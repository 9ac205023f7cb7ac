"""An engine's environment and the zip, made once: making one lasts seconds."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import blenders
import pytest
from wheels import TINY, make_lists, make_wheel, options

sys.path.insert(0, str(blenders.ROOT))
import build_addon
from magma_blender.engine_host.installation.install import Installation


@pytest.fixture(scope="session")
def addon_zip(tmp_path_factory):
    """The add-on's zip."""
    file = tmp_path_factory.mktemp("zip") / "magma_blender.zip"
    build_addon.build(blenders.ROOT, file)
    return file


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A data folder with an installed `tinypkg` 1.0."""
    folder = tmp_path_factory.mktemp("made")
    lists = make_lists(folder / "lists", make_wheel(folder / "packages", "tinypkg", TINY))
    installation = Installation(folder / "data", sys.executable, lists, options(folder / "packages"))
    while installation.state == "running":
        installation.poll()
        time.sleep(0.01)
    assert installation.state == "done", installation.error
    return folder / "data"


@pytest.fixture
def data(made, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "data", symlinks=True))
