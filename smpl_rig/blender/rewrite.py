"""A keyed motion changed in some of its frames.

What is not changed stays to the bit at every frame: keys there are kept, and where a curve between two keys loses one
of them, the frames that stay get keys of their own with the values that the curve had there.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import rotations as rot
from ..frame_runs import runs_of
from ..motion import Motion
from . import compat, rotation_modes
from .armature import ArmatureError
from .compat import Place, pose_of
from .key_data import HANDLE_TYPES, KEY_ATTRIBUTES, Attributes, enum_value, read_keys, write_keys
from .keyframes import attributes, check_free, fill, fit
from .keying import Bools, Curves, Floats, Keying, Rotation, curves_at, place_of

ON_A_FRAME = 1e-3
"""Distance in frames within which a key is on a frame."""


def rewrite_motion(keying: Keying, motion: Motion, changed: Bools, frame_start: float) -> None:
    """Key a motion where the armature's keys are, in the `changed` frames (T,) only; the others evaluate as before to
    the bit, at whole frames.

    Frame k is scene frame `frame_start` + k. Rotations go on in the form of the kept frame before them, such as a
    quaternion's sign; where the kept frame after them has another form of the same rotation, the last new key is held,
    for a straight line there would turn the bone about. An action that others use too, or that is another file's, is
    copied first.

    Raises ArmatureError, with everything as it was, where the object, its action or bones are not as `write_motion`
    left them.
    """
    if not changed.any():
        return
    values = keying.values(motion)
    place = _checked_place(keying)
    assert place.offset is not None
    times = frame_start - place.offset + np.arange(len(motion))
    curves = curves_at(place, keying)
    held = np.zeros(values.shape, bool)
    for start, stop in runs_of(changed):
        before = _present(keying, curves, times[start - 1]) if start > 0 else None
        after = _present(keying, curves, times[stop]) if stop < len(motion) else None
        for rotation in keying.rotations:
            _join(values[start:stop], held[stop - 1], rotation, before, after)
    curves = curves_at(compat.own_action(place), keying)
    new = _new_keys(keying, values, changed, times[0], motion.fps)
    constant = enum_value("interpolation", "CONSTANT")
    for number, channel in enumerate(keying.channels):
        fresh = new[number]
        holds = held[np.round(fresh["co"][:, 0] - times[0]).astype(int), number]
        fresh["interpolation"] = np.where(holds[:, None], constant, fresh["interpolation"])
        _rewrite(curves[channel], times, changed, fresh)


def _join(piece: Floats, held: Bools, rotation: Rotation, before: Floats | None, after: Floats | None) -> None:
    """Give a bone's rotations in the new values (n, C) the form of the kept ones beside them, and say in (C,) whether
    the last key is held."""
    ours, mode = rotation.channels, rotation.mode
    values = piece[:, None, ours]
    if before is not None:
        values = rotation_modes.continued(mode, values, before[None, ours])
    elif after is not None:
        values = rotation_modes.continued(mode, values[::-1], after[None, ours])[::-1]
    piece[:, ours] = values[:, 0]
    if after is not None:
        held[ours] = rotation_modes.differ_in_form(mode, piece[-1, ours], after[ours])


def _checked_place(keying: Keying) -> Place:
    obj = keying.armature
    check_free(keying)
    place = place_of(keying)
    curves = curves_at(place, keying) if place is not None else {}
    missing = [path for path, index in keying.channels if (path, index) not in curves]
    if place is None or missing:
        raise ArmatureError(f"The action of {obj.name!r} has no keys for {missing[0]}. Restore the dance's keyframes.")
    baked = next((path for (path, _), curve in curves.items() if not len(curve.keyframe_points)), None)
    if baked is not None:
        raise ArmatureError(
            f"The F-curve of {baked} of {obj.name!r} has no keys, as after baking it to samples. Restore the dance's "
            "keyframes."
        )
    bones = pose_of(obj).bones
    turned = next((each for each in keying.rotations if bones[each.bone].rotation_mode != each.mode), None)
    if turned is not None:
        how, name = rotation_modes.words_for(turned.mode)
        raise ArmatureError(
            f"Bone {turned.bone} of {obj.name!r} is not rotated {how}. Set its rotation mode to {name}."
        )
    return place


def _present(keying: Keying, curves: Curves, time: float) -> rot.Array:
    """(C,) what is keyed at a frame."""
    return np.array([curves[channel].evaluate(time) for channel in keying.channels])


def _new_keys(keying: Keying, values: Floats, changed: Bools, first: float, fps: float) -> list[Attributes]:
    """The keys of every channel in the changed frames. first: the time of frame 0."""
    parts: list[list[Attributes]] = [[] for _ in keying.channels]
    for start, stop in runs_of(changed):
        for part, keys in zip(parts, fit(keying, values[start:stop], fps, start), strict=True):
            part.append(attributes(keys, first + start, 1.0))
    return [{name: np.concatenate([keys[name] for keys in part]) for name in part[0]} for part in parts]


def _rewrite(curve: bpy.types.FCurve, times: rot.Array, changed: Bools, fresh: Attributes) -> None:
    old: Attributes = {name: read_keys(curve, name) for name in KEY_ATTRIBUTES}
    frames = nearest(old["co"][:, 0], times[0])
    inside = (frames >= 0) & (frames < len(times))
    stays = ~inside
    stays[inside] = ~changed[frames[inside]]
    kept_times, kept_values = old["co"][stays].astype(np.float64).T
    linear = enum_value("interpolation", "LINEAR")
    ends = np.zeros(len(kept_times), bool)
    pinned: dict[int, float] = {}
    runs = runs_of(changed)
    borders = [0, *(border for run in runs for border in run), len(times)]
    for number, (start, stop) in enumerate(runs):
        since, until = borders[2 * number], borders[2 * number + 3]  # what stays around it
        if start > since:
            key = int(np.searchsorted(kept_times, times[start - 1] + 0.5)) - 1
            first, beyond = since, None
            if key >= 0:
                ends[key] = True
                first = max(first, int(np.searchsorted(times, kept_times[key] - ON_A_FRAME)))
                beyond = kept_values[key] if kept_times[key] > times[since] - 0.5 else None
            pinned |= _pins(curve, times, range(first, start)[::-1], beyond)
        if stop < until:
            key = int(np.searchsorted(kept_times, times[stop] - ON_A_FRAME))
            last, beyond = until, None
            if key < len(kept_times):
                last = min(last, int(np.searchsorted(times, kept_times[key] - ON_A_FRAME)))
                beyond = kept_values[key] if kept_times[key] < times[until - 1] + 0.5 else None
            pinned |= _pins(curve, times, range(stop, last), beyond)
    alone = [frame for frame in sorted(pinned) if not _has(kept_times, times[frame])]
    exact = [pinned[frame] for frame in alone]
    # the curve after the last key that stays leads to other keys now
    old["interpolation"][np.flatnonzero(stays)[ends]] = linear
    at = times[alone] if alone else np.zeros(0)
    lines: Attributes = {
        "co": np.stack([at, np.array(exact, float)], axis=1),
        "handle_left": np.stack([at - 1 / 3, np.array(exact, float)], axis=1),
        "handle_right": np.stack([at + 1 / 3, np.array(exact, float)], axis=1),
        "handle_left_type": np.full((len(at), 1), enum_value("handle_left_type", "FREE")),
        "handle_right_type": np.full((len(at), 1), enum_value("handle_right_type", "FREE")),
        "interpolation": np.full((len(at), 1), linear),
    }
    kept = {name: values[stays] for name, values in old.items()}
    curve.keyframe_points.clear()
    fill(curve, [kept, fresh, lines])
    hold_handles(curve, kept)


def hold_handles(curve: bpy.types.FCurve, kept: Attributes) -> None:
    """Put handles of kept keys back that Blender has moved, since those next to a change depend on its keys: they are
    free from now on."""
    free = enum_value("handle_left_type", "FREE")
    if all((kept[name] == free).all() for name in HANDLE_TYPES):
        return
    at = np.searchsorted(read_keys(curve, "co")[:, 0], kept["co"][:, 0])
    names = ("handle_left", "handle_right")
    loose = np.zeros(len(at), bool)
    while True:
        moved = np.any([(read_keys(curve, name)[at] != kept[name]).any(axis=1) for name in names], axis=0)
        if not (moved & ~loose).any():
            return
        loose |= moved  # free ones hold those beside them, but not to the last bit: these follow in the next round
        for name in HANDLE_TYPES:
            values = read_keys(curve, name)
            values[at[loose]] = free
            write_keys(curve, name, values)
        for name in names:
            values = read_keys(curve, name)
            values[at] = kept[name]
            write_keys(curve, name, values)
        curve.update()


def _pins(curve: bpy.types.FCurve, times: rot.Array, frames: range, beyond: float | None) -> dict[int, float]:
    """What a curve is at frames beside a change, the nearest first. Where it stays the same, a key at the nearest is
    enough, and one at the farthest if what comes next has another value. beyond: that value; None where nothing comes
    or it has keys of its own."""
    values = {frame: curve.evaluate(times[frame]) for frame in frames}
    flat = set(values.values())
    if len(flat) != 1:
        return values
    ends = frames[:1] if beyond is None or beyond in flat else (frames[0], frames[-1])
    return {frame: values[frame] for frame in ends}


def _has(sorted_times: rot.Array, time: float) -> bool:
    """Whether one of some times is on a frame."""
    index = int(np.searchsorted(sorted_times, time - ON_A_FRAME))
    return index < len(sorted_times) and bool(sorted_times[index] < time + ON_A_FRAME)


def nearest(times: NDArray[Any], start: float) -> NDArray[np.int64]:
    """Frames, counted from `start` on, that times are nearest to."""
    return np.floor(times.astype(np.float64) - start + 0.5).astype(np.int64)
