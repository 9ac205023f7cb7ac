"""Reading of other people's weight files without running anything in them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.bounded_files import check_file
from engine.checks import shown_path
from engine.errors import CheckpointError

_NAMED = 3
_OTHER = "Choose the file that was asked for, or get it again."
"""How many of the missing or unexpected tensors a message names."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a `.safetensors` file, or from a plain state dict that `torch.save` wrote.

    The latter is a pickle: `weights_only` restricts it to tensors and plain containers. Tensors stay in the file until
    they are used, where its format allows. Raises CheckpointError for anything else.
    """
    try:
        check_file(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        # files older than torch 1.6 are not zip archives and cannot be mapped
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except OSError as error:
        raise CheckpointError(
            f"{shown_path(path)}: cannot be read ({error.strerror or error}). Choose the weights' file again."
        ) from error
    # a damaged or hostile file can make the unpickler raise anything at all
    except Exception as error:
        raise CheckpointError(f"{path.name}: {_reason(error)}") from error
    if not isinstance(state, Mapping) or not all(isinstance(key, str) and _is_plain(state[key]) for key in state):
        raise CheckpointError(
            f"{path.name}: is not a plain state dict (tensors by name). Save the model's state_dict()."
        )
    return dict(state)


def require_tensors(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, Tensor]:
    """The tensors that `shapes` lists, contiguous in float32; others are ignored.

    Raises CheckpointError naming what is missing, of another shape or type, or not finite. `name` is the file's.
    """
    missing = [key for key in shapes if key not in state]
    if missing:
        listed = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
        raise CheckpointError(f"{name}: {len(missing)} of {len(shapes)} tensors are missing: {listed}. {_OTHER}")
    for key, shape in shapes.items():
        if tuple(state[key].shape) != shape:
            raise CheckpointError(f"{name}: {key} is {tuple(state[key].shape)}, but {shape} is needed. {_OTHER}")
        if not state[key].is_floating_point():
            raise CheckpointError(f"{name}: {key} holds {state[key].dtype}, but floating point is needed. {_OTHER}")
        if not state[key].isfinite().all():
            raise CheckpointError(f"{name}: {key} holds NaN or infinite numbers. Get the file again.")
    return {key: state[key].to(torch.float32).contiguous() for key in shapes}


def _is_plain(value: object) -> bool:
    """Whether a value is a dense tensor with data, rather than a sparse one or a description without data."""
    if not isinstance(value, Tensor) or type(value) not in (Tensor, nn.Parameter):
        return False
    return value.layout == torch.strided and value.device.type == "cpu"


def _reason(error: Exception) -> str:
    text = str(error)
    if "TorchScript" in text:
        return "is a TorchScript program, and programs are not run. Use the weights as safetensors or as a state dict."
    if isinstance(error, pickle.UnpicklingError):
        return (
            "asks for more than tensors (it may hold a program), or is damaged; nothing in it was run. Get the file "
            "again."
        )
    return f"cannot be read as weights ({text.splitlines()[0] if text else type(error).__name__}). Get the file again."
