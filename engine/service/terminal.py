"""What the commands share: the device option, progress on the terminal, files written completely or not at all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import EngineError


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option `--device`."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")


class TerminalProgress:
    """A bar that redraws itself on a terminal; elsewhere one line per stage."""

    def __init__(self) -> None:
        self.bar = sys.stderr.isatty()
        self.stage = ""

    def __call__(self, stage: str, fraction: float, message: str) -> None:
        if self.bar:
            filled = round(30 * fraction)
            end = "\n" if fraction >= 1 else ""
            print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {fraction:4.0%} {message:<50.50}", end=end, file=sys.stderr)
            sys.stderr.flush()
        elif stage != self.stage:
            print(message, file=sys.stderr)
        self.stage = stage

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar and self.stage not in ("", "done"):
            print(file=sys.stderr)  # so that what went wrong gets a line of its own


def check_output(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse an unusable output before the work is done rather than after."""
    if path.suffix not in suffixes:
        raise EngineError(f"{path}: unknown kind of file. End the name with {' or '.join(suffixes)}.")
    folder = path.parent
    if not folder.is_dir():
        raise EngineError(f"{path}: the folder {folder} does not exist. Make it first.")
    new = not path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from error
    if new:
        path.unlink()


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """A path to write to that becomes `path` once all is written; if that fails, what was there stays."""
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)  # noqa: PTH105 - atomic on every platform
    finally:
        partial.unlink(missing_ok=True)
