"""Puts a generated dance into the scene: armature, keyframes, body, record. All of it or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import scene_of, units_a_metre

from ..engine_host.answers import DanceAnswer
from ..errors import SceneError
from . import candidates, dance_keys, review, song_rhythms
from .armature_reference import ArmatureReference
from .dancer import Dancer
from .generated_dance import read_generated
from .generation_plan import DancePlan
from .history import recording
from .nla_dance import tracks_or_nothing
from .target import new_target
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from smpl_rig.body_model import BodyModel


def check_body(plan: DancePlan) -> None:
    """Raise SceneError unless the user's SMPL file, if there is one, can be read."""
    if plan.body_file is not None:
        _load_body(plan.body_file)


def _load_body(file: Path) -> BodyModel:
    from smpl_rig.body_model import BodyModelError, load

    try:
        return load(file)
    except BodyModelError as error:
        raise SceneError(str(error)) from error


def build(
    context: bpy.types.Context, plan: DancePlan, answer: DanceAnswer, target: ArmatureReference | None
) -> bpy.types.Object:
    """Key what the engine's `generate` answered on the target, or on a new armature, and return the armature object.

    Raises MagmaError; the scene is then as it was.
    """
    generated, others = read_generated(answer), candidates.read_answer(answer)
    dancer = Dancer(generated.document, generated.npz, plan.frame_start, plan.fps, plan.name, "", plan.beat_snap)
    found = target.find() if target else None
    if found is not None:
        new_target(found, plan.frame_start).check()
    scene = plan.scene.find()
    with _in_scene(context, scene), review.accepting(found), all_or_nothing(found):
        begun = recording.begin(found)
        armature = found if found is not None else _new_armature(plan, scene)
        dancer = dance_keys.write_new_action(armature, dancer, generated.motion, plan.name)
        dance_keys.store_keyed(armature, dancer, len(generated.motion))
        recording.finish(armature, recording.GENERATE, begun)
        if others:
            with tracks_or_nothing(armature):
                candidates.keep(armature, dancer, others, answer.score)
    if answer.rhythm is not None:
        song_rhythms.keep(scene, plan.audio, answer.rhythm, plan.correction)
    return armature


def _new_armature(plan: DancePlan, scene: bpy.types.Scene) -> bpy.types.Object:
    from smpl_rig.blender.armature import create_armature

    armature = create_armature(plan.name, units_a_metre(scene))
    if plan.use_body:
        _add_body(armature, plan)
    return armature


def _add_body(armature: bpy.types.Object, plan: DancePlan) -> None:
    from smpl_rig.blender.body import add_body

    add_body(armature, _load_body(plan.body_file) if plan.body_file else None)


@contextlib.contextmanager
def _in_scene(context: bpy.types.Context, scene: bpy.types.Scene) -> Iterator[None]:
    """The plan's scene shown in the window meanwhile, should the user have switched to another one."""
    shown = scene_of(context)
    if shown == scene or context.window is None:
        yield
        return
    context.window.scene = scene
    try:
        yield
    finally:
        context.window.scene = shown
