"""A copy of a scene for looking at its strips: whatever frame it shows, nothing moves in the user's scene."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy


@contextlib.contextmanager
def without_objects(scene: bpy.types.Scene) -> Iterator[bpy.types.Scene]:
    """A copy of the scene, its strips and what animates them, without objects, gone at the end. What drivers there read
    from the scene they read from the copy."""
    copy = scene.copy()
    try:
        for child in list(copy.collection.children):
            copy.collection.children.unlink(child)
        for obj in list(copy.collection.objects):
            copy.collection.objects.unlink(obj)
        animation = copy.animation_data
        for curve in animation.drivers if animation is not None else ():
            driver = curve.driver
            for target in (one for variable in (driver.variables if driver else ()) for one in variable.targets):
                if target.id == scene:
                    target.id = copy
        yield copy
    finally:
        bpy.data.scenes.remove(copy)
