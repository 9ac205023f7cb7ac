"""The operators that change what is danced. Each is one undo step; those that need the engine are `JobOperator`s."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from engine.choreography import Range
from smpl_rig.blender.context import scene_of

from ..engine_host.session import session
from ..errors import MagmaError, SceneError, SetupError
from ..scene import edits, own_keyframes, review, variants
from ..scene.armature_reference import ArmatureReference
from ..scene.dance_keys import current
from ..scene.dancer import has_dance
from ..scene.selection import find_dancer, places_text, selected, selected_one
from .edit_jobs import start_chain, start_edit, start_keeping_keyframes
from .job_operator import JobOperator
from .on_dancer import OnDancer, dancer_to_edit
from .results import Result, do


class Following:
    """The choice of operators that generate moves again."""

    follow: bpy.props.BoolProperty(
        name="Let the Rest Follow",
        description="Later moves keep their poses, but go on from where the new moves arrive; locked keyframes of the "
        "pelvis change with them",
    )


class MAGMA_OT_regenerate_free(Following, JobOperator, OnDancer):
    """Generate all moves again that are not locked, with another seed; what was danced stays among their variants"""

    bl_idname = "magma.regenerate_free"
    bl_label = "Regenerate Unlocked Moves"
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        start_edit(dancer_to_edit(context), [{"do": "regenerate"}], "Regenerating", self.follow, self.bl_label)


class MAGMA_OT_replace_spans(Following, JobOperator, OnDancer):
    """Generate the selected moves again in several variants, of which the best is danced"""

    bl_idname = "magma.replace_spans"
    bl_label = "Replace Moves"
    bl_options = {"UNDO"}

    variants: bpy.props.IntProperty(name="Variants", description="How many to keep", min=1, max=64, default=4)

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        armature = dancer_to_edit(context)
        ranges, _ = selected(context, armature, current(armature))
        operations: list[dict[str, object]] = [
            {"do": "replace", "start": start, "stop": stop, "variants": self.variants} for start, stop in ranges
        ]
        start_edit(armature, operations, "Replacing", self.follow, self.bl_label)


class MAGMA_OT_switch_variant(JobOperator, OnDancer):
    """Dance another variant of the selected span; the one after the last is the first"""

    bl_idname = "magma.switch_variant"
    bl_label = "Switch Variant"
    bl_options = {"UNDO"}

    step: bpy.props.IntProperty(name="Step", description="1 is the next, -1 the previous", default=1)
    position: bpy.props.IntProperty(
        name="Token Position", description="In the span; -1 is for the selected span", default=-1, min=-1
    )

    def start(self, context: bpy.types.Context) -> str | None:
        """Use the poses that are kept, or ask the engine where there are none or they do not fit any more."""
        armature = dancer_to_edit(context)
        dancer = current(armature)
        place = self.position if self.position >= 0 else selected_one(context, armature, dancer)[0]
        span = dancer.document.span_at(min(place, len(dancer.document) - 1))
        if len(span.variants) == 1:
            raise SceneError("This span has one variant: press Replace Moves for more.")
        index = (span.chosen + self.step) % len(span.variants)
        if variants.dance(armature, span.start, index):
            return f"Variant {index + 1} of {len(span.variants)}."
        choose: dict[str, object] = {"do": "choose", "start": span.start, "index": index}
        name = f"Variant {index + 1}, {places_text(dancer, [(span.start, span.stop)])}"
        start_edit(armature, [choose], "Switching the variant", name=name, manner=review.continuing)
        return None


class MAGMA_OT_mirror_spans(JobOperator, OnDancer):
    """Exchange left and right in the selected moves; twice is as it was"""

    bl_idname = "magma.mirror_spans"
    bl_label = "Mirror Moves"
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        armature = dancer_to_edit(context)
        ranges, _ = selected(context, armature, current(armature))
        operations: list[dict[str, object]] = [{"do": "mirror", "start": start, "stop": stop} for start, stop in ranges]
        start_edit(armature, operations, "Mirroring", name=self.bl_label)


class _Clipboard:
    """Which moves were copied; outside the .blend, as clipboards are."""

    target: ArmatureReference | None = None
    part: Range = (0, 0)


class MAGMA_OT_copy_moves(OnDancer):
    """Remember the selected moves, to dance them again elsewhere with Paste Moves"""

    bl_idname = "magma.copy_moves"
    bl_label = "Copy Moves"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Remember them."""

        def work() -> str:
            armature = find_dancer(context)
            dancer = current(armature)
            part = selected_one(context, armature, dancer)
            _Clipboard.target, _Clipboard.part = ArmatureReference(armature), part
            return f"Copied {places_text(dancer, [part])}."

        return do(self, work)


