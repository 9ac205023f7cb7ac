"""Which dancer the editing buttons are for, and which part of its dance."""

from __future__ import annotations

import bpy

from engine.choreography import Range
from smpl_rig.blender.context import active_object, scene_of

from ..errors import SceneError
from . import span_list
from .dancer import Dancer, has_dance, load
from .scene_settings import settings_of


def chosen_target(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object that the next dance is for; None is a new armature. Raises SceneError for one that is not there.

    Blender keeps an object that was deleted as long as a setting names it. Hidden objects are there: their dance shows
    when they do.
    """
    target: bpy.types.Object | None = settings_of(scene).target
    if target is None or is_in(scene, target):
        return target
    what = f'is not in the scene "{scene.name}"' if target.users_scene else "was deleted"
    raise SceneError(
        f'The target "{target.name}" {what}: choose another armature as Character in the panel, or clear it for a '
        "new one."
    )


def active_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object, if it is selected and an armature, or the armature that it hangs on."""
    active = active_object(context)
    if active is None or not active.select_get():
        return None
    around = (active, active.parent)
    return next((obj for obj in around if obj is not None and obj.type == "ARMATURE"), None)


def is_in(scene: bpy.types.Scene, obj: bpy.types.Object) -> bool:
    """Whether the scene holds the object, shown or hidden. A linked object and its override share their name."""
    return scene.objects.get(obj.name) == obj or any(other == obj for other in scene.objects)


def find_dancer(context: bpy.types.Context) -> bpy.types.Object:
    """The dancing armature that is meant: the active one, or the one the active body hangs on, else the panel's target,
    else the only one of the scene. Raises SceneError."""
    active, scene = active_object(context), scene_of(context)
    parent = active.parent if active is not None else None
    wanted: list[bpy.types.Object | None] = [active, parent, settings_of(scene).target]
    for candidate in wanted:
        if candidate is not None and has_dance(candidate) and is_in(scene, candidate):
            return candidate
    dancers = [obj for obj in scene.objects if has_dance(obj)]
    if len(dancers) == 1:
        return dancers[0]
    if dancers:
        raise SceneError(f"{len(dancers)} armatures dance in this scene: make the one that you mean active.")
    if active is not None and active.type == "ARMATURE":
        load(active)  # says what is wrong with it
    raise SceneError("No dance that could be edited: select an armature that Generate Dance has made.")


def dancer_or_none(context: bpy.types.Context) -> bpy.types.Object | None:
    """`find_dancer`, or None where it finds nothing (for drawing)."""
    try:
        return find_dancer(context)
    except SceneError:
        return None


def selected(context: bpy.types.Context, armature: bpy.types.Object, dancer: Dancer) -> tuple[list[Range], str]:
    """(ranges of token positions, where they come from).

    The spans ticked in the list, else the scene's preview range, else from the first selected marker to the last, else
    the span under the playhead. Raises SceneError.
    """
    ticked = span_list.selected_ranges(armature)
    if ticked:
        return ticked, "ticked spans"
    scene = scene_of(context)
    if scene.use_preview_range:
        return [dancer.positions_in(scene.frame_preview_start, scene.frame_preview_end)], "preview range"
    markers = sorted(marker.frame for marker in scene.timeline_markers if marker.select)
    if len(markers) > 1:
        return [dancer.positions_in(markers[0], markers[-1] - 1)], "selected markers"
    span = dancer.document.span_at(dancer.position_at(scene.frame_current))
    return [(span.start, span.stop)], "span under the playhead"


def selected_one(context: bpy.types.Context, armature: bpy.types.Object, dancer: Dancer) -> Range:
    """The one range that is selected. Raises SceneError where there are several."""
    ranges, _ = selected(context, armature, dancer)
    if len(ranges) > 1:
        raise SceneError(f"{len(ranges)} places are selected: select one, or spans that follow each other.")
    return ranges[0]


def places_text(dancer: Dancer, ranges: list[Range]) -> str:
    """The ranges in seconds of the dance, for people."""
    return ", ".join(f"{dancer.seconds_of(start):.1f} to {dancer.seconds_of(stop):.1f} s" for start, stop in ranges)
