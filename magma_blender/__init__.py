"""MAGMA for Blender: a dance from a song strip.

Importing the package imports neither bpy nor numpy, so that its plain modules (the engine's client, the installer)
can be used and tested without Blender. Everything that needs bpy starts in `registration`.
"""

from __future__ import annotations

import sys

bl_info = {
    "name": "MAGMA for Blender",
    "author": "MAGMA for Blender contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Sequencer and 3D Viewport > Sidebar > MAGMA",
    "description": "Generate a dance for an SMPL character from a song strip",
    "category": "Animation",
}


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    from .registration import register as register_all

    register_all()


def unregister() -> None:
    """Called by Blender when the add-on is disabled; stops the engine."""
    from .registration import unregister as unregister_all

    unregister_all()
    # an update of the add-on in a running Blender reloads only this module: without this the old ones would stay
    for name in [name for name in sys.modules if name.startswith(f"{__name__}.")]:
        del sys.modules[name]
        globals().pop(name.removeprefix(f"{__name__}."), None)
