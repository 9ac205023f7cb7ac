"""A measurement in Blender's own window: a step, then the window's loop, then the next step."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator

import bpy


def begin(steps: Iterator[None], every: float, first: float) -> None:
    """Take a step each `every` seconds, the first after `first`; Blender ends with the last one, or with an error."""

    def tick() -> float:
        try:
            next(steps)
        except StopIteration:
            sys.stdout.flush()
            os._exit(0)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        return every

    bpy.app.timers.register(tick, first_interval=first)
