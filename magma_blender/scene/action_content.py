"""What an action holds, as one short text: to see whether somebody has changed it since."""

from __future__ import annotations

import hashlib

import bpy

from smpl_rig.blender import compat

KEY_VALUES = ("co", "handle_left", "handle_right", "interpolation", "easing", "back", "amplitude", "period")
"""Of each key. Types of handles are not among them: another type moves the handles, and 3.4 reads types one by one."""


def content_of(action: bpy.types.Action) -> str:
    """A checksum of all keys, modifiers and settings of its F-curves, and of its markers; what is selected or listed
    where does not count."""
    from smpl_rig.blender.key_data import read_keys

    content = hashlib.sha256()
    for curve in compat.all_curves(action):
        settings = (curve.data_path, curve.array_index, curve.extrapolation, curve.mute)
        content.update(repr((settings, [_plain_values(modifier) for modifier in curve.modifiers])).encode())
        for name in KEY_VALUES:
            content.update(read_keys(curve, name).tobytes())
    content.update(repr([(marker.name, marker.frame) for marker in action.pose_markers]).encode())
    return content.hexdigest()


def _plain_values(modifier: bpy.types.FModifier) -> list[object]:
    settings = [each for each in modifier.bl_rna.properties if each.type not in ("POINTER", "COLLECTION")]
    return [
        tuple(value) if getattr(each, "is_array", False) else value
        for each in settings
        for value in [getattr(modifier, each.identifier)]
    ]
