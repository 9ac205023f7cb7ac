"""Edits on a device, or on the CPU where a GPU is too small for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.editing.edit import Edited
    from engine.runtime.device import Device


def edited_on(wanted: str, work: Callable[[str], Edited], progress: Callable[[str, float, str], None]) -> Edited:
    """The result of `work` on the device for a setting; if its GPU runs out of memory, on the CPU, with a notice."""
    from engine.runtime.device import GPU_WAS_FULL, choose_device, with_cpu_fallback

    used: list[str] = []

    def attempt(device: Device) -> Edited:
        used.append(device.name)
        return work(device.name)

    edited = with_cpu_fallback(choose_device(wanted), attempt, progress)
    if len(used) > 1:
        edited.report["notices"].append(f"This was computed on the CPU, because {GPU_WAS_FULL}.")
    return edited
