"""Keyframes that the animator has changed by hand, kept in the dance as they are and locked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy

from engine import choreography as doc
from engine.choreography import MOTION, Choreography, Range, Variant, runs_of
from engine.errors import ChoreographyError

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer
from ..errors import SceneError
from . import dance_keys, edits, review, variants
from .dancer import Dancer, load, pack
from .generated_dance import read_generated
from .history.recording import recorded
from .selection import places_text
from .target import target_of
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class OwnKeyframes:
    """The dance as it is with the animator's poses. dancer, key_prints: what the armature carries, where
    it is danced now, and its present keys. document, npz: with the poses, locked, at `ranges`; their tokens are still
    those of what was danced before. character: how it is keyed, with the animator's fingers."""

    dancer: Dancer
    key_prints: tuple[int, ...]
    document: Choreography
    npz: bytes
    ranges: list[Range]
    character: str

    @property
    def said(self) -> str:
        """What is done with them, for people."""
        return f"Your keyframes are kept and locked: {places_text(self.dancer, self.ranges)}."


def keep(armature: bpy.types.Object) -> str:
    """Make the poses that are keyed now those of the dance, lock them, and say so.

    The keys stay as they are, unless something else has a say in the poses too, such as keyed Euler angles or a
    curve's modifier: then the poses are keyed in a new action, and the present one stays in the file. Each span there
    gets a variant of its own with these poses, with the tokens of what was danced before, since only the engine can
    encode poses. Raises SceneError where no key was changed.
    """
    own = read(armature)
    dancer = replace(own.dancer, document=own.document, npz=own.npz, character=own.character)
    _store(armature, dancer, len(own.key_prints))
    return own.said


def finish_keeping(armature: bpy.types.Object, own: OwnKeyframes, answer: DanceAnswer) -> None:
    """`keep`, with the tokens that the engine encoded. Raises SceneError, with everything as it was."""
    prints = target_of(armature).fingerprint(len(own.key_prints), own.dancer.frame_start)
    edits.check_same(armature, own.dancer, prints == own.key_prints)
    encoded = read_generated(answer)
    dancer = replace(own.dancer, document=encoded.document, npz=encoded.npz, character=own.character)
    _store(armature, dancer, len(prints))


def _store(armature: bpy.types.Object, dancer: Dancer, frames: int) -> None:
    with review.accepting(armature), all_or_nothing(armature), recorded(armature, "Your Keyframes"):
        if not target_of(armature).is_plain(dancer.frame_start, frames):
            dancer = dance_keys.write_new_action(armature, dancer, dancer.motion())
        dance_keys.store_keyed(armature, dancer, frames)


def read(armature: bpy.types.Object) -> OwnKeyframes:
    """The dance with the poses that are keyed now. Raises SceneError where no key was changed."""
    import numpy as np

    from smpl_rig.motion import Motion, sample

    engine_setup.check_numpy()
    review.show_after(armature)
    target = target_of(armature)
    dancer, edited = dance_keys.followed(armature, load(armature))
    document = dancer.document
    frames = np.array(edited, int)
    if not len(frames):
        raise SceneError(f'No keyframe of the dance of "{armature.name}" was changed by hand.')
    kept = dancer.dance_motion()
    now = target.read(kept.motion, frames, dancer.frame_start)
    poses, trans = kept.motion.poses.copy(), kept.motion.trans.copy()
    poses[frames], trans[frames] = now.poses, now.trans
    mine = Motion(poses, trans, kept.motion.fps)

    # the same in the frames that are edited, which come at another rate
    before = kept.frames
    touched = np.zeros(len(mine) + 1, bool)
    touched[frames] = True
    at = np.clip(np.arange(len(before)) / before.fps * mine.fps, 0, len(mine) - 1)
    concerned = touched[np.floor(at + 1e-6).astype(int)] | touched[np.ceil(at - 1e-6).astype(int)]
    after = Motion(before.poses.copy(), before.trans.copy(), before.fps)
    if concerned.any():
        sampled = sample(mine, at[concerned] / mine.fps)
        after.poses[concerned], after.trans[concerned] = sampled.poses, sampled.trans

    positions = np.floor(frames / dancer.fps * document.token_rate + 1e-6).astype(int)
    changed = np.zeros(len(document), bool)
    changed[np.minimum(positions, len(document) - 1)] = True
    ranges = runs_of(changed)
    stride = len(before) // len(document)
    clips = dict(kept.clips)
    try:
        for start, stop in ranges:
            document = _lock_poses(document, start, stop, stride, before, after, clips)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    npz = pack(document, replace(kept, motion=mine, frames=after, clips=clips))
    prints = target.fingerprint(len(dancer.key_prints), dancer.frame_start)
    character = target.keeping(mine, frames, dancer.frame_start)
    return OwnKeyframes(dancer, prints, document, npz, ranges, character)


def _lock_poses(
    document: Choreography,
    start: int,
    stop: int,
    stride: int,
    before: Motion,
    after: Motion,
    clips: dict[str, Motion],
) -> Choreography:
    """The positions start..stop locked, each span there with the poses of `after` as a variant of its own."""
    from smpl_rig.dance_motion import clip_name

    document = doc.unlock(document, start, stop)
    for span in doc.spans_between(document, start, stop):
        first, last = span.start * stride, span.stop * stride + 1
        document = variants.keep_danced(document, span, before.cut(first, last), clips)
        mine = after.cut(first, last)
        clips[clip_name(mine)] = mine
        variant = Variant(span.danced.codes, span.danced.seed, MOTION, clip_name(mine))
        document = doc.insert_variant(document, span.start, variant)
        document = doc.choose_variant(document, span.start, len(span.variants))
    return doc.lock(document, start, stop)
