"""What went wrong while PyTorch was installed: one sentence or two, and whether going on can help."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
from pathlib import Path

from ...errors import InstallError
from ..engine_process import describe_exit
from ..plain_text import shown
from .install_step import Outcome

AGAIN = "press Install PyTorch again: it continues where it stopped."
LONGEST_REASON = 300
_OUTSIDE = re.compile(
    r"\[Errno (13|30)\]|\[WinError (5|32)\]|Read-only file system|Permission denied|connection|timed out|timeout"
    r"|Name or service|getaddrinfo|Could not fetch|SSL|proxy|Network is|Retrying",
    re.IGNORECASE,
)
"""What pip says when the fault is not in the environment."""
_OFFLINE = re.compile(r"Retrying|Could not fetch|connection", re.IGNORECASE)
_NO_SPACE = re.compile(r"\[Errno (28|122)\]|\[WinError 112\]|No space left|not enough space|Disk quota", re.IGNORECASE)
_OTHER_FILE = re.compile(r"^\s+(\S+) from ", re.MULTILINE)


class StepError(InstallError):
    """A step of the installation failed. is_outside: the environment is not to blame, so going on can help."""

    def __init__(self, message: str, is_outside: bool) -> None:
        super().__init__(message)
        self.is_outside = is_outside


def has_no_space(outcome: Outcome) -> bool:
    """Whether a step failed because the disk is full."""
    return bool(_NO_SPACE.search("\n".join(outcome.lines)))


def explained(title: str, outcome: Outcome, data: Path) -> StepError:
    """The error for a step that did not succeed."""
    output = "\n".join(outcome.lines)
    if has_no_space(outcome):
        return StepError(
            f"There is no space for PyTorch in {data}{_free(data)}: it needs 2 GB, and 8 GB for an NVIDIA GPU. Make "
            f"room or choose another data folder, then {AGAIN}",
            is_outside=True,
        )
    if "DO NOT MATCH" in output:
        found = _OTHER_FILE.search(output.partition("DO NOT MATCH")[2])
        return StepError(
            f"{title} failed: {found[1] if found else 'a package'} as downloaded is not the file that was tested with "
            "this version of the add-on, so it was not installed. The download was damaged, or an index or proxy that "
            f"pip is set up with changes files: check it, then {AGAIN}",
            is_outside=True,
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing and not _OFFLINE.search(output):
        return StepError(
            f"{title} failed: {missing[1]} is not available for this computer ({platform.system()} "
            f"{platform.machine()}) and its Python. PyTorch needs a 64-bit system (on a Mac: an Apple processor and "
            "macOS 14 or later).",
            is_outside=True,
        )
    last = next((line for line in reversed(outcome.lines) if "ERROR" in line), (outcome.lines or ("",))[-1])
    reason = outcome.problem or last.removeprefix("ERROR: ").strip()
    is_killed = outcome.code is not None and outcome.code < 0
    if is_killed or not reason:
        reason = f"it {describe_exit(outcome.code)}"
    return StepError(
        f"{title} failed ({shown(reason, LONGEST_REASON)}). Check the connection and the space on the disk, then "
        f"{AGAIN}",
        is_outside=is_killed or (outcome.code is not None and bool(_OUTSIDE.search(output))),
    )


def unusable_package(name: str, reason: str) -> StepError:
    """The error for a package that cannot be used, although it was installed twice."""
    return StepError(
        f"The package {name} was installed and cannot be used ({shown(reason, LONGEST_REASON)}). Press Install PyTorch "
        "again: it begins with a new environment. If that says the same, this computer lacks what the package needs.",
        is_outside=False,
    )


def unusable_folder(data: Path, error: OSError) -> str:
    """The sentence for a data folder in which nothing can be installed."""
    return (
        f"The data folder {shown(str(data), LONGEST_REASON)} cannot be used ({error.strerror or error}): choose "
        "another one in the add-on's preferences, with 2 GB of free space."
    )


def _free(folder: Path) -> str:
    """The free space on the disk of a folder that may not be there yet, in brackets; nothing where nobody can tell."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            return f" ({shutil.disk_usage(place).free / 1e9:.1f} GB are free)"
    return ""
