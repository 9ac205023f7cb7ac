"""Imported checkpoints: the operators, and their box in the preferences."""

from __future__ import annotations

from typing import Any

import bpy

from . import engine_tasks
from .engine import run_errand

# mypy: disallow-subclassing-any=False

VARIANTS = (
    ("encodec", "EnCodec", "Hears music through EnCodec"),
    ("encodec_sine", "EnCodec, sine", "Hears music through EnCodec; positions are sinusoids"),
    ("encodec_style", "EnCodec, style", "Hears music through EnCodec and takes a style"),
    ("librosa", "librosa", "Hears librosa's features"),
)
"""Of `engine.models.original.config.VARIANTS`, which needs more than Blender's Python has."""


PRECISIONS = (
    ("float32", "Full", "The original's numbers"),
    ("float16", "Half", "Weights of 16 bits: about twice as fast on a CPU, and hardly different"),
    ("int8", "8 Bits", "Weights of 8 bits: about three times as fast on a CPU, and a little different"),
)


def _import_properties() -> dict[str, Any]:
    """What an import asks for, shared by the operator and the preferences."""
    return {
        "vqvae": bpy.props.StringProperty(
            name="VQ-VAE", description="The original's VQ-VAE (.pt)", subtype="FILE_PATH"
        ),
        "motionseq": bpy.props.StringProperty(
            name="Motion Decoder", description="The original's motion decoder (.pt)", subtype="FILE_PATH"
        ),
        "variant": bpy.props.EnumProperty(
            name="Variant", description="Which of the original's decoders it is", items=VARIANTS
        ),
        "mean": bpy.props.StringProperty(
            name="Mean", description="The motion's mean (.npy) that the original was trained with", subtype="FILE_PATH"
        ),
        "std": bpy.props.StringProperty(
            name="Std", description="The motion's deviation (.npy) that it was trained with", subtype="FILE_PATH"
        ),
        "precision": bpy.props.EnumProperty(
            name="Precision", description="Of the decoder's weights as they are computed with", items=PRECISIONS
        ),
        "checkpoint": bpy.props.StringProperty(
            name="Name",
            description="Name of the checkpoint; an earlier import of the same name is replaced",
            default="original",
        ),
    }


class MagmaOriginal(bpy.types.PropertyGroup):
    """What the box in the preferences asks for."""

    __annotations__ = {
        **_import_properties(),
        "is_open": bpy.props.BoolProperty(name="Original MAGMA", description="Use checkpoints of the original MAGMA"),
        "encodec_file": bpy.props.StringProperty(
            name="EnCodec File",
            description="A copy of EnCodec's weights (encodec_24khz-d7cc33bc.th); empty downloads them",
            subtype="FILE_PATH",
        ),
    }


class MAGMA_OT_import_checkpoint(bpy.types.Operator):
    """Make a checkpoint of the original MAGMA's files; nothing in them is run"""

    bl_idname = "magma.import_checkpoint"
    bl_label = "Import MAGMA Checkpoint"
    bl_options = {"INTERNAL"}

    __annotations__ = _import_properties()

    def execute(self, _context: Any) -> set[str]:
        """In a window: begin. In background: to the end."""
        files = {"vqvae": self.vqvae, "motionseq": self.motionseq, "mean": self.mean, "std": self.std}
        options = {"variant": self.variant, "precision": self.precision}
        return run_errand(self, lambda: engine_tasks.import_checkpoint(self.checkpoint, **options, **files))


class MAGMA_OT_fetch_encodec(bpy.types.Operator):
    """Get the weights that EnCodec's variants hear music with: from a file, or 93 MB from the internet"""

    bl_idname = "magma.fetch_encodec"
    bl_label = "Fetch EnCodec Weights"
    bl_options = {"INTERNAL"}

    __annotations__ = {"filepath": bpy.props.StringProperty(name="File", subtype="FILE_PATH")}

    def execute(self, _context: Any) -> set[str]:
        """In a window: begin. In background: to the end."""
        return run_errand(self, lambda: engine_tasks.fetch_encodec(self.filepath))


def draw_original(layout: Any, settings: Any) -> None:
    """The box, closed until it is asked for."""
    box = layout.box()
    title = box.row()
    title.alignment = "LEFT"
    title.use_property_split = False
    title.prop(settings, "is_open", icon="TRIA_DOWN" if settings.is_open else "TRIA_RIGHT", emboss=False)
    if not settings.is_open:
        return
    column = box.column()
    for name in _import_properties():
        column.prop(settings, name)
    importing = column.operator("magma.import_checkpoint", icon="IMPORT")
    for name in _import_properties():
        setattr(importing, name, getattr(settings, name))
    column.separator()
    column.prop(settings, "encodec_file")
    column.operator("magma.fetch_encodec", icon="URL").filepath = settings.encodec_file


CLASSES = (MagmaOriginal, MAGMA_OT_import_checkpoint, MAGMA_OT_fetch_encodec)
