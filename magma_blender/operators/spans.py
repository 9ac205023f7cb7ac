"""The operators that change the document of a dance alone: locks, borders, styles; and the beats marked. Each is one
undo step and needs no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from engine import choreography as doc
from engine.choreography import Choreography, Range
from smpl_rig.blender.context import scene_of

from ..engine_host.checkpoint_list import has_energy, styles_of, title_of
from ..errors import MagmaError, SceneError
from ..scene import beat_markers, edits
from ..scene.dance_keys import current
from ..scene.dancer import load
from ..scene.selection import find_dancer, selected
from .on_dancer import OnDancer, change_selected, dancer_to_edit
from .results import CANCELLED, Result, do, say


class MAGMA_OT_lock_spans(OnDancer):
    """Keep the selected moves in every edit: their keyframes will not change"""

    bl_idname = "magma.lock_spans"
    bl_label = "Lock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Lock them."""
        return change_selected(
            self, context, lambda document, part: doc.lock(document, *part), lambda places: f"Locked {places}."
        )


class MAGMA_OT_unlock_spans(OnDancer):
    """Let edits change the selected moves"""

    bl_idname = "magma.unlock_spans"
    bl_label = "Unlock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Unlock them."""
        return change_selected(
            self, context, lambda document, part: doc.unlock(document, *part), lambda places: f"Unlocked {places}."
        )


class MAGMA_OT_toggle_span_lock(OnDancer):
    """Lock this span, or unlock it: a locked span's keyframes stay in every edit"""

    bl_idname = "magma.toggle_span_lock"
    bl_label = "Toggle Span Lock"
    bl_options = {"UNDO", "INTERNAL"}

    position: bpy.props.IntProperty(name="Token Position", description="In the span", min=0)

    def execute(self, context: bpy.types.Context) -> Result:
        """Toggle it."""

        def toggle(document: Choreography) -> Choreography:
            span = document.span_at(self.position)
            return (doc.unlock if span.locked else doc.lock)(document, span.start, span.stop)

        def work() -> str:
            edits.change(dancer_to_edit(context), toggle, self.bl_label)
            return "Lock toggled."

        return do(self, work)


class MAGMA_OT_split_span(OnDancer):
    """Split the span under the playhead there"""

    bl_idname = "magma.split_span"
    bl_label = "Split Span at Playhead"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Split it."""

        def work() -> str:
            armature = dancer_to_edit(context)
            dancer = current(armature)
            position = dancer.position_at(scene_of(context).frame_current)
            if dancer.document.span_at(position).start == position:
                raise SceneError("A span begins here already: move the playhead.")
            edits.change(armature, lambda document: doc.split(document, position), self.bl_label, dancer)
            return f"Split at {dancer.seconds_of(position):.1f} s."

        return do(self, work)


class MAGMA_OT_split_at_bars(OnDancer):
    """Split the selected moves at the beginnings of bars"""

    bl_idname = "magma.split_at_bars"
    bl_label = "Split at Bars"
    bl_options = {"REGISTER", "UNDO"}

    every: bpy.props.IntProperty(name="Bars", description="Bars a span", min=1, default=1, soft_max=16)

    def execute(self, context: bpy.types.Context) -> Result:
        """Split them."""

        def work() -> str:
            armature = dancer_to_edit(context)
            dancer = current(armature)
            ranges, _ = selected(context, armature, dancer)
            beats = beat_markers.beats_of(dancer)
            bars = [beat for beat in beats if beat.beat == 1 and (beat.bar - 1) % self.every == 0]
            places = {round((bar.frame - dancer.frame_start) / dancer.frames_per_position) for bar in bars}
            inside = sorted(place for place in places if any(start < place < stop for start, stop in ranges))
            if not inside:
                raise SceneError("No bar begins inside what is selected, or the song's beats are not known.")

            def split_all(document: Choreography) -> Choreography:
                for place in inside:
                    document = doc.split(document, place)
                return document

            edits.change(armature, split_all, self.bl_label, dancer)
            return f"Split at {len(inside)} places."

        return do(self, work)


class MAGMA_OT_merge_spans(OnDancer):
    """Make the selected spans one; all must be locked or all free, and of one style"""

    bl_idname = "magma.merge_spans"
    bl_label = "Merge Spans"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Merge them."""

        def merge(document: Choreography, part: Range) -> Choreography:
            for span in doc.spans_between(document, *part)[1:]:
                document = doc.merge(document, span.start)
            return document

        return change_selected(self, context, merge, lambda places: f"Merged {places}.")


