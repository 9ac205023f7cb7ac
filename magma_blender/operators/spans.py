"""The operators that change the document of a dance alone: locks, borders, styles; and the beats marked. Each is one
undo step and needs no engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from engine import choreography as doc
from engine.choreography import Choreography as Document

from ..engine_host.session import session
from ..errors import MagmaError, SceneError
from ..scene import beat_markers, editable
from ..scene.scene_settings import known_checkpoints
from ..scene.selection import Range, places_text, selected

# mypy: disallow-subclassing-any=False


class OnDancer:
    """Needs an armature with a dance that can be edited, and nothing else going on."""

    @classmethod
    def poll(cls: Any, context: Any) -> bool:
        """Only where there is a dance to edit, while the engine is free."""
        if session.occupied:
            _say_why(cls, "The engine is busy: wait for it, or press Cancel")
            return False
        try:
            editable.find_dancer(context)
        except SceneError as error:
            _say_why(cls, str(error))
            return False
        return True


def _say_why(operator: Any, text: str) -> None:
    operator.poll_message_set(text)


def do(operator: Any, work: Callable[[], str]) -> set[str]:
    """An operator's work without the engine: report what it says, or its error."""
    try:
        text = work()
    except MagmaError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    operator.report({"INFO"}, text)
    return {"FINISHED"}


def _change(operator: Any, context: Any, edit: Callable[[Document, Range], Document], done: str) -> set[str]:
    """Edit the document at the selected places. done: what was done there, such as "Locked"."""

    def work() -> str:
        armature = editable.find_dancer(context)
        kept = editable.load(armature)
        ranges, _ = selected(context, armature, kept)

        def edit_all(document: Document) -> Document:
            for part in ranges:
                document = edit(document, part)
            return document

        editable.change(armature, edit_all)
        return f"{done} {places_text(kept, ranges)}."

    return do(operator, work)


class MAGMA_OT_lock_spans(OnDancer, bpy.types.Operator):
    """Keep the selected moves in every edit: their keyframes will not change"""

    bl_idname = "magma.lock_spans"
    bl_label = "Lock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Lock them."""
        return _change(self, context, lambda document, part: doc.lock(document, *part), "Locked")


class MAGMA_OT_unlock_spans(OnDancer, bpy.types.Operator):
    """Let edits change the selected moves"""

    bl_idname = "magma.unlock_spans"
    bl_label = "Unlock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Unlock them."""
        return _change(self, context, lambda document, part: doc.unlock(document, *part), "Unlocked")


class MAGMA_OT_toggle_span_lock(OnDancer, bpy.types.Operator):
    """Lock this span, or unlock it: a locked span's keyframes stay in every edit"""

    bl_idname = "magma.toggle_span_lock"
    bl_label = "Toggle Span Lock"
    bl_options = {"UNDO", "INTERNAL"}

    __annotations__ = {"position": bpy.props.IntProperty(min=0)}

    def execute(self, context: Any) -> set[str]:
        """Toggle it."""

        def toggle(document: Document) -> Document:
            span = document.span_at(self.position)
            return (doc.unlock if span.locked else doc.lock)(document, span.start, span.stop)

        def work() -> str:
            editable.change(editable.find_dancer(context), toggle)
            return "Lock toggled."

        return do(self, work)


