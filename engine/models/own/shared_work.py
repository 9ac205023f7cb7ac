"""Work on many candidates that several threads share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")
Items = TypeVar("Items", Sequence[int], NDArray[np.int64])


def in_parts(work: Callable[[Items], Result], items: Items, threads: int) -> list[Result]:
    """The results of `work` on as many parts of `items` as there are threads, in their order; what one raises is raised
    when all have ended. There are equally many parts on every machine, since sums in other orders could lead to other
    candidates."""
    size = max(1, -(-len(items) // threads))
    parts = [items[first : first + size] for first in range(0, len(items), size)]
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, parts))
