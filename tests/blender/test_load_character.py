"""Characters from files: what belongs to them comes along, and nothing else."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("bpy")
import bpy
import skips
from characters import hero_file

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.fixture
def load(addon):
    """Loads a character as the batch command does."""
    from magma_blender.scene.load_character import character_file, load_character

    return lambda text: load_character(bpy.context, character_file(str(text)))


@pytest.fixture
def error(addon):
    from magma_blender.errors import SceneError

    return SceneError


def test_one_of_several_characters_of_a_blend_is_named(load, error, tmp_path):
    file = hero_file(tmp_path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with pytest.raises(error, match=r"has 2 armatures \(Hero, Villain\): name the one"):
        load(file)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    hero = load(f"{file}:Hero")
    assert sorted(obj.name for obj in bpy.data.objects) == ["Hat", "Hero", "Hero Body"]
    assert set(bpy.context.scene.objects) == set(bpy.data.objects) and hero.data.pose_position == "POSE"
    assert load(f"{file}:Hero").name == "Hero.001"


def test_what_is_no_character_is_said(load, error, tmp_path):
    with pytest.raises(error, match=r"The character .*absent.glb is not there"):
        load(tmp_path / "absent.glb:Rig")
    with pytest.raises(error, match="is no file with a character"):
        load(tmp_path / "song.wav")
    (tmp_path / "broken.blend").write_bytes(b"nothing")
    with pytest.raises(error, match="cannot be read by this Blender"):
        load(tmp_path / "broken.blend")


def test_imported_characters_come_without_their_motions(load, error, tmp_path):
    hero_file(tmp_path)
    hero = bpy.data.objects["Hero"]
    hero.data.pose_position = "POSE"
    for frame in (1, 5):
        hero.pose.bones["head"].rotation_quaternion.x = frame / 10
        hero.pose.bones["head"].keyframe_insert("rotation_quaternion", frame=frame)
    bpy.data.objects.remove(bpy.data.objects["Villain"])
    fbx, glb, vrm = (tmp_path / f"hero.{ending}" for ending in ("fbx", "glb", "vrm"))
    bpy.ops.export_scene.fbx(filepath=str(fbx), add_leaf_bones=False)
    bpy.ops.export_scene.gltf(filepath=str(glb), export_format="GLB")
    shutil.copyfile(glb, vrm)
    for file in (fbx, glb, vrm):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        if file != fbx and bpy.app.version < (4, 0):  # its glTF importer does not run in its Python
            with pytest.raises(error, match="cannot be read by this Blender"):
                load(file)
            continue
        loaded = load(file)
        assert loaded.name == "Hero" and len(loaded.data.bones) == 24
        assert not bpy.data.actions and loaded.animation_data is None
