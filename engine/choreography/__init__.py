"""The editable choreography: what is danced when, what is locked, and what else was tried. Standard library only, so
that the add-on reads and edits it without the engine."""

from .document import (
    SOURCES,
    Audio,
    CheckpointIdentity,
    Choreography,
    Codes,
    MotionFile,
    Span,
    Variant,
    new_choreography,
)
from .history import History
from .operations import (
    choose_variant,
    insert_variant,
    lock,
    merge,
    mirror_span,
    replace_span,
    set_style,
    spans_between,
    split,
    unlock,
)
from .serial import VERSION, from_json, to_json

__all__ = [
    "SOURCES",
    "VERSION",
    "Audio",
    "CheckpointIdentity",
    "Choreography",
    "Codes",
    "History",
    "MotionFile",
    "Span",
    "Variant",
    "choose_variant",
    "from_json",
    "insert_variant",
    "lock",
    "merge",
    "mirror_span",
    "new_choreography",
    "replace_span",
    "set_style",
    "spans_between",
    "split",
    "to_json",
    "unlock",
]
