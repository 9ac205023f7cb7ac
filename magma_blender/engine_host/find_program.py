"""Programs by name, and only those that the user has put among their programs. Plain Python."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def on_path(name: str) -> str | None:
    """The program of that name in a folder of PATH, and never in the current directory, which is often the .blend's."""
    # "" and "." in PATH are the current directory
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders))
    # on Windows the current directory is searched even if it is not in PATH
    places = {os.path.normcase(Path(folder)) for folder in folders}
    return found if found and os.path.normcase(Path(found).parent) in places else None
