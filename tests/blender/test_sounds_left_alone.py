"""Looking at what is heard leaves nothing behind: no files of no use, and no other pose."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_generate import HAS_SOUND, NO_SOUND, add_song

from magma_blender.errors import StripError
from magma_blender.media import mixdown, sounds


@pytest.fixture
def strip(magma, tmp_path):
    if not HAS_SOUND:
        pytest.skip(NO_SOUND)
    found = add_song(tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "own.blend"))
    return found


def driven(strip, expression):
    driver = strip.driver_add("volume").driver
    driver.type, driver.expression = "SCRIPTED", expression


def source_of(strip, folder):
    return sounds.source_of(bpy.context.scene, strip, folder / "data")


def test_a_pose_that_is_not_keyed_yet_stays(strip, tmp_path):
    obj = bpy.data.objects.new("animated", None)
    bpy.context.scene.collection.objects.link(obj)
    obj.location.x = 1
    obj.keyframe_insert("location", frame=1)
    driven(strip, "frame > 20")
    bpy.context.scene.frame_set(7)
    obj.location.x = 5
    source_of(strip, tmp_path)
    assert obj.location.x == 5 and bpy.context.scene.frame_current == 7
    assert len(bpy.data.scenes) == 1


def test_a_driver_that_reads_the_scene_is_followed_through_the_strip(strip, tmp_path):
    driven(strip, "max(0, now - 50)")
    (curve,) = bpy.context.scene.animation_data.drivers
    variable = curve.driver.variables.new()
    variable.name, variable.type = "now", "SINGLE_PROP"
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", bpy.context.scene
    variable.targets[0].data_path = "frame_current"
    bpy.context.scene.frame_set(2)
    assert source_of(strip, tmp_path).first == 1
    curve.driver.expression = "max(0, now - 500)"
    with pytest.raises(StripError, match="volume 0 throughout"):
        source_of(strip, tmp_path)


def needs_a_mixdown(monkeypatch):
    monkeypatch.setattr(mixdown, "is_needed", lambda scene, strip: True)


def test_nothing_is_kept_of_a_strip_of_which_nothing_is_heard(strip, tmp_path, monkeypatch):
    needs_a_mixdown(monkeypatch)
    strip.volume = 1e-5
    with pytest.raises(StripError, match="Nothing is heard"):
        source_of(strip, tmp_path)
    assert not list(tmp_path.rglob("*mixdown*")) and not (tmp_path / "magma_sounds").exists()


def test_a_full_disk_beside_the_file(strip, tmp_path, monkeypatch):
    """The data folder is used then."""
    from pathlib import Path

    needs_a_mixdown(monkeypatch)
    replace = Path.replace

    def full(self, target):
        if "magma_sounds" in str(target):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert source_of(strip, tmp_path).file.parent == tmp_path / "data"
    assert not list(tmp_path.rglob("*mixdown*")) and not (tmp_path / "magma_sounds").exists()


def test_a_mixdown_that_fails_leaves_no_part_of_it(strip, tmp_path, monkeypatch):
    needs_a_mixdown(monkeypatch)

    def broken(file):
        raise EOFError("it ends too early")

    monkeypatch.setattr(mixdown, "_peak", broken)
    with pytest.raises(StripError, match=r"could not be mixed down.*it ends too early.*make room there"):
        source_of(strip, tmp_path)
    assert not list(tmp_path.rglob("*mixdown*")) and not (tmp_path / "magma_sounds").exists()
