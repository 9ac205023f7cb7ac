"""Whether a strip is heard, and during which frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from ..errors import StripError
from . import strips
from .strips import Strip

if TYPE_CHECKING:
    import bpy

_SAMPLES = 64
"""Frames of a strip at which a volume is looked at that no curve gives."""


def audible_frames(scene: bpy.types.Scene, strip: Strip) -> tuple[int, int]:
    """(first, end) scene frames, half-open, during which the strip is heard: meta strips around it may cut it.

    Raises StripError where it is not heard at all.
    """
    around = strips.ancestors(strip)
    first = max(one.frame_final_start for one in (strip, *around))
    end = min(one.frame_final_end for one in (strip, *around))
    reason = why_silent(scene, strip)
    if reason is None and strip.type == "SOUND" and _loudest(scene, strip, first, end) <= 0:
        reason = "has volume 0 throughout"
    if reason:
        raise StripError(f'The strip "{strip.name}" {reason}: make it audible, or select another one.')
    if strip.frame_final_duration <= 0:
        raise StripError(f'The strip "{strip.name}" has no length: lengthen it, or select another one.')
    if end <= first:
        cut = min(around, key=lambda meta: meta.frame_final_end - meta.frame_final_start)
        raise StripError(
            f'The strip "{strip.name}" lies outside of what "{cut.name}" around it plays: lengthen "{cut.name}", or '
            "select another strip."
        )
    return first, end


def why_silent(scene: bpy.types.Scene, strip: Strip) -> str | None:
    """Why the strip is not heard, as a clause ("is muted"), or None. An animated volume counts as heard."""
    around = strips.ancestors(strip)
    channels = [cast("bpy.types.MetaStrip", meta).channels for meta in around] + [strips.editor_of(scene).channels]
    for one, rows in zip((strip, *around), channels, strict=True):
        where = "is" if one is strip else f'is inside "{one.name}", which is'
        if one.mute:
            return f"{where} muted"
        if 0 <= one.channel < len(rows) and rows[one.channel].mute:
            return f"{where} on channel {one.channel}, which is muted"
    if strip.type == "SOUND" and strip.volume == 0 and not is_animated(scene, strip, "volume"):
        return "has volume 0"
    return None


def is_animated(scene: bpy.types.Scene, strip: Strip, attribute: str) -> bool:
    """Whether a curve of the scene's animation, or a driver, sets the strip's attribute, or a NLA strip may."""
    animation = scene.animation_data
    if animation is None:
        return False
    path = strip.path_from_id(attribute)
    return _is_driven(animation, path) or bool(animation.nla_tracks) or _curve(scene, path) is not None


def _is_driven(animation: bpy.types.AnimData, path: str) -> bool:
    return any(driver.data_path == path for driver in animation.drivers)


def _curve(scene: bpy.types.Scene, path: str) -> bpy.types.FCurve | None:
    from smpl_rig.blender import compat

    return next((curve for curve in compat.fcurves(scene) if curve.data_path == path and not curve.mute), None)


def _loudest(scene: bpy.types.Scene, strip: Strip, first: int, end: int) -> float:
    """The strip's largest volume over the frames first..end (half-open): a keyed fade-in begins at 0."""
    if not is_animated(scene, strip, "volume"):
        return strip.volume
    path = strip.path_from_id("volume")
    animation = scene.animation_data
    assert animation is not None
    curve = _curve(scene, path)
    if curve is not None and not animation.nla_tracks and not _is_driven(animation, path):
        return max((curve.evaluate(frame) for frame in range(first, end)), default=0.0)
    return max(_volumes(scene, strip, range(first, end, max(1, (end - first) // _SAMPLES))), default=0.0)


def _volumes(scene: bpy.types.Scene, strip: Strip, frames: Iterable[int]) -> Iterator[float]:
    """The volume that drivers and NLA strips give at frames, which only Blender can say: not in the user's scene, where
    another frame would undo a pose that is not keyed yet."""
    from .scene_copy import without_objects  # here: the rest of this module runs without Blender

    with without_objects(scene) as copy:
        for frame in frames:
            copy.frame_set(frame)
            graph = copy.view_layers[0].depsgraph
            evaluated = graph.scene_eval if graph is not None else None
            assert evaluated is not None
            shown = strips.all_strips(strips.editor_of(evaluated))
            yield next(one.volume for one in shown if one.name == strip.name and one.type == "SOUND")
