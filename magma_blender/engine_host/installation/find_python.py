"""Which Python makes the environment with PyTorch: the first good one on this computer. Plain Python."""

from __future__ import annotations

import sys

from ..find_program import on_path
from ..isolation import isolated
from .install_step import Outcome

OLDEST = (3, 11)
NEWEST = (3, 14)
"""The newest that all packages of the lock are there for."""
_NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")
_PROBE = "import ensurepip, sys, venv; print('PYTHON', *sys.version_info[:2], sys.maxsize > 2**32)"


def probe(python: str) -> list[str]:
    """A command line after which `problem_with` knows whether a program is a Python that can make environments."""
    return isolated(python, "-c", _PROBE)


def candidates() -> list[str]:
    """Programs that may be such a Python, the best first."""
    found = [path for name in _NAMES if (path := on_path(name))]
    # Blender's own interpreter comes last: it can make an environment, which is a folder of its own
    return list(dict.fromkeys([*found, *([sys.executable] if sys.executable else [])]))


def problem_with(outcome: Outcome) -> str | None:
    """What is wrong with the Python that was probed, the end of a sentence; None where nothing is."""
    if outcome.code is None:
        return f"cannot be run ({outcome.problem})"
    if outcome.code:
        return f"cannot make environments ({(outcome.lines or ('no reason given',))[-1]})"
    try:
        major, minor, wide = outcome.having("PYTHON ")[-1].split()
        version = (int(major), int(minor))
    except (ValueError, IndexError):
        return "is not a Python"
    if not OLDEST <= version <= NEWEST:
        return f"is version {major}.{minor}"
    return None if wide == "True" else "is a 32-bit Python"


def none_found(problems: list[str]) -> str:
    """The sentence for a computer without such a Python. problems: what is wrong with each candidate."""
    tried = "; ".join(problems) or "none was found"
    return (
        f"No Python {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))} to build PyTorch's environment "
        f"with ({tried}): install Python from python.org or your system's packages (on Debian and Ubuntu: sudo apt "
        "install python3-venv)."
    )
