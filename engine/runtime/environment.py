"""The engine's own environment: it works alike whatever variables its caller has set. Standard library only.

Programs set variables for their own Python, numba or PyTorch, and shells pass them on: functions that are no longer
compiled, warnings that are errors, logs of gigabytes. The engine needs none of them. It also needs folders for caches,
which a service or a container may lack.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import tracemalloc
import warnings
from importlib.util import find_spec
from pathlib import Path

_OTHERS = (
    "ATEN_", "BLIS_", "DNNL_", "GOMP_", "GOTO_", "JOBLIB_", "KMP_", "LIBROSA_", "MKL_", "MKLDNN_", "NPY_", "NUMBA_",
    "NUMEXPR_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "PYTORCH_", "SCIPY_", "TORCH", "EAGER_IMPORT",
)  # fmt: skip
"""Beginnings of variables that are settings of libraries or of Python."""
_KEPT = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE"})
"""What the Pythons that the engine starts need as well."""
_NUMPY_THREADS = "OPENBLAS_NUM_THREADS"
_THREADS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", _NUMPY_THREADS)
"""Limits that a render farm sets: kept where they are numbers from 1 to that of the processors."""
_DIGITS = 4300
"""Digits of the longest number that is read from text, as by default: reading longer ones takes for ever."""
_QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def prepare() -> None:
    """Make this process independent of its caller's environment. To be called before any library is imported."""
    _drop_settings()
    # waiting threads should sleep. The default, spinning, costs both programs nearly all of their speed as soon as
    # another one, such as Blender, needs the cores
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if os.name == "posix":
        _provide_user()
        _provide_folders()


def _drop_settings() -> None:
    processors = os.cpu_count() or 1
    threads = {name: os.environ.get(name, "") for name in _THREADS}
    for name in [name for name in os.environ if name.startswith(_OTHERS) and name not in _KEPT]:
        del os.environ[name]
    os.environ.update({n: v for n, v in threads.items() if v.isdecimal() and 1 <= int(v[:9]) <= processors})
    # numpy's products are those of one position, too small to share: with two threads they are slower
    os.environ.setdefault(_NUMPY_THREADS, "1")
    if sys.warnoptions:
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for category in _QUIET:
            warnings.simplefilter("ignore", category)
    sys.set_int_max_str_digits(_DIGITS)
    tracemalloc.stop()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show must not end a command
            stream.reconfigure(errors="backslashreplace")


def _provide_user() -> None:
    """A name for a user id without an account, as containers have; libraries ask for it."""
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", f"user-{os.getuid()}")


def _provide_folders() -> None:
    """A home, and a folder for compiled functions, where the user's cannot be used."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path's raises for a user without an account
    if not home.is_absolute() or not os.access(home, os.X_OK):
        if (folder := _private_folder()) is not None:
            os.environ["HOME"] = str(folder)
        os.environ.pop("XDG_CACHE_HOME", None)
        return
    librosa = find_spec("librosa")
    beside = Path(librosa.origin).parent if librosa is not None and librosa.origin else None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    usable = _can_write(cache) or (beside is not None and os.access(beside, os.W_OK))
    if not usable and (folder := _private_folder()) is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(folder)  # numba refuses to compile what it cannot keep


def _can_write(folder: Path) -> bool:
    """Whether a folder, or what is there of its parents, can be written."""
    existing = next((parent for parent in (folder, *folder.parents) if os.path.lexists(parent)), folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _private_folder() -> Path | None:
    """A folder for temporary files that only this user can write, the same in each run where that is possible: what
    numba keeps in it is run. None where no folder can be written."""
    try:
        folder = Path(tempfile.gettempdir()) / f"magma-engine-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
            return folder
        return Path(tempfile.mkdtemp(prefix="magma-engine-"))
    except OSError:
        return None
