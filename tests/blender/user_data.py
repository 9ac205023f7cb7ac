"""What an animator has in a file beside the dance, made and looked at: so that tests can say that nothing of it is lost
or changed."""

from __future__ import annotations

import bpy
import numpy as np


def add_to(armature):
    """Give an armature, and its scene, something of each kind that an animator adds."""
    scene = bpy.context.scene
    armature["mood"] = 0.0
    for frame, value in ((1, 0.0), (50, 2.5)):
        armature.location.x = armature["mood"] = value
        armature.keyframe_insert("location", index=0, frame=frame, group="Place")
        armature.keyframe_insert('["mood"]', frame=frame)
        armature.pose.bones["neck"].scale.y = 1 + value / 100
        armature.pose.bones["neck"].keyframe_insert("scale", index=1, frame=frame)
    curve = next(curve for curve in curves_of(armature) if curve.data_path == "location")
    curve.keyframe_points[0].interpolation = "ELASTIC"
    curve.keyframe_points[1].handle_left = (40, 7)
    curve.modifiers.new("NOISE").strength = 0.25
    curve.color_mode, curve.color, curve.extrapolation = "CUSTOM", (1, 0, 1), "LINEAR"
    limit = armature.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    limit.keyframe_insert("influence", frame=7)
    driver = armature.driver_add("location", 1).driver
    driver.type, driver.expression = "SCRIPTED", "3"
    action = bpy.data.actions.new("wave")
    tracks = armature.animation_data.nla_tracks
    tracks.new().strips.new("wave", 400, action).influence = 0.5
    tracks[0].mute = True
    armature.animation_data.action_influence = 0.75
    add_face(armature)
    bones = bones_with_selection(armature)
    for name in ("L_knee", "head"):
        bones[name].select = True
    armature.data.bones.active = armature.data.bones["head"]
    scene.timeline_markers.new("bar 7", frame=12)
    scene.timeline_markers.new("mine", frame=31)
    scene.frame_set(44)
    scene.frame_start, scene.frame_end = 3, 77


def add_face(armature):
    """A mesh on the armature with shape keys that an action of their own moves."""
    mesh = bpy.data.meshes.new("face")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    face = bpy.data.objects.new(f"face of {armature.name}", mesh)
    face.parent = armature
    bpy.context.scene.collection.objects.link(face)
    add_shape_key(face)


def add_shape_key(obj):
    """A shape key "smile" of a mesh object, animated."""
    obj.shape_key_add(name="Basis")
    smile = obj.shape_key_add(name="smile")
    smile.data[0].co.z += 0.5
    for frame, value in ((1, 0.0), (30, 1.0)):
        smile.value = value
        smile.keyframe_insert("value", frame=frame)


def shape_keys_of(mesh):
    """What is the animator's of a mesh's shape keys; None where it has none."""
    keys = mesh.shape_keys
    if keys is None:
        return None
    shapes = [(key.name, key.value, [tuple(point.co) for point in key.data]) for key in keys.key_blocks]
    curves = [(curve.data_path, points_of(curve), look_of(curve)) for curve in curves_of(keys)]
    return shapes, keys.animation_data.action.name, curves


def bones_with_selection(armature):
    """Bones are selected in the pose from 5.0 on."""
    return armature.pose.bones if bpy.app.version >= (5, 0) else armature.data.bones


def selected_bones(armature):
    """(names of the selected bones, name of the active one)."""
    active = armature.data.bones.active
    return sorted(
        bone.name for bone in bones_with_selection(armature) if bone.select
    ), active.name if active is not None else None


def curves_of(obj):
    data = obj.animation_data
    if data is None or data.action is None:
        return []
    if not hasattr(data, "action_slot"):
        return list(data.action.fcurves)
    if data.action_slot is None:
        return []
    bags = [strip.channelbag(data.action_slot) for layer in data.action.layers for strip in layer.strips]
    return [curve for bag in bags if bag for curve in bag.fcurves]


def is_dance(curve):
    from smpl_rig.blender.smpl_keying import CHANNELS

    return (curve.data_path, curve.array_index) in CHANNELS


def points_of(curve):
    names = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
    return [
        (tuple(p.co), tuple(p.handle_left), tuple(p.handle_right), *(getattr(p, name) for name in names))
        for p in curve.keyframe_points
    ]


def look_of(curve):
    return (
        curve.group.name if curve.group else None,
        curve.mute,
        curve.lock,
        curve.extrapolation,
        curve.color_mode,
        tuple(curve.color),
        [(m.type, m.mute, getattr(m, "strength", None)) for m in curve.modifiers],
    )


def of_object(obj):
    """What is the animator's of an object."""
    data = obj.animation_data
    found = {
        "place": np.array(obj.matrix_basis).tolist(),
        "parent": obj.parent.name if obj.parent is not None else None,
        "constraints": [(c.type, c.influence) for c in obj.constraints],
        "properties": {key: value for key, value in obj.items() if not key.startswith("magma")},
        "selected": obj.select_get(),
        "mode": obj.mode,
    }
    if obj.pose is not None:
        found["bones"] = selected_bones(obj)
        found["pose"] = {b.name: [(c.type, c.influence) for c in b.constraints] for b in obj.pose.bones}
    if obj.type == "MESH":
        found["shape keys"] = shape_keys_of(obj.data)
    if data is not None:
        found["curves"] = {
            (c.data_path, c.array_index): (points_of(c), look_of(c)) for c in curves_of(obj) if not is_dance(c)
        }
        found["drivers"] = [(d.data_path, d.array_index, d.driver.expression) for d in data.drivers]
        found["settings"] = (data.action_influence, data.action_blend_type, data.action_extrapolation, data.use_nla)
        found["nla"] = [
            (t.name, t.mute, [(s.name, s.frame_start, s.frame_end, s.influence, s.action.name) for s in t.strips])
            for t in data.nla_tracks
        ]
    return found


def of_scene(scene):
    """What is the animator's in a scene, apart from objects."""
    active = bpy.context.view_layer.objects.active
    return {
        "markers": sorted((marker.frame, marker.name) for marker in scene.timeline_markers),
        "frames": (scene.frame_current, scene.frame_start, scene.frame_end, scene.render.fps),
        "active": active.name if active is not None else None,
        "objects": sorted(obj.name for obj in scene.objects),
    }
