"""The first call of librosa's compiled functions waits for those of other processes; later ones do not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from engine.audio.original import compile_lock
from engine.audio.original.compile_lock import first_alone, lock_file


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def locked() -> bool:
    """Whether another process would have to wait."""
    code = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(timeout=0)"
    return (
        subprocess.run([sys.executable, "-c", code, str(lock_file())], check=False, capture_output=True).returncode != 0
    )


def test_only_the_first_call_holds_the_lock() -> None:
    call = first_alone(lambda factor, *, plus: (factor + plus, locked()))
    assert call(2, plus=3) == (5, True)
    assert call(2, plus=4) == (6, False)
    assert not locked()


def test_an_error_releases_the_lock_and_the_next_call_counts_as_the_first() -> None:
    errors = [ValueError("too short"), None]

    @first_alone
    def call() -> bool:
        error = errors.pop(0)
        if error:
            raise error
        return locked()

    with pytest.raises(ValueError, match="too short"):
        call()
    assert not locked()
    assert call()


def test_calls_work_where_files_cannot_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no locks on this file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert first_alone(lambda: 1)() == 1


def test_a_process_that_was_stopped_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_lock, "LONGEST_WAIT", 0.1)
    code = (
        "import sys; from filelock import FileLock;"
        "lock = FileLock(sys.argv[1]); lock.acquire(); print(flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock_file())], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout and holder.stdin
    holder.stdout.readline()
    assert locked() and first_alone(lambda: 1)() == 1
    holder.communicate(b"\n")


def test_calls_work_without_an_account_and_without_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a user id of its own has neither."""

    def refuse(*_: object) -> None:
        raise KeyError("getpwuid(): uid not found: 12345")

    def no_folder() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    if os.name == "posix":
        monkeypatch.setattr("pwd.getpwuid", refuse)
    assert first_alone(lambda: 1)() == 1
    monkeypatch.setattr(tempfile, "gettempdir", no_folder)
    assert first_alone(lambda: 1)() == 1
