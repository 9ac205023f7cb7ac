"""The operators that edit a dance. Each is one undo step; those that need the engine are `JobOperator`s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from engine import choreography as doc
from engine.choreography import Choreography as Document

from . import beat_markers, editable, edits, own_keyframes
from .dance import Target
from .errors import MagmaError, SceneError
from .job_operator import JobOperator
from .properties import known_checkpoints
from .selection import Range, places_text, selected, selected_one
from .session import session

# mypy: disallow-subclassing-any=False


class _OnDancer:
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


def _do(operator: Any, work: Callable[[], str]) -> set[str]:
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

    return _do(operator, work)


class MAGMA_OT_lock_spans(_OnDancer, bpy.types.Operator):
    """Keep the selected moves in every edit: their keyframes will not change"""

    bl_idname = "magma.lock_spans"
    bl_label = "Lock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Lock them."""
        return _change(self, context, lambda document, part: doc.lock(document, *part), "Locked")


class MAGMA_OT_unlock_spans(_OnDancer, bpy.types.Operator):
    """Let edits change the selected moves"""

    bl_idname = "magma.unlock_spans"
    bl_label = "Unlock Moves"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Unlock them."""
        return _change(self, context, lambda document, part: doc.unlock(document, *part), "Unlocked")


class MAGMA_OT_toggle_span_lock(_OnDancer, bpy.types.Operator):
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

        return _do(self, work)


class MAGMA_OT_split_span(_OnDancer, bpy.types.Operator):
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

        return _do(self, work)


class MAGMA_OT_split_at_bars(_OnDancer, bpy.types.Operator):
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

        return _do(self, work)


class MAGMA_OT_merge_spans(_OnDancer, bpy.types.Operator):
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


class MAGMA_OT_style_spans(_OnDancer, bpy.types.Operator):
    """Set the style that the selected moves are written in when they are next written anew"""

    bl_idname = "magma.style_spans"
    bl_label = "Set Style of Moves"
    bl_options = {"REGISTER", "UNDO"}

    __annotations__ = {
        "style": bpy.props.StringProperty(name="Style", description="A style; empty is the dance's own"),
        "strength": bpy.props.FloatProperty(
            name="Strength", description="How strongly the style is followed", min=0.0, max=10.0, default=1.0
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
            lambda document, part: doc.set_style(document, *part, style, strength),
            f"{self.style.title() or 'The dance’s own style'}, once written anew, in",
        )


def styles_of(document: Document) -> list[str]:
    """The styles of the checkpoint that a dance was written with; none where it is not installed here."""
    entries = [entry for entry in known_checkpoints() if entry["name"] == document.checkpoint.name]
    return list(entries[0].get("styles", ())) if entries else []


def _follow() -> Any:
    return bpy.props.BoolProperty(
        name="Let the Rest Follow",
        description="Later moves keep their poses, but go on from where the new moves arrive; locked keyframes of the "
        "pelvis change with them",
    )


class MAGMA_OT_regenerate_free(JobOperator, _OnDancer, bpy.types.Operator):
    """Write all moves anew that are not locked, with another seed; what was danced stays among their variants"""

    bl_idname = "magma.regenerate_free"
    bl_label = "Regenerate Unlocked Moves"
    bl_options = {"UNDO"}

    __annotations__ = {"follow": _follow()}

    def start(self, context: Any) -> None:
        """Ask the engine."""
        edits.start(editable.find_dancer(context), [{"do": "regenerate"}], "Regenerating", self.follow)


class MAGMA_OT_replace_spans(JobOperator, _OnDancer, bpy.types.Operator):
    """Write the selected moves anew in several variants, of which the best is danced"""

    bl_idname = "magma.replace_spans"
    bl_label = "Replace Moves"
    bl_options = {"UNDO"}

    __annotations__ = {
        "variants": bpy.props.IntProperty(name="Variants", description="How many to keep", min=1, max=64, default=4),
        "follow": _follow(),
    }

    def start(self, context: Any) -> None:
        """Ask the engine."""
        armature = editable.find_dancer(context)
        ranges, _ = selected(context, armature, editable.load(armature))
        operations = [
            {"do": "replace", "start": start, "stop": stop, "variants": self.variants} for start, stop in ranges
        ]
        edits.start(armature, operations, "Replacing", self.follow)


class MAGMA_OT_switch_variant(JobOperator, _OnDancer, bpy.types.Operator):
    """Dance another variant of the selected span; the one after the last is the first"""

    bl_idname = "magma.switch_variant"
    bl_label = "Switch Variant"
    bl_options = {"UNDO"}

    __annotations__ = {
        "step": bpy.props.IntProperty(name="Step", description="1 is the next, -1 the previous", default=1),
        "position": bpy.props.IntProperty(
            name="Token Position", description="In the span; -1 takes the selected span", default=-1, min=-1
        ),
    }

    def start(self, context: Any) -> None:
        """Ask the engine."""
        armature = editable.find_dancer(context)
        kept = editable.load(armature)
        place = self.position if self.position >= 0 else selected_one(context, armature, kept)[0]
        span = kept.document.span_at(min(place, len(kept.document) - 1))
        if len(span.variants) == 1:
            raise SceneError("This span has one variant: press Replace Moves for more.")
        index = (span.chosen + self.step) % len(span.variants)
        edits.start(armature, [{"do": "choose", "start": span.start, "index": index}], "Switching the variant")


class MAGMA_OT_mirror_spans(JobOperator, _OnDancer, bpy.types.Operator):
    """Exchange left and right in the selected moves; twice is as it was"""

    bl_idname = "magma.mirror_spans"
    bl_label = "Mirror Moves"
    bl_options = {"UNDO"}

    def start(self, context: Any) -> None:
        """Ask the engine."""
        armature = editable.find_dancer(context)
        ranges, _ = selected(context, armature, editable.load(armature))
        edits.start(armature, [{"do": "mirror", "start": a, "stop": b} for a, b in ranges], "Mirroring")


class _Clipboard:
    """Which moves were copied; outside the .blend, as clipboards are."""

    target: Target | None = None
    part: Range = (0, 0)


class MAGMA_OT_copy_moves(_OnDancer, bpy.types.Operator):
    """Remember the selected moves, to dance them again elsewhere with Paste Moves"""

    bl_idname = "magma.copy_moves"
    bl_label = "Copy Moves"
    bl_options = {"REGISTER"}

    def execute(self, context: Any) -> set[str]:
        """Remember them."""

        def work() -> str:
            armature = editable.find_dancer(context)
            kept = editable.load(armature)
            part = selected_one(context, armature, kept)
            _Clipboard.target, _Clipboard.part = Target(armature), part
            return f"Copied {places_text(kept, [part])}."

        return _do(self, work)


class MAGMA_OT_paste_moves(JobOperator, _OnDancer, bpy.types.Operator):
    """Dance the copied moves again from near the playhead on, at the same part of a beat"""

    bl_idname = "magma.paste_moves"
    bl_label = "Paste Moves"
    bl_options = {"UNDO"}

    def start(self, context: Any) -> None:
        """Ask the engine."""
        armature = editable.find_dancer(context)
        if _Clipboard.target is None:
            raise SceneError("No moves are copied: select some and press Copy Moves.")
        if _Clipboard.target.find() != armature:
            raise SceneError("The copied moves are another dancer's: copy some of this one.")
        start, stop = _Clipboard.part
        to = editable.load(armature).position_at(context.scene.frame_current)
        edits.start(armature, [{"do": "copy", "start": start, "stop": stop, "to": to}], "Pasting")


class MAGMA_OT_chain_dances(JobOperator, _OnDancer, bpy.types.Operator):
    """Let the active dancer dance on with the other selected dancer's dance, after a join; the other one stays"""

    bl_idname = "magma.chain_dances"
    bl_label = "Chain Dances"
    bl_options = {"UNDO"}

    __annotations__ = {
        "seconds": bpy.props.FloatProperty(name="Join", description="Seconds of the join", min=0.1, max=60, default=1.6)
    }

    def start(self, context: Any) -> None:
        """Ask the engine."""
        first = editable.find_dancer(context)
        others = [obj for obj in context.scene.objects if obj.select_get() and obj != first]
        others = [obj for obj in others if editable.is_editable(obj)]
        if len(others) != 1:
            raise SceneError(f"Select one other dancer beside the active one; {len(others)} are selected.")
        edits.start_chain(first, others[0], self.seconds)


