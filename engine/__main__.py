"""`python -m engine`: the engine's command line."""

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

if sys.version_info < (3, 10):  # noqa: UP036 - whoever starts it with an older one is told so
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"error: {sys.executable} is Python {found}, but the engine needs 3.10 or later. Choose another Python.")

from engine.runtime.environment import prepare

DEVELOPMENT_ROOMS = ("engine.training", "engine.evaluation")
"""Rooms with commands that are in the repository only: the add-on's zip leaves them out. Each has a module `cli`."""


def development_commands() -> list[Callable[[Any], None]]:
    """What adds the commands of the rooms for development, where they are there."""
    rooms = [room for room in DEVELOPMENT_ROOMS if find_spec(room) is not None]
    return [importlib.import_module(f"{room}.cli").add_commands for room in rooms]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    from engine.service import cli

    return cli.main(arguments, development_commands())


if __name__ == "__main__":
    prepare()  # before any library is imported
    if sys.argv[1:] == ["serve"]:  # straight to the server, so that `hello` is answered at once
        from engine.service.server import main as serve

        serve()
    else:
        sys.exit(main())
