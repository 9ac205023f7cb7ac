"""Maps of characters that the user keeps, one a file in the data folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine_host import engine_setup
from ..errors import SceneError
from .characters import known_limbs

if TYPE_CHECKING:
    from smpl_rig.retarget.roles import CharacterMap

_LARGEST = 1 << 20
_ENDING = ".json"


def folder() -> Path:
    """Where they are; it may not exist yet."""
    return engine_setup.data_folder() / "characters"


def names() -> list[str]:
    """The names of all presets."""
    try:
        return sorted(path.stem for path in folder().glob(f"*{_ENDING}"))
    except OSError:
        return []


def save(name: str, character: CharacterMap, ik: Sequence[str]) -> Path:
    """Keep a map, and the limbs that IK moves, under a name, in place of one that has it. Raises SceneError."""
    from smpl_rig.retarget.roles import to_json

    safe = re.sub(r"[^\w\- .()+]", "_", name.strip()).strip(" .")[:80]
    if not safe:
        raise SceneError("The preset has no name: type one.")
    file = folder() / f"{safe}{_ENDING}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**json.loads(to_json(character)), "ik": list(ik)}, ensure_ascii=False), "utf-8")
    except OSError as error:
        raise SceneError(
            f"The preset {file} cannot be written ({error.strerror}): choose another data folder in the preferences."
        ) from error
    return file


def load(name: str) -> tuple[CharacterMap, tuple[str, ...]]:
    """The map under a name, and the limbs that IK moves. Raises SceneError."""
    from smpl_rig.retarget.roles import CharacterMapError, from_json

    file = folder() / f"{name}{_ENDING}"
    try:
        if file.stat().st_size > _LARGEST:
            raise CharacterMapError("it is no map of a character, but a large file")
        text = file.read_text("utf-8")
        return from_json(text), known_limbs(json.loads(text).get("ik"))
    except (OSError, ValueError) as error:  # CharacterMapError is one, and so is what is no UTF-8
        reason = error.strerror if isinstance(error, OSError) else error
        raise SceneError(f"The preset {file} cannot be read ({reason}): save it again.") from error
