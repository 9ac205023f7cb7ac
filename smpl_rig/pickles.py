"""Reads pickle files that hold plain data and numpy arrays, and runs nothing.

A pickle is a program that may call anything by name. Here each name it may use is answered by a stand-in of this
module, numpy's own constructors included; any other name raises PickleError before anything is called. That is enough
for SMPL model files (Python 2 pickles with chumpy and scipy.sparse objects; neither package is needed) and the motion
files of AIST++.

Format sources: the Python documentation of `pickle`, numpy's `ndarray.__reduce__` and `dtype.__reduce__`,
scipy's compressed sparse column layout (data, indices, indptr), chumpy's `Ch` objects (their value is under `x`).
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np

MAX_ELEMENTS = 1 << 28
"""Largest number of elements of one array; only a damaged or hostile file asks for more."""

BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    OverflowError, MemoryError, RecursionError, struct.error, AssertionError,
)  # fmt: skip
"""What the unpickler and the stand-ins raise on a damaged file."""


class PickleError(ValueError):
    """A pickle file is unreadable or asks for something that data never needs; nothing in it was run."""


def load(path: Path) -> Any:
    """The content of a pickle file: dicts, lists, tuples, sets, strings, numbers and numpy arrays.

    Sparse matrices come back dense, chumpy objects as the arrays they hold. Byte strings of Python 2 come back as str.
    Raises PickleError for any other content and for a damaged file; OSError if the file cannot be opened.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        _check_sizes(content)
        return _plain(_Unpickler(io.BytesIO(content), encoding="latin1").load())
    except PickleError as error:
        raise PickleError(f"{path}: {error}") from None
    except BROKEN as error:
        raise PickleError(
            f"{path}: not a readable pickle ({type(error).__name__}: {error}). Get the file again."
        ) from error


def _check_sizes(content: bytes) -> None:
    """Refuse what would make the unpickler itself allocate gigabytes before it looks at the data.

    `genops` only reads along and raises ValueError for bytes that are announced but not there. Memo numbers count up
    from 0 in every real file, so none can exceed the number of operations before it.
    """
    for count, (operation, argument, _position) in enumerate(pickletools.genops(content)):
        limit = {"PUT": count, "BINPUT": count, "LONG_BINPUT": count, "FRAME": len(content)}.get(operation.name)
        if limit is not None and (argument is None or argument > limit):
            raise PickleError(f"not a readable pickle ({operation.name} of {argument}). Get the file again.")


