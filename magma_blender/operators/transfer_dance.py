"""Transfer Dance: the operator that lets other armatures dance what one dances. It needs no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from ..scene.transfer import pairs, transfer
from .on_dancer import OnDancer
from .results import Result, do


class MAGMA_OT_transfer_dance(OnDancer):
    """Transfer a dance, or several, to as many other armatures."""

    bl_idname = "magma.transfer_dance"
    bl_label = "Transfer Dance"
    bl_description = (
        "Let the other selected armatures, or the target, dance what the active dancer dances: keys, moves and all "
        "that edits need. Several selected dancers give their dances to as many others"
    )
    bl_options = {"REGISTER", "UNDO"}

    give_up: bpy.props.BoolProperty(
        name="Move", description="Whoever danced it stops: at rest, with the action left in the file"
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Transfer it."""

        def work() -> str:
            chosen = pairs(context)
            transfer(chosen, self.give_up)
            told = [f'"{other.name}" dances what "{source.name}" dances.' for source, other in chosen[:3]]
            if len(chosen) > 3:
                more = len(chosen) - 3
                told.append("One more dance is transferred." if more == 1 else f"{more} more dances are transferred.")
            return " ".join(told)

        return do(self, work)


CLASSES = (MAGMA_OT_transfer_dance,)
