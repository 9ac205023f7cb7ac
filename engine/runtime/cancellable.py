"""A cancellable wait for work that cannot check for a cancel itself, such as a library's analysis of a whole song."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from engine.errors import CancelledError

Result = TypeVar("Result")

_POLL_SECONDS = 0.05


def cancellable(work: Callable[[], Result], cancelled: Callable[[], bool]) -> Result:
    """The result of `work()`, or CancelledError soon after `cancelled()` turns true. What `work` raises is raised here.

    After a cancel the work runs to its end in its thread and its result is dropped, so it must have no side effects.
    The thread is a daemon: it does not keep the process alive.
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
        thread.join(_POLL_SECONDS)
    if errors:
        raise errors[0]
    return results[0]
