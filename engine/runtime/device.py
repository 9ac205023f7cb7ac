"""The choice of the device that the networks run on, and its reason.

On the CPU our networks are computed with numpy, which every Python of Blender's has. PyTorch is for GPUs, and is looked
for only where one may be used: importing it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import TypeVar

from engine.checks import shown
from engine.errors import RequestError
from engine.runtime.memory import is_out_of_memory

Result = TypeVar("Result")
AUTO, CPU, CPU_TORCH, CUDA, MPS = "auto", "cpu", "cpu-torch", "cuda", "mps"
"""Names of devices. CPU_TORCH: the CPU with PyTorch, which is slower to load than numpy; for comparisons."""
DEVICES = (AUTO, CPU, CPU_TORCH, CUDA, MPS)
"""What can be asked for."""
GPU_WAS_FULL = "the GPU ran out of memory"
CONTINUING = f"Continuing on the CPU: {GPU_WAS_FULL}"


@dataclass(frozen=True)
class Device:
    """A device's name and the reason for choosing it, as shown to the user."""

    name: str
    reason: str


def choose_device(wanted: str = AUTO) -> Device:
    """The device for a setting: `auto` prefers CUDA, then Apple's MPS, then the CPU; a named device must exist. Raises
    RequestError."""
    if wanted not in DEVICES:
        raise RequestError(f"Unknown device {shown(wanted)}. Choose auto, cpu, cpu-torch, cuda or mps.")
    if wanted == CPU:
        return Device(CPU, "asked for")
    if wanted != AUTO and not has_torch():
        raise RequestError(
            f"The device {wanted} needs PyTorch, which is not installed. Press Install PyTorch in the add-on's "
            "preferences, or choose the device auto or cpu."
        )
    if wanted == CPU_TORCH:
        return Device(CPU_TORCH, "asked for")
    cuda, mps = _gpus()
    if wanted == CUDA and not cuda:
        raise RequestError("This PyTorch cannot use a CUDA GPU. Choose the device auto or cpu.")
    if wanted == MPS and not mps:
        raise RequestError("This PyTorch cannot use an Apple GPU (MPS). Choose the device auto or cpu.")
    if cuda and wanted in (AUTO, CUDA):
        return Device(CUDA, f"GPU {cuda}")
    if mps and wanted in (AUTO, MPS):
        return Device(MPS, "Apple GPU")
    return Device(CPU, "no GPU was found")


def torch_device(name: str) -> str:
    """PyTorch's name of a device."""
    return CPU if name == CPU_TORCH else name


@lru_cache(maxsize=1)
def has_torch() -> bool:
    """Whether PyTorch is installed, without importing it."""
    return find_spec("torch") is not None


@lru_cache(maxsize=1)
def _gpus() -> tuple[str, bool]:
    """The name of the CUDA GPU ("" for none), and whether there is an Apple GPU, that PyTorch can use."""
    if not has_torch() or _is_for_cpus_only():
        return "", False
    import torch

    cuda = str(torch.cuda.get_device_name()) if torch.cuda.is_available() else ""
    return cuda, bool(torch.backends.mps.is_available())


def _is_for_cpus_only() -> bool:
    """Whether the installed PyTorch says in its version that it was built without GPUs."""
    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def with_cpu_fallback(
    device: Device, work: Callable[[Device], Result], progress: Callable[[str, float, str], None]
) -> Result:
    """The result of `work` on a device; if a GPU runs out of memory, of the same work on the CPU, from the start."""
    if device.name in (CPU, CPU_TORCH):
        return work(device)
    try:
        return work(device)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # outside of the handler, whose error keeps the memory of its frames
    progress("load", 0.0, CONTINUING)
    return work(Device(CPU, GPU_WAS_FULL))
