"""The operators for checkpoints of the original MAGMA: import one, fetch what its music features need."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from smpl_rig.blender.context import manager_of

from . import engine_tasks
from .engine import run_task
from .results import Result

VARIANTS = (
    ("encodec", "EnCodec", "Music features of EnCodec"),
    ("encodec_sine", "EnCodec, sine", "Music features of EnCodec; positions are sinusoids"),
    ("encodec_style", "EnCodec, style", "Music features of EnCodec, and a style"),
    ("librosa", "librosa", "Music features of librosa"),
)
"""Of `engine.models.original.config.VARIANTS`, which needs more than Blender's Python has."""

PRECISIONS = (
    ("float32", "Full", "The original's numbers"),
    ("float16", "Half", "Weights of 16 bits: about twice as fast on a CPU, and hardly different"),
    ("int8", "8 Bits", "Weights of 8 bits: about three times as fast on a CPU, and a little different"),
)


DIALOG = 420
"""Pixels, at a scale of 1: paths are long."""


class ImportSettings:
    """What an import asks for, shared by the operator and the preferences."""

    vqvae: bpy.props.StringProperty(name="VQ-VAE", description="The original's VQ-VAE (.pt)", subtype="FILE_PATH")
    motionseq: bpy.props.StringProperty(
        name="Motion Decoder", description="The original's motion decoder (.pt)", subtype="FILE_PATH"
    )
    variant: bpy.props.EnumProperty(
        name="Variant", description="Which of the original's decoders it is", items=VARIANTS
    )
    mean: bpy.props.StringProperty(
        name="Mean", description="The motion's mean (.npy) that the original was trained with", subtype="FILE_PATH"
    )
    std: bpy.props.StringProperty(
        name="Std",
        description="The motion's standard deviation (.npy) that it was trained with",
        subtype="FILE_PATH",
    )
    precision: bpy.props.EnumProperty(
        name="Precision", description="Of the decoder's weights as they are computed with", items=PRECISIONS
    )
    checkpoint: bpy.props.StringProperty(
        name="Name",
        description="Name of the checkpoint; an earlier import of the same name is replaced",
        default="original",
    )


IMPORT_SETTINGS = tuple(ImportSettings.__annotations__)
"""Their names, in the order in which they are shown."""


class MagmaOriginal(ImportSettings, bpy.types.PropertyGroup):
    """What the box in the preferences asks for."""

    is_open: bpy.props.BoolProperty(name="Original MAGMA", description="Use checkpoints of the original MAGMA")
    encodec_file: bpy.props.StringProperty(
        name="EnCodec File",
        description="A copy of EnCodec's weights (encodec_24khz-d7cc33bc.th); empty downloads them",
        subtype="FILE_PATH",
    )


class MAGMA_OT_import_checkpoint(ImportSettings, bpy.types.Operator):
    """Make a checkpoint of the original MAGMA's files; nothing in them is run"""

    bl_idname = "magma.import_checkpoint"
    bl_label = "Import MAGMA Checkpoint"
    bl_options = set()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask for the files, unless the preferences give them."""
        if self.vqvae and self.motionseq:
            return self.execute(context)
        return manager_of(context).invoke_props_dialog(self, width=DIALOG)

    def execute(self, context: bpy.types.Context) -> Result:
        """In a window: begin. In background: to the end."""
        files = {"vqvae": self.vqvae, "motionseq": self.motionseq, "mean": self.mean, "std": self.std}
        options = {"variant": self.variant, "precision": self.precision}
        return run_task(self, lambda: engine_tasks.import_checkpoint(self.checkpoint, **options, **files))


class MAGMA_OT_fetch_encodec(bpy.types.Operator):
    """Get the weights that EnCodec's variants need for their music features: from a file, or 93 MB from the internet"""

    bl_idname = "magma.fetch_encodec"
    bl_label = "Fetch EnCodec Weights"
    bl_options = set()

    filepath: bpy.props.StringProperty(
        name="File", description="A copy of EnCodec's weights; empty downloads them", subtype="FILE_PATH"
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """In a window: begin. In background: to the end."""
        return run_task(self, lambda: engine_tasks.fetch_encodec(self.filepath))


CLASSES = (MagmaOriginal, MAGMA_OT_import_checkpoint, MAGMA_OT_fetch_encodec)
