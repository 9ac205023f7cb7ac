"""A scene beside the user's, in which things are built that nobody shall find afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ..context import windows_of

_KINDS = ("objects", "armatures", "meshes", "actions", "collections", "materials", "images", "node_groups", "texts")


class Workplace:
    """scene: empty at first, with the user's frame rate. Nobody looks at it until it is `shown`."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        self._lent: list[tuple[bpy.types.ID, str]] = []

    def name(self, block: bpy.types.ID, name: str, find: Callable[[tuple[str, None]], bpy.types.ID | None]) -> None:
        """Give a block a name; who has it gets another one until the end. find: `get` of the collection in bpy.data."""
        owner = find((name, None))
        if owner is not None and owner != block:
            owner.name = f"magma {len(self._lent)}"
            self._lent.append((owner, name))
        block.name = name

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The scene in the window: exporters look there."""
        window = bpy.context.window or windows_of(bpy.context)[0]
        before = window.scene
        window.scene = self.scene
        try:
            yield
        finally:
            window.scene = before

    def give_back(self) -> None:
        """Give the originals their names back."""
        while self._lent:
            owner, name = self._lent.pop()
            owner.name = name


@contextmanager
def workplace(original: bpy.types.Scene) -> Iterator[Workplace]:
    """One beside a scene. What is added to the file meanwhile goes at its end, whatever raises."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in _KINDS}
    scene = bpy.data.scenes.new("magma export")
    scene.render.fps, scene.render.fps_base = original.render.fps, original.render.fps_base
    place = Workplace(scene)
    try:
        yield place
    finally:
        bpy.data.batch_remove({block for kind in _KINDS for block in set(getattr(bpy.data, kind)) - before[kind]})
        bpy.data.scenes.remove(scene)
        place.give_back()
