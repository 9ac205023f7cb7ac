"""Tests that need bpy: run in Blender (run_in_blender.py) or with a bpy wheel's Python; skipped by any other Python."""

from __future__ import annotations

import importlib.util

import blenders
import pytest

HAS_BPY = importlib.util.find_spec("bpy") is not None
collect_ignore_glob = [] if HAS_BPY else ["test_*.py"]


@pytest.fixture
def scene():
    """A scene of an otherwise empty file, at 30 frames per second."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.context.scene


@pytest.fixture
def magma(scene, tmp_path, monkeypatch):
    """The enabled add-on with a fake engine that works, data in a folder of the test's; gives the preferences."""
    import addon_utils
    import bpy

    for name, value in blenders.own_folders(tmp_path).items():
        monkeypatch.setenv(name, value)
    addon_utils.enable("magma_blender", default_set=True)
    preferences = bpy.context.preferences.addons["magma_blender"].preferences
    preferences.data_folder = str(tmp_path / "data")
    blenders.use_engine(preferences, tmp_path, "ok")
    yield preferences
    addon_utils.disable("magma_blender", default_set=True)


@pytest.fixture
def dancer(magma, tmp_path):
    """A dance of 3 s at 30 frames/s from frame 1 on, which has 15 token positions."""
    import bpy
    from test_addon_generate import add_song

    add_song(tmp_path)
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    return bpy.data.objects["song"]
