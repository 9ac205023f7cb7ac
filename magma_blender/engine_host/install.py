"""The engine's own Python environment: installing and removing it. Plain Python: runs without Blender.

The packages listed in `engine_requirements.txt` go into a virtual environment in the data folder, none into Blender's
own Python. The steps run as child processes; a reader thread puts their output into a queue that `poll` empties, so the
window is never blocked. An interrupted installation continues where it was: environment and pip's cache are kept.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InstallError
from .environment import clean_environment

REQUIREMENTS = Path(__file__).resolve().parents[1] / "engine_requirements.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index, for PyTorch alone: PyPI's build for Linux brings 2 GB of CUDA libraries."""
OLDEST = (3, 11)
ENVIRONMENT = "engine-env"
MARKER = "magma-installed.txt"
KEPT_LINES = 200

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_PROBE = "import ensurepip, sys, venv; print(*sys.version_info[:2], sys.maxsize > 2**32)"


@dataclass(frozen=True)
class Step:
    """One child process of the installation. share: part of the whole, 0..1, where it starts."""

    title: str
    command: list[str]
    share: float


def environment_python(data: Path) -> Path:
    """The interpreter of the engine's environment in the data folder, there or not."""
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return data / ENVIRONMENT / inside


def is_installed(data: Path, requirements: Path = REQUIREMENTS) -> bool:
    """Whether the environment is complete and has the packages this version of the add-on wants."""
    marker = data / ENVIRONMENT / MARKER
    try:
        return environment_python(data).is_file() and marker.read_text(encoding="utf-8") == _digest(requirements)
    except OSError:
        return False


def uninstall(data: Path) -> bool:
    """Remove the environment; False when there was none. Raises InstallError when it cannot be removed."""
    folder = data / ENVIRONMENT
    if not folder.exists():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InstallError(f"{folder} cannot be removed ({error.strerror}): close programs that use it.") from error
    return True


def find_python(chosen: str = "") -> str:
    """An interpreter that can make the environment: the chosen one, or the first good one on this computer.

    Raises InstallError, with what was wrong with each that was tried.
    """
    candidates = [chosen] if chosen else _candidates()
    problems = []
    for candidate in candidates:
        problem = _problem_with(candidate)
        if problem is None:
            return candidate
        problems.append(f"{candidate} {problem}")
    tried = "; ".join(problems) or "none was found"
    raise InstallError(
        f"No Python {OLDEST[0]}.{OLDEST[1]} or newer to build the engine's environment with ({tried}): install Python "
        "from python.org or your system's packages (on Debian and Ubuntu: sudo apt install python3-venv)."
    )


def _candidates() -> list[str]:
    names = ["python3.13", "python3.12", "python3.11", "python3", "python"]
    found = [path for name in names if (path := shutil.which(name))]
    # Blender's own interpreter comes last: it can make an environment, which is a folder of its own
    return list(dict.fromkeys([*found, sys.executable]))


