"""How the add-on starts other Pythons: nothing beside the .blend, in the user's folders or in variables gets into them.

A Python that is started as usual imports what lies in the current directory, which is often the .blend's, and what
PYTHONPATH, PYTHONSTARTUP and the like name: a file `numpy.py` or `ensurepip.py` there would run. So every Python runs
isolated (`-I`), in a folder of the add-on's own, with an environment without such variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_START_ENGINE = Path(__file__).resolve().parent / "start_engine.py"

_DROPPED = ("PYTHON", "__PYVENV_LAUNCHER__", "NUMBA_", "LIBROSA_", "TORCH", "PYTORCH_", "PIP_")
"""How names of variables begin that other Pythons do not get. Those of Blender's own Python confuse another one. Those
of the engine's libraries were set for other programs: NUMBA_DISABLE_JIT, LIBROSA_CACHE_DIR and TORCH_LOGS slow the
engine down a hundredfold, fill folders or make imports fail. pip is told by `pip_settings` what it may know."""


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without those that confuse another Python, and `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_DROPPED)}
    return {**kept, "PYTHONNOUSERSITE": "1", **extra}


def isolated(python: str | Path, *arguments: str) -> list[str]:
    """A command line of a Python that imports its own packages only, and reads and writes UTF-8 without delay."""
    # options, since an isolated Python reads no PYTHONUTF8 and PYTHONUNBUFFERED
    return [str(python), "-I", "-u", "-X", "utf8", *arguments]


def engine_command(python: str | Path, root: Path, numpy: Path | None = None, suffix: str = "") -> list[str]:
    """The engine's command line. root: the folder that holds the package `engine`.

    numpy: the folder in which a numpy lies, for a Python that is to import that one and no packages of its own; None
    for one that has the engine's packages. suffix: see `start_engine`.
    """
    if numpy is None:
        return isolated(python, str(_START_ENGINE), str(root), "serve")
    return isolated(python, "-S", str(_START_ENGINE), "--numpy", str(numpy), "--suffix", suffix, str(root), "serve")
