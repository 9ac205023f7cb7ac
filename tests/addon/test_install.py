"""Installing PyTorch into an environment of its own, with tiny packages made here in place of the real ones."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wheels import TINY, make_lists, make_wheel, options

from magma_blender.engine_host import isolation
from magma_blender.engine_host.installation import environment, find_python, install, install_errors, install_step
from magma_blender.engine_host.installation.environment import environment_python, is_installed, why_not_installed
from magma_blender.errors import InstallError

HANGS = 180.0
on_posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")


@pytest.fixture
def wheel(tmp_path):
    """The package `tinypkg`."""
    return make_wheel(tmp_path / "packages", "tinypkg", TINY)


@pytest.fixture
def lists(tmp_path, wheel):
    """Lists that want it."""
    return make_lists(tmp_path / "lists", wheel)


@pytest.fixture
def pip_options(tmp_path):
    """Options that make pip use the packages made here."""
    return options(tmp_path / "packages")


def finish(installation, limit=HANGS):
    end = time.monotonic() + limit
    while installation.state == "running" and time.monotonic() < end:
        installation.poll()
        time.sleep(0.01)
    return installation.state


def stages(installation):
    """The stages of an installation that is run to its end."""
    seen = [installation.stage]
    end = time.monotonic() + HANGS
    while installation.state == "running" and time.monotonic() < end:
        installation.poll()
        if installation.stage != seen[-1]:
            seen.append(installation.stage)
        time.sleep(0.005)
    return seen


def answer(data):
    """What the installed package says."""
    command = [environment_python(data), "-I", "-c", "import tinypkg; print(tinypkg.ANSWER)"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def site_packages(data):
    (folder,) = (data / environment.ENVIRONMENT).glob("lib/python*/site-packages")
    return folder


@pytest.mark.slow
def test_install_continue_after_a_failure_and_uninstall(tmp_path, wheel, lists, pip_options):
    data = tmp_path / "my dätä"
    wrong = make_lists(tmp_path / "wrong", wheel)
    for file in (wrong.wanted, wrong.locked):
        file.write_text(file.read_text().replace("==1.0", "==9.9"))
    failed = install.Installation(data, sys.executable, wrong, pip_options)
    assert finish(failed) == "failed"
    assert "tinypkg==9.9 is not available for this computer" in failed.error
    assert why_not_installed(data, wrong) == "is not installed to the end"

    again = install.Installation(data, sys.executable, lists, pip_options)
    assert "Making the environment" not in stages(again)  # it is kept
    assert again.state == "done" and again.fraction == 1.0
    assert is_installed(data, lists) and answer(data) == "42"
    assert sorted(file.name for file in data.iterdir()) == ["engine-env", "engine-install.lock"]

    lists.locked.write_text(lists.locked.read_text() + "# the next version of the add-on wants something else\n")
    assert why_not_installed(data, lists) == "is that of another version of the add-on"

    assert environment.uninstall(data) and not environment.uninstall(data)
    assert why_not_installed(data, lists) == "is not installed"


def damage_list(folder):
    """Killed after the package's description was written, before the list of its files."""
    (folder / "tinypkg-1.0.dist-info" / "RECORD").unlink()
    (folder / "tinypkg" / "part.py").unlink()


def damage_file(folder):
    """The computer lost its power: the file is there, and empty."""
    (folder / "tinypkg" / "part.py").write_text("")


def damage_content(folder):
    """As long as before."""
    (folder / "tinypkg" / "part.py").write_text("ANSWER = 43\n")


def damage_by_leftovers(folder):
    """Killed while it was replaced: pip has put the former one aside."""
    (folder / "tinypkg").rename(folder / "~inypkg")
    (folder / "tinypkg-1.0.dist-info").rename(folder / "~inypkg-1.0.dist-info")


def damage_description(folder):
    """Killed in the middle of the description."""
    (folder / "tinypkg-1.0.dist-info" / "METADATA").unlink()
    (folder / "tinypkg" / "__init__.py").unlink()


@on_posix
@pytest.mark.parametrize("damage", [damage_list, damage_file, damage_content, damage_by_leftovers, damage_description])
def test_packages_that_a_broken_installation_left_in_part_are_installed_again(data, lists, pip_options, damage):
    """pip itself says "Requirement already satisfied" to most of these, for ever."""
    damage(site_packages(data))
    installation = install.Installation(data, sys.executable, lists, pip_options)
    assert "Making the environment" not in stages(installation)
    assert installation.state == "done", installation.error
    assert answer(data) == "42" and not list(site_packages(data).glob("~*"))


