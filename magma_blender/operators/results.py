"""What operators return, and how they report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import bpy

from ..errors import MagmaError
from ..translations.texts import in_window

Result = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]
FINISHED: Result = {"FINISHED"}
CANCELLED: Result = {"CANCELLED"}


def say(operator: bpy.types.Operator, kind: Literal["INFO", "WARNING", "ERROR"], text: str) -> None:
    """Blender's report in the user's language; in background, which scripts read, in English."""
    operator.report({kind}, in_window(text))


def refuse(operator: type[bpy.types.Operator], why: str) -> None:
    """What the tooltip of an operator says that cannot be used."""
    operator.poll_message_set(in_window(why))


def do(operator: bpy.types.Operator, work: Callable[[], str]) -> Result:
    """An operator's work without the engine: report what it says, or its error."""
    try:
        text = work()
    except MagmaError as error:
        say(operator, "ERROR", str(error))
        return CANCELLED
    say(operator, "INFO", text)
    return FINISHED
