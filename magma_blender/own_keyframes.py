"""Keyframes that the animator has changed by hand, taken into the dance as they are and locked."""

from __future__ import annotations

import io
from typing import Any

from engine import choreography as doc
from engine.choreography import MOTION, Variant
from engine.choreography import Choreography as Document
from engine.errors import ChoreographyError

from . import dance, editable
from .editable import Editable
from .errors import SceneError


def keep(armature: Any) -> list[tuple[int, int]]:
    """Take the poses that are keyed now for those of the dance, lock them, and return their ranges of token positions.

    The keys stay as they are. Each span there gets a variant of its own with these poses; its tokens are still those of
    what was danced before, since only the engine could read others from poses. Raises SceneError where no key was
    changed.
    """
    import numpy as np

    from smpl_rig.blender.keyframes import read_motion
    from smpl_rig.motion import Motion, sample

    dance.check_target(armature)
    kept = editable.load(armature)
    frames = np.array(editable.hand_edited(armature, kept), int)
    if not len(frames):
        raise SceneError(f'No keyframe of the dance of "{armature.name}" was changed by hand.')
    with np.load(io.BytesIO(kept.npz), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    motion = kept.motion()
    now = read_motion(armature, (frames + kept.about.frame_start).tolist(), kept.about.fps)
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[frames], trans[frames] = now.poses, now.trans
    mine = Motion(poses, trans, motion.fps)

    # the same in the frames that are edited, which come at another rate
    before = Motion(arrays["frames_poses"], arrays["frames_trans"], _frame_rate(kept, len(arrays["frames_poses"])))
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
    clips: dict[str, Motion] = {}
    document = kept.document
    try:
        for start, stop in ranges:
            document = _lock_poses(document, start, stop, stride, before, after, clips)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    for name, clip in clips.items():
        arrays[f"clip_{name}_poses"], arrays[f"clip_{name}_trans"] = clip.poses, clip.trans
    arrays.update(poses=mine.poses, trans=mine.trans, frames_poses=after.poses, frames_trans=after.trans)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    editable.store(armature, document, file.getvalue())
    return ranges


def _frame_rate(kept: Editable, count: int) -> float:
    return count / len(kept.document) * kept.document.token_rate


def _lock_poses(
    document: Document, start: int, stop: int, stride: int, before: Any, after: Any, clips: dict[str, Any]
) -> Document:
    """The positions start..stop locked, each span there with the poses of `after` as a variant of its own."""
    document = doc.unlock(document, start, stop)
    for span in doc.spans_between(document, start, stop):
        part = slice(span.start * stride, span.stop * stride + 1)
        if span.danced.clip is None:
            document = doc.keep_clip(document, span.start, _keep(before.cut(part.start, part.stop), clips))
        mine = Variant(span.danced.codes, span.danced.seed, MOTION, _keep(after.cut(part.start, part.stop), clips))
        document = doc.insert_variant(document, span.start, mine)
        document = doc.choose_variant(document, span.start, len(span.variants))
    return doc.lock(document, start, stop)


def _keep(motion: Any, clips: dict[str, Any]) -> str:
    """Put a motion among the clips; its name there, which is made of its content as the engine's clips are named."""
    import hashlib

    name = hashlib.sha256(motion.poses.tobytes() + motion.trans.tobytes()).hexdigest()[:16]
    clips[name] = motion
    return name


def _ranges(positions: Any) -> list[tuple[int, int]]:
    """Sorted positions as half-open ranges."""
    ranges: list[tuple[int, int]] = []
    for position in sorted(set(positions.tolist())):
        if ranges and ranges[-1][1] == position:
            ranges[-1] = (ranges[-1][0], position + 1)
        else:
            ranges.append((position, position + 1))
    return ranges