class MAGMA_OT_keep_keyframes(_OnDancer, bpy.types.Operator):
    """Take the keyframes that you changed by hand into the dance and lock them as they are"""

    bl_idname = "magma.keep_keyframes"
    bl_label = "Keep My Keyframes"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Lock them."""

        def work() -> str:
            armature = editable.find_dancer(context)
            kept = editable.load(armature)
            return f"Your keyframes are kept and locked: {places_text(kept, own_keyframes.keep(armature))}."

        return _do(self, work)


class MAGMA_OT_restore_keyframes(_OnDancer, bpy.types.Operator):
    """Key the dance as the add-on last wrote it, in a new action; the present action stays in the file"""

    bl_idname = "magma.restore_keyframes"
    bl_label = "Restore Keyframes"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Restore them."""

        def work() -> str:
            armature = editable.find_dancer(context)
            edits.restore(armature)
            return f'"{armature.animation_data.action.name}" holds the dance as the add-on wrote it.'

        return _do(self, work)


class MAGMA_OT_mark_beats(_OnDancer, bpy.types.Operator):
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

        return _do(self, work)


CLASSES = (
    MAGMA_OT_lock_spans,
    MAGMA_OT_unlock_spans,
    MAGMA_OT_toggle_span_lock,
    MAGMA_OT_split_span,
    MAGMA_OT_split_at_bars,
    MAGMA_OT_merge_spans,
    MAGMA_OT_style_spans,
    MAGMA_OT_regenerate_free,
    MAGMA_OT_replace_spans,
    MAGMA_OT_switch_variant,
    MAGMA_OT_mirror_spans,
    MAGMA_OT_copy_moves,
    MAGMA_OT_paste_moves,
    MAGMA_OT_chain_dances,
    MAGMA_OT_keep_keyframes,
    MAGMA_OT_restore_keyframes,
    MAGMA_OT_mark_beats,
)
