"""Motions as keyframes of an armature.

Keys are sparse: each curve has as many as its values need, with Bezier curves in between that pass every frame within a
tolerance, see `fit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence

import bpy
import numpy as np

from ..key_fit import Keys, fit_keys
from ..motion import Motion
from . import compat
from .armature import ArmatureError
from .compat import pose_of
from .key_data import KEY_ATTRIBUTES, Attributes, enum_value, read_keys, write_keys
from .keying import REST, USUAL_RATE, Channel, Floats, Keying, bone_path, curves_at, curves_of, tolerance_growth

LONGEST_PIECE = 32
"""Frames of the longest piece of a curve, up to the usual rate."""


def write_motion(
    keying: Keying,
    motion: Motion,
    frame_start: float,
    scene_fps: float,
    action_name: str,
    keep_former: bool = True,
    former_range: tuple[float, float] | None = None,
    former_channels: Collection[Channel] = (),
) -> bpy.types.Action:
    """Key a motion on an armature in a new action, which becomes the object's; returns the action.

    Frame k of the motion is frame `frame_start` + k * `scene_fps` / motion.fps.

    What else the replaced action holds, such as keys of the object or of other bones, is in the new one, too, but for
    keys that would spoil the dance, see `Keying.resting`; it stays in the file with a fake user if `keep_former`.
    former_range: first and last frame of a motion that was keyed before, on `former_channels` as well; what the same
    curves have outside both motions is the animator's and goes over as well.

    Raises ArmatureError and leaves everything as it was if the motion cannot be keyed.
    """
    obj = keying.armature
    values = keying.values(motion)
    data = obj.animation_data
    if data is not None and data.use_tweak_mode:
        raise ArmatureError(f"An NLA strip of {obj.name!r} is being tweaked. Leave its Tweak Mode (Tab) first.")
    check_free(keying)
    former = data.action if data is not None else None
    new = compat.place_in_new_action(obj, action_name)
    try:
        step = scene_fps / motion.fps
        first, last = frame_start, frame_start + (len(motion) - 1) * step
        if former_range is not None:
            first, last = min(first, former_range[0]), max(last, former_range[1])
        present = curves_at(new, keying)
        fitted = fit(keying, values, motion.fps)
        for keys, channel, bone in zip(fitted, keying.channels, keying.bones, strict=True):
            outside: list[Attributes] = []
            if channel in present:
                if former_range is not None:
                    outside = _outside(present[channel], first - 0.5, last + 0.5)
                # a new curve, without the modifiers and the like of the old one
                new.remove(present[channel])
            fill(new.add(*channel, bone), [*outside, attributes(keys, frame_start, step)])
        _clear(new, set(former_channels) - set(keying.channels), keying.resting, first, last)
    except BaseException:
        bpy.data.actions.remove(new.action)
        raise
    keying.prepare()
    _rest_former(keying, set(former_channels) - {(curve.data_path, curve.array_index) for curve in new.curves()})
    if former is not None and keep_former and former.library is None:
        former.use_fake_user = True
    new.assign()
    return new.action


def _clear(
    place: compat.Place, channels: Collection[Channel], resting: Collection[str], first: float, last: float
) -> None:
    """Remove the keys of channels, and of what rests, from one frame to another, and curves that have no others. What
    rests is keyed at rest there, where it has keys before or after."""
    for curve in place.curves():
        channel = (curve.data_path, curve.array_index)
        rests = curve.data_path in resting
        if not rests and channel not in channels:
            continue
        group, outside = curve.group.name if curve.group is not None else "", _outside(curve, first - 0.5, last + 0.5)
        place.remove(curve)
        if not outside:
            continue
        value = REST.get(channel[0].rpartition(".")[2], (0.0,) * 4)[channel[1]]
        still = Keys(*(np.array(each) for each in ([0, 1], [value] * 2, [value] * 2, [value] * 2, [True] * 2)))
        fill(place.add(*channel, group), [*outside, attributes(still, first, last - first)] if rests else outside)


def _rest_former(keying: Keying, channels: Collection[Channel]) -> None:
    """What a former dance left on channels that have no keys any more."""
    for bone in pose_of(keying.armature).bones if channels else ():
        for name, rest in REST.items():
            value = getattr(bone, name)
            for index in range(len(rest)):
                if (bone_path(bone.name, name), index) in channels:
                    value[index] = rest[index]


def check_free(keying: Keying) -> None:
    """Raise ArmatureError where something of the user's stands between keys and bones: a driver, or a curve that is
    locked against changes."""
    obj = keying.armature
    data = obj.animation_data
    ours = set(keying.channels)
    driven = [(c.data_path, c.array_index) for c in data.drivers] if data is not None else []
    for path, index in driven:
        if (path, index) in ours:
            raise ArmatureError(
                f"{path} of {obj.name!r} has a driver, which would win over keys. Delete the driver first."
            )
    locked = next((path for (path, _), curve in curves_of(keying).items() if curve.lock), None)
    if locked is not None:
        raise ArmatureError(f"The F-curve of {locked} of {obj.name!r} is locked. Unlock it in the Graph Editor first.")


def fit(keying: Keying, values: Floats, fps: float, frame: int = 0) -> list[Keys]:
    """Keys of the channels with the values (T, C), within the tolerances of the keying and with its effect.

    fps: of the values. frame: number of the first one in the motion, whose keys lie on a grid.
    """
    longest = longest_piece(fps)
    # as Blender keeps them, so that a value that does not change is one number
    kept, tolerance = values.astype(np.float32), keying.tolerances() * tolerance_growth(fps)
    digest = hashlib.blake2b(kept.tobytes() + tolerance.tobytes() + f"{longest} {frame % longest}".encode()).digest()
    if digest not in _fitted:
        _fitted[digest] = fit_keys(kept, tolerance, longest, frame % longest, keying.effect())
        while len(_fitted) > MOST_FITTED:
            _fitted.pop(next(iter(_fitted)))
    return _fitted[digest]


_fitted: dict[bytes, list[Keys]] = {}
MOST_FITTED = 2
"""Fits that are kept, since a fit may be worked out ahead."""


def work_ahead(keying: Keying) -> Callable[[Motion, bool], None]:
    """What takes long in keying a motion, as a function that touches nothing of Blender's, so that it can run beside
    the window: keying the motion is quick then. Its second argument says whether all frames will be keyed. Raises
    ArmatureError."""
    keying.tolerances(), keying.effect()  # which look at the armature

    def work(motion: Motion, whole: bool) -> None:
        values = keying.values(motion)
        if whole:
            fit(keying, values, motion.fps)

    return work


def longest_piece(fps: float) -> int:
    """Frames of the longest piece of a curve at that rate: every curve has a key on each such frame of the motion."""
    return round(LONGEST_PIECE * max(fps / USUAL_RATE, 1.0))


def attributes(keys: Keys, frame_start: float, step: float) -> Attributes:
    """What Blender calls the attributes of keys: (n, width) each, for `foreach_set`."""
    times = frame_start + keys.frames * step
    third = np.diff(times, prepend=times[:1] - step, append=times[-1:] + step) / 3
    free = enum_value("handle_left_type", "FREE")
    straight, curved = enum_value("interpolation", "LINEAR"), enum_value("interpolation", "BEZIER")
    return {
        "handle_left_type": np.full((len(times), 1), free),
        "handle_right_type": np.full((len(times), 1), free),
        "co": np.stack([times, keys.values], axis=1),
        "handle_left": np.stack([times - third[:-1], keys.before], axis=1),
        "handle_right": np.stack([times + third[1:], keys.after], axis=1),
        "interpolation": np.where(keys.straight, straight, curved)[:, None],
    }


def _outside(curve: bpy.types.FCurve, first: float, last: float) -> list[Attributes]:
    """The curve's keys that are not between two frames."""
    old = {name: read_keys(curve, name) for name in KEY_ATTRIBUTES}
    outside = (old["co"][:, 0] < first) | (old["co"][:, 0] > last)
    return [{name: values[outside] for name, values in old.items()}] if outside.any() else []


def fill(curve: bpy.types.FCurve, parts: Sequence[Attributes]) -> None:
    """Give an empty F-curve the keys of all parts, in the order of their times."""
    order = np.argsort(np.concatenate([part["co"][:, 0] for part in parts]), kind="stable")
    curve.keyframe_points.add(len(order))
    for name in KEY_ATTRIBUTES:
        if not any(name in part for part in parts):
            continue  # they are as `add` made them
        usual = read_keys(curve, name)[:1]
        values = [part[name] if name in part else np.repeat(usual, len(part["co"]), axis=0) for part in parts]
        write_keys(curve, name, np.concatenate(values)[order])
    curve.update()
