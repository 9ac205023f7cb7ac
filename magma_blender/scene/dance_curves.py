"""What of a dance and its song can be drawn as curves over time: the song's energy, how quick the body is, which foot
stands when, and the beats. Worked out of the record alone, so beside the window as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.choreography import runs_of

from . import beat_markers
from .dancer import Dancer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

FramePair = tuple[float, float]
SMOOTHING = 0.25
"""Seconds over which a curve is averaged: movements show, and single frames do not."""
SLOW = 1.5
"""The same for the song's energy, in which verses and choruses show."""
FULL_SPEED, LEAST = 95, 0.05
"""Percentile of a curve that is its full height, and what that is at least: what hardly moves stays low."""
_FEATURES, _ONSET, _LOUDNESS = 37, 0, 1
"""Numbers of the bundled family's music features, and which of them say how busy and how loud it is."""


@dataclass(frozen=True, eq=False)
class DanceCurves:
    """frames: (N,) scene frames of the samples. speed: (N,) 0..1, of all joints against the pelvis and of the pelvis.
    energy: (N,) 0..1, or None where the checkpoint's features do not say it. left, right: scene frames from which to
    which a foot stands, divided at the borders of spans. beats: scene frames. bars: those that begin one."""

    frames: Floats
    speed: Floats
    energy: Floats | None
    left: Sequence[FramePair]
    right: Sequence[FramePair]
    beats: Sequence[float]
    bars: Sequence[float]


def curves_of(dancer: Dancer) -> DanceCurves:
    """The curves of a dance. Raises SceneError where its motion is damaged."""
    import numpy as np

    from smpl_rig.feet import CONTACT_JOINTS, foot_contacts
    from smpl_rig.skeleton import JOINT_INDEX

    kept = dancer.dance_motion()
    fps = kept.frames.fps
    joints = kept.frames.joints()
    frames = dancer.frame_start + np.arange(len(joints)) / fps * dancer.fps
    steps = np.linalg.norm(np.diff(joints, axis=0, prepend=joints[:1]), axis=-1).mean(axis=1) * fps
    contacts = foot_contacts(joints, fps)
    borders = [dancer.frame_of(span.start) for span in dancer.document.spans][1:]

    def standing(side: str) -> list[FramePair]:
        columns = [CONTACT_JOINTS.index(JOINT_INDEX[f"{side}_{part}"]) for part in ("ankle", "foot")]
        runs = runs_of(contacts[:, columns[0]] | contacts[:, columns[1]])
        pairs = [(float(frames[start]), float(frames[stop - 1])) for start, stop in runs]
        return [part for pair in pairs for part in _divided(pair, borders)]

    beats = beat_markers.beats_of(dancer)
    features = kept.music.features if kept.music is not None else None
    return DanceCurves(
        frames,
        _scaled(_averaged(steps, SMOOTHING * fps)),
        _energy(features, len(joints), fps),
        standing("L"),
        standing("R"),
        [beat.frame for beat in beats],
        [beat.frame for beat in beats if beat.beat == 1],
    )


def _energy(features: Floats | None, count: int, fps: float) -> Floats | None:
    import numpy as np

    if features is None or features.shape[1] != _FEATURES or not len(features):
        return None
    parts = []
    for column in (_LOUDNESS, _ONSET):
        level = _averaged(features[:, column].astype(np.float64), SLOW * len(features) / count * fps)
        low, high = np.percentile(level, (5, 95))
        parts.append((level - low) / max(high - low, 1e-6))
    mean = np.clip(np.mean(parts, axis=0), 0, 1)
    found: Floats = np.interp(np.arange(count) / max(count - 1, 1), np.linspace(0, 1, len(mean)), mean)
    return found


def _averaged(values: Floats, width: float) -> Floats:
    """Values (N,) averaged twice over so many samples around each, the ends repeated."""
    import numpy as np

    reach = max(round(width / 2), 0)
    for _ in range(2 if reach else 0):
        padded = np.pad(values, reach + 1, mode="edge")
        total = np.cumsum(padded)
        values = (total[2 * reach + 1 :] - total[: -2 * reach - 1])[: len(values)] / (2 * reach + 1)
    return values


def _scaled(values: Floats) -> Floats:
    import numpy as np

    scaled: Floats = np.clip(values / max(float(np.percentile(values, FULL_SPEED)), LEAST), 0, 1)
    return scaled


def _divided(run: FramePair, borders: Sequence[float]) -> list[FramePair]:
    first, last = run
    inside = [border for border in borders if first < border < last]
    return list(zip([first, *inside], [*inside, last], strict=True))
