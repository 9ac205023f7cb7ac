"""The environment variables of the processes that the add-on starts."""

from __future__ import annotations

import os
from collections.abc import Mapping


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's variables and `extra`, for another Python: the settings of Blender's own would confuse it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return {**kept, "PYTHONNOUSERSITE": "1", **extra}
