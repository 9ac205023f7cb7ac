"""The add-on that the zip installed, under the names that its modules have in the repository.

What is tested is what is shipped: `magma_blender.scene.editable`, `smpl_rig.motion` and `engine.choreography` are, in
these tests, the very modules that Blender has loaded from the installed folder, whatever their names are there.
tests/run_blender_tests.py installs the zip and says where.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import blenders

NAME = blenders.from_environment(blenders.NAME_VARIABLE)
"""The add-on's package in this Blender: `magma_blender`, or `bl_ext.user_default.magma_blender` as an extension."""
FOLDER = Path(blenders.from_environment(blenders.FOLDER_VARIABLE)).resolve()
"""Where its files are."""
BUNDLE = FOLDER / "bundle"
REAL_NAMES = {"magma_blender": NAME, "engine": f"{NAME}.bundle.engine", "smpl_rig": f"{NAME}.bundle.smpl_rig"}

_kept: dict[str, ModuleType] = {}
"""The bundle's modules that were loaded, by their real names."""


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = name.partition(".")[0]
        real = REAL_NAMES.get(package)
        if real is None:
            return None
        if real != package:
            return ModuleSpec(name, _Alias(real + name.removeprefix(package)))
        # the legacy add-on has its name in the repository: its folder is found by it, and never the repository's
        return PathFinder.find_spec(name, [str(FOLDER.parent)]) if name == package else None


class _Alias(Loader):
    """Gives the module of another name."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put the other name's in its place


def use() -> None:
    """From now on, the repository's names mean the installed modules."""
    sys.meta_path.insert(0, _Finder())


def enable() -> Any:
    """Enable the add-on, which loads its modules again: the names mean the new ones. Gives its preferences.

    Those of the bundle know nothing of Blender's state, and to load them again would be a part of the time of most
    tests: they are kept.
    """
    import addon_utils
    import bpy

    sys.modules.update(_kept)
    addon_utils.enable(NAME, default_set=True)
    for name in list(sys.modules):
        package = name.partition(".")[0]
        if REAL_NAMES.get(package, package) != package:
            del sys.modules[name]
    return bpy.context.preferences.addons[NAME].preferences


def disable() -> None:
    """Disable it: it drops all its modules."""
    import addon_utils

    _kept.update({name: module for name, module in sys.modules.items() if name.startswith(f"{NAME}.bundle")})
    addon_utils.disable(NAME, default_set=True)


def loaded_from_the_repository() -> list[str]:
    """Modules of ours that are loaded and do not come from the installed folder."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        ours = file and any(Path(file).resolve().is_relative_to(blenders.ROOT / package) for package in REAL_NAMES)
        if ours or (name.partition(".")[0] in REAL_NAMES and not _is_installed(module)):
            found.append(f"{name}: {file}")
    return found


def _is_installed(module: ModuleType) -> bool:
    places = [module.__file__] if getattr(module, "__file__", None) else list(getattr(module, "__path__", []))
    return bool(places) and all(Path(str(place)).resolve().is_relative_to(FOLDER) for place in places)
