"""Installing the engine into an environment of its own, with a tiny package made here in place of the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from magma_blender.engine_host import install
from magma_blender.engine_host.environment import clean_environment
from magma_blender.errors import InstallError


@pytest.fixture
def packages(tmp_path):
    """A folder with one wheel, `tinypkg`, and the options that make pip use it alone."""
    folder = tmp_path / "packages"
    folder.mkdir()
    info = "tinypkg-1.0.dist-info"
    with zipfile.ZipFile(folder / "tinypkg-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinypkg.py", "ANSWER = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinypkg\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return ["--no-index", "--find-links", str(folder)]


def requirements(tmp_path, text="tinypkg==1.0\n"):
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    return file


def finish(installation, limit=120):
    end = time.monotonic() + limit
    while installation.state == "running" and time.monotonic() < end:
        installation.poll()
        time.sleep(0.02)
    return installation.state


@pytest.mark.slow
def test_install_continue_after_a_failure_and_uninstall(tmp_path, packages):
    data = tmp_path / "my data"
    wrong = requirements(tmp_path, "tinypkg==9.9\n")
    failed = install.Installation(data, sys.executable, wrong, packages)
    assert finish(failed) == "failed"
    assert "tinypkg==9.9" in failed.error and "press Install Engine again" in failed.error
    assert not install.is_installed(data, wrong)

    right = requirements(tmp_path)
    again = install.Installation(data, sys.executable, right, packages)
    assert again.stage == "Downloading packages"  # the environment is kept
    assert finish(again) == "done" and again.fraction == 1.0
    assert install.is_installed(data, right)
    answer = subprocess.run(
        [install.environment_python(data), "-c", "import tinypkg; print(tinypkg.ANSWER)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "42"

    right.write_text("tinypkg==1.0\n# the next version of the add-on wants something else\n")
    assert not install.is_installed(data, right)

    assert install.uninstall(data) and not install.uninstall(data)
    assert not install.is_installed(data, right)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks for a process by Linux's means")
def test_cancelling_kills_the_step_and_its_children(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nsleep 60 & echo $!; wait\n")
    python.chmod(0o755)
    installation = install.Installation(tmp_path / "data", str(python), requirements(tmp_path))
    while not installation.lines:
        installation.poll()
        time.sleep(0.01)
    installation.cancel()
    assert installation.state == "cancelled"
    (child,) = installation.lines
    end = time.monotonic() + 30
    while is_running(int(child)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_running(int(child))


def is_running(pid):
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rsplit(")", 1)[1].split()[0] != "Z"  # ended, and nobody has asked how
    except OSError:
        return False


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_pytorch_alone_comes_from_its_own_index(tmp_path):
    python = install.environment_python(tmp_path)
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && echo 3 12 True || echo "RUN $*"\n')
    python.chmod(0o755)
    installation = install.Installation(tmp_path, sys.executable, requirements(tmp_path, "torch==1.0\nnumpy==2.0\n"))
    assert finish(installation) == "done"
    first, second = [line for line in installation.lines if line.startswith("RUN")]
    assert first.endswith(f"--index-url {install.CPU_INDEX} torch==1.0")
    assert "index-url" not in second and second.endswith("requirements.txt")


def test_a_python_that_cannot_be_started_fails_in_one_sentence(tmp_path):
    installation = install.Installation(tmp_path / "data", str(tmp_path / "absent"), requirements(tmp_path))
    assert installation.state == "failed"
    assert "Making the environment failed" in installation.error and "absent" in installation.error


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("echo 3 9 True", "is version 3.9"),
        ("echo 3 12 False", "is a 32-bit Python"),
        ("echo hello", "is not a Python"),
        ("echo 'No module named ensurepip' >&2; exit 1", "No module named ensurepip"),
    ],
)
def test_an_unfit_python_is_refused_with_the_reason(tmp_path, answer, problem):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{answer}\n")
    python.chmod(0o755)
    with pytest.raises(InstallError, match=problem):
        install.find_python(str(python))


def test_a_fit_python_is_taken():
    assert install.find_python(sys.executable) == sys.executable
    assert install.find_python()


def test_blenders_python_settings_do_not_reach_other_pythons(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
    environment = clean_environment({})
    assert "PYTHONHOME" not in environment and "PYTHONPATH" not in environment
