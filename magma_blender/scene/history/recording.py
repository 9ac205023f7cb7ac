"""What a change of a dance calls, so that the dance as it is then is one of its versions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import bpy

from engine.choreography import GENERATED, Choreography

from ..dancer import has_dance, load, say_kept, version_kept
from . import shown_versions, snapshots, store
from .parts import Parts
from .versions import History, Version

GENERATE, EARLIER = "Generate", "Earlier Edits"
"""What a version is called that was danced before versions were kept."""


@dataclass(frozen=True)
class Begun:
    """The versions before a change, and what is new of them: that of a dance which had none."""

    history: History
    parts: Parts


@contextlib.contextmanager
def recorded(armature: bpy.types.Object, name: str, moves: bool = True) -> Iterator[None]:
    """Around a change of a dance, inside its transaction: what is danced at the end is a version `name`. moves: whether
    the motion or its keys may change. What was danced before, and is no version, becomes one first; on an exception
    nothing was stored."""
    begun = begin(armature)
    yield
    finish(armature, name, begun, moves)


def begin(armature: bpy.types.Object | None) -> Begun:
    """Before a change: what is to be done once it has succeeded. Changes nothing."""
    if armature is None:
        return Begun(History(), Parts(()))
    history, parts = store.read(armature), Parts(store.known_parts(armature))
    if has_dance(armature) and not is_kept(armature, history):
        name = GENERATE if is_new(load(armature).document) else EARLIER
        version = snapshots.of_dance(armature, parts, history.next_number(), name, None, are_ours=False)
        history = history.with_version(version)
    return Begun(history, parts)


def finish(armature: bpy.types.Object, name: str, begun: Begun, moves: bool = True) -> None:
    """After a change: keep what is danced now."""
    history, parts = begun.history, begun.parts
    number, before = history.next_number(), history.version(history.present)
    if before is not None and not moves:
        version = snapshots.of_document(armature, parts, number, name, before)
    else:
        motion = _motion_of(armature, parts, before)
        version = snapshots.of_dance(armature, parts, number, name, motion, are_ours=True)
    keep(armature, history.with_version(version), parts)


def keep(armature: bpy.types.Object, history: History, parts: Parts | None = None) -> None:
    """Store the versions, of which the present one is what is danced now, and show them."""
    store.write(armature, history, parts.new if parts is not None else {})
    say_kept(armature, history.present)
    shown_versions.refresh(armature)


def follow(armature: bpy.types.Object) -> None:
    """After a former record was put back: the version that it says is the present one."""
    history, number = store.read(armature), version_kept(armature)
    if number is not None and number != history.present and history.version(number) is not None:
        store.write(armature, replace(history, present=number), {})
        shown_versions.refresh(armature)


def is_kept(armature: bpy.types.Object, history: History) -> bool:
    """Whether what is danced now is the present version."""
    return history.version(history.present) is not None and version_kept(armature) == history.present


def is_new(document: Choreography) -> bool:
    """Whether nobody has edited a document since its dance was generated."""
    untouched = (len(s.variants) == 1 and not s.locked and s.danced.source == GENERATED for s in document.spans)
    return len(document.spans) == len(document.audio) and all(untouched)


def _motion_of(armature: bpy.types.Object, parts: Parts, version: Version | None) -> bytes | None:
    if version is None:
        return None
    try:
        return store.getter(armature, parts.new)(bytes.fromhex(version.motion))
    except ValueError:
        return None  # damaged: it only helps to choose a pose
