"""Makes the locks of the engine's packages: every package that is installed, with the hashes of its files.

    make lock            (or: python lock_requirements.py, with uv installed)

Reads magma_blender/engine_requirements.txt, the packages that the engine imports, and writes beside it

    engine_lock.txt         all of them and what they need, without PyTorch
    engine_lock_torch.txt   PyTorch as the Python Package Index has it, and what only that needs: CUDA on Linux

for Linux, macOS and Windows, x86-64 and ARM, and every Python from 3.11 on. Nobody edits them by hand: change a version
in engine_requirements.txt, run this, and commit all three. Nothing in them says where packages come from: that is the
installer's business, and a user's own index is asked for the very same files.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "magma_blender"
REQUIREMENTS = FOLDER / "engine_requirements.txt"
LOCK, TORCH_LOCK = FOLDER / "engine_lock.txt", FOLDER / "engine_lock_torch.txt"
OLDEST = "3.11"
OPTIONS = (
    *("--universal", "--python-version", OLDEST),
    # one version of each package for all systems and Pythons
    *("--fork-strategy", "fewest"),
    "--generate-hashes",
    *("--no-header", "--no-annotate", "--no-config", "--quiet"),
    # of the public index alone, whatever this computer is set up with
    *("--index-strategy", "first-index", "--only-binary", ":all:"),
)
TEXTS = {
    LOCK: "# The engine's packages and all that they need, without PyTorch. Made by `make lock`: do not edit.\n",
    TORCH_LOCK: "# PyTorch and what only it needs, for GPUs. Made by `make lock`: do not edit.\n",
}


class LockError(Exception):
    """The locks cannot be made; the message says why."""


def resolve(requirements: str) -> dict[str, str]:
    """Locked requirements, with their hashes, by the package's name. Raises LockError."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, "-"]
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LockError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    entries = re.split(r"^(?=\S)", done.stdout, flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries if "==" in entry}


def main() -> int:
    """Write both."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    without = "".join(line for line in wanted.splitlines(keepends=True) if not line.startswith("torch=="))
    try:
        everything = resolve(wanted)
        # what PyTorch needs on a computer without CUDA is needed beside its own index's build, too
        names = {*resolve(without), *(name for name in everything if not needs_cuda(name))} - {"torch"}
    except LockError as error:
        print(f"lock_requirements: error: {error}", file=sys.stderr)
        return 1
    locks = {
        LOCK: [entry for name, entry in everything.items() if name in names],
        TORCH_LOCK: [entry for name, entry in everything.items() if name not in names],
    }
    for file, entries in locks.items():
        file.write_text(TEXTS[file] + "".join(entries), encoding="utf-8")
        print(f"{file.name}: {len(entries)} packages")
    return 0


def needs_cuda(name: str) -> bool:
    """Whether a package is one of those that PyTorch's build for CUDA brings."""
    return name.startswith(("nvidia-", "cuda-")) or name == "triton"


if __name__ == "__main__":
    sys.exit(main())
