"""Which Python runs the engine, on which device, and where its files live."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import bpy

from smpl_rig.blender.context import preferences_of

from .. import paths
from ..errors import SetupError
from .environment import environment_python, why_not_installed
from .find_python import on_path
from .isolation import engine_command

DEVICES = (
    ("auto", "Automatic", "NVIDIA GPU if there is one, then Apple GPU, then the processor"),
    ("cpu", "Processor", "Run on the processor"),
    ("cuda", "NVIDIA GPU", "Run on an NVIDIA graphics card"),
    ("mps", "Apple GPU", "Run on the graphics processor of an Apple computer"),
)


@dataclass(frozen=True)
class EngineSetup:
    """How to run the engine. python: interpreter with its packages. data: folder for environment, log and sounds."""

    python: Path
    device: str
    data: Path

    def command(self) -> list[str]:
        """The engine's command line."""
        return engine_command(self.python, paths.engine_root())

    @property
    def work_folder(self) -> Path:
        """The folder that the engine's process works in: empty, so that it finds no code there."""
        return self.data / "engine-work"

    @property
    def log_file(self) -> Path:
        """Where the engine's stderr goes."""
        return log_file(self.data)


def log_file(data: Path) -> Path:
    """The engine's log in a data folder."""
    return data / "engine.log"


def sound_cache(data: Path) -> Path:
    """The folder of a data folder for sounds that have no file of their own, where none can be kept beside the
    .blend."""
    return data / "sounds"


def spare_sounds() -> Path:
    """`sound_cache` of the present data folder."""
    return sound_cache(data_folder())


class Preferences(Protocol):
    """What the add-on's preferences say about the engine; texts are empty where nothing was chosen."""

    engine_python: str
    device: str
    data_folder: str


def preferences() -> Preferences | None:
    """The add-on's preferences, or None where it was not enabled as an add-on (a script that only imports it)."""
    addon = preferences_of(bpy.context).addons.get(paths.PACKAGE)
    return cast("Preferences | None", addon.preferences) if addon else None


def data_folder() -> Path:
    """The data folder the user chose, or the default one."""
    chosen = preferences()
    if chosen is None or not chosen.data_folder:
        return paths.default_data_folder()
    return Path(bpy.path.abspath(chosen.data_folder))


def find(python: str | None = None, device: str | None = None) -> EngineSetup:
    """The engine as given here or else in the preferences. Raises SetupError when there is no Python for it."""
    chosen = preferences()
    data = data_folder()
    return EngineSetup(
        python=_python(python or (chosen.engine_python if chosen else ""), data),
        device=device or (chosen.device if chosen else "auto"),
        data=data,
    )


def _python(chosen: str, data: Path) -> Path:
    if chosen:
        # not resolved: the python of a virtual environment is a link that must be called by its own name
        path = Path(bpy.path.abspath(os.path.expanduser(chosen)))  # noqa: PTH111
        found = shutil.which(path.absolute()) if path.parent.name or path.is_absolute() else on_path(chosen)
        if found is None:
            raise SetupError(
                f"The engine's Python {path} is not there or cannot be run: correct it in the add-on's preferences, or "
                "clear it and press Install Engine."
            )
        return Path(found).absolute()
    problem = why_not_installed(data)
    if problem is None:
        return environment_python(data)
    checkout = paths.engine_root() / ".venv"
    python = checkout / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.is_file():
        return python
    raise SetupError(
        f"The engine {problem}: press Install Engine in the add-on's preferences, or choose a Python there that has "
        "its packages."
    )


def check_numpy() -> None:
    """Raise SetupError where Blender's Python has no numpy (Debian's package only recommends it)."""
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "Blender's Python has no numpy, which writes the keyframes: install it (on Debian and Ubuntu: sudo apt "
            "install python3-numpy) and start Blender again."
        ) from error


def check_online(what: str, button: str) -> None:
    """Raise SetupError when the user has not allowed Blender to go online (4.2 and later).

    what: the clause that says what needs it. button: the one to press again.
    """
    if not getattr(bpy.app, "online_access", True):
        raise SetupError(
            f"{what}, and Blender is offline: turn on Preferences > System > Network > Allow Online Access, then press "
            f"{button} again."
        )
