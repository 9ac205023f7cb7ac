"""Push Down Dance, In Place, Let Travel: a dance in NLA strips. They need no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from ..engine_host import engine_setup
from ..scene import nla_dance
from ..scene.dancer import load
from ..scene.selection import dancer_or_none, find_dancer
from .on_dancer import OnDancer
from .results import Result, do, refuse


class MAGMA_OT_push_down(OnDancer):
    """Move the dance to an NLA strip of its own, in which it can be moved, repeated and mixed, and still be edited"""

    bl_idname = "magma.push_down"
    bl_label = "Push Down Dance"
    bl_options = {"REGISTER", "UNDO"}

    repeat: bpy.props.FloatProperty(
        name="Repeat", description="How often the strip plays the dance", min=1.0, soft_max=20.0, default=1.0
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Move it."""

        def work() -> str:
            armature = find_dancer(context)
            engine_setup.check_numpy()
            strip = nla_dance.push_down(armature, self.repeat)
            told = f'The dance of "{armature.name}" is in the NLA strip "{strip.name}".'
            if self.repeat > 1 and not nla_dance.is_loop(load(armature).motion()):
                return f"{told} It does not end as it begins: Make Loop lets it go on without a jump."
            return told

        return do(self, work)


class MAGMA_OT_in_place(OnDancer):
    """Take off the dance's way over the floor by an NLA layer above it; muted or removed, the dance travels again"""

    bl_idname = "magma.in_place"
    bl_label = "Hold in Place"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Add the layer, or make it again."""

        def work() -> str:
            armature = find_dancer(context)
            strip = nla_dance.hold_in_place(armature)
            return f'The NLA strip "{strip.name}" holds the dance of "{armature.name}" in its place.'

        return do(self, work)


class MAGMA_OT_let_travel(OnDancer):
    """Remove the NLA layer that holds the dance in its place: it travels again"""

    bl_idname = "magma.let_travel"
    bl_label = "Let Travel"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is one."""
        armature = dancer_or_none(context)
        if armature is not None and not nla_dance.is_in_place(armature):
            refuse(cls, "Nothing holds the dance in its place")
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove it."""

        def work() -> str:
            armature = find_dancer(context)
            nla_dance.let_travel(armature)
            return f'The dance of "{armature.name}" travels again.'

        return do(self, work)


CLASSES = (MAGMA_OT_push_down, MAGMA_OT_in_place, MAGMA_OT_let_travel)
