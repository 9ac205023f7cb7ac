"""Reading of the original's `.pt` files without running anything in them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.bounded_files import check_file
from engine.checks import reason_of, shown, shown_path
from engine.errors import CheckpointError

_HARMLESS: list[Any] = [
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),  # its name from numpy 2 on
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]
"""Names in the pickle beside the tensors: those of a mean loss that was computed with numpy."""
_ADVICE = "Give the file that the original's training saved."


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors under `model` of an original checkpoint, by name, mapped from the file and not yet in memory.

    Nothing in the file is run. Raises CheckpointError for anything but a complete file of plain tensors.
    """
    _check_archive(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    # a hostile file can make the unpickler raise anything at all; torch's own messages advise to switch off safety
    except Exception as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"holds more than tensors ({found[1]}) and was not opened" if found else "cannot be read as tensors"
        raise CheckpointError(f"{path.name}: {what}; nothing in it was run. {_ADVICE}") from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        there = ", ".join(map(str, list(content)[:5])) if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(f"{path.name}: has no 'model' in it, but {there}. {_ADVICE}")
    for name, tensor in model.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise CheckpointError(
                f"{path.name}: {shown(name)} of its model is not a plain tensor of numbers. {_ADVICE}"
            )
    return dict(model)


def _is_plain(value: object) -> bool:
    """Whether a value is a dense tensor with all its numbers in the file: a view that repeats a few numbers could need
    any amount of memory."""
    if type(value) is not Tensor or value.layout != torch.strided or value.device.type != "cpu":
        return False
    if value.is_quantized or value.is_complex():
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _check_archive(path: Path) -> None:
    """Raise CheckpointError unless the file is a complete zip archive as torch writes them: uncompressed, every
    checksum right."""
    try:
        check_file(path)
    except OSError as error:
        raise CheckpointError(f"{shown_path(path)}: cannot be read ({error.strerror}). {_ADVICE}") from error
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path.name}: is not a PyTorch checkpoint, or is incomplete. {_ADVICE}")
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise CheckpointError(f"{path.name}: is a compressed archive, not a PyTorch checkpoint. {_ADVICE}")
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"{path.name}: is damaged ({reason_of(error)}). Copy or download it again.") from error
    if broken is not None:
        raise CheckpointError(
            f"{path.name}: is damaged (the checksum of {broken} is wrong). Copy or download it again."
        )
