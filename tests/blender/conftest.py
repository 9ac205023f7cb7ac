"""Tests that need bpy: run in Blender (run_in_blender.py) or with a bpy wheel's Python; skipped by any other Python."""

from __future__ import annotations

import importlib.util

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
