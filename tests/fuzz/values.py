"""Values and bytes that nobody would send by intention."""

from __future__ import annotations

import copy
import io
import warnings
from random import Random
from typing import Any

import numpy as np

NUMBERS = [0, -1, 1, 2, 0.5, 63, 64, 65, 1e-300, 1e300, -1e300, 2**31, 2**53, 2**62, 2**63, -(2**63), 10**40, 10**400]
TEXTS = [
    "", " ", "a", "\0", "\ud800", "é", "../..", "/", "/dev/zero", "/dev/null", "/proc/self/mem", ".", "~", "NaN",
    "file:x", "http://127.0.0.1:9/x", "x" * 300, "x/" * 3000, "\n", "%s%n", "{}", "AUTO", "cpu", "cuda", "default",
    "1" * 5000,
]  # fmt: skip
NAMES = [
    "audio",
    "seed",
    "id",
    "method",
    "params",
    "npz",
    "document",
    "operations",
    "do",
    "start",
    "spans",
    "codes",
    "x",
]


def anything(random: Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = random.randrange(9 if depth else 6)
    if kind == 0:
        return random.choice([None, True, False])
    if kind in (1, 2):
        return random.choice(NUMBERS)
    if kind == 3:
        return random.uniform(-1e3, 1e3)
    if kind in (4, 5):
        return random.choice(TEXTS)
    if kind in (6, 7):
        return [anything(random, depth - 1) for _ in range(random.choice([0, 1, 2, 5]))]
    return {random.choice([*NAMES, *TEXTS]): anything(random, depth - 1) for _ in range(random.choice([0, 1, 3]))}


def mutated(random: Random, value: Any, times: int = 1) -> Any:
    """A copy of a JSON value with some of its parts changed, lost, doubled or of another kind."""
    value = copy.deepcopy(value)
    for _ in range(times):
        value = _mutated_once(random, value)
    return value


def _mutated_once(random: Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return anything(random)
    holder, key = random.choice(places)
    action = random.randrange(6)
    number = isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool)
    if number and random.random() < 0.6:  # stay plausible, to come past the first checks
        holder[key] = random.choice([holder[key] + 1, holder[key] - 1, holder[key] * 2, 0, 3, 7, 20, 21])
    elif action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif action == 2 and isinstance(holder, dict):
        holder[random.choice(NAMES)] = anything(random)
    elif action == 3 and number:
        holder[key] += random.choice([0.5, 1000, -1000])
    else:
        holder[key] = anything(random)
    return value


def _places(value: Any) -> Any:
    """Every (container, key) inside a value; of long lists only both ends."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = sorted({*range(min(3, len(value))), *range(max(len(value) - 2, 0), len(value))})
    else:
        return
    for key in keys:
        yield value, key
        yield from _places(value[key])


def damaged(random: Random, data: bytes) -> bytes:
    """Bytes with a few damages: flipped, lost, repeated, overwritten with noise or with extreme numbers, cut off."""
    content = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        if not content:
            break
        # headers matter most, and are at the beginning or the end
        near = random.choice([64, 512, len(content)])
        place = random.randrange(min(near, len(content)))
        place = place if random.random() < 0.8 else len(content) - 1 - place
        action = random.randrange(6)
        if action == 0:
            content[place] ^= 1 << random.randrange(8)
        elif action == 1:
            del content[place : place + random.choice([1, 2, 4, 100])]
        elif action == 2:
            content[place:place] = content[place : place + random.choice([1, 4, 64])]
        elif action == 3:
            count = random.choice([1, 2, 4, 16])
            content[place : place + count] = random.randbytes(count)
        elif action == 4:
            number = random.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0"])
            content[place : place + 4] = number
        else:
            del content[random.randrange(len(content)) :]
    return bytes(content)


def odd_arrays(random: Random, data: bytes) -> bytes:
    """A readable .npz whose arrays are not what they should be: lost, of other lengths, shapes, types, values."""
    with np.load(io.BytesIO(data)) as file:
        arrays = {name: file[name] for name in file.files}
    for _ in range(random.choice([1, 1, 2])):
        name = random.choice(list(arrays))
        array = arrays[name]
        changes: list[Any] = [
            lambda array: array[: len(array) // 2],
            lambda array: np.concatenate([array, array]),
            lambda array: array[:, :-1],
            lambda array: array.T,
            lambda array: array[..., None],
            lambda array: array[:0],
            lambda array: array * random.choice([np.nan, np.inf, 1e30, 0, -1]),
            lambda array: array.astype(random.choice([np.float64, np.float16, np.int8, np.bool_, "S3", "U4", complex])),
            lambda array: np.float64(random.choice([np.nan, np.inf, 0, -1, 1e300, 1e-300])),
            lambda array: np.zeros((), "V8"),
            lambda array: np.array(["text"]),
        ]
        try:
            arrays[name] = random.choice(changes)(array)
        except (ValueError, TypeError, IndexError):
            del arrays[name]
        if not arrays:
            break
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        np.savez(file, **arrays)
    return file.getvalue()
