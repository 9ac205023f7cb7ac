"""Export Dance: one character's dance as a file. All of it or nothing, and Blender's data as they were."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.baking.form import IN_PLACE, ROOT_BONE

from ..engine_host import engine_setup
from ..errors import SceneError
from . import presets, writers
from .presets import Preset
from .subject import Subject, motion_of, subject_of

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class ExportOptions:
    """travel: one of `presets.TRAVELS`. deform_only: leave out bones that bend nothing. meshes: write them, too."""

    preset: Preset
    travel: str
    deform_only: bool = True
    meshes: bool = True


def check(options: ExportOptions) -> None:
    """Raise SceneError unless this Blender can write such a file."""
    preset = options.preset
    if preset.format in presets.MOTION_ONLY:
        if options.travel == ROOT_BONE:
            raise SceneError(f"{preset.label} has no root bone: choose As Danced or In Place as Travel.")
        return
    writers.check(preset)


def export_dance(scene: bpy.types.Scene, armature: bpy.types.Object, options: ExportOptions, file: Path) -> Subject:
    """Write what an armature dances; returns what was written. Raises SceneError and SetupError: then a file that was
    there is as it was."""
    engine_setup.check_numpy()
    check(options)
    subject = subject_of(scene, armature)
    try:
        # in a folder of its own first, for an exporter may fail halfway, and may write several files
        with tempfile.TemporaryDirectory(prefix=".magma-", dir=file.parent) as folder:
            part = Path(folder) / file.name
            if options.preset.format in presets.MOTION_ONLY:
                _write_motion(subject, options, part)
            else:
                _write_character(scene, subject, options, part)
            for written in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                place = file.parent / written.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                written.replace(place)
    except OSError as error:
        raise SceneError(
            f"{file} cannot be written ({error.strerror}): choose a folder that exists and can be written to."
        ) from error
    return subject


def _write_motion(subject: Subject, options: ExportOptions, file: Path) -> None:
    from smpl_rig.motion import save_npz
    from smpl_rig.vrm_animation import write_vrma

    motion = motion_of(subject)
    if options.travel == IN_PLACE:
        motion = _in_place(motion)
    if options.preset.format == presets.VRMA:
        write_vrma(file, motion, subject.name)
    else:
        save_npz(file, motion)


def _in_place(motion: Motion) -> Motion:
    trans = motion.trans.copy()
    trans[:, :2] = trans[0, :2]
    return replace(motion, trans=trans)


def _write_character(scene: bpy.types.Scene, subject: Subject, options: ExportOptions, file: Path) -> None:
    from smpl_rig.blender.baking import stand_in
    from smpl_rig.blender.baking.bake import bake
    from smpl_rig.blender.baking.form import Form
    from smpl_rig.blender.baking.hanging import copied, hanging_on
    from smpl_rig.blender.baking.poses import see
    from smpl_rig.blender.baking.workplace import workplace

    armature, preset = subject.armature, options.preset
    with workplace(scene) as work:
        work.scene.collection.objects.link(armature)
        try:
            meshes = hanging_on(scene, armature) if options.meshes and preset.format != presets.BVH else []
            hanging = copied(work.scene, armature, meshes, subject.first)
            seen = see(work.scene, armature, range(subject.first, subject.last + 1))
        finally:
            work.scene.collection.objects.unlink(armature)
        form = Form(preset.units, preset.y_up, preset.keeps_place, options.travel, options.deform_only, preset.scales)
        baked = bake(seen, form, [mesh.bone for mesh in hanging], subject.hips)
        first = subject.first if preset.keeps_frames else 0
        made = stand_in.build(work, armature, baked, subject.name, preset.armature, first)
        stand_in.add_meshes(work, made, baked, hanging)
        with work.shown():
            writers.write(preset, file, work.scene, made)