@on_posix
@pytest.mark.slow
def test_an_environment_whose_pip_is_damaged_is_made_anew(data, lists, pip_options):
    (site_packages(data) / "pip" / "__main__.py").write_text("")
    installation = install.Installation(data, sys.executable, lists, pip_options)
    assert "Making the environment" in stages(installation)
    assert installation.state == "done", installation.error
    assert answer(data) == "42" and is_installed(data, lists)


def lose_marker(data):
    """Killed while it was being made."""
    (data / environment.ENVIRONMENT / environment.MADE).unlink()


def damage_marker(data):
    """The computer lost its power."""
    (data / environment.ENVIRONMENT / environment.MADE).write_bytes(b"\xff\xfe")


def lose_python(data):
    """The system's Python was removed."""
    environment_python(data).unlink()


def change_python(data):
    """The system's Python was updated, and looks elsewhere for packages."""
    python = environment_python(data)
    newer = data / "python3.15"
    shutil.copy(python.resolve(), newer)
    python.unlink()
    python.symlink_to(newer)


def put_file(data):
    """A file has its name."""
    shutil.rmtree(data / environment.ENVIRONMENT)
    (data / environment.ENVIRONMENT).write_text("in the way")


@on_posix
@pytest.mark.parametrize("damage", [lose_marker, damage_marker, lose_python, change_python, put_file])
def test_so_is_one_that_was_not_finished_or_has_lost_its_python(tmp_path, lists, damage):
    assert "venv --clear" in run_with_stand_in(tmp_path, lists, damage=damage)[0][0]


@on_posix
def test_one_in_which_nothing_is_damaged_is_gone_on_with(tmp_path, lists):
    calls, installation = run_with_stand_in(tmp_path, lists)
    assert installation.state == "done" and not any("venv" in call for call in calls)


@on_posix
def test_an_environment_whose_python_is_gone_is_not_said_to_be_installed(data, lists):
    """An update of the system removed the Python that it was made with: say so, and not that torch is missing."""
    assert is_installed(data, lists)
    environment_python(data).unlink()
    assert why_not_installed(data, lists) == "has lost the Python that it was installed with"


@pytest.mark.slow
def test_a_package_that_cannot_be_imported_is_not_said_to_be_installed(tmp_path):
    """A compiled library that is missing on this computer, say: known before the first dance."""
    wheel = make_wheel(tmp_path / "packages", "tinypkg", {"tinypkg.py": "import library_that_is_missing\n"})
    lists = make_lists(tmp_path / "lists", wheel)
    data = tmp_path / "data"
    installation = install.Installation(data, sys.executable, lists, options(tmp_path / "packages"))
    assert stages(installation).count("Trying the packages") == 2  # the second time after it was installed again
    assert installation.state == "failed" and not is_installed(data, lists)
    assert "The package tinypkg was installed and cannot be used" in installation.error
    assert "library_that_is_missing" in installation.error
    assert not (data / environment.ENVIRONMENT / environment.MADE).exists()  # the next time begins with a new one


@on_posix
def test_a_package_that_ends_the_program_is_named(tmp_path, lists):
    """A library made for another processor ends Python without a word."""
    script = 'case "$*" in *check_packages*) echo "checking tinypkg"; kill -ILL $$;; esac'
    _, installation = run_with_stand_in(tmp_path, lists, script)
    assert installation.state == "failed"
    assert "The package tinypkg was installed and cannot be used" in installation.error
    assert "ends the program with code -4" in installation.error


@on_posix
def test_a_file_that_was_changed_on_its_way_is_not_installed(data, tmp_path, lists, pip_options):
    """A proxy, a mirror or a damaged download gives another file under the same name."""
    make_wheel(tmp_path / "packages", "tinypkg", {"tinypkg.py": "import os; os.system('touch stolen')\n"})
    shutil.rmtree(site_packages(data) / "tinypkg-1.0.dist-info")
    installation = install.Installation(data, sys.executable, lists, pip_options)
    assert finish(installation) == "failed"
    assert "is not the file that was tested" in installation.error and "tinypkg" in installation.error
    assert answer(data) == "42"  # untouched


