"""Edits of a dance: of its document alone, and what the engine answered, keyed where frames changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy

from engine.choreography import Choreography
from engine.errors import ChoreographyError

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer, unusable
from ..errors import SceneError
from . import dance_keys
from .dancer import Dancer, load
from .generated_dance import read_generated
from .target import check_target


def change(armature: bpy.types.Object, edit: Callable[[Choreography], Choreography]) -> None:
    """Edit the document alone, with a function of `engine.choreography`; the keys stay. Raises SceneError, and then
    nothing is changed."""
    dancer = load(armature)
    try:
        edited = edit(dancer.document)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    dance_keys.store(armature, replace(dancer, document=edited))


def ready(armature: bpy.types.Object) -> Dancer:
    """What the armature carries, if other keys can be written. Raises MagmaError."""
    engine_setup.check_numpy()
    check_target(armature)
    dancer = load(armature)
    dance_keys.check_untouched(armature, dancer)
    return dancer


def check_same(armature: bpy.types.Object, dancer: Dancer, keys_are: bool = True) -> None:
    """Raise SceneError if the dance was changed since the engine was asked. keys_are: whether its keys are the same."""
    if load(armature) != dancer or not keys_are:
        raise SceneError(
            f'The dance of "{armature.name}" was changed while the engine worked on it, so its answer does not fit any '
            "more: do it again."
        )


def finish_edit(armature: bpy.types.Object, dancer: Dancer, answer: DanceAnswer) -> None:
    """Key the engine's answer to an edit of `dancer` in the present action, where frames changed. Raises MagmaError,
    with everything as it was."""
    dance_keys.check_untouched(armature, dancer)
    check_same(armature, dancer)
    edited, before = read_generated(answer), dancer.motion()
    if len(edited.motion) != len(before) or edited.motion.fps != before.fps:
        raise unusable(f"{len(edited.motion)} frames for {len(before)}")
    dance_keys.rewrite(armature, dancer, before, edited.motion)
    dance_keys.store_keyed(armature, replace(dancer, document=edited.document, npz=edited.npz), len(before))


def finish_chain(armature: bpy.types.Object, dancer: Dancer, answer: DanceAnswer) -> None:
    """Key the engine's answer to a chain that begins with `dancer` in a new action, since it is longer. Raises
    MagmaError, with everything as it was."""
    dance_keys.check_untouched(armature, dancer)
    check_same(armature, dancer)
    chained = read_generated(answer)
    dance_keys.write_new_action(armature, dancer, chained.motion)
    dance_keys.store_keyed(armature, replace(dancer, document=chained.document, npz=chained.npz), len(chained.motion))


def restore(armature: bpy.types.Object) -> bpy.types.Action:
    """Key the dance as it is kept in a new action, which is returned; the present one stays in the file. Raises
    SceneError."""
    dancer = load(armature)
    motion = dancer.motion()
    action = dance_keys.write_new_action(armature, dancer, motion)
    dance_keys.store_keyed(armature, dancer, len(motion))
    return action
