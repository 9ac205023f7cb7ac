"""Edits of a dance that need the engine: asked for with what the armature carries, and keyed where frames changed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from engine.choreography import from_json, to_json
from engine.protocol import CHAIN, EDIT, pack_bytes, unpack_bytes

from ..engine_host import engine_setup
from ..engine_host.notices import Notice
from ..engine_host.session import Job, session
from ..errors import SceneError
from . import dance, editable
from .dance import Target
from .editable import Editable


def start(armature: Any, operations: Sequence[dict[str, Any]], title: str, follows: bool = False) -> Job:
    """Ask the engine for operations (fields of `engine.editing.operations.Operation`). follows: whether what comes
    after moves that are written anew may move in the world. Raises MagmaError, with nothing begun."""
    kept, setup = ready(armature), session.setup()
    target = Target(armature)
    params = {
        "document": to_json(kept.document),
        "npz": pack_bytes(kept.npz),
        "operations": list(operations),
        "follows": follows,
        "device": setup.device,
    }

    def finish(_context: Any, result: dict[str, Any]) -> Any:
        found = target.find()
        take(found, kept, result)
        return found

    return session.begin_job(EDIT, params, setup, f"{title}: {armature.name}", finish, _tell, target)


def start_chain(first: Any, second: Any, seconds: float) -> Job:
    """Ask for the dance of `first`, a join, then that of `second`, all danced by `first`. Raises MagmaError."""
    kept, other, setup = ready(first), ready(second), session.setup()
    if kept.about.fps != other.about.fps:
        raise SceneError(
            f"The dances have {kept.about.fps:g} and {other.about.fps:g} frames a second: generate one of them anew."
        )
    target = Target(first)
    params = {
        "first_document": to_json(kept.document),
        "first_npz": pack_bytes(kept.npz),
        "second_document": to_json(other.document),
        "second_npz": pack_bytes(other.npz),
        "seconds": seconds,
        "device": setup.device,
    }

    def finish(_context: Any, result: dict[str, Any]) -> Any:
        found = target.find()
        editable.check_untouched(found, kept)
        check_same(found, kept)
        _take_anew(found, kept, result)
        return found

    title = f"Joining: {first.name}, {second.name}"
    return session.begin_job(CHAIN, params, setup, title, finish, _tell, target)


def ready(armature: Any) -> Editable:
    """What the armature carries, if its dance can be keyed anew. Raises MagmaError."""
    engine_setup.check_numpy()
    dance.check_target(armature)
    kept = editable.load(armature)
    editable.check_untouched(armature, kept)
    return kept


def check_same(armature: Any, kept: Editable, keys_are: bool = True) -> None:
    """Raise SceneError if the dance was changed since the engine was asked. keys_are: whether its keys are the same."""
    if editable.load(armature) != kept or not keys_are:
        raise SceneError(
            f'The dance of "{armature.name}" was changed while the engine worked on it, so its answer does not fit any '
            "more: do it again."
        )


def take(armature: Any, kept: Editable, result: dict[str, Any]) -> None:
    """Take the engine's answer to an edit of `kept` into the action and the armature. Raises SceneError, with
    everything as it was."""
    editable.check_untouched(armature, kept)
    check_same(armature, kept)
    motion, document, npz = read(result)
    before = kept.motion()
    if len(motion) != len(before) or motion.fps != before.fps:
        raise dance.unusable(ValueError(f"{len(motion)} frames for {len(before)}"))
    rewrite(armature, kept, before, motion)
    editable.store(armature, document, npz)


def rewrite(armature: Any, kept: Editable, before: Any, motion: Any) -> None:
    """Key the frames of `motion` that are not as in `before`, which is keyed now. Raises SceneError, with everything as
    it was."""
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.blender.rewrite import rewrite_motion

    changed = (motion.poses != before.poses).any(axis=1) | (motion.trans != before.trans).any(axis=1)
    try:
        rewrite_motion(armature, motion, changed, kept.about.frame_start)
    except ArmatureError as error:
        raise SceneError(str(error)) from error


def _take_anew(armature: Any, kept: Editable, result: dict[str, Any]) -> None:
    motion, document, npz = read(result)
    write_anew(armature, kept, motion)
    editable.store(armature, document, npz)


def restore(armature: Any) -> None:
    """The dance's own keys in a new action; the present one stays in the file. Raises SceneError."""
    kept = editable.load(armature)
    write_anew(armature, kept, kept.motion())
    editable.store(armature, kept.document, kept.npz)


def write_anew(armature: Any, kept: Editable, motion: Any) -> None:
    """Key a motion in a new action, where the dance begins. Raises SceneError."""
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.blender.keyframes import write_motion

    try:
        write_motion(armature, motion, kept.about.frame_start, kept.about.fps, kept.about.strip)
    except ArmatureError as error:
        raise SceneError(str(error)) from error


def read(result: dict[str, Any]) -> tuple[Any, Any, bytes]:
    """(motion, document, .npz) of the engine's answer to an edit. Raises SceneError where it makes no sense."""
    from smpl_rig.motion import load_npz

    try:
        npz = unpack_bytes(result["npz"])
        return load_npz(io.BytesIO(npz)), from_json(result["document"]), npz
    except dance.UNUSABLE as error:
        raise dance.unusable(error) from error


def _tell(armature: Any, report: dict[str, Any], seconds: float) -> Notice:
    rate = editable.load(armature).document.token_rate
    details = tuple(
        f"{fill['start'] / rate:.1f} to {fill['stop'] / rate:.1f} s: best of {fill['tried']}, moved by "
        f"{fill['correction_cm']:.0f} cm to arrive"
        for fill in report.get("fills", ())
    )
    return Notice(f'The dance of "{armature.name}" is edited, in {seconds:.1f} s.', details=details)