@on_posix
def test_nothing_beside_the_blend_or_in_the_users_variables_runs(made, tmp_path, lists, pip_options, monkeypatch):
    """Files with the names of Python's own modules lie in the current directory, on PYTHONPATH and in a home."""
    trap = tmp_path / "scene"
    trap.mkdir()
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'a').write(__file__ + '\\n')\n"
    names = [
        "ensurepip",
        "venv",
        "pip",
        "numpy",
        "engine",
        "sitecustomize",
        "usercustomize",
        "encodings",
        "runpy",
        "os",
    ]
    for name in [*names, "tinypkg", "site", "subprocess", "hashlib", "zipfile", "csv", "importlib", "sysconfig"]:
        (trap / f"{name}.py").write_text(code)
    (trap / "python3.13").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (trap / "python3.13").chmod(0o755)
    (trap / "pip.conf").write_text("[install]\ntarget = elsewhere\nuser = true\n")
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.setenv("PYTHONSTARTUP", str(trap / "os.py"))
    monkeypatch.setenv("PYTHONUSERBASE", str(trap))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(trap / "pip.conf"))
    for name, value in {"USER": "1", "TARGET": str(trap), "REQUIRE_VIRTUALENV": "0", "NO_DEPS": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    monkeypatch.setenv("PIP_REQUIREMENT", str(trap / "absent.txt"))
    data = tmp_path / "data"
    installation = install.Installation(data, "", lists, pip_options)
    assert finish(installation) == "done", (installation.error, installation.lines)
    assert answer(data) == "42"
    assert not trace.exists(), trace.read_text()
    assert not (trap / "elsewhere").exists() and not (trap / "tinypkg").exists()


def test_the_engine_runs_nothing_beside_the_blend(tmp_path, monkeypatch):
    """`python -m engine` in the .blend's folder would run a file `engine.py` or `json.py` that lies there."""
    root, scene, trace = tmp_path / "root", tmp_path / "scene", tmp_path / "trace"
    (root / "engine").mkdir(parents=True)
    (root / "engine" / "__init__.py").write_text("")
    (root / "engine" / "__main__.py").write_text("import json, sys; print(sys.argv[1:], sys.path[0], __package__)\n")
    scene.mkdir()
    for name in ("engine", "json", "runpy", "sitecustomize"):
        (scene / f"{name}.py").write_text(f"open({str(trace)!r}, 'w')\n")
    monkeypatch.setenv("PYTHONPATH", str(scene))
    command = isolation.engine_command(sys.executable, root)
    done = subprocess.run(command, cwd=scene, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"['serve'] {root} engine"
    assert not trace.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks for a process by Linux's means")
def test_cancelling_kills_the_step_and_its_children(tmp_path, lists):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nsleep 60 & echo $!; wait\n")
    python.chmod(0o755)
    installation = install.Installation(tmp_path / "data", str(python), lists)
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


@on_posix
def test_a_step_ends_with_blender(tmp_path):
    """Blender crashes while pip unpacks: a pip that went on alone would fight with the next installation."""
    slow = tmp_path / "slow.py"
    slow.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    command = install_step.step_command(sys.executable, str(slow))
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdin and child.stdout
    assert int(child.stdout.readline()) == child.pid
    child.stdin.close()
    assert child.wait(HANGS) != 0
    child.stdout.close()


@on_posix
def test_pytorch_alone_comes_from_its_own_index_and_everything_else_by_hash(tmp_path, lists, monkeypatch):
    monkeypatch.setattr(install, "wants_cpu_index", lambda settings: True)
    lists.wanted.write_text("torch==1.0\nnumpy==2.0\n")
    assert [line for line in run_with_stand_in(tmp_path, lists)[0] if "pip install" in line] == [
        f"pip install {' '.join(install.PIP)} --require-hashes --only-binary :all: --no-deps -r {lists.locked}",
        f"pip install {' '.join(install.PIP)} --only-binary :all: --no-deps --index-url {install.CPU_INDEX} torch==1.0",
    ]
    monkeypatch.setattr(install, "wants_cpu_index", lambda settings: False)
    last = [line for line in run_with_stand_in(tmp_path, lists)[0] if "pip install" in line][-1]
    assert last.endswith(f"--require-hashes --only-binary :all: --no-deps -r {lists.torch}")


@on_posix
@pytest.mark.parametrize(
    ("complaint", "goes_on"),
    [
        ("ERROR: No matching distribution found for torch==1.0", True),  # also said of an index that is not reached
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", False),
    ],
)
def test_where_pytorchs_own_index_fails_the_public_one_has_it(tmp_path, lists, monkeypatch, complaint, goes_on):
    monkeypatch.setattr(install, "wants_cpu_index", lambda settings: True)
    lists.wanted.write_text("torch==1.0\nnumpy==2.0\n")
    script = f"""case "$*" in *"{install.CPU_INDEX}"*) echo "{complaint}"; exit 1;; esac"""
    calls, installation = run_with_stand_in(tmp_path, lists, script)
    last = [line for line in calls if "pip install" in line][-1]
    assert (f"--no-deps -r {lists.torch}" in last) == goes_on
    assert installation.state == ("done" if goes_on else "failed"), installation.error
    assert goes_on or "There is no space" in installation.error


def run_with_stand_in(tmp_path, lists, script="true", damage=lambda data: None):
    """(the command lines, the installation) of a Python that does nothing but `script`, in an environment that an
    earlier installation left and that was damaged since."""
    data, calls = tmp_path / "stand-in", tmp_path / "calls"
    calls.write_text("")
    base = tmp_path / "base-python"
    base.write_text(f'#!/bin/sh\nshift 5; echo "$@" >> "{calls}"\n{script}\n')
    base.chmod(0o755)
    python = environment_python(data)
    python.parent.mkdir(parents=True, exist_ok=True)
    python.unlink(missing_ok=True)
    python.symlink_to(base)
    (data / environment.ENVIRONMENT / environment.MADE).write_text(str(base.resolve()))
    damage(data)
    installation = install.Installation(data, str(base), lists)
    finish(installation)
    return calls.read_text().splitlines(), installation


@on_posix
def test_a_password_in_pips_settings_is_used_and_not_shown(tmp_path, lists):
    """Companies have proxies and indexes with passwords in their addresses; the panel is often in a screenshot."""
    script = """case "$*" in
        *"config list"*) echo "global.proxy='http://user:secret@proxy'";;
        *"pip install"*) [ "$PIP_PROXY" = "http://user:secret@proxy" ] && echo used;;
    esac"""
    _, installation = run_with_stand_in(tmp_path, lists, script)
    assert "used" in installation.lines and "secret" not in "".join(installation.lines)


@on_posix
@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "no space for"),
        ("ERROR: [Errno 28] Auf dem Gerät ist kein Speicherplatz mehr verfügbar", "no space for PyTorch"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken\nERROR: No matching distribution found for x==1",
         r"No matching distribution found for x==1.*Check the connection"),
        ("ERROR: No matching distribution found for numpy==2.0", r"numpy==2\.0 is not available for this computer"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    numpy==2.0 from https://x/y:",
         r"numpy==2\.0 as downloaded is not the file"),
        ("Traceback\nKeyError: 'x'", r"Downloading packages failed \(KeyError: 'x'\)"),
        ("ERROR: " + "A" * 10_000, r"failed \(A{299}…\)"),
    ],
)  # fmt: skip
def test_what_pip_complains_about_is_one_sentence(output, words, tmp_path):
    outcome = install_step.Outcome(1, tuple(output.splitlines()))
    error = install_errors.explained("Downloading packages", outcome, tmp_path)
    with pytest.raises(InstallError, match=words):
        raise error
    assert "\n" not in str(error) and len(str(error)) < 600


