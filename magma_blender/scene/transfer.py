"""Transfer Dance: a dance goes onto other armatures, keys and record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import bpy
from mathutils import Matrix

from smpl_rig.blender import compat

from ..engine_host import engine_setup
from ..errors import SceneError
from . import dance_keys, review, span_list
from .dancer import has_dance, put_back
from .edits import check_kept
from .history.recording import recorded
from .selection import chosen_target, find_dancer
from .target import new_target, target_of
from .transaction import all_or_nothing

Pair = tuple[bpy.types.Object, bpy.types.Object]
"""(who dances, who shall)."""


def pairs(context: bpy.types.Context) -> list[Pair]:
    """Whose dance goes to whom.

    Selected armatures without a dance get those of the selected dancers: all of them one dancer's, or each another
    one's, in the order of their names. Where all that are selected dance, the active one's goes to the others. Where
    nobody else is selected, it goes to the panel's target. Raises SceneError.
    """
    scene = context.scene
    assert scene is not None
    selected = sorted(
        (obj for obj in scene.objects if obj.type == "ARMATURE" and obj.select_get()), key=lambda obj: obj.name
    )
    dancers = [obj for obj in selected if has_dance(obj)]
    others = [obj for obj in selected if obj not in dancers]
    if not others or not dancers:
        source = find_dancer(context)
        others = others or [obj for obj in dancers if obj != source]
        target = chosen_target(scene)
        if not others and target is not None and target != source:
            others = [target]
        dancers = [source]
    if not others:
        raise SceneError(
            f'Nobody is there to dance what "{dancers[0].name}" dances: select another armature beside it, or choose '
            "one as Character."
        )
    if len(dancers) == 1:
        return [(dancers[0], other) for other in others]
    if len(dancers) != len(others):
        raise SceneError(
            f"{len(dancers)} dancers and {len(others)} other armatures are selected: select one dancer, or as many as "
            "others."
        )
    return list(zip(dancers, others, strict=True))


def transfer(chosen: Sequence[Pair], give_up: bool) -> None:
    """Key each dance on its new dancer, too, who carries its record from then on. give_up: whether those who danced it
    stop. Raises SceneError, with everything as it was."""
    engine_setup.check_numpy()
    sources = list(dict.fromkeys(source for source, _ in chosen))
    dancers = {source: dance_keys.untouched(source) for source in sources}
    for source in sources if give_up else []:
        _check_can_stop(source)
    for source, other in chosen:
        new_target(other, dancers[source].frame_start).check()
        check_kept(other)
    with ExitStack() as stack:
        for armature in [*(sources if give_up else []), *(other for _, other in chosen)]:
            stack.enter_context(review.accepting(armature))
            stack.enter_context(all_or_nothing(armature))
        for source, other in chosen:
            dancer = dancers[source]
            motion = dancer.motion()
            action = target_of(source).action
            name = action.name if action is not None else dancer.strip
            with recorded(other, f"Transfer from {source.name}"):
                keyed = dance_keys.write_new_action(other, dancer, motion, name)
                dance_keys.store_keyed(other, replace(keyed, action=""), len(motion))
        for source in sources if give_up else []:
            _stop(source)


def _check_can_stop(armature: bpy.types.Object) -> None:
    data, action = armature.animation_data, target_of(armature).action
    if data is None or action is None or data.action != action or data.use_tweak_mode:
        raise SceneError(
            f'The dance of "{armature.name}" is in an NLA strip, which would go on playing: transfer a copy, and '
            "delete the strip yourself."
        )


def _stop(armature: bpy.types.Object) -> None:
    """Without its dance: at rest, with no record; its action stays in the file."""
    data, action = armature.animation_data, target_of(armature).action
    assert data is not None and action is not None
    keyed = {curve.data_path.rpartition(".")[0] for curve in compat.fcurves(armature)}
    put_back(armature, {})
    action.use_fake_user = True
    data.action = None
    for bone in compat.pose_of(armature).bones:
        if bone.path_from_id() in keyed:
            bone.matrix_basis = Matrix()
    span_list.refresh(armature)
