"""Small pictures of poses: a figure of limbs with round ends, drawn here, and Blender's icons of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import bpy
import bpy.utils.previews

from ..scene.history.poses import joints_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]

ICON, PICTURE = 32, 128
"""Pixels of both sides."""
_TALL = 230.0
"""Centimetres that a side shows: arms that are stretched up fit into it."""
_BELOW = 105.0
"""Of these, below the pelvis."""
_HEAD, _LIMB, _TRUNK = 11.0, 5.5, 9.0
"""Centimetres from the middle of head, limbs and trunk to their outline."""
_COLOR = (1.0, 0.55, 0.1)
_FAR = 0.72
"""How bright the right limbs are, so that they are told from the left ones."""
_MOST = 256
"""Icons that are kept."""
_icons: OrderedDict[str, int] = OrderedDict()
_collection: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(pose: str) -> int:
    """The icon of a pose, for `icon_value`; 0 where it is none. The same pose is drawn once."""
    if pose not in _icons:
        _icons[pose] = _made(pose)
    return _icons[pose]


def _made(pose: str) -> int:
    try:
        joints = joints_of(pose)
    except ValueError:
        return 0
    if not _collection:
        _collection.append(bpy.utils.previews.new())
    if len(_icons) >= _MOST:
        oldest = next(iter(_icons))
        _icons.pop(oldest)
        _collection[0].pop(oldest, None)
    preview = _collection[0].new(pose)
    preview.icon_size, preview.image_size = (ICON, ICON), (PICTURE, PICTURE)
    preview.icon_pixels_float.foreach_set(pixels(joints, ICON).ravel())  # type: ignore[attr-defined]  # an array
    preview.image_pixels_float.foreach_set(pixels(joints, PICTURE).ravel())  # type: ignore[attr-defined]
    return int(preview.icon_id)


def pixels(joints: list[tuple[int, int]], size: int) -> Pixels:
    """(size, size, 4) the picture, from its lowest row on, with nothing behind the figure. joints: (24, 2) centimetres,
    as `poses` has them."""
    import numpy as np

    from smpl_rig.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS

    unit = _TALL / size
    x, y = np.meshgrid((np.arange(size) + 0.5) * unit - _TALL / 2, (np.arange(size) + 0.5) * unit - _BELOW)
    picture = np.zeros((size, size, 4), np.float32)
    places = np.array(joints, float)
    trunk = {JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "L_hip", "R_hip", "neck")}
    order = sorted(range(1, len(PARENTS)), key=lambda joint: not JOINT_NAMES[joint].startswith("R_"))
    for joint in order:
        thick = _TRUNK if joint in trunk and PARENTS[joint] in trunk else _LIMB
        bright = _FAR if JOINT_NAMES[joint].startswith("R_") else 1.0
        _draw(picture, _distance(x, y, places[PARENTS[joint]], places[joint]) - thick, unit, bright)
    head = places[JOINT_INDEX["head"]]
    up = head - places[JOINT_INDEX["neck"]]
    _draw(picture, np.hypot(x - head[0] - up[0] / 2, y - head[1] - up[1] / 2) - _HEAD, unit, 1.0)
    return picture


def _distance(x: Pixels, y: Pixels, begin: Pixels, end: Pixels) -> Pixels:
    """Centimetres from each pixel to a line."""
    import numpy as np

    along = end - begin
    share = np.clip(((x - begin[0]) * along[0] + (y - begin[1]) * along[1]) / max(along @ along, 1e-6), 0, 1)
    found: Pixels = np.hypot(x - begin[0] - share * along[0], y - begin[1] - share * along[1])
    return found


def _draw(picture: Pixels, distance: Pixels, unit: float, bright: float) -> None:
    """Paint what is inside an outline, whose pixels are mixed. distance: centimetres from it."""
    import numpy as np

    cover = np.clip(0.5 - distance / unit, 0, 1)[..., None].astype(np.float32)
    color = np.array([*(part * bright for part in _COLOR), 1.0], np.float32)
    picture[:] = picture * (1 - cover) + color * cover


def unregister() -> None:
    """Forget all icons."""
    _icons.clear()
    while _collection:
        bpy.utils.previews.remove(_collection.pop())
