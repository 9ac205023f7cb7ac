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
from .blender_python import engine_commands, none_starts
from .find_program import on_path
from .installation.environment import environment_python, is_installed
from .isolation import engine_command

DEVICES = (
    ("auto", "Automatic", "NVIDIA GPU if there is one, then Apple GPU, then the processor"),
    ("cpu", "Processor", "Run on the processor"),
    ("cuda", "NVIDIA GPU", "Run on an NVIDIA graphics card"),
    ("mps", "Apple GPU", "Run on the graphics processor of an Apple computer"),
)


GPUS = ("cuda", "mps")
"""Those of them that only PyTorch computes on."""


@dataclass(frozen=True)
class EngineSetup:
    """How to run the engine. commands: command lines, the best first. lacks_torch: whether it is known to have no
    PyTorch. data: folder for environment, log and sounds."""

    commands: tuple[tuple[str, ...], ...]
    lacks_torch: bool
    device: str
    data: Path

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
    """The engine as given here or else in the preferences: run by the Python chosen there, else by that of the
    environment with PyTorch, if it is installed, else by Blender's own. Raises SetupError when there is none."""
    chosen = preferences()
    data = data_folder()
    root = paths.engine_root()
    own = python or (chosen.engine_python if chosen else "")
    has_torch = bool(own) or is_installed(data)
    if own:
        commands = [engine_command(_chosen_python(own), root)]
    else:
        # Blender's Python follows, should the environment's not start
        with_torch = [engine_command(environment_python(data), root)] if has_torch else []
        commands = [*with_torch, *engine_commands(root)]
    if not commands:
        check_numpy()
        raise SetupError(none_starts([]))
    return EngineSetup(
        commands=tuple(map(tuple, commands)),
        lacks_torch=not has_torch,
        device=device or (chosen.device if chosen else "auto"),
        data=data,
    )


def _chosen_python(chosen: str) -> Path:
    """The Python that the user names. Raises SetupError where it is not there."""
    # not resolved: the python of a virtual environment is a link that must be called by its own name
    path = Path(bpy.path.abspath(os.path.expanduser(chosen)))  # noqa: PTH111
    found = shutil.which(path.absolute()) if path.parent.name or path.is_absolute() else on_path(chosen)
    if found is None:
        raise SetupError(
            f"The engine's Python {path} is not there or cannot be run: correct it in the add-on's preferences, or "
            "clear it for Blender's own."
        )
    return Path(found).absolute()


def check_device(setup: EngineSetup) -> None:
    """Raise SetupError for a GPU without PyTorch."""
    if setup.device in GPUS:
        label = next(label for name, label, _ in DEVICES if name == setup.device)
        check_torch(setup, f"The device {label}")


def check_torch(setup: EngineSetup, what: str) -> None:
    """Raise SetupError where PyTorch is missing. what: what needs it."""
    if setup.lacks_torch:
        raise SetupError(
            f"{what} needs PyTorch, which is not installed: press Install PyTorch under GPU and Original Checkpoints "
            "in the add-on's preferences."
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
