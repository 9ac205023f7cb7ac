"""What continuous integration may skip: nothing, but what does not apply to one Blender by its nature."""

from __future__ import annotations

import blenders
import pytest

WHEEL = "a wheel"
ELSEWHERE = "Blender 3.4 and 4.5 do these"
"""The reason of long tests that two Blenders are enough for."""
ELSEWHERE_IN = ((4, 2), (5, 0))
ONCE = "Blender 4.5 does these"
"""The reason of long tests of the engine, which hardly differ from Blender to Blender."""
ONCE_IN = (4, 5)
EXPECTED = {
    (WHEEL, "a wheel opens no file given on its command line"),
    (WHEEL, "a wheel does not end after a rig's own script has run"),
    (WHEEL, "this Blender was built without languages"),
    ("4.2", "this Blender was built without sound"),
    ("4.2", ELSEWHERE),
    ("3.4", ONCE),
    ("4.2", ONCE),
    ("5.0", ONCE),
    ("5.0", ELSEWHERE),
    ("3.4", "the demo brings a newer Blender of its own"),
    ("4.2", "the demo brings a newer Blender of its own"),
    ("3.4", "actions have slots from 4.4 on"),
    ("4.2", "actions have slots from 4.4 on"),
    ("3.4", "extensions came with Blender 4.2"),
    ("3.4", "this Blender has no validator of extensions"),
    ("3.4", "this Blender has no setting for online access"),
    ("3.4", "a network of its own is not permitted here"),
    (WHEEL, "a network of its own is not permitted here"),
}
"""(Blender, or any wheel; the reason that the test gives)."""


def running() -> set[str]:
    """The Blender that runs the tests, by version and kind; empty if none does."""
    try:
        import bpy
    except ImportError:
        return set()
    version = bpy.app.version_string.rpartition(".")[0]
    return {version} if bpy.app.binary_path else {version, WHEEL}


def forbid(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In continuous integration, turn a skip that is not expected into a failure."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not blenders.in_ci():
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not {(blender, reason) for blender in running()} & EXPECTED:
        report.outcome = "failed"
        report.longrepr = f"Continuous integration may skip only what tests/skips.py lists, and not: {reason}"
