"""Puts a generated dance into the scene: armature, keyframes, body, record. All of it or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import layer_of, scene_of

from ..engine_host.answers import DanceAnswer
from ..errors import SceneError
from . import dance_keys, span_list
from .dancer import Dancer, put_back, stored_in
from .generated_dance import read_generated
from .generation_plan import DancePlan
from .target import Target, check_target

if TYPE_CHECKING:
    from smpl_rig.body_model import BodyModel

KINDS = ("objects", "armatures", "meshes", "materials", "actions", "collections", "images", "node_groups")
"""Collections of bpy.data that a dance may add to."""


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


def build(context: bpy.types.Context, plan: DancePlan, answer: DanceAnswer, target: Target | None) -> bpy.types.Object:
    """Key what the engine's `generate` answered on the target, or on a new armature, and return the armature object.

    Raises MagmaError; the scene is then as it was.
    """
    from smpl_rig.blender.armature import ArmatureError, create_armature

    generated = read_generated(answer)
    dancer = Dancer(generated.document, generated.npz, plan.frame_start, plan.fps, plan.name, "", plan.beat_snap)
    armature = target.find() if target else None
    if armature is not None:
        check_target(armature)
    with _in_scene(context, plan.scene.find()), _all_or_nothing(armature):
        try:
            is_new = armature is None
            if armature is None:
                armature = create_armature(plan.name)
            dance_keys.write_new_action(armature, dancer, generated.motion)
            if is_new and plan.use_body:
                _add_body(armature, plan)
        except ArmatureError as error:
            raise SceneError(str(error)) from error
        dance_keys.store_keyed(armature, dancer, len(generated.motion))
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


@contextlib.contextmanager
def _all_or_nothing(armature: bpy.types.Object | None) -> Iterator[None]:
    """On an exception remove what was added and give the armature its action and record back."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in KINDS}
    view_layer = layer_of(bpy.context)
    active = view_layer.objects.active
    animation = armature.animation_data if armature is not None else None
    action = animation.action if animation is not None else None
    slot = getattr(animation, "action_slot", None)
    stored = stored_in(armature) if armature is not None else {}
    had_fake_user = action is not None and action.use_fake_user
    try:
        yield
    except BaseException:
        if animation is not None and action is not None:
            animation.action = action
            if slot is not None:
                animation.action_slot = slot
            action.use_fake_user = had_fake_user
        if armature is not None:
            put_back(armature, stored)
            span_list.refresh(armature)
        bpy.data.batch_remove({block for kind in KINDS for block in set(getattr(bpy.data, kind)) - before[kind]})
        view_layer.objects.active = active
        raise
