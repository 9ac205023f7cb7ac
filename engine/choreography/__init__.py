"""The editable choreography: the tokens of a dance in spans, with their locks and variants. Standard library only, so
that the add-on reads and edits it without the engine.

Imports: the shared modules of `engine` only.
"""

from .beats_file import annotated_beats
from .correction import FASTEST, LONGEST_BAR, NO_CORRECTION, SLOWEST, Correction, correction_from
from .document import (
    COPIED,
    GENERATED,
    LONGEST_TRANSITION,
    MIRRORED,
    MOST_POSITIONS,
    MOST_SONGS,
    MOTION,
    SOURCES,
    STYLE_TRANSITION,
    Audio,
    CheckpointIdentity,
    Choreography,
    Codes,
    MotionFile,
    Span,
    Variant,
    new_choreography,
)
from .document_edits import (
    choose_variant,
    insert_variant,
    keep_clip,
    lock,
    merge,
    mirror_span,
    overwrite,
    replace_span,
    retokenize,
    set_style,
    spans_between,
    split,
    unlock,
)
from .kept_poses import limit_poses, move_clips, used_parts
from .ranges import Range, runs_of
from .serial import LONGEST_TEXT, VERSION, from_json, to_json
from .songs import relative_path, relink, songs_beside, with_paths

__all__ = [
    "COPIED",
    "FASTEST",
    "GENERATED",
    "LONGEST_BAR",
    "LONGEST_TEXT",
    "LONGEST_TRANSITION",
    "MIRRORED",
    "MOST_POSITIONS",
    "MOST_SONGS",
    "MOTION",
    "NO_CORRECTION",
    "SLOWEST",
    "SOURCES",
    "STYLE_TRANSITION",
    "VERSION",
    "Audio",
    "CheckpointIdentity",
    "Choreography",
    "Codes",
    "Correction",
    "MotionFile",
    "Range",
    "Span",
    "Variant",
    "annotated_beats",
    "choose_variant",
    "correction_from",
    "from_json",
    "insert_variant",
    "keep_clip",
    "limit_poses",
    "lock",
    "merge",
    "mirror_span",
    "move_clips",
    "new_choreography",
    "overwrite",
    "relative_path",
    "relink",
    "replace_span",
    "retokenize",
    "runs_of",
    "set_style",
    "songs_beside",
    "spans_between",
    "split",
    "to_json",
    "unlock",
    "used_parts",
    "with_paths",
]
