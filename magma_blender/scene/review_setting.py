"""Whether edits go into review, as the user has chosen in the add-on's preferences."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import preferences_of

from .. import paths

NEVER, IN_WINDOW, ALWAYS = "NEVER", "IN_WINDOW", "ALWAYS"
CHOICES = (
    (IN_WINDOW, "In a Window", "Edits wait for Accept or Reject; what scripts edit in background does not"),
    (ALWAYS, "Always", "Edits wait for Accept or Reject, also in background"),
    (NEVER, "Never", "Edits are accepted at once"),
)


def are_reviewed(scene: bpy.types.Scene) -> bool:
    """Whether an edit goes into review, which a scene of another file cannot keep."""
    addon = preferences_of(bpy.context).addons.get(paths.PACKAGE)
    chosen = getattr(addon.preferences, "review_edits", IN_WINDOW) if addon is not None else IN_WINDOW
    wanted = chosen == ALWAYS or (chosen == IN_WINDOW and not bpy.app.background)
    return wanted and scene.library is None
