"""The properties that a file keeps of its dances, as Blender knows them: lists of spans and versions, edits in review.

Dances can be made without the rest of the add-on, as `demo` and the benchmarks do; without these they cannot.
"""

from . import review_list, span_list
from .history import shown_versions

_PARTS = (span_list, shown_versions, review_list)


def register() -> None:
    """Add them."""
    for part in _PARTS:
        part.register()


def unregister() -> None:
    """Remove them; what the file keeps stays in it."""
    for part in reversed(_PARTS):
        part.unregister()
