"""Installing PyTorch and what goes with it into an environment of their own. Plain Python: runs without Blender.

The packages go into a virtual environment in the data folder, none into Blender's own Python. Every step is a child
process that `poll` follows, so the window is never blocked.

An installation may be broken off at any moment, by Cancel, a crash, a full disk or a kill: the next one goes on. It
knows by a marker whether there is an environment with a working pip, removes packages that are there in part, and says
"installed" only after each package was used once. What it cannot mend, it makes new; see `environment` for the files.
"""

from __future__ import annotations

import atexit
import shutil
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

from ...errors import InstallError
from ..isolation import isolated
from .environment import (
    ENVIRONMENT,
    INSTALLED,
    MADE,
    SHIPPED,
    WORK_FOLDER,
    FolderLock,
    PackageLists,
    base_of,
    drop_markers,
    environment_python,
    marked_installed,
    write_marker,
)
from .find_python import candidates, none_found, probe, problem_with
from .install_errors import StepError, explained, has_no_space, unusable_folder, unusable_package
from .install_step import Outcome, RunningStep, Step, step_command
from .pip_settings import as_variables, followed_settings, own_variables

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index, for PyTorch alone: the Python Package Index's build for Linux brings 2 GB of CUDA libraries.
Where this index cannot be reached, that build is taken all the same.

