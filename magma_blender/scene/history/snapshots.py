"""What an armature dances as a version: its record and keys as parts, and the record again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy

from ..dancer import Dancer, document_text, load
from ..document_cache import read_document
from ..target import target_of
from .key_parts import get_keys, put_keys
from .motion_parts import Arrays, arrays_in, get_motion, middle_of_change, put_motion
from .parts import Get, Parts, get_text, put_text, read_list
from .poses import seen_from_the_front
from .versions import LONGEST_NAME, Version

if TYPE_CHECKING:
    from smpl_rig.blender.kept_keys import KeptKeys


@dataclass(frozen=True)
class Contents:
    """A version as it was danced. dancer: without prints of its keys. keys: None where they are not kept."""

    dancer: Dancer
    keys: KeptKeys | None


def of_document(armature: bpy.types.Object, parts: Parts, number: int, name: str, before: Version) -> Version:
    """The present record as a version, whose motion and keys are those of the version before."""
    document = put_text(parts, document_text(armature)).hex()
    return replace(before, number=number, name=name[:LONGEST_NAME], made=time.time(), document=document)


def of_dance(
    armature: bpy.types.Object, parts: Parts, number: int, name: str, before: bytes | None, are_ours: bool
) -> Version:
    """The present record and keys as a version. before: the motion of the version before, as it is kept. are_ours:
    whether the keys are known to be as the record says; else they are compared, and left out where they are not.

    Raises SceneError where there is no dance, or a damaged one.
    """
    dancer = load(armature)
    target, count = target_of(armature, dancer), len(dancer.key_prints)
    keys = target.keep(count, dancer.frame_start)
    if not are_ours and target.fingerprint(count, dancer.frame_start) != dancer.key_prints:
        keys = None
    arrays = arrays_in(dancer.npz)
    motion = put_motion(parts, arrays)
    return Version(
        number=number,
        name=name[:LONGEST_NAME],
        made=time.time(),
        document=put_text(parts, document_text(armature)).hex(),
        motion=motion.hex(),
        keys=put_keys(parts, keys).hex() if keys is not None and keys.counts.all() else "",
        character=parts.put(dancer.character.encode()).hex(),
        frame_start=dancer.frame_start,
        fps=dancer.fps,
        strip=dancer.strip,
        action=dancer.action,
        beat_snap=dancer.beat_snap,
        pose=_pose(dancer, arrays, before, parts.new.get(motion)),
    )


def contents(get: Get, version: Version) -> Contents:
    """What a version was. Raises ValueError with a clause that says what is damaged."""
    dancer = Dancer(
        document=read_document(get_text(get, bytes.fromhex(version.document))),
        npz=get_motion(get, bytes.fromhex(version.motion)),
        frame_start=version.frame_start,
        fps=version.fps,
        strip=version.strip,
        action=version.action,
        beat_snap=version.beat_snap,
        character=get(bytes.fromhex(version.character)).decode(),
    )
    return Contents(dancer, get_keys(get, bytes.fromhex(version.keys)) if version.keys else None)


def parts_of(get: Get, version: Version) -> Iterator[bytes]:
    """The names of all parts of a version. Raises ValueError."""
    for name in filter(None, (version.document, version.motion, version.keys)):
        listed = bytes.fromhex(name)
        yield listed
        yield from read_list(get(listed))[1]
    yield bytes.fromhex(version.character)


def _pose(dancer: Dancer, arrays: Arrays, before: bytes | None, after: bytes | None) -> str:
    """A pose that shows what is new since the version before."""
    from smpl_rig.motion import Motion

    frames = dancer.motion()
    if "frames_poses" in arrays and "frames_trans" in arrays:
        frames = Motion(arrays["frames_poses"], arrays["frames_trans"], dancer.fps)
    middle = middle_of_change(before, after) if before is not None and after is not None else None
    return seen_from_the_front(frames, min(middle if middle is not None else len(frames) // 3, len(frames) - 1))
