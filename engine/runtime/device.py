"""The choice of the device that the networks run on, and its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from engine.checks import shown
from engine.errors import RequestError
from engine.runtime.memory import is_out_of_memory

Result = TypeVar("Result")
GPU_WAS_FULL = "the GPU ran out of memory"
CONTINUING = f"Continuing on the CPU: {GPU_WAS_FULL}"


@dataclass(frozen=True)
class Device:
    """A torch device name and the reason for choosing it, as shown to the user."""

    name: str
    reason: str


def choose_device(wanted: str = "auto") -> Device:
    """The device for a setting: `auto` prefers CUDA, then Apple's MPS, then the CPU; a named device must exist. Raises
    RequestError."""
    if wanted not in ("auto", "cpu", "cuda", "mps"):
        raise RequestError(f"Unknown device {shown(wanted)}. Choose auto, cpu, cuda or mps.")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "cuda" and not cuda:
        raise RequestError("This PyTorch cannot use a CUDA GPU. Choose the device auto or cpu.")
    if wanted == "mps" and not mps:
        raise RequestError("This PyTorch cannot use an Apple GPU (MPS). Choose the device auto or cpu.")
    if wanted == "cuda" or (wanted == "auto" and cuda):
        return Device("cuda", f"GPU {torch.cuda.get_device_name()}")
    if wanted == "mps" or (wanted == "auto" and mps):
        return Device("mps", "Apple GPU")
    return Device("cpu", "asked for" if wanted == "cpu" else "no GPU was found")


def with_cpu_fallback(
    device: Device, work: Callable[[Device], Result], progress: Callable[[str, float, str], None]
) -> Result:
    """The result of `work` on a device; if a GPU runs out of memory, of the same work on the CPU, from the start."""
    if device.name == "cpu":
        return work(device)
    try:
        return work(device)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # outside of the handler, whose error keeps the memory of its frames
    progress("load", 0.0, CONTINUING)
    return work(Device("cpu", GPU_WAS_FULL))
