"""Run by the environment's Python: removes what an interrupted pip left half there. Knows nothing of the add-on.

    python -I repair_packages.py [NAME...]

pip writes a package's description early and its list of files last. Killed between both, it says "already satisfied"
ever after. So a package without its list, or with a file that is missing or not as listed, is removed, and so are the
packages that are named; pip then installs them again. Prints `removed NAME (reason)` for each. Exit code 3 where pip
itself is damaged: then only a new environment helps.
"""

import base64
import contextlib
import csv
import hashlib
import re
import shutil
import sys
import sysconfig
from pathlib import Path

PIP_DAMAGED = 3


def main() -> int:
    """Look at every package; the exit code."""
    unwanted = {normalized(name) for name in sys.argv[1:]}
    code = 0
    for folder in sorted({Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}):
        for left in folder.glob("~*"):  # pip's name for what it is about to replace
            remove(left)
        for info in sorted(folder.glob("*.dist-info")):
            name = normalized(info.name.removesuffix(".dist-info").rpartition("-")[0])
            reason = "is not usable" if name in unwanted else damage(info)
            if reason is None:
                continue
            if name == "pip":
                code = PIP_DAMAGED
            for row in listed(info):
                file = (folder / row[0]).resolve()
                if file.is_relative_to(Path(sys.prefix).resolve()):
                    remove(file)
            remove(info)
            print(f"removed {name} ({reason})", flush=True)
    return code


def normalized(name: str) -> str:
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(info: Path) -> list[list[str]]:
    """The rows (path, hash, size) of a package's list of files; none where it cannot be read."""
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file) if len(row) == 3 and row[0]]
    except (OSError, ValueError, csv.Error):
        return []


def damage(info: Path) -> str | None:
    """What is wrong with an installed package, None where nothing is."""
    rows = listed(info)
    if not rows or not (info / "METADATA").is_file():
        return "was not installed to the end"
    for name, digest, size in rows:
        file = info.parent / name
        try:
            if digest and (str(file.stat().st_size) != size or file_digest(file, digest) != digest):
                return f"{name} is damaged"
        except (OSError, ValueError):
            return f"{name} is missing"
    return None


def file_digest(file: Path, wanted: str) -> str:
    """A file's hash, written as the one that is wanted is. Raises OSError, and ValueError for an unknown kind."""
    kind = wanted.partition("=")[0]
    found = hashlib.new(kind)
    with file.open("rb") as content:
        while chunk := content.read(1 << 20):
            found.update(chunk)
    return f"{kind}={base64.urlsafe_b64encode(found.digest()).decode().rstrip('=')}"


def remove(path: Path) -> None:
    """Remove a file or folder; what cannot be removed is pip's to complain about."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