class MAGMA_OT_split_span(OnDancer, bpy.types.Operator):
    """Split the span under the playhead there"""

    bl_idname = "magma.split_span"
    bl_label = "Split Span at Playhead"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Split it."""

        def work() -> str:
            armature = editable.find_dancer(context)
            kept = editable.load(armature)
            position = kept.position_at(context.scene.frame_current)
            if kept.document.span_at(position).start == position:
                raise SceneError("A span begins here already: move the playhead.")
            editable.change(armature, lambda document: doc.split(document, position))
            return f"Split at {kept.seconds_of(position):.1f} s."

        return do(self, work)


class MAGMA_OT_split_at_bars(OnDancer, bpy.types.Operator):
    """Split the selected moves at the beginnings of bars"""

    bl_idname = "magma.split_at_bars"
    bl_label = "Split at Bars"
    bl_options = {"REGISTER", "UNDO"}

    __annotations__ = {
        "every": bpy.props.IntProperty(name="Bars", description="Bars a span", min=1, default=1, soft_max=16)
    }

    def execute(self, context: Any) -> set[str]:
        """Split them."""

        def work() -> str:
            armature = editable.find_dancer(context)
            kept = editable.load(armature)
            ranges, _ = selected(context, armature, kept)
            beats = beat_markers.beats_of(kept.about)
            bars = [beat for beat in beats if beat.beat == 1 and (beat.bar - 1) % self.every == 0]
            places = {round((bar.frame - kept.about.frame_start) / kept.frames_per_position) for bar in bars}
            inside = sorted(place for place in places if any(start < place < stop for start, stop in ranges))
            if not inside:
                raise SceneError("No bar begins inside what is selected, or the song's beats are not known.")

            def split_all(document: Document) -> Document:
                for place in inside:
                    document = doc.split(document, place)
                return document

            editable.change(armature, split_all)
            return f"Split at {len(inside)} places."

        return do(self, work)


class MAGMA_OT_merge_spans(OnDancer, bpy.types.Operator):
    """Make the selected spans one; all must be locked or all free, and of one style"""

    bl_idname = "magma.merge_spans"
    bl_label = "Merge Spans"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Merge them."""

        def merge(document: Document, part: Range) -> Document:
            for span in doc.spans_between(document, *part)[1:]:
                document = doc.merge(document, span.start)
            return document

        return _change(self, context, merge, "Merged")


class MAGMA_OT_style_spans(OnDancer, bpy.types.Operator):
    """Set the style that the selected moves are written in when they are next written anew"""

    bl_idname = "magma.style_spans"
    bl_label = "Set Style of Moves"
    bl_options = {"REGISTER", "UNDO"}

    __annotations__ = {
        "style": bpy.props.StringProperty(name="Style", description="A style; empty is the dance's own"),
        "strength": bpy.props.FloatProperty(
            name="Strength", description="How strongly the style is followed", min=0.0, max=10.0, default=1.0
        ),
        "transition": bpy.props.FloatProperty(
            name="Transition",
            description="Seconds in which it goes over to the styles beside it; 0 is a hard change",
            min=0.0,
            max=doc.LONGEST_TRANSITION,
            default=doc.STYLE_TRANSITION,
        ),
    }

    def execute(self, context: Any) -> set[str]:
        """Set it."""
        try:
            known = styles_of(editable.load(editable.find_dancer(context)).document)
        except MagmaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if self.style and self.style not in known:
            listed = ", ".join(known) or "it has none"
            self.report(
                {"ERROR"}, f"The dance's checkpoint has no style {self.style!r}: choose one of these ({listed})."
            )
            return {"CANCELLED"}
        style, strength = self.style or None, None if self.strength == 1.0 else self.strength
        return _change(
            self,
            context,
            lambda document, part: doc.set_style(document, *part, style, strength, self.transition),
            f"{self.style.title() or 'The dance’s own style'}, once written anew, in",
        )


def styles_of(document: Document) -> list[str]:
    """The styles of the checkpoint that a dance was written with; none where it is not installed here."""
    entries = [entry for entry in known_checkpoints() if entry["name"] == document.checkpoint.name]
    return list(entries[0].get("styles", ())) if entries else []


class MAGMA_OT_mark_beats(OnDancer, bpy.types.Operator):
    """Put timeline markers at the song's beats, named by bar; earlier ones are replaced"""

    bl_idname = "magma.mark_beats"
    bl_label = "Mark Beats"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Put them."""

        def work() -> str:
            about = editable.load(editable.find_dancer(context)).about
            if not about.beats:
                raise SceneError("The song's beats are not known for this dance: generate it anew.")
            return f"{beat_markers.mark(context.scene, about)} beats are marked."

        return do(self, work)


CLASSES = (
    MAGMA_OT_lock_spans,
    MAGMA_OT_unlock_spans,
    MAGMA_OT_toggle_span_lock,
    MAGMA_OT_split_span,
    MAGMA_OT_split_at_bars,
    MAGMA_OT_merge_spans,
    MAGMA_OT_style_spans,
    MAGMA_OT_mark_beats,
)
