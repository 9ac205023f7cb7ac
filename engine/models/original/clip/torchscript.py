"""Reading of the tensors in a TorchScript archive, the format in which OpenAI publishes CLIP, without running its
program.

The archive is a zip file: `data.pkl` is a pickle of the module tree, `data/N` are the raw bytes of storage N, `code/`
is the program. Format sources: the PyTorch documentation of TorchScript serialization and archives disassembled with
`pickletools`. Every name that the pickle may use is replaced by a stand-in of this module; the program is not opened.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import CheckpointError

_LARGEST_TREE = 1 << 24
"""Largest size of `data.pkl` in bytes; CLIP's has a few hundred thousand."""
_STORAGES = {
    "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64, "LongStorage": torch.int64, "IntStorage": torch.int32, "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
}  # fmt: skip
_LISTS = frozenset({"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"})


class _Module:
    """A stand-in for every class of the archive; its attributes are those in the archive."""


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive; False for a missing file and for anything but a zip file."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.count("/") == 1 and name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):  # a damaged directory
        return False


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The archive's tensors by the names they would have in `state_dict()`.

    Raises CheckpointError for an archive that is damaged or asks for anything but modules, tensors and plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            tree = next(info for info in archive.infolist() if info.filename.split("/")[1:] == ["data.pkl"])
            if tree.file_size > _LARGEST_TREE:
                raise pickle.UnpicklingError(f"a module tree of {tree.file_size} bytes")
            tensors: dict[str, Tensor] = {}
            _collect(_Unpickler(archive, tree).load(), "", tensors)
            return tensors
    # a damaged or hostile file can make the unpickler and the stand-ins raise anything at all
    except Exception as error:
        raise CheckpointError(
            f"{path.name}: is not a readable TorchScript archive ({error or type(error).__name__}); nothing in it was "
            "run. Download it again."
        ) from error


def _collect(module: Any, prefix: str, tensors: dict[str, Tensor]) -> None:
    for name, value in vars(module).items():
        if isinstance(value, _Module):
            _collect(value, f"{prefix}{name}.", tensors)
        elif isinstance(value, Tensor):
            tensors[prefix + name] = value


# the unpickler written in Python: the one in C would allocate memory for any memo number that a file claims
class _Unpickler(pickle._Unpickler):
    def __init__(self, archive: zipfile.ZipFile, tree: zipfile.ZipInfo) -> None:
        super().__init__(io.BytesIO(archive.read(tree)))
        self._archive = archive
        self._folder = tree.filename.split("/", maxsplit=1)[0]

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".", maxsplit=1)[0] == "__torch__":
            return _Module
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """The elements of a storage, (count,)."""
        _, dtype, key, _, count = pid
        info = self._archive.getinfo(f"{self._folder}/data/{key}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != count * dtype.itemsize:
            raise pickle.UnpicklingError(f"storage {key} has the wrong size")
        return torch.frombuffer(bytearray(self._archive.read(info)), dtype=dtype)


def _tensor(storage: Tensor, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any) -> Tensor:
    if min([offset, *shape, *strides], default=0) < 0 or math.prod(shape) > storage.numel():
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    return storage.as_strided(tuple(shape), tuple(strides), offset)
