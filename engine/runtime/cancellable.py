"""Work that cannot look for a cancel itself, such as a library's analysis of a whole song, stopped being waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from engine.errors import CancelledError

Result = TypeVar("Result")

_LOOK_SECONDS = 0.05


def cancellable(work: Callable[[], Result], cancelled: Callable[[], bool]) -> Result:
    """`work()`, or CancelledError within a moment of `cancelled()` turning true. What `work` raises is raised here.

    After a cancel the work goes on in its thread to its end and is forgotten, so it must have no effects. The thread is
    a daemon: it does not keep the process alive.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="engine-cancellable", daemon=True)
    thread.start()
    while thread.is_alive():
        if cancelled():
            raise CancelledError("Cancelled.")
        thread.join(_LOOK_SECONDS)
    if errors:
        raise errors[0]
    return results[0]
