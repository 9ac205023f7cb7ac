"""Run by the engine's Python: starts the package `engine` of a given folder. Knows nothing of the add-on.

    python -I start_engine.py FOLDER ARGUMENTS...
    python -I -S start_engine.py --numpy NUMPY_FOLDER --suffix SUFFIX FOLDER ARGUMENTS...

`python -m engine` would need the folder as the current directory or in PYTHONPATH, which an isolated Python ignores.
The second way is for a Python that has no packages of its own: numpy, and nothing else, comes from the folder in which
Blender's lies. It is compiled for one Python: for another than the one whose extension modules end with SUFFIX, the
exit code is `UNFIT`.
"""

import importlib.machinery
import runpy
import sys

UNFIT = 76
"""Exit code of a Python that cannot load Blender's numpy; EX_PROTOCOL of sysexits.h, which nothing else here uses."""


class NumpyFinder:
    """Finds the package numpy in one folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> "importlib.machinery.ModuleSpec | None":
        """What the import system asks: modules inside numpy it finds by itself."""
        return importlib.machinery.PathFinder.find_spec(name, [self.folder]) if name == "numpy" else None


def main() -> None:
    """Put the folder before the installed packages, and run the package as a program."""
    arguments = sys.argv[1:]
    if arguments[0] == "--numpy":
        _, numpy, _, suffix, *arguments = arguments
        if importlib.machinery.EXTENSION_SUFFIXES[0] != suffix:
            own = importlib.machinery.EXTENSION_SUFFIXES[0]
            print(f"{sys.executable} loads *{own}, but Blender's numpy is *{suffix}", file=sys.stderr)
            sys.exit(UNFIT)
        sys.meta_path.insert(0, NumpyFinder(numpy))
    root = arguments[0]
    sys.path.insert(0, root)
    sys.argv = [sys.argv[0], *arguments[1:]]
    runpy.run_module("engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
