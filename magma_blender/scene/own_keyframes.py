"""Keyframes that the animator has changed by hand, taken into the dance as they are and locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine import choreography as doc
from engine.choreography import MOTION, Variant, to_json
from engine.choreography import Choreography as Document
from engine.errors import ChoreographyError
from engine.protocol import EDIT, pack_bytes

from ..engine_host import engine_setup
from ..engine_host.engine_setup import EngineSetup
from ..engine_host.notices import Notice
from ..engine_host.session import Job, session
from ..errors import SceneError
from . import dance, editable, edits, variants
from .editable import Editable
from .selection import Range, places_text


@dataclass(frozen=True)
class Own:
    """The dance as it is with the animator's poses. kept, prints: the dance as the armature carries it, and its keys.
    document, npz: with the poses, locked, at `ranges`; their tokens are still those of what was danced before."""

    kept: Editable
    prints: tuple[int, ...]
    document: Document
    npz: bytes
    ranges: list[Range]

    @property
    def said(self) -> str:
        """What was done."""
        return f"Your keyframes are kept and locked: {places_text(self.kept, self.ranges)}."


def keep(armature: Any) -> str:
    """DanceMotion the poses that are keyed now for those of the dance, lock them, and say so.

    The keys stay as they are. Each span there gets a variant of its own with these poses, with the tokens of what was
    danced before, since only the engine can read others from poses. Raises SceneError where no key was changed.
    """
    own = _read(armature)
    editable.store(armature, own.document, own.npz)
    return own.said


def start(armature: Any, setup: EngineSetup) -> Job:
    """`keep`, with tokens that the engine reads from the poses. Raises MagmaError, with nothing begun."""
    own = _read(armature)
    target = dance.Target(armature)
    params = {
        "document": to_json(own.document),
        "npz": pack_bytes(own.npz),
        "operations": [{"do": "tokenize", "start": start, "stop": stop} for start, stop in own.ranges],
        "device": setup.device,
    }

    def finish(_context: Any, result: dict[str, Any]) -> Any:
        found = target.find()
        edits.check_same(found, own.kept, editable.prints_now(found, own.kept) == own.prints)
        _, document, npz = edits.read(result)
        editable.store(found, document, npz)
        return found

    def tell(*_: Any) -> Notice:
        return Notice(own.said)

    return session.begin_job(EDIT, params, setup, f"Reading your keyframes: {armature.name}", finish, tell, target)


def _read(armature: Any) -> Own:
    import numpy as np

    from smpl_rig.blender.keyframes import read_motion
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import Motion, sample

    engine_setup.check_numpy()
    dance.check_target(armature)
    kept = editable.load(armature)
    frames = np.array(editable.hand_edited(armature, kept), int)
    if not len(frames):
        raise SceneError(f'No keyframe of the dance of "{armature.name}" was changed by hand.')
    take = kept.take()
    now = read_motion(armature, (frames + kept.about.frame_start).tolist(), kept.about.fps)
    poses, trans = take.motion.poses.copy(), take.motion.trans.copy()
    poses[frames], trans[frames] = now.poses, now.trans
    mine = Motion(poses, trans, take.motion.fps)

    # the same in the frames that are edited, which come at another rate
    before = take.frames
    touched = np.zeros(len(mine) + 1, bool)
    touched[frames] = True
    at = np.clip(np.arange(len(before)) / before.fps * mine.fps, 0, len(mine) - 1)
    concerned = touched[np.floor(at + 1e-6).astype(int)] | touched[np.ceil(at - 1e-6).astype(int)]
    after = Motion(before.poses.copy(), before.trans.copy(), before.fps)
    if concerned.any():
        sampled = sample(mine, at[concerned] / mine.fps)
        after.poses[concerned], after.trans[concerned] = sampled.poses, sampled.trans

    positions = np.floor(frames / kept.about.fps * kept.document.token_rate + 1e-6).astype(int)
    ranges = _ranges(np.minimum(positions, len(kept.document) - 1))
    stride = len(before) // len(kept.document)
    clips = dict(take.clips)
    document = kept.document
    try:
        for start, stop in ranges:
            document = _lock_poses(document, start, stop, stride, before, after, clips)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    npz = editable.pack(document, DanceMotion(mine, after, clips))
    return Own(kept, editable.prints_now(armature, kept), document, npz, ranges)


def _lock_poses(
    document: Document, start: int, stop: int, stride: int, before: Any, after: Any, clips: dict[str, Any]
) -> Document:
    """The positions start..stop locked, each span there with the poses of `after` as a variant of its own."""
    from smpl_rig.dance_motion import clip_name

    document = doc.unlock(document, start, stop)
    for span in doc.spans_between(document, start, stop):
        part = slice(span.start * stride, span.stop * stride + 1)
        document = variants.keep_danced(document, span, before.cut(part.start, part.stop), clips)
        mine = after.cut(part.start, part.stop)
        clips[clip_name(mine)] = mine
        variant = Variant(span.danced.codes, span.danced.seed, MOTION, clip_name(mine))
        document = doc.insert_variant(document, span.start, variant)
        document = doc.choose_variant(document, span.start, len(span.variants))
    return doc.lock(document, start, stop)


def _ranges(positions: Any) -> list[Range]:
    """Sorted positions as half-open ranges."""
    ranges: list[Range] = []
    for position in sorted(set(positions.tolist())):
        if ranges and ranges[-1][1] == position:
            ranges[-1] = (ranges[-1][0], position + 1)
        else:
            ranges.append((position, position + 1))
    return ranges
