"""What is selected and shown at an edit, as text: which objects, which spans, which frame. Reject goes back there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import cast

import bpy

from engine.choreography import Range
from smpl_rig.blender.context import active_object, layer_of, scene_of

from . import span_list


@dataclass(frozen=True)
class View:
    """scene, layer: the names of what is open. selected, active: names of objects, with the file that they are linked
    from. ticked: the spans ticked in the list, and the one that is active there."""

    scene: str
    layer: str
    selected: list[str]
    active: str
    frame: int
    subframe: float
    ticked: list[Range]
    active_span: int

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


def present_view(context: bpy.types.Context, armature: bpy.types.Object) -> View:
    """What is selected and shown now."""
    scene, layer, active = scene_of(context), layer_of(context), active_object(context)
    return View(
        scene.name,
        layer.name,
        [obj.name_full for obj in layer.objects if obj.select_get(view_layer=layer)],
        active.name_full if active is not None else "",
        scene.frame_current,
        scene.frame_subframe,
        span_list.selected_ranges(armature),
        span_list.spans_of(armature).active,
    )


def go_back(context: bpy.types.Context, armature: bpy.types.Object, text: str) -> None:
    """Select and show what `View.to_text` says, where its scene is the open one; objects that are gone are left out."""
    try:
        view = json.loads(text)
    except ValueError:
        return
    span_list.select_ranges(armature, [(start, stop) for start, stop in view["ticked"]], view["active_span"])
    scene, layer = scene_of(context), layer_of(context)
    if (scene.name, layer.name) != (view["scene"], view["layer"]):
        return
    selected = set(cast("list[str]", view["selected"]))
    for obj in layer.objects:
        wanted = obj.name_full in selected
        if obj.select_get(view_layer=layer) != wanted:
            obj.select_set(wanted, view_layer=layer)
    active = next((obj for obj in layer.objects if obj.name_full == view["active"]), None)
    if layer.objects.active != active:
        layer.objects.active = active
    scene.frame_set(view["frame"], subframe=view["subframe"])