@on_posix
def test_a_full_disk_keeps_what_is_there_and_the_next_try_goes_on(tmp_path, lists):
    script = 'case "$*" in *"pip install"*) echo "[Errno 28] No space left"; exit 1;; esac'
    _, failed = run_with_stand_in(tmp_path, lists, script)
    assert failed.state == "failed" and "GB are free" in failed.error
    assert (tmp_path / "stand-in" / environment.ENVIRONMENT / environment.MADE).exists()


@on_posix
def test_a_failure_that_nobody_understands_begins_with_a_new_environment_the_next_time(tmp_path, lists):
    script = 'case "$*" in *"pip install"*) echo "KeyError: x"; exit 1;; esac'
    calls, failed = run_with_stand_in(tmp_path, lists, script)
    assert failed.state == "failed"
    assert any("venv --clear" in line for line in calls)  # tried at once, since an earlier one had been left
    assert not (tmp_path / "stand-in" / environment.ENVIRONMENT / environment.MADE).exists()


def test_a_python_that_cannot_be_started_fails_in_one_sentence(tmp_path, lists):
    installation = install.Installation(tmp_path / "data", str(tmp_path / "absent"), lists)
    assert finish(installation) == "failed"
    assert "Making the environment failed" in installation.error and "absent" in installation.error


