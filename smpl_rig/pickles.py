"""Reading of pickle files with plain data and numpy arrays, without running anything in them.

A pickle is a program that may call anything by name. Here each name that it may use is replaced by a stand-in of this
module, even numpy's own constructors; any other name raises PickleError before anything is called. That is enough for
SMPL model files (Python 2 pickles with chumpy and scipy.sparse objects; neither package is needed) and the motion files
of AIST++.

Format sources: the Python documentation of `pickle`, numpy's `ndarray.__reduce__` and `dtype.__reduce__`,
scipy's compressed sparse column layout (data, indices, indptr), chumpy's `Ch` objects (their value is under `x`).
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from .regular_files import UnsuitableFileError, read_regular

MAX_FILE_BYTES = 1 << 29
"""A body model with 300 shapes has 250 MB."""
MAX_ELEMENTS = 1 << 24
"""Of a sparse matrix made dense: SMPL-X's joints by its vertices are half a million."""
MAX_BYTES = 1 << 28
"""Of all arrays that are asked for together."""
MAX_OBJECTS, MAX_STEPS = 500_000, 500_000
"""Objects and operations of a whole file; only a damaged or hostile one has more."""

BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    OverflowError, MemoryError, RecursionError, struct.error, AssertionError,
)  # fmt: skip
"""Exceptions of the unpickler and the stand-ins for a damaged file."""


class PickleError(ValueError):
    """A pickle file is unreadable or uses a name that data never needs; nothing in it was run."""


def load(path: Path, names: Collection[str] | None = None) -> Any:
    """The content of a pickle file: dicts, lists, tuples, sets, strings, numbers and numpy arrays.

    names: of a dict the keys that are asked for; others are left out, whatever is in them. Sparse matrices become
    dense, chumpy objects become their arrays, and byte strings of Python 2 become str. Raises PickleError for any other
    content, for a damaged file and for one that would fill memory; OSError if the file cannot be opened.
    """
    path = Path(path)
    try:
        content = read_regular(path, MAX_FILE_BYTES)
    except UnsuitableFileError as error:
        raise PickleError(str(error)) from error
    try:
        _check_sizes(content)
        found = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        if names is not None and isinstance(found, dict):
            found = {name: found[name] for name in names if name in found}
        return _Reader().plain(found)
    except PickleError as error:
        raise PickleError(f"{path}: {error}") from None
    except BROKEN as error:
        raise PickleError(
            f"{path}: is not a readable pickle ({type(error).__name__}: {str(error)[:100]}). Get the file again."
        ) from error


def _check_sizes(content: bytes) -> None:
    """Raise PickleError for what the unpickler would spend gigabytes or hours on before it looks at the data.

    `genops` only parses, and raises ValueError where a length exceeds the bytes that follow. Memo numbers count up from
    0 in every genuine file, so none can exceed the number of operations before it. The stack is followed with a number
    for each object, how many it stands for: a tuple of tuples that are the same twice doubles with every line, and
    using it as a key would visit them all.
    """
    stack: list[int | None] = []  # None is a mark
    memo: dict[int, int] = {}
    for count, (operation, argument, _position) in enumerate(pickletools.genops(content)):
        name = operation.name
        limit = {"PUT": count, "BINPUT": count, "LONG_BINPUT": count, "FRAME": len(content)}.get(name)
        if limit is not None and (argument is None or argument > limit):
            raise PickleError(f"is not a readable pickle ({name} of {argument}). Get the file again.")
        if count > MAX_STEPS:
            raise PickleError(f"has more than {MAX_STEPS:,} steps, which no body or motion has.")
        place = argument if isinstance(argument, int) else 0
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else place] = _stands_for(stack[-1:])
            continue
        made = 1
        if name in ("GET", "BINGET", "LONG_BINGET"):
            made = memo.get(place, 1)
        elif name == "DUP":
            made = _stands_for(stack[-1:])
        else:
            made += _stands_for(_popped(stack, [item.name for item in operation.stack_before]))
        if made > MAX_OBJECTS:
            raise PickleError(f"it stands for more than {MAX_OBJECTS:,} objects, which no body or motion has.")
        stack += [None if item.name == "mark" else made for item in operation.stack_after[-1:]]


