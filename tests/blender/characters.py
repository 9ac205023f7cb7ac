"""Files with characters, as users have them."""

from __future__ import annotations

import bpy

from smpl_rig.blender.armature import create_armature
from smpl_rig.blender.body import add_body


def hero_file(folder):
    """A .blend with two characters, one of which is lent a hat; and things that they have no use for."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    hero, other = create_armature("Hero"), create_armature("Villain")
    add_body(hero), add_body(other)
    hat = bpy.data.objects.new("Hat", bpy.data.meshes.new("Hat"))
    hat.parent, hat.parent_type, hat.parent_bone = hero, "BONE", "head"
    for obj in (hat, bpy.data.objects.new("Lamp post", None)):
        bpy.context.scene.collection.objects.link(obj)
    hero.data.pose_position = "REST"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "hero.blend"))
    return folder / "hero.blend"
