"""What the commands share: the device option, and progress on the terminal."""

from __future__ import annotations

import argparse
import sys

from engine.runtime.device import AUTO, DEVICES


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option `--device`."""
    parser.add_argument("--device", choices=DEVICES, default=AUTO)


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
