"""Files written by Blender's own exporters, of what stands in the scene that is shown, all of it selected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import bpy

from smpl_rig.blender import compat

from ..errors import SceneError
from .presets import BVH, FBX, GLB, GLTF, USD, Preset


def write(preset: Preset, file: Path, scene: bpy.types.Scene, armature: bpy.types.Object) -> None:
    """Write a stand-in. Raises SceneError."""
    {FBX: _write_fbx, GLB: _write_gltf, GLTF: _write_gltf, BVH: _write_bvh, USD: _write_usd}[preset.format](
        preset, file, scene, armature
    )


def check(preset: Preset) -> None:
    """Raise SceneError unless this Blender has the exporter."""
    _exporter(preset)


_OPERATORS = {
    FBX: ("export_scene", "fbx", "FBX format"),
    GLB: ("export_scene", "gltf", "glTF 2.0 format"),
    GLTF: ("export_scene", "gltf", "glTF 2.0 format"),
    BVH: ("export_anim", "bvh", "BioVision Motion Capture (BVH) format"),
    USD: ("wm", "usd_export", ""),
}
"""Where an exporter is, and the name of the add-on that brings it."""


def _exporter(preset: Preset) -> tuple[str, set[str]]:
    """(the exporter's module and name, the names of its options)."""
    module, name, addon = _OPERATORS[preset.format]
    operator = getattr(getattr(bpy.ops, module), name)
    try:
        return f"{module}.{name}", {option.identifier for option in operator.get_rna_type().properties}
    except (KeyError, AttributeError) as error:
        version = ".".join(map(str, bpy.app.version[:2]))
        if addon:
            raise SceneError(
                f'Blender\'s add-on "{addon}" is off, which writes {preset.label}: enable it under Edit > Preferences '
                "> Add-ons, and export again."
            ) from error
        raise SceneError(
            f"This Blender {version} was built without {preset.label}: export another format, or take one from "
            "blender.org."
        ) from error


def _call(preset: Preset, file: Path, options: Mapping[str, object]) -> None:
    """Run an exporter with those options that it has in this version."""
    name, known = _exporter(preset)
    module, _, operator = name.partition(".")
    given = {key: value for key, value in options.items() if key in known}
    try:
        done = getattr(getattr(bpy.ops, module), operator)(filepath=str(file), check_existing=False, **given)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error: ")
        raise _failed(preset, reason) from error
    if done != {"FINISHED"} or not file.is_file():
        raise _failed(preset, "nothing was written")


def _failed(preset: Preset, reason: str) -> SceneError:
    return SceneError(
        f"Blender's exporter could not write {preset.label} ({reason}): look at the console, or export another format."
    )


def _write_fbx(preset: Preset, file: Path, scene: bpy.types.Scene, _armature: bpy.types.Object) -> None:
    # FBX counts in centimetres: an exporter that is told that a unit is one has nothing to scale
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", 1 / preset.units
    options = {
        "use_selection": True,
        "object_types": {"ARMATURE", "MESH"},
        "apply_scale_options": "FBX_SCALE_NONE" if preset.units == 100 else "FBX_SCALE_ALL",
        "axis_forward": "-Z",
        "axis_up": "Y",
        "add_leaf_bones": False,
        "use_armature_deform_only": False,
        "bake_anim_use_nla_strips": False,
        "bake_anim_use_all_actions": False,
        "bake_anim_force_startend_keying": True,
        "bake_anim_simplify_factor": 0.0,
        "mesh_smooth_type": "FACE",
        "path_mode": "COPY",
        "embed_textures": True,
    }
    _call(preset, file, options)


def _write_gltf(preset: Preset, file: Path, scene: bpy.types.Scene, _armature: bpy.types.Object) -> None:
    from smpl_rig.gltf_file import GltfError, read_gltf, write_gltf

    options = {
        "export_format": "GLB" if preset.format == GLB else "GLTF_SEPARATE",
        "use_selection": True,
        "use_active_scene": True,
        "export_yup": True,
        "export_animations": True,
        "export_animation_mode": "ACTIVE_ACTIONS",
        "export_anim_single_armature": False,
        "export_nla_strips": False,
        "export_frame_range": True,
        "export_force_sampling": True,
        "export_optimize_animation_size": False,
        "export_def_bones": False,
        "export_morph_animation": False,
    }
    _call(preset, file, options)
    seconds = (scene.frame_end - scene.frame_start) * scene.render.fps_base / scene.render.fps
    try:
        gltf = read_gltf(file)
        # of a rate of 30 / 1.001, Blender's exporter makes times of 30 or of 30.03 frames a second
        gltf.name_animation(scene.name, seconds)
        write_gltf(file, gltf)
    except (GltfError, OSError, ValueError, LookupError) as error:
        raise _failed(preset, str(error)) from error


def _write_bvh(preset: Preset, file: Path, scene: bpy.types.Scene, armature: bpy.types.Object) -> None:
    _call(
        preset,
        file,
        {"frame_start": scene.frame_start, "frame_end": scene.frame_end, "root_transform_only": _only_turns(armature)},
    )
    text = file.read_text(encoding="utf-8")
    # six digits of a frame's time are a frame too many or too few in half an hour
    seconds = f"{scene.render.fps_base / scene.render.fps:.10g}"
    file.write_text(re.sub(r"Frame Time: \S+", f"Frame Time: {seconds}", text, count=1), encoding="utf-8")


def _only_turns(armature: bpy.types.Object) -> bool:
    """Whether no bone below another one moves: then the file needs no places of them."""
    moved = {curve.data_path for curve in compat.fcurves(armature) if curve.data_path.endswith(".location")}
    bones = [bone for bone in compat.armature_of(armature).bones if bone.parent is not None]
    return not any(f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].location' in moved for bone in bones)


def _write_usd(preset: Preset, file: Path, _scene: bpy.types.Scene, _armature: bpy.types.Object) -> None:
    options = {
        "selected_objects_only": True,
        "export_animation": True,
        "export_armatures": True,
        "only_deform_bones": False,
        "export_shapekeys": True,
        "export_materials": True,
        "export_textures": True,
        "export_textures_mode": "NEW",
        "relative_paths": True,
        "root_prim_path": "/root",
    }
    _call(preset, file, options)