def _popped(stack: list[int | None], before: list[str]) -> list[int | None]:
    """The objects that an operation uses, removed from the stack; "mark" is all since the last mark."""
    popped: list[int | None] = []
    if "mark" in before:
        while stack and (top := stack.pop()) is not None:
            popped.append(top)
        before = before[: before.index("mark")]
    for _ in before:
        if stack:
            popped.append(stack.pop())
    return popped


def _stands_for(objects: list[int | None]) -> int:
    return sum(size or 0 for size in objects)


class _Reader:
    """Turns what the unpickler made into plain data, and counts: what a pickle refers to twice is there twice then, so
    that a few hundred bytes may stand for billions of objects."""

    def __init__(self) -> None:
        self._objects = MAX_OBJECTS
        self._bytes = MAX_BYTES

    def plain(self, content: Any) -> Any:
        """The content with every stand-in replaced by its value."""
        self._objects -= 1
        if self._objects < 0:
            raise PickleError(f"it stands for more than {MAX_OBJECTS:,} objects, which no body or motion has.")
        if isinstance(content, _StandIn):
            return content.value(self)
        if isinstance(content, dict):
            return {self.plain(key): self.plain(value) for key, value in content.items()}
        if isinstance(content, list):
            return [self.plain(item) for item in content]
        if isinstance(content, tuple):
            return tuple(self.plain(item) for item in content)
        if isinstance(content, type):
            raise PickleError("it contains a class. Only arrays can be read.")
        return content

    def array(self, raw: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> np.ndarray[Any, Any]:
        """An array of raw bytes."""
        if isinstance(raw, str):
            raw = raw.encode("latin1")
        shape = tuple(int(size) for size in shape)
        if not isinstance(raw, (bytes, bytearray)) or np.prod(shape, dtype=object) * dtype.itemsize != len(raw):
            raise PickleError(f"it contains an array of shape {shape} without all its bytes. Get the file again.")
        self.spend(len(raw))
        return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()

    def spend(self, size: int) -> None:
        """Count the bytes of an array before they are used."""
        self._bytes -= size
        if self._bytes < 0:
            raise PickleError(f"its arrays would need more than {MAX_BYTES >> 20} MB of memory, which no body needs.")


class _StandIn:
    """A replacement for a name in the pickle. `arguments` and `state` are data; `value` turns them into an object."""

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

    def value(self, read: _Reader) -> Any:
        raise PickleError(
            f"it contains an object of type {type(self).__name__.strip('_').lower()}. Only arrays can be read."
        )


class _Object(_StandIn):
    pass


class _Set(_StandIn):
    def value(self, read: _Reader) -> Any:
        return set(read.plain(list(self.arguments[0]))) if self.arguments else set()


class _Dict(_StandIn):
    def value(self, read: _Reader) -> Any:
        pairs = list(self.arguments[0]) if self.arguments else []
        return read.plain(dict(pairs) | dict(self.items))


class _Bytes(_StandIn):
    """`bytes()`: how Python 3 writes empty bytes into old pickle protocols."""

    def value(self, read: _Reader) -> Any:
        return b""


class _Encoded(_StandIn):
    """`_codecs.encode(text, "latin1")`: how Python 3 writes bytes into old pickle protocols."""

    def value(self, read: _Reader) -> Any:
        text, encoding = self.arguments
        if encoding != "latin1":
            raise PickleError(f"it encodes text as {encoding!r}; only latin1 can be read.")
        read.spend(len(text))
        return text.encode("latin1")


class _Dtype(_StandIn):
    def value(self, read: _Reader) -> Any:
        code = read.plain(self.arguments[0])
        dtype = np.dtype(code if isinstance(code, str) and len(code) < 8 else "V")
        if dtype.kind not in "biufSU":
            raise PickleError(f"it contains an array of type {code!r}; only arrays of numbers and text can be read.")
        # byte order of the state: "<", ">", or "|" where it does not matter
        return dtype.newbyteorder(">") if self.state and self.state[1] == ">" else dtype.newbyteorder("<")


class _Ndarray(_StandIn):
    """`_reconstruct(ndarray, (0,), b"b")`; its state is (version, shape, dtype, fortran order, bytes)."""

    def value(self, read: _Reader) -> Any:
        _version, shape, dtype, fortran, raw = self.state
        return read.array(read.plain(raw), read.plain(dtype), read.plain(shape), "F" if fortran else "C")


class _Buffer(_StandIn):
    """`_frombuffer(bytes, dtype, shape, order)`: arrays of pickle protocol 5."""

    def value(self, read: _Reader) -> Any:
        raw, dtype, shape, order = self.arguments
        return read.array(read.plain(raw), read.plain(dtype), read.plain(shape), "F" if order == "F" else "C")


class _Scalar(_StandIn):
    def value(self, read: _Reader) -> Any:
        dtype, raw = self.arguments
        return read.array(read.plain(raw), read.plain(dtype), (), "C")[()]


class _Sparse(_StandIn):
    """scipy.sparse.csc_matrix, made dense."""

    def value(self, read: _Reader) -> Any:
        state = _attributes(self)
        shape = tuple(int(size) for size in read.plain(state.get("_shape", state.get("shape"))))
        if len(shape) != 2 or min(shape) < 0 or shape[0] * shape[1] > MAX_ELEMENTS:
            raise PickleError(f"it contains a sparse matrix of shape {shape}, which no body model has.")
        read.spend(shape[0] * shape[1] * 8)
        data, indices, indptr = (read.plain(state[key]) for key in ("data", "indices", "indptr"))
        if data.dtype.kind not in "biuf":
            raise PickleError(f"it contains a sparse matrix of {data.dtype}, not of numbers. Get the file again.")
        counts = np.diff(indptr)
        if len(counts) != shape[1] or (counts < 0).any() or not len(data) == len(indices) == indptr[-1] - indptr[0]:
            raise PickleError("it contains a sparse matrix with parts that do not match. Get the file again.")
        dense = np.zeros(shape, data.dtype)
        columns = np.repeat(np.arange(shape[1]), counts)
        np.add.at(dense, (indices, columns), data)
        return dense


class _Chumpy(_StandIn):
    def value(self, read: _Reader) -> Any:
        state = _attributes(self)
        if "x" not in state:
            raise PickleError("it contains a chumpy expression without a value. Save the model with plain arrays.")
        return read.plain(state["x"])


class _Reconstructed(_StandIn):
    """`copy_reg._reconstructor(class, object, None)`: an instance of a plain class in pickle protocols 0 and 1."""

    def __init__(self, made: Any = None, base: Any = None, _state: Any = None) -> None:
        super().__init__()
        if not (isinstance(made, type) and issubclass(made, _StandIn) and base is _Object):
            raise PickleError("it rebuilds an object that is neither an array nor a matrix.")
        self.arguments = (made,)

    def value(self, read: _Reader) -> Any:
        instance = self.arguments[0]()
        instance.state = self.state
        return instance.value(read)


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
                f"it asks for {module}.{name}, which data files never need, so it was not opened. "
                "Do not trust this file; if it is your own, save it as .npz with plain arrays."
            )
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise PickleError(f"it refers to an object outside the file ({pid!r}).")


def _attributes(instance: _StandIn) -> dict[str, Any]:
    """The attribute dictionary of an instance's state."""
    state = instance.state
    if isinstance(state, tuple) and len(state) == 2:
        state = state[0]
    if not isinstance(state, dict):
        raise PickleError("it contains an object without attributes in the place of an array. Get the file again.")
    return state