class MAGMA_OT_style_spans(OnDancer):
    """Set the style in which the selected moves are generated the next time"""

    bl_idname = "magma.style_spans"
    bl_label = "Set Style of Moves"
    bl_options = {"REGISTER", "UNDO"}

    style: bpy.props.StringProperty(name="Style", description="A style; empty is the dance's own")
    strength: bpy.props.FloatProperty(
        name="Strength", description="How strongly the style is followed", min=0.0, max=10.0, default=1.0
    )
    transition: bpy.props.FloatProperty(
        name="Transition",
        description="Seconds in which it goes over to the styles beside it; 0 is a hard change",
        min=0.0,
        max=doc.LONGEST_TRANSITION,
        default=doc.STYLE_TRANSITION,
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Set it."""
        try:
            checkpoint = load(find_dancer(context)).document.checkpoint.name
        except MagmaError as error:
            say(self, "ERROR", str(error))
            return CANCELLED
        known = styles_of(checkpoint)
        if self.style and self.style not in known:
            listed = ", ".join(known) or "it has none"
            say(self, "ERROR", f"The dance's checkpoint has no style {self.style!r}: choose one of these ({listed}).")
            return CANCELLED
        title = title_of(checkpoint, self.style)
        style, strength = self.style or None, None if self.strength == 1.0 else self.strength
        return change_selected(
            self,
            context,
            lambda document, part: doc.set_style(document, *part, style, strength, self.transition),
            lambda places: (
                f"{title}, once generated again, in {places}."
                if self.style
                else f"The dance’s own style, once generated again, in {places}."
            ),
        )


class MAGMA_OT_energy_spans(OnDancer):
    """Set how large and quick the selected moves are when they are generated the next time"""

    bl_idname = "magma.energy_spans"
    bl_label = "Set Energy of Moves"
    bl_options = {"REGISTER", "UNDO"}

    as_dance: bpy.props.BoolProperty(name="As the Dance", description="The energy of the whole dance")
    energy: bpy.props.FloatProperty(
        name="Energy",
        description="Against what is usual in the style",
        min=doc.LOWEST_ENERGY,
        max=doc.HIGHEST_ENERGY,
        default=1.0,
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Set it."""
        try:
            checkpoint = load(find_dancer(context)).document.checkpoint
        except MagmaError as error:
            say(self, "ERROR", str(error))
            return CANCELLED
        if not has_energy(checkpoint.name):
            say(self, "ERROR", f"The dance's checkpoint {checkpoint.label} cannot be told an energy.")
            return CANCELLED
        energy = None if self.as_dance else self.energy
        return change_selected(
            self,
            context,
            lambda document, part: doc.set_energy(document, *part, energy),
            lambda places: (
                f"The dance’s own energy, once generated again, in {places}."
                if energy is None
                else f"Energy {energy:.2f}, once generated again, in {places}."
            ),
        )


class MAGMA_OT_mark_beats(OnDancer):
    """Put timeline markers at the song's beats, named by bar; earlier ones are replaced"""

    bl_idname = "magma.mark_beats"
    bl_label = "Mark Beats"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Put them."""

        def work() -> str:
            beats = beat_markers.beats_of(current(find_dancer(context)))
            if not beats:
                raise SceneError("The song's beats are not known for this dance: generate it again.")
            beat_markers.mark(scene_of(context), beats)
            return f"{len(beats)} beats are marked."

        return do(self, work)


CLASSES = (
    MAGMA_OT_lock_spans,
    MAGMA_OT_unlock_spans,
    MAGMA_OT_toggle_span_lock,
    MAGMA_OT_split_span,
    MAGMA_OT_split_at_bars,
    MAGMA_OT_merge_spans,
    MAGMA_OT_style_spans,
    MAGMA_OT_energy_spans,
    MAGMA_OT_mark_beats,
)
