"""A lock around a process's first call of librosa's compiled functions, so that only one process compiles at a time.

numba compiles them when they are first called, half a minute in a new environment, and caches the result on disk. Two
processes that do so at the same time, such as the engines of two Blenders, can leave files that do not match, and from
then on every call crashes its process without a message (numba issue 10128).
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import FileLock

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

LONGEST_WAIT = 120.0
"""Seconds to wait for another process, which needs half a minute. One that needs more has been stopped."""


def lock_file() -> Path:
    """The lock's path: one for each environment and user. Raises OSError where no folder for it can be written."""
    user = str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()  # an id may have no account
    owner = f"{sys.prefix} {user}"
    return Path(tempfile.gettempdir()) / f"magma-compiling-{hashlib.sha256(owner.encode()).hexdigest()[:12]}.lock"


@contextmanager
def _alone() -> Iterator[None]:
    lock: FileLock | None = None
    # where files cannot be locked, and where the other process never ends, go on without
    with suppress(OSError, NotImplementedError):
        lock = FileLock(lock_file())
        lock.acquire(timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def first_alone(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A decorator: the first call of `function` in this process waits until no other process is in a first call, but
    no longer than `LONGEST_WAIT`."""
    called = False

    @wraps(function)
    def call(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        nonlocal called
        if called:
            return function(*arguments, **options)
        with _alone():
            result = function(*arguments, **options)
        called = True
        return result

    return call
