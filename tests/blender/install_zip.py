"""Run by a Blender of its own: installs the zip as a user would, and prints what it found as one line of JSON.

... install_zip.py -- legacy|extension|newest ADDON.zip
... install_zip.py -- legacy|extension|newest ADDON.zip ENGINE_PYTHON SONG OUT.blend     and makes a dance with it

newest: an extension where this Blender has them, else a legacy add-on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy


def main(how: str, zip_file: str, *dancing: str) -> int:
    name = install(how, zip_file)
    found = {"name": name, "folder": str(Path(sys.modules[name].__file__).parent)}
    if dancing:
        install(how, zip_file)  # an update over itself
        found |= dance(name, *dancing)
    print("FOUND " + json.dumps(found), flush=True)
    return 0


def install(how: str, zip_file: str) -> str:
    """Install and enable the zip; the name of the add-on's package."""
    if how == "legacy" or (how == "newest" and bpy.app.version < (4, 2, 0)):
        bpy.ops.preferences.addon_install(filepath=zip_file, overwrite=True)
        bpy.ops.preferences.addon_enable(module="magma_blender")
        return "magma_blender"
    bpy.ops.extensions.package_install_files(filepath=zip_file, repo="user_default", enable_on_install=True)
    return "bl_ext.user_default.magma_blender"


def dance(name: str, engine_python: str, song: str, out: str) -> dict[str, Any]:
    """Dance to a song with the batch command and disable the add-on; what was there before and after."""
    bpy.context.preferences.addons[name].preferences.engine_python = engine_python
    code = sys.modules[f"{name}.batch"].command(["--audio", song, "--out", out, "--seed", "5"])
    armature = next((obj for obj in bpy.data.objects if obj.type == "ARMATURE"), None)
    found = {
        "code": code,
        "top_level": sorted({"engine", "smpl_rig"} & set(sys.modules)),
        "action": armature.animation_data.action.name if armature else None,
        "frames": list(armature.animation_data.action.frame_range) if armature else None,
        "seed": bpy.context.scene.magma.seed,
        "panels": [hasattr(bpy.types, panel) for panel in ("MAGMA_PT_sequencer", "MAGMA_PT_viewport")],
    }
    bpy.ops.preferences.addon_disable(module=name)
    return {**found, "gone": not hasattr(bpy.types.Scene, "magma")}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[sys.argv.index("--") + 1 :]))