Its files are pinned by version only: the index serves a build a Python version and system, and none of their hashes
stand in the lock, which is made of what the Python Package Index publishes. All other packages are locked by hash.
"""
KEPT_LINES = 200
PIP = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-warn-script-location")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
"""Nothing but the very files that were tested, all of which the lock names, and no package's own code runs while it is
installed."""
_PROBE_SECONDS = 20.0
_HANGS = 900.0
"""Seconds after which a step that needs no network counts as hanging, however slow the computer is."""
_HERE = Path(__file__).resolve().parent

Steps = Generator[Step, Outcome, None]


class Installation:
    """One run of the installer.

    state: 'running', 'done', 'failed' or 'cancelled'. fraction: 0..1. stage: what it is doing. lines: the last output.
    python: the one to make the environment with; empty for the first good one. pip_options: for every pip.
    """

    def __init__(
        self, data: Path, python: str = "", lists: PackageLists = SHIPPED, pip_options: Sequence[str] = ()
    ) -> None:
        self.state = "running"
        self.stage = "Preparing"
        self.fraction = 0.0
        self.lines: list[str] = []
        self.error = ""
        self._data = data
        self._python = python
        self._lists = lists
        self._pip_options = pip_options
        self._step: RunningStep | None = None
        self._lock: FolderLock | None = None
        self._steps = self._run()
        atexit.register(self.cancel)
        try:
            self._open()
        except InstallError as error:
            self._end("failed", str(error))
        except OSError as error:
            self._end("failed", unusable_folder(self._data, error))
        else:
            self._go_on(None)

    def poll(self) -> None:
        """Read the output so far; start the next step when one has ended. Never blocks."""
        while self.state == "running" and self._step is not None:
            new, outcome = self._step.poll()
            for line in new:
                self.lines = [*self.lines, line][-KEPT_LINES:]
                self._advance(line)
            if outcome is None:
                return
            self._step = None
            self._go_on(outcome)

    def cancel(self) -> None:
        """Stop it now. What was downloaded stays for the next time."""
        if self.state == "running":
            self._end("cancelled", "")

    # -- the run ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Prepare the folders. Raises InstallError, OSError."""
        self._lock = FolderLock(self._data)
        folder = self._data / WORK_FOLDER
        shutil.rmtree(folder, ignore_errors=True)  # what a killed installation left: gigabytes, unpacked in part
        folder.mkdir(exist_ok=True)
        environment = self._data / ENVIRONMENT
        if environment.is_file():
            environment.unlink()
        drop_markers(self._data, INSTALLED)

    def _go_on(self, outcome: Outcome | None) -> None:
        """Run on to the next step. outcome: how the one before ended, None at the beginning."""
        try:
            following = next(self._steps) if outcome is None else self._steps.send(outcome)
        except StopIteration:
            self._end("done", "")
        except InstallError as error:
            self._end("failed", str(error))
        except OSError as error:
            self._end("failed", unusable_folder(self._data, error))
        else:
            assert self._lock is not None
            self.stage, self.fraction = following.title, following.share
            self._step = RunningStep(following, self._data / WORK_FOLDER, self._lock.descriptor)

    def _end(self, state: str, error: str) -> None:
        atexit.unregister(self.cancel)
        self.state, self.error = state, error
        if state == "done":
            self.stage, self.fraction = "Installed", 1.0
        if self._step is not None:
            self._step.kill()
            self._step = None
        if self._lock is not None:
            shutil.rmtree(self._data / WORK_FOLDER, ignore_errors=True)
            self._lock.open()
            self._lock = None

    def _advance(self, line: str) -> None:
        """Move the bar a little nearer to the end for each package that pip names: it does not say how much is left."""
        if line.startswith(("Collecting ", "Installing collected", "Requirement already", "checking ")):
            self.fraction += (0.98 - self.fraction) * 0.04

    def _run(self) -> Steps:
        """All steps. Raises InstallError, OSError."""
        goes_on = yield from self._can_go_on()
        if not goes_on:
            yield from self._make_environment()
        try:
            try:
                yield from self._fill()
            except StepError as error:
                if not goes_on or error.is_outside:
                    raise
                # what an earlier installation left is damaged in a way that mending does not know
                yield from self._make_environment()
                yield from self._fill()
        except StepError as error:
            if not error.is_outside:
                drop_markers(self._data, MADE)  # going on would fail in the same way for ever
            raise
        write_marker(self._data, INSTALLED, marked_installed(self._data, self._lists))

    def _can_go_on(self) -> Generator[Step, Outcome, bool]:
        """Whether an earlier installation left an environment to go on with; packages that are there in part go."""
        base = base_of(self._data)
        try:
            made_by = (self._data / ENVIRONMENT / MADE).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        if base is None or made_by != str(base):
            return False
        outcome = yield Step("Looking at the environment", 0.0, self._repair(), _HANGS)
        return outcome.code == 0

    def _make_environment(self) -> Steps:
        python = self._python or (yield from self._find_python())
        folder = str(self._data / ENVIRONMENT)
        title = "Making the environment"
        # pip is put in by a step of its own: venv would start a Python that is not isolated for it
        yield from _succeed(
            Step(title, 0.01, step_command(python, "venv", "--clear", "--without-pip", folder), _HANGS), self._data
        )
        own = environment_python(self._data)
        yield from _succeed(Step(title, 0.04, step_command(own, "ensurepip", "--default-pip"), _HANGS), self._data)
        write_marker(self._data, MADE, str(base_of(self._data)))

    def _find_python(self) -> Generator[Step, Outcome, str]:
        problems = []
        for candidate in candidates():
            outcome = yield Step("Looking for a Python", 0.0, probe(candidate), _PROBE_SECONDS)
            problem = problem_with(outcome)
            if problem is None:
                return candidate
            problems.append(f"{candidate} {problem}")
        raise InstallError(none_found(problems))

    def _fill(self) -> Steps:
        """Install the packages and use each; those that fail are installed once more."""
        own = environment_python(self._data)
        listing = isolated(own, "-m", "pip", "config", "list", "--no-input")
        listed = yield Step("Reading pip's settings", 0.08, listing, _HANGS, own_variables(), is_secret=True)
        settings = followed_settings(listed.lines if listed.code == 0 else ())
        yield from self._install(settings)
        broken = yield from self._check()
        if broken:
            yield from _succeed(Step("Removing what does not work", 0.9, self._repair(*broken), _HANGS), self._data)
            yield from self._install(settings)
            broken = yield from self._check()
        for name, reason in broken.items():
            raise unusable_package(name, reason)

    def _install(self, settings: dict[str, str]) -> Steps:
        pip = [*step_command(environment_python(self._data), "pip", "install", *PIP), *self._pip_options]
        locked, torch = str(self._lists.locked), str(self._lists.torch)
        variables = as_variables(settings)
        # those that PyTorch needs too come from here, so that the next step finds them
        yield from _succeed(
            Step("Downloading packages", 0.1, [*pip, *LOCKED, "-r", locked], variables=variables), self._data
        )
        version = self._lists.versions().get("torch")
        if version is None:
            return
        if wants_cpu_index(settings):
            source = ["--only-binary", ":all:", "--no-deps", "--index-url", CPU_INDEX, f"torch=={version}"]
            outcome = yield Step("Downloading PyTorch", 0.5, [*pip, *source], variables=variables)
            if outcome.code == 0:
                return
            if has_no_space(outcome):
                raise explained("Downloading PyTorch", outcome, self._data)
        source = [*LOCKED, "-r", torch]
        yield from _succeed(Step("Downloading PyTorch", 0.5, [*pip, *source], variables=variables), self._data)

    def _check(self) -> Generator[Step, Outcome, dict[str, str]]:
        """Use each package once: what is wrong with those that fail."""
        names = list(self._lists.versions())
        command = step_command(environment_python(self._data), str(_HERE / "check_packages.py"), *names)
        outcome = yield Step("Trying the packages", 0.9, command, _HANGS)
        broken = {}
        for line in outcome.having("BROKEN "):
            name, _, reason = line.partition(" ")
            broken[name] = reason
        if not broken and outcome.code != 0:
            last = (outcome.having("checking ") or names)[-1]
            broken[last] = outcome.problem or f"it ends the program with code {outcome.code}"
        return broken

    def _repair(self, *names: str) -> list[str]:
        """The command line that removes what is damaged, and the named packages."""
        return step_command(environment_python(self._data), str(_HERE / "repair_packages.py"), *names)


def _succeed(wanted: Step, data: Path) -> Steps:
    """Run a step. Raises StepError where it fails."""
    outcome = yield wanted
    if outcome.code != 0:
        raise explained(wanted.title, outcome, data)


def wants_cpu_index(settings: dict[str, str]) -> bool:
    """Whether PyTorch comes from its CPU index: on Linux, where the Python Package Index has the build for CUDA only,
    without an NVIDIA GPU. Who has set up an index of their own often cannot reach another, and keeps it."""
    if not sys.platform.startswith("linux") or "index-url" in settings or "no-index" in settings:
        return False
    return shutil.which("nvidia-smi") is None
