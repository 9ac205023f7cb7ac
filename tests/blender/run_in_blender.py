"""Runs pytest in Blender's own Python.

    blender --background --factory-startup --python-exit-code 1 --python tests/blender/run_in_blender.py -- ARGS

ARGS go to pytest (default: this folder). MAGMA_TEST_PACKAGES names a folder with pytest in it, made with
`pip install --target FOLDER pytest` by a Python of the same version as Blender's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    packages = os.environ.get("MAGMA_TEST_PACKAGES")
    if packages:
        sys.path.insert(0, packages)
    import pytest

    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return int(pytest.main(arguments or [str(HERE)]))


if __name__ == "__main__":
    sys.exit(main())
