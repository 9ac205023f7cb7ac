"""All keys of an F-curve as arrays."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

HANDLE_TYPES_IN_BULK: bool = bpy.app.version >= (4, 2, 0)
"""3.4 reads and sets them one by one only; its `foreach_get` and `foreach_set` silently do nothing."""

Keys = NDArray[Any]
Attributes = dict[str, Keys]
"""Attributes of some keys, by name."""
KEY_ATTRIBUTES = {
    "handle_left_type": (np.int32, 1),
    "handle_right_type": (np.int32, 1),
    "co": (np.float32, 2),
    "handle_left": (np.float32, 2),
    "handle_right": (np.float32, 2),
    "interpolation": (np.int32, 1),
    "easing": (np.int32, 1),
    "back": (np.float32, 1),
    "amplitude": (np.float32, 1),
    "period": (np.float32, 1),
    "type": (np.int32, 1),
}
"""What a key is made of: type and width. Types of handles come first, since they move the handles."""
HANDLE_TYPES = ("handle_left_type", "handle_right_type")


def enum_value(attribute: str, name: str) -> int:
    """The number of an enum's value in an attribute of a key."""
    return next(item.value for item in _enum_items(attribute) if item.identifier == name)


def read_keys(curve: bpy.types.FCurve, name: str) -> Keys:
    """(n, width) an attribute of all keys of a curve, one of `KEY_ATTRIBUTES`."""
    kind, width = KEY_ATTRIBUTES[name]
    points = curve.keyframe_points
    action = curve.id_data
    is_linked = action is not None and action.library is not None  # 3.4 gives nothing in bulk of such
    if is_linked or (name in HANDLE_TYPES and not HANDLE_TYPES_IN_BULK):
        singly = [getattr(point, name) for point in points]
        if singly and isinstance(singly[0], str):
            numbers = {item.identifier: item.value for item in _enum_items(name)}
            singly = [numbers[value] for value in singly]
        return np.array([tuple(value) if width > 1 else value for value in singly], kind).reshape(-1, width)
    values = np.empty(len(points) * width, kind)
    points.foreach_get(name, values)
    return values.reshape(-1, width)


def write_keys(curve: bpy.types.FCurve, name: str, values: Keys) -> None:
    """Set (n, width) an attribute of all keys of a curve."""
    kind, width = KEY_ATTRIBUTES[name]
    points = curve.keyframe_points
    if name in HANDLE_TYPES and not HANDLE_TYPES_IN_BULK:
        names = {item.value: item.identifier for item in _enum_items(name)}
        for point, value in zip(points, values[:, 0].tolist(), strict=True):
            setattr(point, name, names[value])
        return
    points.foreach_set(name, values.astype(kind).reshape(-1, width).ravel())


def _enum_items(attribute: str) -> list[bpy.types.EnumPropertyItem]:
    kinds = bpy.types.Keyframe.bl_rna.properties[attribute]
    assert isinstance(kinds, bpy.types.EnumProperty)
    return list(kinds.enum_items)