class MAGMA_OT_paste_moves(JobOperator, OnDancer):
    """Dance the copied moves again from near the playhead on, at the same part of a beat"""

    bl_idname = "magma.paste_moves"
    bl_label = "Paste Moves"
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        armature = dancer_to_edit(context)
        if _Clipboard.target is None:
            raise SceneError("No moves are copied: select some and press Copy Moves.")
        if _Clipboard.target.find() != armature:
            raise SceneError("The copied moves are another dancer's: copy some of this one.")
        start, stop = _Clipboard.part
        to = current(armature).position_at(scene_of(context).frame_current)
        start_edit(armature, [{"do": "copy", "start": start, "stop": stop, "to": to}], "Pasting", name=self.bl_label)


class MAGMA_OT_make_loop(JobOperator, OnDancer):
    """Let the dance end with the pose and place that it begins with, so that it can be repeated"""

    bl_idname = "magma.make_loop"
    bl_label = "Make Loop"
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        start_edit(dancer_to_edit(context), [{"do": "loop"}], "Making a loop", name=self.bl_label)


class MAGMA_OT_chain_dances(JobOperator, OnDancer):
    """Let the active dancer go on with the other selected dancer's dance, after a join; the other one stays"""

    bl_idname = "magma.chain_dances"
    bl_label = "Chain Dances"
    bl_options = {"UNDO"}

    seconds: bpy.props.FloatProperty(name="Join", description="Seconds of the join", min=0.1, max=60, default=1.6)

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        first = dancer_to_edit(context)
        others = [obj for obj in scene_of(context).objects if obj.select_get() and obj != first]
        others = [obj for obj in others if has_dance(obj)]
        if len(others) != 1:
            raise SceneError(f"Select one other dancer beside the active one; {len(others)} are selected.")
        start_chain(first, others[0], self.seconds)


class MAGMA_OT_keep_keyframes(JobOperator, OnDancer):
    """Keep the keyframes that you changed by hand as part of the dance, locked as they are"""

    bl_idname = "magma.keep_keyframes"
    bl_label = "Keep My Keyframes"
    bl_options = {"UNDO"}

    _target: ArmatureReference | None = None

    def start(self, context: bpy.types.Context) -> str | None:
        """Ask the engine for their tokens, if there is one."""
        armature = dancer_to_edit(context)
        self._target = ArmatureReference(armature)
        try:
            setup = session.setup()
        except SetupError as error:
            return self.do_without(error)
        start_keeping_keyframes(armature, setup)
        return None

    def do_without(self, error: MagmaError) -> str:
        """Lock them with the tokens of before."""
        if self._target is None:
            raise error
        said = own_keyframes.keep(self._target.find())
        return f"{said} Their tokens are those of what was danced before, since the engine did not help: {error}"


class MAGMA_OT_restore_keyframes(OnDancer):
    """Key the dance as the add-on last wrote it, in a new action; the present action stays in the file"""

    bl_idname = "magma.restore_keyframes"
    bl_label = "Restore Keyframes"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Restore them."""

        def work() -> str:
            action = edits.restore(find_dancer(context))
            return f'"{action.name}" holds the dance as the add-on wrote it.'

        return do(self, work)


CLASSES = (
    MAGMA_OT_regenerate_free,
    MAGMA_OT_replace_spans,
    MAGMA_OT_switch_variant,
    MAGMA_OT_mirror_spans,
    MAGMA_OT_copy_moves,
    MAGMA_OT_paste_moves,
    MAGMA_OT_make_loop,
    MAGMA_OT_chain_dances,
    MAGMA_OT_keep_keyframes,
    MAGMA_OT_restore_keyframes,
)
