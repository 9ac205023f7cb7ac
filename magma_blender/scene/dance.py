"""Puts a generated dance into the scene: armature, keyframes, body, choreography. All of it or nothing."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from engine.choreography import Choreography as Document
from engine.choreography import from_json
from engine.errors import ChoreographyError
from engine.protocol import GarbageError, unpack_bytes

from ..errors import SceneError
from . import choreography, editable, span_list
from .choreography import Choreography
from .plan import DancePlan

KINDS = ("objects", "armatures", "meshes", "materials", "actions", "collections", "images", "node_groups")
"""Collections of bpy.data that a dance may add to."""
UNUSABLE = (GarbageError, ChoreographyError, KeyError, ValueError, TypeError, zipfile.BadZipFile)
"""What reading an answer of the engine raises that makes no sense; errors of motion files are ValueErrors."""


class Target:
    """The armature chosen before the generation, found again after it, whatever the user did meanwhile."""

    def __init__(self, armature: Any) -> None:
        self._armature = armature
        self._name = armature.name

    def find(self) -> Any:
        """The armature. Raises SceneError when it is gone."""
        try:
            if self._armature.name in bpy.data.objects:  # follows a renaming
                return self._armature
        except ReferenceError:
            # after an undo Blender has other objects under the old names
            if self._name in bpy.data.objects:
                return bpy.data.objects[self._name]
        raise SceneError(
            f'The armature "{self._name}" was removed while its dance was made: choose another target, or clear it, '
            "and generate again."
        )


def check_target(armature: Any) -> None:
    """Raise SceneError unless a dance can be written to the armature. Changes nothing."""
    from smpl_rig.blender.armature import ArmatureError, check_armature

    try:
        check_armature(armature)
    except ArmatureError as error:
        raise SceneError(str(error)) from error


def check_body(plan: DancePlan) -> None:
    """Raise SceneError unless the user's SMPL file, if there is one, can be read."""
    if plan.body_file is not None:
        _load_body(plan.body_file)


def _load_body(file: Path) -> Any:
    from smpl_rig.body_model import BodyModelError, load

    try:
        return load(file)
    except BodyModelError as error:
        raise SceneError(str(error)) from error


def build(context: Any, plan: DancePlan, result: dict[str, Any], target: Target | None) -> Any:
    """Key the engine's result on the target, or on a new armature, and return the armature object.

    result: what the engine's `generate` answered. Raises SceneError; the scene is then as it was.
    """
    from smpl_rig.blender.armature import ArmatureError, create_armature
    from smpl_rig.blender.keyframes import write_motion

    motion, tokens, document = _read(result)
    armature = target.find() if target else None
    if armature is not None:
        check_target(armature)
    with _in_scene(context, plan.scene), _all_or_nothing(armature):
        try:
            is_new = armature is None
            if armature is None:
                armature = create_armature(plan.name)
            action = write_motion(armature, motion, plan.frame_start, plan.fps, plan.name)
            if is_new and plan.use_body:
                _add_body(armature, plan)
        except ArmatureError as error:
            raise SceneError(str(error)) from error
        beats = tuple(float(beat) for beat in result.get("report", {}).get("beats", ()))
        choreography.store(armature, _choreography(plan, tokens, action.name, beats))
        if document is None:
            editable.forget(armature)
        else:
            editable.store(armature, document, unpack_bytes(result["npz"]))
    return armature


def _read(result: dict[str, Any]) -> tuple[Any, dict[str, Any], Document | None]:
    """(motion, the values about its tokens, its document if there is one) of the engine's answer."""
    import numpy as np

    from smpl_rig.motion import load_npz

    try:
        data = unpack_bytes(result["npz"])
        motion = load_npz(io.BytesIO(data))
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            tokens = np.asarray(arrays["tokens"])
            tokens = tokens.reshape(len(tokens), -1)
            about = {
                "tokens": tuple(int(token) for token in tokens.ravel()),
                "codes": int(tokens.shape[1]),
                "token_rate": float(arrays["token_rate"]),
                "checkpoint": str(arrays["checkpoint"]),
                "seed": int(arrays["seed"]),
                "style": str(arrays["style"]),
            }
            document = from_json(result["document"]) if "document" in result else None
    except UNUSABLE as error:
        raise unusable(error) from error
    return motion, about, document


def unusable(error: Exception) -> SceneError:
    """The error for an answer of the engine that makes no sense, in which reading failed with one of `UNUSABLE`."""
    return SceneError(
        f"The engine's answer cannot be used ({error}): engine and add-on do not belong together. Press Install "
        "Engine in the preferences."
    )


def _add_body(armature: Any, plan: DancePlan) -> None:
    from smpl_rig.blender.body import add_body

    add_body(armature, _load_body(plan.body_file) if plan.body_file else None)


def _choreography(plan: DancePlan, about: dict[str, Any], action: str, beats: tuple[float, ...]) -> Choreography:
    return Choreography(
        **about,
        guidance=plan.guidance,
        strip=plan.name,
        audio=str(plan.audio),
        start=plan.excerpt.start,
        seconds=plan.excerpt.seconds,
        speed=plan.excerpt.speed,
        frame_start=plan.frame_start,
        fps=plan.fps,
        action=action,
        beat_snap=plan.beat_snap,
        beats=beats,
    )


@contextlib.contextmanager
def _in_scene(context: Any, name: str) -> Iterator[None]:
    """The plan's scene shown in the window meanwhile, should the user have switched to another one."""
    scene = bpy.data.scenes.get(name)
    if scene is None:
        raise SceneError(f'The scene "{name}" was removed or renamed while its dance was made: generate again.')
    shown = context.scene
    if shown == scene or context.window is None:
        yield
        return
    context.window.scene = scene
    try:
        yield
    finally:
        context.window.scene = shown


@contextlib.contextmanager
def _all_or_nothing(armature: Any) -> Iterator[None]:
    """On an exception remove what was added and give the armature its action and choreography back."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in KINDS}
    active = bpy.context.view_layer.objects.active
    animation: Any = armature.animation_data if armature else None
    action = animation.action if animation else None
    slot = getattr(animation, "action_slot", None)
    kept = {key: armature.get(key) for key in (*choreography.KEYS, *editable.KEYS)} if armature else {}
    had_fake_user = action is not None and action.use_fake_user
    try:
        yield
    except BaseException:
        if action is not None:
            animation.action = action
            if slot is not None:
                animation.action_slot = slot
            action.use_fake_user = had_fake_user
        for key, value in kept.items():
            if value is not None:
                editable.put(armature, key, value)
            elif key in armature:
                del armature[key]
        if armature is not None:
            span_list.refresh(armature)
        bpy.data.batch_remove({block for kind in KINDS for block in set(getattr(bpy.data, kind)) - before[kind]})
        bpy.context.view_layer.objects.active = active
        raise