class _StandIn:
    """What a name in the pickle is answered with. `arguments` and `state` are data; `value` makes sense of them."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None
        self.items: list[Any] = []

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, item: Any) -> None:
        self.items.append((key, item))

    def append(self, item: Any) -> None:
        self.items.append(item)

    def value(self) -> Any:
        raise PickleError(f"it holds a bare {type(self).__name__.strip('_').lower()}. Only arrays can be read.")


class _Object(_StandIn):
    pass


class _Set(_StandIn):
    def value(self) -> Any:
        return set(_plain(list(self.arguments[0]))) if self.arguments else set()


class _Dict(_StandIn):
    def value(self) -> Any:
        pairs = list(self.arguments[0]) if self.arguments else []
        return _plain(dict(pairs) | dict(self.items))


class _Bytes(_StandIn):
    """`bytes()`: how Python 3 writes empty bytes into old pickle protocols."""

    def value(self) -> Any:
        return b""


class _Encoded(_StandIn):
    """`_codecs.encode(text, "latin1")`: how Python 3 writes bytes into old pickle protocols."""

    def value(self) -> Any:
        text, encoding = self.arguments
        if encoding != "latin1":
            raise PickleError(f"it encodes text as {encoding!r}; only latin1 is data.")
        return text.encode("latin1")


class _Dtype(_StandIn):
    def value(self) -> Any:
        code = _plain(self.arguments[0])
        dtype = np.dtype(code if isinstance(code, str) and len(code) < 8 else "V")
        if dtype.kind not in "biufSU":
            raise PickleError(f"it holds an array of type {code!r}; only arrays of numbers and text can be read.")
        # byte order of the state: "<", ">", or "|" where it does not matter
        return dtype.newbyteorder(">") if self.state and self.state[1] == ">" else dtype.newbyteorder("<")


class _Ndarray(_StandIn):
    """`_reconstruct(ndarray, (0,), b"b")`, whose state is (version, shape, dtype, fortran order, bytes)."""

    def value(self) -> Any:
        _version, shape, dtype, fortran, raw = self.state
        return _array(_plain(raw), _plain(dtype), _plain(shape), "F" if fortran else "C")


class _Buffer(_StandIn):
    """`_frombuffer(bytes, dtype, shape, order)`: arrays of pickle protocol 5."""

    def value(self) -> Any:
        raw, dtype, shape, order = self.arguments
        return _array(_plain(raw), _plain(dtype), _plain(shape), "F" if order == "F" else "C")


class _Scalar(_StandIn):
    def value(self) -> Any:
        dtype, raw = self.arguments
        return _array(_plain(raw), _plain(dtype), (), "C")[()]


class _Sparse(_StandIn):
    """scipy.sparse.csc_matrix, made dense."""

    def value(self) -> Any:
        state = _attributes(self)
        shape = tuple(int(size) for size in _plain(state.get("_shape", state.get("shape"))))
        if len(shape) != 2 or min(shape) < 0 or shape[0] * shape[1] > MAX_ELEMENTS:
            raise PickleError(f"it holds a sparse matrix of shape {shape}, which cannot be a body model's.")
        data, indices, indptr = (_plain(state[key]) for key in ("data", "indices", "indptr"))
        counts = np.diff(indptr)
        if len(counts) != shape[1] or (counts < 0).any() or not len(data) == len(indices) == indptr[-1] - indptr[0]:
            raise PickleError("it holds a sparse matrix whose parts do not fit together.")
        dense = np.zeros(shape, data.dtype)
        columns = np.repeat(np.arange(shape[1]), counts)
        np.add.at(dense, (indices, columns), data)
        return dense


class _Chumpy(_StandIn):
    def value(self) -> Any:
        state = _attributes(self)
        if "x" not in state:
            raise PickleError("it holds a chumpy expression without a value. Save the model with plain arrays.")
        return _plain(state["x"])


class _Reconstructed(_StandIn):
    """`copy_reg._reconstructor(class, object, None)`: an instance of a plain class in pickle protocols 0 and 1."""

    def __init__(self, made: Any = None, base: Any = None, _state: Any = None) -> None:
        super().__init__()
        if not (isinstance(made, type) and issubclass(made, _StandIn) and base is _Object):
            raise PickleError("it rebuilds an object that is neither an array nor a matrix.")
        self.arguments = (made,)

    def value(self) -> Any:
        instance = self.arguments[0]()
        instance.state = self.state
        return instance.value()


ALLOWED: dict[str, dict[str, type[_StandIn]]] = {
    **{f"numpy.{core}.multiarray": {"_reconstruct": _Ndarray, "scalar": _Scalar} for core in ("core", "_core")},
    **{f"numpy.{core}.numeric": {"_frombuffer": _Buffer} for core in ("core", "_core")},
    "numpy": {"ndarray": _Object, "dtype": _Dtype},
    "_codecs": {"encode": _Encoded},
    "collections": {"OrderedDict": _Dict},
    "scipy.sparse.csc": {"csc_matrix": _Sparse},
    "scipy.sparse._csc": {"csc_matrix": _Sparse},
    **{module: {"set": _Set, "bytes": _Bytes, "object": _Object} for module in ("builtins", "__builtin__")},
    **{module: {"_reconstructor": _Reconstructed} for module in ("copyreg", "copy_reg")},
    "chumpy.ch": {"Ch": _Chumpy},
    "chumpy": {"Ch": _Chumpy},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        stand_in = ALLOWED.get(module, {}).get(name)
        if stand_in is None:
            raise PickleError(
                f"it asks for {module}.{name}, which data files have no use for, so it was not opened. "
                "Do not trust this file; if it is your own, save it as .npz with plain arrays."
            )
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise PickleError(f"it refers to an object outside the file ({pid!r}).")


def _plain(content: Any) -> Any:
    """The content with every stand-in replaced by its value."""
    if isinstance(content, _StandIn):
        return content.value()
    if isinstance(content, dict):
        return {_plain(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_plain(item) for item in content]
    if isinstance(content, tuple):
        return tuple(_plain(item) for item in content)
    if isinstance(content, type):
        raise PickleError("it holds a class. Only arrays can be read.")
    return content


def _attributes(instance: _StandIn) -> dict[str, Any]:
    """The attribute dictionary of an instance's state."""
    state = instance.state
    if isinstance(state, tuple) and len(state) == 2:
        state = state[0]
    if not isinstance(state, dict):
        raise PickleError("it holds an object without attributes where an array should be.")
    return state


def _array(raw: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> np.ndarray[Any, Any]:
    if isinstance(raw, str):
        raw = raw.encode("latin1")
    shape = tuple(int(size) for size in shape)
    if not isinstance(raw, (bytes, bytearray)) or np.prod(shape, dtype=object) * dtype.itemsize != len(raw):
        raise PickleError(f"it holds an array of shape {shape} whose bytes are not there.")
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()
