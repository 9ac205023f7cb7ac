"""Runs tests/blender in one Blender: with the Python of a bpy wheel, or without argument in `blender` on PATH.

    python tests/run_blender_tests.py [WHEEL_PYTHON]

Exit code 0 if all passed; a missing `blender` is no failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


def main(wheel: str | None) -> int:
    """Run them; returns the exit code."""
    environment = {**os.environ, "MAGMA_TEST_PYTHON": sys.executable}
    if wheel:
        return run([str(Path(wheel).absolute()), "-m", "pytest", str(TESTS / "blender")], environment)
    blender = shutil.which("blender")
    if not blender:
        print("No blender on PATH: the tests in a real Blender are left out.")
        return 0
    with tempfile.TemporaryDirectory() as packages:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, "pytest==9.2.0"]
        subprocess.run(install, check=True)
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
        command += ["--python", str(TESTS / "blender" / "run_in_blender.py"), "--", str(TESTS / "blender")]
        return run(command, environment | {"MAGMA_TEST_PACKAGES": packages})


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run one Blender's tests; returns the exit code."""
    print(f"--- {command[0]}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
