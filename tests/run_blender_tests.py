"""Runs tests/blender in one Blender, on the add-on as the zip installs it there.

    python tests/run_blender_tests.py [WHEEL_PYTHON] [-- PYTEST_ARGUMENTS]

Without WHEEL_PYTHON, the Python of a bpy wheel, it is `blender` on PATH. The zip is built and installed as a user would
(from Blender 4.2 on as an extension) into a home of its own, which the tests then run in. Exit code 0 if all passed; a
missing `blender` is a failure where the environment says CI=true, and left out with a word elsewhere.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import blenders

sys.path.insert(0, str(blenders.ROOT))
import build_addon

TESTS = Path(__file__).resolve().parent / "blender"


class InstallationError(Exception):
    """The zip could not be installed; the message is what Blender said."""


def main(wheel: str | None, arguments: list[str]) -> int:
    """Run them with further arguments for pytest; returns the exit code."""
    program = str(Path(wheel).absolute()) if wheel else shutil.which("blender")
    if program is None:
        print("There is no Blender on PATH: the tests in a real Blender cannot run.", file=sys.stderr)
        return 1 if blenders.in_ci() else 0
    print(f"--- {program}", flush=True)
    blender = blenders.Blender(program, is_wheel=wheel is not None)
    with tempfile.TemporaryDirectory(prefix="magma-tests-") as folder:
        home = Path(folder)
        zip_file = home / "magma_blender.zip"
        build_addon.build(blenders.ROOT, zip_file)
        addon = install(blender, zip_file, home)
        environment = {
            **blenders.own_folders(home),
            blenders.ZIP_VARIABLE: str(zip_file),
            blenders.NAME_VARIABLE: addon["name"],
            blenders.FOLDER_VARIABLE: addon["folder"],
            "MAGMA_TEST_PYTHON": sys.executable,
        }
        # not in the repository's root, so that nothing is imported from there by chance
        options = ["-c", str(blenders.ROOT / "pyproject.toml"), "-p", "no:cacheprovider", str(TESTS), *arguments]
        if wheel:
            command = [program, "-m", "pytest", *options]
        else:
            packages = home / "packages"
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), "pytest==9.2.0"]
            subprocess.run(pip, check=True)
            command = [program, "--background", "--factory-startup", "--python-exit-code", "1"]
            command += ["--python", str(TESTS / "run_in_blender.py"), "--", *options]
            environment["MAGMA_TEST_PACKAGES"] = str(packages)
        return subprocess.run(command, cwd=home, env=environment, check=False).returncode


def install(blender: blenders.Blender, zip_file: Path, home: Path) -> dict[str, str]:
    """Install the zip under `home`: `name` of the add-on's package and its `folder`. Raises InstallationError."""
    done = blender.run(TESTS / "install_zip.py", "newest", zip_file, home=home)
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND ")), None)
    if line is None or done.returncode:
        raise InstallationError(done.stdout + done.stderr)
    return json.loads(line.removeprefix("FOUND "))


if __name__ == "__main__":
    border = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    sys.exit(main(sys.argv[1] if border > 1 else None, sys.argv[border + 1 :]))
