"""Edits on a device, or on the CPU where a GPU is too small for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.runtime.memory import is_out_of_memory

if TYPE_CHECKING:
    from engine.editing.edit import Edited


def edited_on(wanted: str, work: Callable[[str], Edited], progress: Callable[[str, float, str], None]) -> Edited:
    """The result of `work` on the device for a setting; if its GPU runs out of memory, on the CPU, with a notice."""
    try:
        return work(wanted)
    except Exception as error:
        if wanted == "cpu" or not is_out_of_memory(error):
            raise
        # here: it loads PyTorch, which not every edit needs
        from engine.runtime.device import CONTINUING, GPU_WAS_FULL, choose_device

        if choose_device(wanted).name == "cpu":
            raise
    # outside of the handler, whose error keeps the memory of its frames
    progress("load", 0.0, CONTINUING)
    edited = work("cpu")
    edited.report["notices"].append(f"This was computed on the CPU, because {GPU_WAS_FULL}.")
    return edited
