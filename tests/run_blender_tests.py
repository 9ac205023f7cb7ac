"""Runs tests/blender in every Blender there is: `blender` on PATH and the bpy wheels whose Pythons are given.

    python tests/run_blender_tests.py WHEEL_PYTHON...

Each runs in a process of its own, one after the other. Exit code 0 if all passed; a missing Blender is no failure.
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


def main(wheels: list[str]) -> int:
    """Run all; returns the exit code."""
    environment = {
        **os.environ,
        "MAGMA_TEST_PYTHON": sys.executable,
        "MAGMA_BPY_PYTHONS": os.pathsep.join(str(Path(python).absolute()) for python in wheels),
    }
    failed = []
    blender = shutil.which("blender")
    if blender:
        with tempfile.TemporaryDirectory() as packages:
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, "pytest==9.2.0"]
            subprocess.run(install, check=True)
            command = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
            command += ["--python", str(TESTS / "blender" / "run_in_blender.py"), "--", str(TESTS / "blender")]
            if not run("Blender on PATH", command, environment | {"MAGMA_TEST_PACKAGES": packages}):
                failed.append(blender)
    else:
        print("No blender on PATH: the tests in a real Blender are left out.")
    for python in wheels:
        if not run(python, [str(Path(python).absolute()), "-m", "pytest", str(TESTS / "blender")], environment):
            failed.append(python)
    print(f"Blender tests failed in: {', '.join(failed)}" if failed else "Blender tests passed.")
    return 1 if failed else 0


def run(name: str, command: list[str], environment: dict[str, str]) -> bool:
    """Run one Blender's tests; True if they passed."""
    print(f"--- {name}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
