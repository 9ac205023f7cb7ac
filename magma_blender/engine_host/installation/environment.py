"""The environment with PyTorch as it lies in the data folder: whether it is complete, and its end.

    engine-env/                      the virtual environment
    engine-env/magma-made.txt        there once it has a working pip: an installation can go on with it
    engine-env/magma-installed.txt   there once all packages were used: which packages, by which Python
    engine-install/                  what an installation works in; removed at its end

Plain Python: runs without Blender.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ...errors import InstallError

ENVIRONMENT = "engine-env"
WORK_FOLDER = "engine-install"
MADE = "magma-made.txt"
INSTALLED = "magma-installed.txt"
_LOCK = "engine-install.lock"
_ADDON = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class PackageLists:
    """What is installed. wanted: the packages that the engine imports, and torch, each with its version. locked: all
    of them and what they need, with the hashes of the files, for every system; without PyTorch. torch: PyTorch as the
    Python Package Index has it, in the same way, with the CUDA libraries that it needs on Linux."""

    wanted: Path
    locked: Path
    torch: Path

    def digest(self) -> str:
        """What these lists ask for, in a word."""
        contents = [file.read_bytes() for file in (self.wanted, self.locked, self.torch)]
        return hashlib.sha256(b"\0".join(contents)).hexdigest()

    def versions(self) -> dict[str, str]:
        """The wanted packages' versions by their names."""
        lines = self.wanted.read_text(encoding="utf-8").splitlines()
        pairs = [line.partition("==") for line in lines if "==" in line and not line.startswith("#")]
        return {name.strip(): version.strip() for name, _, version in pairs}


SHIPPED = PackageLists(_ADDON / "engine_requirements.txt", _ADDON / "engine_lock.txt", _ADDON / "engine_lock_torch.txt")
"""The lists of this version of the add-on."""


def environment_python(data: Path) -> Path:
    """The interpreter of the engine's environment in the data folder, there or not."""
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return data / ENVIRONMENT / inside


def is_installed(data: Path, lists: PackageLists = SHIPPED) -> bool:
    """Whether the environment is complete and has the packages that this version of the add-on wants."""
    return why_not_installed(data, lists) is None


def why_not_installed(data: Path, lists: PackageLists = SHIPPED) -> str | None:
    """A clause about what is wrong with the environment, None where it can be used. Cheap: panels ask for it."""
    folder = data / ENVIRONMENT
    if not os.path.lexists(folder):
        return "is not installed"
    try:
        found = (folder / INSTALLED).read_text(encoding="utf-8").split("\n", 1)
    except (OSError, ValueError):
        return "is not installed to the end"
    if base_of(data) is None or found[1:] != [str(base_of(data))]:
        return "has lost the Python that it was installed with"
    if found[0] != lists.digest():
        return "is that of another version of the add-on"
    return None


def base_of(data: Path) -> Path | None:
    """The program behind the environment's interpreter; None where it is gone, after an update of the system's Python
    for example. Another one than before means that the packages of the environment are not found any more."""
    python = environment_python(data)
    try:
        if not python.is_file():
            return None
        if python.is_symlink():
            return python.resolve()
        # a copy (Windows), which looks for the rest of its Python in the folder that the environment names
        lines = (data / ENVIRONMENT / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        home = next(line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home")
        return Path(home) if Path(home).is_dir() else None
    except (OSError, ValueError, StopIteration):
        return None


def marked_installed(data: Path, lists: PackageLists) -> str:
    """The text of the file that says so."""
    return f"{lists.digest()}\n{base_of(data)}"


def write_marker(data: Path, name: str, text: str) -> None:
    """Write a marker whole or not at all. Raises OSError."""
    file = data / ENVIRONMENT / name
    part = file.with_name(file.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def drop_markers(data: Path, *names: str) -> None:
    """From now on the environment is not installed, or is no longer one to go on with. Raises OSError."""
    for name in names:
        (data / ENVIRONMENT / name).unlink(missing_ok=True)


def uninstall(data: Path) -> bool:
    """Remove the environment; False when there was none. Raises InstallError when it cannot be removed."""
    folder = data / ENVIRONMENT
    if not os.path.lexists(folder):
        return False
    try:
        with FolderLock(data):
            shutil.rmtree(data / WORK_FOLDER, ignore_errors=True)
            drop_markers(data, INSTALLED, MADE)  # removed in part, it must not pass for a whole one
            shutil.rmtree(folder)
    except OSError as error:
        raise InstallError(
            f"{folder} cannot be removed ({error.strerror or error}): close programs that use it, and check that it "
            "may be written to."
        ) from error
    return True


class FolderLock:
    """Held while the environment of a data folder is being changed. Raises InstallError where another Blender holds it,
    OSError for a folder that cannot be used.

    The system opens it when the process ends, however it ends; `descriptor` is given to child processes, so that it
    stays closed until they have ended as well (not on Windows).
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._close_for_others()
        except BlockingIOError as error:
            os.close(self.descriptor)
            raise InstallError(
                f"Another Blender is installing or removing PyTorch in {data}: wait until it has finished, then "
                "press the button again."
            ) from error

    def _close_for_others(self) -> None:
        if sys.platform == "win32":
            import msvcrt

            try:
                msvcrt.locking(self.descriptor, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                raise BlockingIOError from error
        else:
            import fcntl

            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:
                pass  # a network folder without locks: as good as it can be there

    def open(self) -> None:
        """Let others change it."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
