"""Run by the engine's Python: starts the package `engine` of a given folder. Knows nothing of the add-on.

    python -I start_engine.py FOLDER ARGUMENTS...

`python -m engine` would need the folder as the current directory or in PYTHONPATH, which an isolated Python ignores.
"""

import runpy
import sys


def main() -> None:
    """Put the folder before the installed packages, and run the package as a program."""
    root = sys.argv[1]
    sys.path.insert(0, root)
    sys.argv = [sys.argv[0], *sys.argv[2:]]
    runpy.run_module("engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
