"""The engine works whatever its caller's environment is: hostile variables, no account, no folders, little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="accounts, homes and limits of POSIX")

HOSTILE = {
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_CACHE_DIR": "/nowhere",
    "NUMBA_NUM_THREADS": "0",
    "LIBROSA_CACHE_DIR": "/nowhere",
    "EAGER_IMPORT": "1",
    "TORCH_LOGS": "nonsense",
    "TORCH_SHOW_CPP_STACKTRACES": "1",
    "TORCHDYNAMO_VERBOSE": "1",
    "OMP_NUM_THREADS": "-3",
    "OMP_STACKSIZE": "1",
    "OMP_DISPLAY_ENV": "true",
    "MKL_NUM_THREADS": "many",
    "KMP_AFFINITY": "verbose",
    "ONEDNN_VERBOSE": "1",
    "DNNL_VERBOSE": "1",
    "MKLDNN_VERBOSE": "1",
    "PYTORCH_CUDA_ALLOC_CONF": "nonsense",
    "SCIPY_ARRAY_API": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONIOENCODING": "ascii",
    "PYTHONINTMAXSTRDIGITS": "0",
    "PYTHONTRACEMALLOC": "5",
    "PYTHONHASHSEED": "7",
    "TMPDIR": "/nowhere",
    "XDG_CACHE_HOME": "/dev/null",
}
NO_ACCOUNT = (
    "import pwd, runpy, sys\n"
    "def no_account(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
    "pwd.getpwuid = no_account\n"
    "runpy.run_module('engine', run_name='__main__', alter_sys=True)"
)


def run(code: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The engine's command line in a process that has these variables only, in a folder that stays empty."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        timeout=300,
    )
    assert "Traceback" not in done.stderr and not list(folder.iterdir()), done.stderr
    return done


@pytest.mark.slow
def test_a_dance_in_a_hostile_environment_without_an_account_or_a_home(song: Path, tiny: Path, tmp_path: Path) -> None:
    arguments = ["generate", str(song), "-o", str(tmp_path / "dänce.npz"), "--checkpoint", str(tiny), "--json"]
    arguments += ["--choreography", str(tmp_path / "dänce.json"), "--seconds", "4"]
    done = run(NO_ACCOUNT, arguments, tmp_path / "empty", HOSTILE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 80 and (tmp_path / "dänce.npz").stat().st_size > 10_000
    assert "Warning" not in done.stderr


def test_the_environment_is_made_the_engines_own(tmp_path: Path) -> None:
    code = (
        "import json, os, sys, warnings, tempfile; from engine.runtime.environment import prepare; prepare();"
        "warnings.warn('not an error'); print(json.dumps([dict(os.environ), sys.get_int_max_str_digits()]));"
        "print('\\ud800', file=sys.stdout)"
    )
    kept = {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "1", "MAGMA_CACHE": "/cache", "PYTHONUTF8": "1"}
    done = run(code, [], tmp_path / "empty", {**HOSTILE, **kept, "HOME": "/nowhere"})
    assert done.returncode == 0, done.stderr
    found, digits = json.loads(done.stdout.splitlines()[0])
    assert kept.items() <= found.items() and digits == 4300
    assert found["OPENBLAS_NUM_THREADS"] == "1"
    assert not {name for name in HOSTILE if name != "TMPDIR"} & (set(found) - set(kept))
    home = Path(found["HOME"])
    assert home.is_dir() and home.stat().st_uid == os.getuid() and not home.stat().st_mode & 0o077


def test_a_user_id_without_an_account_has_a_name(tmp_path: Path) -> None:
    """Libraries ask for one when they choose a folder for their caches."""
    code = (
        "import getpass, os, pwd\n"
        "def no_account(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
        "pwd.getpwuid = no_account\n"
        "from engine.runtime.environment import prepare; prepare(); print(getpass.getuser(), os.getuid())"
    )
    done = run(code, [], tmp_path / "empty", {})
    name, number = done.stdout.split()
    assert name == f"user-{number}"


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the address space")
@pytest.mark.parametrize("megabytes", [300, 1500])
def test_little_memory_is_said_as_that(song: Path, tiny: Path, tmp_path: Path, megabytes: int) -> None:
    """Too little for the libraries, and too little for a dance of 20 minutes: never a traceback."""
    code = (
        "import resource, runpy\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({megabytes} * 2**20, {megabytes} * 2**20))\n"
        "runpy.run_module('engine', run_name='__main__', alter_sys=True)"
    )
    arguments = ["generate", str(song), "-o", str(tmp_path / "dance.npz"), "--checkpoint", str(tiny), "--fps", "1000"]
    done = run(code, arguments, tmp_path / "empty", {"HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode == 1:
        assert "not enough memory" in done.stderr
    else:  # what ends the process is a library's: at least it says so
        assert done.returncode == 0 or done.returncode < 0 or "memory" in done.stderr.lower()
