"""Reading the original's `.pt` files without running anything that is in them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.errors import CheckpointError

_HARMLESS: list[Any] = [
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),  # its place from numpy 2 on
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]
"""What a mean loss that was computed with numpy is pickled with, beside the tensors."""
_GIVE = "Give the file that the original's training saved."


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors under `model` of an original checkpoint, by name, mapped from the file and not yet in memory.

    Raises CheckpointError for anything but a whole file of plain tensors; nothing in the file is run.
    """
    _check_archive(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    # a hostile file can make the unpickler raise anything at all; and torch's own texts advise to switch safety off
    except Exception as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"holds more than tensors ({found[1]}) and was not opened" if found else "cannot be read as tensors"
        raise CheckpointError(f"{path.name}: {what}; nothing in it was run. {_GIVE}") from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        there = ", ".join(map(str, list(content)[:5])) if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(f"{path.name}: has no 'model' in it (only {there}). {_GIVE}")
    for name, tensor in model.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise CheckpointError(f"{path.name}: {name!r} of its model is no plain tensor of numbers. {_GIVE}")
    return dict(model)


def _is_plain(value: object) -> bool:
    """Whether it is a dense tensor whose every number is in the file: a view that repeats few numbers many times would
    take memory without end."""
    if type(value) is not Tensor or value.layout != torch.strided or value.device.type != "cpu":
        return False
    if value.is_quantized or value.is_complex():
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _check_archive(path: Path) -> None:
    """Refuse what is not a whole zip archive as torch writes them: uncompressed, every checksum right."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file. {_GIVE}")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path.name}: is not a PyTorch checkpoint, or its end is missing. {_GIVE}")
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise CheckpointError(f"{path.name}: is a compressed archive, not a PyTorch checkpoint. {_GIVE}")
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"{path.name}: is damaged ({error}). Copy or download it again.") from error
    if broken is not None:
        raise CheckpointError(
            f"{path.name}: is damaged (the checksum of {broken} is wrong). Copy or download it again."
        )
