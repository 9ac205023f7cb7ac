"""Starting the engine with the first of several Pythons that can run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .blender_python import none_starts
from .client_errors import EngineNotFound
from .engine_log import EngineLog
from .engine_process import EngineProcess


class Launcher:
    """Starts engine processes; see `EngineProcess`. commands: command lines, of which the first that works is kept.

    Whether one works shows when it answers `hello`, so nothing is tried beforehand.
    """

    def __init__(
        self, commands: Sequence[Sequence[str]], folder: Path, log: EngineLog, environment: Mapping[str, str]
    ) -> None:
        self._commands = commands
        self._folder = folder
        self._log = log
        self._environment = environment
        self._place = 0
        self._problems: list[str] = []

    @property
    def python(self) -> str:
        """The program of the command line that is used now."""
        return self._commands[self._place][0]

    @property
    def has_several(self) -> bool:
        """Whether there are more command lines than one."""
        return len(self._commands) > 1

    def start(self) -> EngineProcess:
        """A new process. Raises EngineNotFound where no command line starts one."""
        while True:
            try:
                return EngineProcess(list(self._commands[self._place]), self._folder, self._log, self._environment)
            except EngineNotFound as error:
                if not self.pass_on(error.reason):
                    raise self.error(error) from error

    def pass_on(self, reason: str) -> bool:
        """Say that the present command line does not work; whether there is another. reason: what is wrong with it, the
        end of a sentence."""
        self._problems.append(f"{self.python} {reason}")
        if self._place + 1 < len(self._commands):
            self._place += 1
            return True
        return False

    def error(self, last: EngineNotFound | None = None) -> EngineNotFound:
        """The error after the last one did not work, and from the first on again. last: why it did not, where there
        was only one."""
        problems, self._problems, self._place = self._problems, [], 0
        return last if last is not None and not self.has_several else EngineNotFound(none_starts(problems))