def test_two_blenders_do_not_install_at_the_same_time(tmp_path, lists):
    data = tmp_path / "data"
    with environment.FolderLock(data):
        installation = install.Installation(data, sys.executable, lists)
        assert installation.state == "failed" and "Another Blender is installing" in installation.error
        with pytest.raises(InstallError, match="Another Blender"):
            (data / environment.ENVIRONMENT).mkdir()
            environment.uninstall(data)
    assert environment.uninstall(data)


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
@pytest.mark.parametrize("kind", ["file", "long", "under a file", "null device"])
def test_a_data_folder_that_cannot_be_used_is_one_sentence(tmp_path, lists, kind):
    file = tmp_path / "file"
    file.write_text("in the way")
    data = {
        "file": file,
        "long": tmp_path.joinpath(*["x" * 200] * 30),
        "under a file": file / "data",
        "null device": Path("/dev/null"),
    }[kind]
    installation = install.Installation(data, sys.executable, lists)
    assert installation.state == "failed"
    assert "The data folder" in installation.error and "choose another one" in installation.error
    assert len(installation.error) < 600
    assert not is_installed(data, lists) and not environment.uninstall(data)


def test_a_data_folder_that_may_not_be_written_to_is_one_sentence(tmp_path, lists, monkeypatch):
    """As on a network drive; root, who runs the tests in some places, may write everywhere."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(environment.os, "open", refuse)
    installation = install.Installation(tmp_path / "data", sys.executable, lists)
    assert installation.state == "failed" and "Permission denied" in installation.error


@on_posix
@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("echo PYTHON 3 9 True", "is version 3.9"),
        ("echo PYTHON 3 15 True", "is version 3.15"),
        ("echo PYTHON 3 12 False", "is a 32-bit Python"),
        ("echo hello", "is not a Python"),
        ("echo 'No module named ensurepip' >&2; exit 1", "No module named ensurepip"),
        ("exec sleep 60", "no end after"),
    ],
)
def test_an_unfit_python_is_refused_with_the_reason_and_without_waiting_for_it(
    tmp_path, lists, monkeypatch, reply, problem
):
    """A Python of the system may hang, on a network drive for example: the window goes on meanwhile."""
    python = tmp_path / "bin" / "python3.12"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\n{reply}\n")
    python.chmod(0o755)
    monkeypatch.setattr(install, "candidates", lambda: [str(python), str(tmp_path / "gone")])
    monkeypatch.setattr(install, "_PROBE_SECONDS", 0.3 if "sleep" in reply else HANGS)
    installation = install.Installation(tmp_path / "data", "", lists)
    assert installation.state == "running" and installation.stage == "Looking for a Python"
    assert finish(installation) == "failed"
    assert f"{python} " in installation.error and problem in installation.error
    assert "cannot be run (No such file" in installation.error


def test_pythons_in_the_current_directory_and_a_missing_own_one_are_no_candidates(tmp_path, monkeypatch):
    for folder in ("scene", "bin"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python3.12").write_text("#!/bin/sh\n")
        (tmp_path / folder / "python3.12").chmod(0o755)
    monkeypatch.chdir(tmp_path / "scene")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(tmp_path / "bin")]))
    monkeypatch.setattr(sys, "executable", None)  # as in Debian's Blender without a Python on PATH
    assert find_python.candidates() == [str(tmp_path / "bin" / "python3.12")]


@on_posix
def test_an_installation_ends_with_the_program_that_runs_it(tmp_path, lists):
    """Blender is closed in the middle: nothing goes on downloading."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho $$\nexec sleep 60\n")
    python.chmod(0o755)
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from pathlib import Path
from magma_blender.engine_host.installation.environment import PackageLists
from magma_blender.engine_host.installation.install import Installation
installation = Installation(Path(sys.argv[1]), sys.argv[2], PackageLists(*map(Path, sys.argv[3:])))
while not installation.lines:
    installation.poll()
    time.sleep(0.01)
print(installation.lines[0])
"""
    files = (lists.wanted, lists.locked, lists.torch)
    command = [sys.executable, "-c", code, tmp_path / "data", python, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANGS)
    end = time.monotonic() + 30
    while is_running(int(done.stdout)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_running(int(done.stdout))
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["engine-install.lock"]


def test_other_programs_settings_do_not_reach_other_pythons(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "NUMBA_DISABLE_JIT", "PIP_TARGET", "TORCH_LOGS"):
        monkeypatch.setenv(name, "/blender/python")
    changed = isolation.clean_environment({"PIP_PROXY": "proxy"})
    assert not {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "NUMBA_DISABLE_JIT", "PIP_TARGET"} & set(changed)
    assert changed["PIP_PROXY"] == "proxy" and changed["PATH"] == os.environ["PATH"]


def test_the_lists_of_the_add_on_are_read():
    versions = environment.SHIPPED.versions()
    assert {"torch", "numpy", "librosa"} <= set(versions) and len(environment.SHIPPED.digest()) == 64
    assert all(itertools.chain(versions.values()))
