"""Run by the Blender that is tried out: says, when asked, what is in it. It changes nothing.

    blender --python observer.py -- FOLDER

For every file FOLDER/question that appears it writes FOLDER/answer, JSON: `keys`, a hash of all keys of the dancer's
action, and `frames`, the action's range.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
EVERY = 0.2


def answer() -> dict[str, object]:
    """What is in this Blender."""
    dancers: list[Any] = [obj for obj in bpy.data.objects if obj.type == "ARMATURE" and obj.animation_data]
    action: Any = dancers[0].animation_data.action if dancers else None
    if action is None:
        return {"keys": None}
    summed = hashlib.sha256()
    for curve in action.fcurves:
        summed.update(f"{curve.data_path}[{curve.array_index}]".encode())
        keys = [0.0] * (6 * len(curve.keyframe_points))
        for place, name in enumerate(("co", "handle_left", "handle_right")):
            part = [0.0] * (2 * len(curve.keyframe_points))
            curve.keyframe_points.foreach_get(name, part)
            keys[place::3] = part
        summed.update(repr(keys).encode())
    return {"keys": summed.hexdigest(), "frames": list(action.frame_range)}


def look() -> float:
    """A timer: answer if there is a question."""
    question = FOLDER / "question"
    if question.exists():
        found = answer()
        question.unlink()
        written = FOLDER / "answer.part"
        written.write_text(json.dumps(found))
        written.replace(FOLDER / "answer")
    return EVERY


bpy.app.timers.register(look, persistent=True)
