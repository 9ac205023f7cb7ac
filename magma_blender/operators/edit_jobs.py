"""Edits of a dance that need the engine: asked for with what the armature carries, finished in the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy

from engine.choreography import Choreography, to_json
from engine.protocol import CHAIN, EDIT, pack_bytes
from smpl_rig.blender.context import scene_of

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer
from ..engine_host.engine_setup import EngineSetup
from ..engine_host.notices import Notice
from ..engine_host.session import Ahead, Job, session
from ..errors import SceneError
from ..media import song_asset, strips
from ..scene import edits, own_keyframes, review
from ..scene.armature_reference import ArmatureReference
from ..scene.dancer import Dancer, load
from ..scene.generated_dance import read_generated
from ..scene.selection import places_text
from ..scene.target import target_of


def start_edit(
    armature: bpy.types.Object,
    operations: Sequence[dict[str, object]],
    title: str,
    follows: bool = False,
    name: str | None = None,
    manner: review.Manner = review.reviewed,
) -> Job:
    """Ask the engine for operations (fields of `engine.editing.operations.Operation`). title: what is going on.
    follows: whether what comes after moves that are generated again may move in the world. name: what the history and
    the review call it, to which places are added where operations have some; None is the title. manner: what the edit
    means for review. Raises MagmaError, with nothing begun."""
    dancer, setup = edits.ready(armature), session.setup()
    target = ArmatureReference(armature)
    params: dict[str, object] = {
        "document": for_engine(dancer.document),
        "npz": pack_bytes(dancer.npz),
        "operations": list(operations),
        "follows": follows,
        "device": setup.device,
    }

    def finish(_context: bpy.types.Context, answer: DanceAnswer) -> bpy.types.Object:
        found = target.find()
        edits.finish_edit(found, dancer, answer, _with_places(name or title, dancer, operations), manner)
        return found

    ahead = _ahead_on(target)
    return session.begin_job(EDIT, params, setup, f"{title}: {armature.name}", finish, _tell, target, ahead=ahead)


def _with_places(name: str, dancer: Dancer, operations: Sequence[dict[str, object]]) -> str:
    places = [(start, stop) for start, stop in ((each.get("start"), each.get("stop")) for each in operations)]
    ranges = [(start, stop) for start, stop in places if isinstance(start, int) and isinstance(stop, int)]
    return f"{name}, {places_text(dancer, ranges)}" if ranges else name


def _ahead_on(target: ArmatureReference) -> Ahead:
    def ahead(answer: DanceAnswer) -> Callable[[], object]:
        work = target_of(target.find()).work_ahead()
        return lambda: work(read_generated(answer).motion, False)

    return ahead


def start_chain(first: bpy.types.Object, second: bpy.types.Object, seconds: float) -> Job:
    """Ask for the dance of `first`, a join, then that of `second`, all danced by `first`. Raises MagmaError."""
    dancer, other, setup = edits.ready(first), edits.ready(second), session.setup()
    target_of(first).check_can_grow()
    if dancer.fps != other.fps:
        raise SceneError(
            f"The dances have {dancer.fps:g} and {other.fps:g} frames a second: generate one of them again."
        )
    target, second_name = ArmatureReference(first), second.name
    params: dict[str, object] = {
        "first_document": for_engine(dancer.document),
        "first_npz": pack_bytes(dancer.npz),
        "second_document": for_engine(other.document),
        "second_npz": pack_bytes(other.npz),
        "seconds": seconds,
        "device": setup.device,
    }

    def finish(_context: bpy.types.Context, answer: DanceAnswer) -> bpy.types.Object:
        found = target.find()
        edits.finish_chain(found, dancer, answer, f'Chain with "{second_name}"')
        return found

    second_name = second.name
    title = f"Joining: {first.name}, {second_name}"
    return session.begin_job(CHAIN, params, setup, title, finish, _tell, target, ahead=_ahead_on(target))


def start_keeping_keyframes(armature: bpy.types.Object, setup: EngineSetup) -> Job:
    """`own_keyframes.keep`, with tokens that the engine encodes from the poses. Raises MagmaError, with nothing
    begun."""
    own = own_keyframes.read(armature)
    target = ArmatureReference(armature)
    params: dict[str, object] = {
        "document": for_engine(own.document),
        "npz": pack_bytes(own.npz),
        "operations": [{"do": "tokenize", "start": start, "stop": stop} for start, stop in own.ranges],
        "device": setup.device,
    }

    def finish(_context: bpy.types.Context, answer: DanceAnswer) -> bpy.types.Object:
        found = target.find()
        own_keyframes.finish_keeping(found, own, answer)
        return found

    def tell(_armature: bpy.types.Object, _answer: DanceAnswer, _seconds: float) -> Notice:
        return Notice(own.said)

    return session.begin_job(EDIT, params, setup, f"Encoding your keyframes: {armature.name}", finish, tell, target)


def for_engine(document: Choreography) -> str:
    """A document as JSON text, its songs where they are now."""
    return to_json(song_asset.located(document, engine_setup.spare_sounds()))


def _tell(armature: bpy.types.Object, answer: DanceAnswer, seconds: float) -> Notice:
    dancer = load(armature)
    details = tuple(
        f"{dancer.seconds_of(fill.start):.1f} to {dancer.seconds_of(fill.stop):.1f} s: best of {fill.candidates}, "
        f"moved by {fill.correction_cm:.0f} cm to connect"
        for fill in answer.fills
    )
    rate = strips.frame_rate(scene_of(bpy.context))
    if abs(rate - dancer.fps) > 0.01:
        details += (
            f"The scene has {rate:g} frames a second now, and the dance was made for {dancer.fps:g}: its keyframes "
            "stay on their frames, so it is not in time with its song. Set the rate back, or generate the dance again.",
        )
    return Notice(f'The dance of "{armature.name}" is edited, in {seconds:.1f} s.', details=details)
