"""The action that is active in Blender's asset browser, of this file or of a library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from ..errors import SceneError


@dataclass(frozen=True)
class BrowsedAction:
    """An asset. local: the action, where it is of this file. file: the .blend that it is in otherwise."""

    name: str
    local: bpy.types.Action | None
    file: str


def active_action(context: bpy.types.Context) -> BrowsedAction | None:
    """The asset browser's active asset, where the context is an asset browser's and the asset is an action."""
    whole: Any = context
    asset = getattr(whole, "asset", None)  # from 4.0 on
    if asset is not None:
        file = asset.full_library_path
    else:
        asset = getattr(whole, "asset_file_handle", None)
        if asset is None:
            return None
        types: Any = bpy.types
        file = types.AssetHandle.get_full_library_path(asset, whole.asset_library_ref)
    if asset.id_type != "ACTION":
        return None
    return BrowsedAction(asset.name, asset.local_id, file)


@contextlib.contextmanager
def loaded(asset: BrowsedAction) -> Iterator[bpy.types.Action]:
    """The action, appended to this file for as long as it is needed. Raises SceneError where it cannot be read."""
    if asset.local is not None:
        yield asset.local
        return
    libraries: Any = bpy.data.libraries
    try:
        with libraries.load(asset.file) as (there, wanted):
            wanted.actions = [name for name in there.actions if name == asset.name]
    except OSError as error:
        raise SceneError(f"{asset.file} cannot be read: refresh the asset library, or repair its path.") from error
    if not wanted.actions:
        raise SceneError(f'{asset.file} has no action "{asset.name}" any more: refresh the asset library.')
    action = wanted.actions[0]
    try:
        yield action
    finally:
        bpy.data.actions.remove(action)
