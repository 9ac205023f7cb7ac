"""Blender's icons of poses."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..scene.history.poses import joints_of

if TYPE_CHECKING:
    import bpy.utils.previews
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]

ICON, PICTURE = 32, 128
"""Pixels of both sides."""
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
    import bpy.utils.previews

    joints = joints_of(pose)
    if not joints:
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

    from smpl_rig.pose_picture import draw_seen

    return draw_seen(np.array(joints, float) / 100, np.zeros(len(joints)), size)


def unregister() -> None:
    """Forget all icons."""
    import bpy.utils.previews

    _icons.clear()
    while _collection:
        bpy.utils.previews.remove(_collection.pop())
