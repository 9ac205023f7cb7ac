"""The versions as Blender shows them: a copy of the list on the armature, for drawing only.

It is an object's property, so undo, loading and duplicating keep it in step with the versions beside it.
"""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import time

import bpy

from ..dancer import keeper
from . import store
from .versions import LONGEST_NAME

MADE = "%d %b %H:%M"


class MagmaVersion(bpy.types.PropertyGroup):
    """One version, by its name. made: when, for people. pose: see `poses`. present: whether it is danced."""

    number: bpy.props.IntProperty()
    made: bpy.props.StringProperty()
    pose: bpy.props.StringProperty()
    present: bpy.props.BoolProperty()


class MagmaVersions(bpy.types.PropertyGroup):
    """The versions of an armature's dance, the newest first."""

    versions: bpy.props.CollectionProperty(type=MagmaVersion)
    active: bpy.props.IntProperty(name="Version", description="A version of the dance", options=set())


def versions_of(armature: bpy.types.Object) -> MagmaVersions:
    """The list of an armature."""
    shown: MagmaVersions = keeper(armature).magma_history  # type: ignore[attr-defined]  # `register` adds it
    return shown


def selected(armature: bpy.types.Object) -> MagmaVersion | None:
    """The version that is selected in the list."""
    shown = versions_of(armature)
    return shown.versions[shown.active] if 0 <= shown.active < len(shown.versions) else None


def refresh(armature: bpy.types.Object) -> None:
    """Show the versions that the armature has, with the present one selected."""
    kept = keeper(armature)
    if kept.library is not None or kept.override_library is not None:
        return  # what is linked is as it was
    shown, history = versions_of(armature), store.read(armature)
    versions = history.versions[::-1]
    while len(shown.versions) > len(versions):
        shown.versions.remove(len(shown.versions) - 1)
    for place, version in enumerate(versions):
        values = {
            "number": version.number,
            "name": version.name[:LONGEST_NAME],
            "made": time.strftime(MADE, time.localtime(version.made)),
            "pose": version.pose,
            "present": version.number == history.present,
        }
        item = shown.versions[place] if place < len(shown.versions) else shown.versions.add()
        for name, value in values.items():
            if getattr(item, name) != value:
                setattr(item, name, value)
        if version.number == history.present:
            shown.active = place


def register() -> None:
    """Add `object.magma_history`, and `action.magma_history` for library overrides."""
    bpy.utils.register_class(MagmaVersion)
    bpy.utils.register_class(MagmaVersions)
    bpy.types.Object.magma_history = bpy.props.PointerProperty(type=MagmaVersions)  # type: ignore[attr-defined,func-returns-value]
    bpy.types.Action.magma_history = bpy.props.PointerProperty(type=MagmaVersions)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove them."""
    del bpy.types.Object.magma_history  # type: ignore[attr-defined]
    del bpy.types.Action.magma_history  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaVersions)
    bpy.utils.unregister_class(MagmaVersion)
