"""What works on this machine: versions, device, checkpoints. For `python -m engine doctor` and *Check Engine*."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
from typing import Any

from engine import VERSION
from engine.checkpoint_index import list_checkpoints
from engine.errors import EngineError

_LIBRARIES = ("numpy", "av", "torch", "safetensors", "librosa")
"""numpy is needed; av reads other sound files than wav, the rest is for GPUs and imported checkpoints."""


def report() -> dict[str, Any]:
    """Everything a bug report should hold. `problems` lists, in sentences, what does not work."""
    problems: list[str] = []
    versions: dict[str, str | None] = {}
    for name in _LIBRARIES:
        versions[name] = None
        if name != "numpy" and importlib.util.find_spec(name) is None:
            continue
        try:
            versions[name] = str(importlib.import_module(name).__version__)
        except ImportError as error:
            problems.append(f"{name} cannot be imported ({error}). Install the engine again.")
    if versions["numpy"] is None:
        return {"engine": VERSION, "libraries": versions, "problems": problems}
    from engine.models.loading import load_checkpoint
    from engine.runtime.device import choose_device

    device = choose_device("auto")
    checkpoints = list_checkpoints()
    for entry in checkpoints:
        try:
            if "error" not in entry:
                load_checkpoint(entry["path"])
        except EngineError as error:
            entry["error"] = str(error)
        if "error" in entry:
            problems.append(entry["error"])
    if not any("error" not in entry for entry in checkpoints):
        problems.append("No usable checkpoint was found. Install the add-on again, or set MAGMA_CHECKPOINTS.")
    return {
        "engine": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "libraries": versions,
        "device": device.name,
        "device_reason": device.reason,
        "checkpoints": checkpoints,
        "problems": problems,
    }
