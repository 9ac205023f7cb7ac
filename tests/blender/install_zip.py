"""Run by a Blender of its own: installs the zip, makes a dance with it, and prints what it found as one line of JSON.

... install_zip.py -- legacy|extension ADDON.zip ENGINE_PYTHON SONG OUT.blend
"""

from __future__ import annotations

import json
import sys

import bpy

HOW, ZIP, ENGINE_PYTHON, SONG, OUT = sys.argv[sys.argv.index("--") + 1 :]


def main() -> int:
    if HOW == "legacy":
        name = "magma_blender"
        bpy.ops.preferences.addon_install(filepath=ZIP, overwrite=True)
        bpy.ops.preferences.addon_enable(module=name)
        bpy.ops.preferences.addon_install(filepath=ZIP, overwrite=True)  # an update over itself
        bpy.ops.preferences.addon_enable(module=name)
    else:
        name = "bl_ext.user_default.magma_blender"
        for _ in range(2):
            bpy.ops.extensions.package_install_files(filepath=ZIP, repo="user_default", enable_on_install=True)
    bpy.context.preferences.addons[name].preferences.engine_python = ENGINE_PYTHON
    code = sys.modules[f"{name}.batch"].command(["--audio", SONG, "--out", OUT, "--seed", "5"])
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
    found["gone"] = not hasattr(bpy.types.Scene, "magma")
    print("FOUND " + json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
