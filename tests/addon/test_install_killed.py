"""The installer is killed at any moment, together with what it started: the next one recovers."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wheels import TINY, make_lists, make_wheel, options

from magma_blender.engine_host.installation.environment import environment_python, is_installed

ROOT = Path(__file__).resolve().parents[2]
HANGS = 180.0
POINTS = [*(("nothing", number) for number in range(3)), *(("an older version", number) for number in range(17))]
"""What was there before, and the number of the random moment at which the installer is killed."""
INSTALL = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from magma_blender.engine_host.installation.environment import PackageLists
from magma_blender.engine_host.installation.install import Installation
data, *lists = map(Path, sys.argv[1:5])
installation = Installation(data, {sys.executable!r}, PackageLists(*lists), sys.argv[5:])
while installation.state == "running":
    installation.poll()
    time.sleep(0.005)
print(installation.state, installation.error)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks for processes by Linux's means"),
]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """(lists, pip's options) of an installation that replaces a package and adds one of many files."""
    folder = tmp_path_factory.mktemp("wanted")
    newer = {**TINY, "tinypkg/part.py": "ANSWER = 43\n"}
    many = {f"many/part{number}.py": f"NUMBER = {number}\n" * 50 for number in range(100)}
    every = "".join(f"from .part{number} import NUMBER\n" for number in range(100))
    wheels = [
        make_wheel(folder / "packages", "tinypkg", newer, "2.0"),
        make_wheel(folder / "packages", "many", {**many, "many/__init__.py": every}),
    ]
    return make_lists(folder / "lists", *wheels), options(folder / "packages")


def start(data, wanted):
    lists, pip_options = wanted
    command = [sys.executable, "-c", INSTALL, data, lists.wanted, lists.locked, lists.torch, *pip_options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def descendants(pid):
    """All processes that a process has started, and those that they have."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in new} - found
    return found - {pid}


def kill_all(process):
    """SIGKILL for a process and all below it. They are stopped first: one that is just being started would live on."""
    stopped = set()
    while new := {process.pid, *descendants(process.pid)} - stopped:
        for pid in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(HANGS)
    deadline = time.monotonic() + HANGS
    while any(map(lives, stopped)) and time.monotonic() < deadline:
        time.sleep(0.01)


def lives(pid):
    """Whether a process still holds anything: one that has ended may stay listed where nobody asks how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def prepare(before, made, folder):
    data = folder / "data"
    if before != "nothing":
        shutil.copytree(made, data, symlinks=True)
    return data


@pytest.fixture(scope="module")
def lasting(made, wanted, tmp_path_factory):
    """The seconds that a whole installation lasts on this computer, by what was there before."""
    seconds = {}
    for before in ("nothing", "an older version"):
        data = prepare(before, made, tmp_path_factory.mktemp("whole"))
        begin = time.monotonic()
        assert start(data, wanted).communicate(timeout=HANGS)[0].startswith("done")
        seconds[before] = time.monotonic() - begin
    return seconds


@pytest.mark.parametrize(("before", "number"), POINTS)
def test_an_installation_that_was_killed_at_any_moment_is_finished_by_the_next(
    made, wanted, lasting, tmp_path, before, number
):
    """A user ends Blender, the computer crashes or runs out of memory while PyTorch is being installed."""
    data = prepare(before, made, tmp_path)
    process = start(data, wanted)
    share = random.Random(f"{before} {number}").random()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=share * lasting[before])
    kill_all(process)
    code = "import many, tinypkg; print(many.NUMBER, tinypkg.ANSWER)"
    command = [environment_python(data), "-I", "-c", code]
    if is_installed(data, wanted[0]):  # said so: then it must work
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["99", "43"]
    told = start(data, wanted).communicate(timeout=HANGS)[0]
    assert told.startswith("done"), told
    assert is_installed(data, wanted[0])
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["99", "43"]
    assert sorted(file.name for file in data.iterdir()) == ["engine-env", "engine-install.lock"]
