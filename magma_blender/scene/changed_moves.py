"""Where an edit has changed a dance."""

from __future__ import annotations

from engine.choreography import Range, runs_of

from .dancer import Dancer

SAME = 1e-6
"""Radians and metres by which the same motion may differ."""


def changed_moves(before: Dancer, after: Dancer) -> list[Range]:
    """The token positions of the dance after an edit at which it moves otherwise than before. Raises SceneError where a
    motion is damaged."""
    import numpy as np

    old, new = before.motion(), after.motion()
    count = len(after.document)
    frames = np.ones(len(new), bool)
    common = slice(min(len(old), len(new)))
    frames[common] = (np.abs(new.poses[common] - old.poses[common]) > SAME).any(axis=1)
    frames[common] |= (np.abs(new.trans[common] - old.trans[common]) > SAME).any(axis=1)
    positions = np.floor(np.flatnonzero(frames) / after.frames_per_position + 1e-6).astype(int)
    changed = np.zeros(count, bool)
    changed[np.minimum(positions, count - 1)] = True
    return runs_of(changed.tolist())
