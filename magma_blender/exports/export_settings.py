"""`scene.magma_export`: what the Export button writes."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from . import presets
from .export import ExportOptions
from .presets import preset_of


def _take_travel(settings: "MagmaExportSettings", _context: bpy.types.Context) -> None:
    """What the receiver usually wants; the user may choose otherwise afterwards."""
    settings.travel = preset_of(settings.preset).travel


class MagmaExportSettings(bpy.types.PropertyGroup):
    """The settings of exports."""

    preset: bpy.props.EnumProperty(
        name="Format",
        description="What is written, and for which receiver",
        items=[(preset.identifier, preset.label, preset.description) for preset in presets.PRESETS],
        update=_take_travel,
    )
    travel: bpy.props.EnumProperty(
        name="Travel", description="Where the way of the dance over the floor goes", items=presets.TRAVELS
    )
    deform_only: bpy.props.BoolProperty(
        name="Only Deform Bones", description="Leave out bones that bend no mesh, such as controls", default=True
    )
    meshes: bpy.props.BoolProperty(
        name="Meshes", description="Write the meshes that hang on the armature, too", default=True
    )


def export_settings_of(scene: bpy.types.Scene) -> MagmaExportSettings:
    """The settings of a scene."""
    settings: MagmaExportSettings = scene.magma_export  # type: ignore[attr-defined]  # `register` adds it
    return settings


def options_of(settings: MagmaExportSettings) -> ExportOptions:
    """What they say."""
    return ExportOptions(preset_of(settings.preset), settings.travel, settings.deform_only, settings.meshes)


def register() -> None:
    """Add `scene.magma_export`."""
    bpy.utils.register_class(MagmaExportSettings)
    bpy.types.Scene.magma_export = bpy.props.PointerProperty(type=MagmaExportSettings)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove `scene.magma_export`."""
    del bpy.types.Scene.magma_export  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaExportSettings)
    # bpy 4.2 as a Python module crashes when definitions with a callback are freed only at the interpreter's end
    MagmaExportSettings.__annotations__ = {}
