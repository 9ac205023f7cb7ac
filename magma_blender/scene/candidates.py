"""The candidates of which a dance is the best, kept beside it: actions on muted NLA tracks, to be looked at by their
tracks' solo, each with its document, so that it can become the dance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender import compat

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer
from ..errors import SceneError
from . import dance_keys, edits, review
from .dancer import Dancer, kept_in, record_of
from .generated_dance import GeneratedDance, read_generated
from .history.recording import recorded
from .keyed_target import Former
from .target import new_target, target_of
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

SCORE_KEY = "magma_score"
"""Custom property of an action: what its dance was ranked by among the candidates."""


@dataclass(frozen=True)
class Candidate:
    """A dance that is kept beside an armature's own. name: of track, strip and action."""

    track: bpy.types.NlaTrack
    strip: bpy.types.NlaStrip
    action: bpy.types.Action

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.strip.name


def of(armature: bpy.types.Object) -> list[Candidate]:
    """The candidates that an armature has, from below."""
    from smpl_rig.blender.keying import ASIDE_KEY
    from smpl_rig.blender.nla import has_key, tracks_with

    return [
        Candidate(track, strip, strip.action)
        for track in tracks_with(armature, ASIDE_KEY)
        for strip in track.strips
        if strip.action is not None and has_key(strip.action, ASIDE_KEY)
    ]


def has_any(armature: bpy.types.Object) -> bool:
    """Whether there are any; quick enough for drawing."""
    data = armature.animation_data
    return data is not None and len(data.nla_tracks) > 0 and bool(of(armature))


def read_answer(answer: DanceAnswer) -> list[tuple[GeneratedDance, float]]:
    """The candidates in the engine's answer, best first, with their scores. Raises AnswerError."""
    return [(read_generated(candidate), candidate.score) for candidate in answer.candidates]


def keep(
    armature: bpy.types.Object, dancer: Dancer, others: Sequence[tuple[GeneratedDance, float]], score: float | None
) -> None:
    """Keep other dances beside that of a dancer, which was just keyed on the armature as its own action. score: that
    one's. Raises SceneError; who calls puts everything back then."""
    from smpl_rig.blender.nla import add_strip

    own = compat.places(armature)[0]
    own.action[SCORE_KEY] = score
    for other, its_score in reversed(others):  # the best is the uppermost
        document = other.document
        target = new_target(armature, dancer.frame_start, document)
        last = dancer.frame_start + len(other.motion) - 1
        name = _name(document.seed, its_score)
        target.write(other.motion, dancer.frame_start, name, Former(dancer.frame_start, last, False, target.channels))
        place = compat.places(armature)[0]
        prints = target.fingerprint(len(other.motion), dancer.frame_start)
        kept = replace(dancer, document=document, npz=other.npz, key_prints=prints, character=target.character)
        strip = add_strip(armature, place, name)
        _set_aside(strip, kept, its_score)
        own.assign()
        _track_of(strip).mute = True


def use(armature: bpy.types.Object, name: str) -> str:
    """Make a candidate the dance; the dance becomes the candidate in its place. Returns its name then. name: of the
    candidate's action. Raises MagmaError, with everything as it was."""
    engine_setup.check_numpy()
    found = next((candidate for candidate in of(armature) if candidate.action.name == name), None)
    if found is None:
        raise SceneError(f'"{armature.name}" has no candidate "{name}": choose one of those on its NLA tracks.')
    edits.check_kept(armature)
    review.show_after(armature)
    data = armature.animation_data
    if data is not None and data.use_tweak_mode:
        raise SceneError(f'An NLA strip of "{armature.name}" is being tweaked: leave its Tweak Mode (Tab) first.')
    dancer, chosen = edits.ready(armature), kept_in(found.action, _aside_key())
    before, motion = dancer.motion(), chosen.motion()
    if len(motion) != len(before) or chosen.fps != dancer.fps:
        raise SceneError(
            f'The candidate "{found.name}" has {len(motion)} frames at {chosen.fps:g} a second and the dance of '
            f'"{armature.name}" {len(before)} at {dancer.fps:g}, so it cannot take its place: generate the dance with '
            f"seed {chosen.document.seed} again."
        )
    place = target_of(armature, dancer).place
    assert place is not None  # `ready` compares its keys
    old = found.action
    with review.accepting(armature), all_or_nothing(armature), recorded(armature, found.name):
        former = replace(place.copied(), holder=found.strip)
        scores = place.action.get(SCORE_KEY), old.get(SCORE_KEY)
        dance_keys.rewrite(armature, dancer, before, motion)
        danced = replace(dancer, document=chosen.document, npz=chosen.npz, beat_snap=chosen.beat_snap)
        dance_keys.store_keyed(armature, danced, len(motion))
        _score(target_of(armature).action, scores[1])
        former.assign()
        _set_aside(found.strip, dancer, scores[0])
        found.strip.name = found.track.name = former.action.name = _name(dancer.document.seed, scores[0])
    if not old.users:
        bpy.data.actions.remove(old)
    return found.name


def remove(armature: bpy.types.Object) -> int:
    """Remove the candidates whose tracks are muted, with their actions; returns how many."""
    data = armature.animation_data
    removed = 0
    for candidate in of(armature):
        if data is None or not candidate.track.mute or len(candidate.track.strips) > 1:
            continue
        data.nla_tracks.remove(candidate.track)
        if not candidate.action.users:
            bpy.data.actions.remove(candidate.action)
        removed += 1
    return removed


def _aside_key() -> str:
    from smpl_rig.blender.keying import ASIDE_KEY

    return ASIDE_KEY


def _set_aside(strip: bpy.types.NlaStrip, dancer: Dancer, score: object) -> None:
    action, key = strip.action, _aside_key()
    assert action is not None
    action.pop(key, None)  # since bytes in place of bytes are cut at their first zero by Blender 4.2 to 5.0
    record: Mapping[str, object] = record_of(replace(dancer, action=action.name))
    action[key] = record
    _score(action, score)


def _score(action: bpy.types.Action | None, score: object) -> None:
    if action is not None and isinstance(score, float):
        action[SCORE_KEY] = score


def _name(seed: int, score: object) -> str:
    return f"Candidate, seed {seed}" + (f", score {score:.1f}" if isinstance(score, float) else "")


def _track_of(strip: bpy.types.NlaStrip) -> bpy.types.NlaTrack:
    from smpl_rig.blender.nla import track_of

    return track_of(strip)
