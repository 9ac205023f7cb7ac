"""What operators return, and how they report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import bpy

from ..errors import MagmaError

Result = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]
FINISHED: Result = {"FINISHED"}
CANCELLED: Result = {"CANCELLED"}


def do(operator: bpy.types.Operator, work: Callable[[], str]) -> Result:
    """An operator's work without the engine: report what it says, or its error."""
    try:
        text = work()
    except MagmaError as error:
        operator.report({"ERROR"}, str(error))
        return CANCELLED
    operator.report({"INFO"}, text)
    return FINISHED
