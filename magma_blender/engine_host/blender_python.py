"""The Python that came with Blender, as a program: it runs the engine where nothing was installed.

`sys.executable` alone does not do: Debian's Blender puts the first python3.11 of PATH there, which may be that of
another installation, or None. So there is a list of programs, of which the engine's client takes the first that starts
the engine. Blender itself is never among them. Plain Python: runs without Blender.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import re
import sys
from pathlib import Path

from .find_program import on_path
from .isolation import engine_command

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]
"""How the names of extension modules end that this Python loads, such as `.cpython-311-x86_64-linux-gnu.so`."""
_NAME = re.compile(r"python[\d.]*(\.exe)?", re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def candidates() -> tuple[Path, ...]:
    """Programs that may be this Python, the best first. They are not run here."""
    names = (f"python{VERSION}", "python3", "python") if os.name == "posix" else ("python.exe",)
    prefixes = dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix))
    inside = [Path(prefix) / folder / name for prefix in prefixes for folder in ("bin", "") for name in names]
    told = [sys.executable, getattr(sys, "_base_executable", None), on_path(f"python{VERSION}"), on_path("python3")]
    found: dict[Path, Path] = {}
    for path in (*inside, *(Path(path) for path in told if path)):
        if _is_python(path):
            found.setdefault(path.resolve(), path)  # one program has several names
    return tuple(found.values())


def _is_python(path: Path) -> bool:
    return path.is_absolute() and _NAME.fullmatch(path.name) is not None and path.is_file() and os.access(path, os.X_OK)


@functools.lru_cache(maxsize=1)
def numpy_folder() -> Path | None:
    """The folder in which this Python's numpy lies; None where there is none."""
    spec = importlib.util.find_spec("numpy")
    return Path(spec.origin).parents[1] if spec is not None and spec.origin else None


def engine_commands(root: Path) -> tuple[list[str], ...]:
    """The engine's command lines, one for each candidate; none without numpy. root: the folder that holds `engine`."""
    numpy = numpy_folder()
    return tuple(engine_command(python, root, numpy, SUFFIX) for python in candidates()) if numpy else ()


def none_starts(tried: list[str]) -> str:
    """The sentence for a computer on which no candidate starts the engine. tried: what is wrong with each."""
    return (
        f"No Python {VERSION} that starts the engine was found ({'; '.join(tried) or 'there is none'}): install it (on "
        f"Debian and Ubuntu: sudo apt install python{VERSION}) and start Blender again, or choose one that has numpy "
        "as Engine Python in the add-on's preferences."
    )