def _problem_with(python: str) -> str | None:
    try:
        answer = subprocess.run(
            [python, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=clean_environment({"PYTHONUNBUFFERED": "1"}),
            creationflags=_NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"cannot be run ({error})"
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"cannot make environments ({reason})"
    try:
        major, minor, wide = answer.stdout.split()
        if (int(major), int(minor)) < OLDEST:
            return f"is version {major}.{minor}"
    except ValueError:
        return "is not a Python"
    return None if wide == "True" else "is a 32-bit Python"


def torch_source() -> list[str]:
    """pip's options for PyTorch: its CPU index, but PyPI, whose build for Linux has CUDA, next to an NVIDIA GPU."""
    has_cuda = sys.platform.startswith("linux") and shutil.which("nvidia-smi") is not None
    return [] if has_cuda else ["--index-url", CPU_INDEX]


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


class Installation:
    """One run of the installer.

    state: 'running', 'done', 'failed' or 'cancelled'. fraction: 0..1. stage: what it is doing. lines: the last output.
    """

    def __init__(
        self, data: Path, python: str, requirements: Path = REQUIREMENTS, pip_options: Sequence[str] | None = None
    ) -> None:
        self.state = "running"
        self.stage = ""
        self.fraction = 0.0
        self.lines: list[str] = []
        self.error = ""
        self._data = data
        self._requirements = requirements
        self._process: subprocess.Popen[str] | None = None
        self._output: queue.Queue[str | None] = queue.Queue()
        self._steps = self._plan(python, pip_options)
        atexit.register(self.cancel)
        self._begin_next()

    def _plan(self, python: str, pip_options: Sequence[str] | None) -> list[Step]:
        own = str(environment_python(self._data))
        pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        steps = []
        torch = [
            line for line in self._requirements.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")
        ]
        if torch:
            index = torch_source() if pip_options is None else pip_options
            steps.append(Step("Downloading PyTorch", [*pip, *index, *torch], 0.1))
        steps.append(
            Step(
                "Downloading packages",
                [*pip, *(pip_options or ()), "-r", str(self._requirements)],
                0.5 if torch else 0.1,
            )
        )
        if not self._environment_works():
            steps.insert(0, Step("Making the environment", [python, "-m", "venv", "--clear", self._folder()], 0.0))
        return steps

    def _folder(self) -> str:
        return str(self._data / ENVIRONMENT)

    def _environment_works(self) -> bool:
        """Whether an interrupted installation left an environment to continue with."""
        own = environment_python(self._data)
        return own.is_file() and _problem_with(str(own)) is None

    def _begin_next(self) -> None:
        if not self._steps:
            self._finish()
            return
        step = self._steps.pop(0)
        self.stage, self.fraction = step.title, step.share
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            self._process = subprocess.Popen(
                step.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=clean_environment({"PYTHONUNBUFFERED": "1"}),
                cwd=self._data,
                creationflags=_NO_WINDOW,
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"{step.title} failed: {error.strerror or error} ({error.filename or step.command[0]}).")
            return
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._output.put(line.rstrip())
        self._output.put(None)

    def poll(self) -> None:
        """Read the output so far; start the next step when one has ended. Never blocks."""
        while self.state == "running":
            try:
                line = self._output.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self._end_step()
            elif line:
                self.lines = [*self.lines, line][-KEPT_LINES:]
                self._advance(line)

    def _advance(self, line: str) -> None:
        """Move the bar a little nearer to the end for each package that pip names: it does not say how much is left."""
        if line.startswith(("Collecting ", "Installing collected", "Requirement already")):
            self.fraction += (0.98 - self.fraction) * 0.04

    def _end_step(self) -> None:
        assert self._process is not None
        code = self._process.wait()
        if code == 0:
            self._begin_next()
            return
        last = next((line for line in reversed(self.lines) if "ERROR" in line), (self.lines or ["no output"])[-1])
        self._fail(
            f"{self.stage} failed ({last.removeprefix('ERROR: ')}). Check the connection and the space on the disk, "
            "then press Install Engine again: it continues where it stopped."
        )

    def _finish(self) -> None:
        marker = self._data / ENVIRONMENT / MARKER
        try:
            marker.write_text(_digest(self._requirements), encoding="utf-8")
        except OSError as error:
            self._fail(f"{marker} cannot be written ({error.strerror}): choose another data folder.")
            return
        self.state, self.stage, self.fraction = "done", "Installed", 1.0

    def _fail(self, message: str) -> None:
        self.state, self.error = "failed", message

    def cancel(self) -> None:
        """Stop it now. What was downloaded stays for the next time."""
        atexit.unregister(self.cancel)
        if self.state != "running":
            return
        self.state = "cancelled"
        if self._process is not None and self._process.poll() is None:
            _kill_group(self._process)


def _kill_group(process: subprocess.Popen[str]) -> None:
    """End a child and its own children (pip runs build processes)."""
    if os.name == "nt":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=5)
