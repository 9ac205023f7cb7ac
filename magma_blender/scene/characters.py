"""Which character an armature is: what the animator chose for it, and what is found by itself.

What was chosen is one text on the armature object, a property that library overrides keep, so that it goes with the
object wherever that goes; empty as long as nothing was chosen.
"""

from __future__ import annotations

import array
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.compat import armature_of

from ..errors import SceneError

if TYPE_CHECKING:
    from smpl_rig.blender.keyed_character import KeyedCharacter
    from smpl_rig.retarget.finding.find_roles import FoundRoles
    from smpl_rig.retarget.roles import CharacterMap

PROPERTY = "magma_character"
STYLES_HANDS = "style"
HANDS = (
    ("relaxed", "Relaxed", "Fingers bent a little, with a little life"),
    (STYLES_HANDS, "Style's Own", "As the dance's style holds its hands; the checkpoint says how"),
    ("long", "Long", "Fingers drawn out, as in a waltz"),
    ("firm", "Firm", "Fingers stretched and together, as in salsa"),
    ("fists", "Fists", "Fingers closed"),
    ("rest", "At Rest", "Fingers are left alone"),
)
USUAL_HANDS = "relaxed"
_MOST_FOUND = 32
_SAME_PLACE = 0.02
"""Share of a body's size within which a bone is where the mirror image of another one is."""


@dataclass(frozen=True)
class Choices:
    """What was chosen for a character. map: None is what is found. hands: one of `HANDS`. degrees, centimetres: what
    keys may leave of turns and places; 0 for the usual. ik: limbs that IK moves."""

    map: CharacterMap | None = None
    hands: str = USUAL_HANDS
    degrees: float = 0.0
    centimetres: float = 0.0
    ik: tuple[str, ...] = ()


def choices_of(armature: bpy.types.Object) -> Choices:
    """What was chosen; nothing where that cannot be read."""
    from smpl_rig.retarget.roles import CharacterMapError, from_json

    text = getattr(armature, PROPERTY, "")
    if not text:
        return Choices()
    try:
        data = json.loads(text)
        chosen = from_json(data["map"]) if data["map"] else None
        hands = data["hands"] if data["hands"] in {name for name, _, _ in HANDS} else USUAL_HANDS
        ik = known_limbs(data.get("ik"))
        return Choices(chosen, hands, abs(float(data["degrees"])), abs(float(data["centimetres"])), ik)
    except (ValueError, KeyError, TypeError, RecursionError, CharacterMapError):
        return Choices()


def choose(armature: bpy.types.Object, choices: Choices) -> None:
    """Keep what was chosen."""
    from smpl_rig.retarget.roles import to_json

    data = {
        "map": to_json(choices.map) if choices.map is not None else "",
        "hands": choices.hands,
        "degrees": choices.degrees,
        "centimetres": choices.centimetres,
        "ik": choices.ik,
    }
    text = "" if choices == Choices() else json.dumps(data, ensure_ascii=False)
    setattr(armature, PROPERTY, text)


def known_limbs(names: object) -> tuple[str, ...]:
    """Those of some names that are limbs."""
    from smpl_rig.retarget.roles import LIMBS

    return tuple(limb for limb in LIMBS if isinstance(names, list) and limb in names)


def has_ik(armature: bpy.types.Object) -> bool:
    """Whether the limbs of a character have IK that is known, or one is chosen all the same. Raises ArmatureError where
    there are no bones."""
    from smpl_rig.retarget.families import ik_names

    return bool(ik_names(map_of(armature).family) or choices_of(armature).ik)


def check_writable(armature: bpy.types.Object) -> None:
    """Raise SceneError where what is chosen would not be saved."""
    if armature.library is not None:
        raise SceneError(
            f'"{armature.name}" is linked from another file, in which alone it can be changed: make a library override '
            "of it first (Object > Library Override > Make), or open that file."
        )


def mirrored(armature: bpy.types.Object, side: str) -> tuple[CharacterMap, list[str]]:
    """(the character's map with the bones of the other side chosen as the mirror images of those of `side`, the bones
    that have none)."""
    from smpl_rig.retarget.roles import ROLES, SIDES

    character = map_of(armature)
    other = next(each for each in SIDES if each != side)
    missing: list[str] = []
    bones = dict(character.items())
    for role in ROLES:
        if not role.startswith(f"{side}_"):
            continue
        images = [(name, _mirror_image(armature, name)) for name in character.of(role)]
        missing += [name for name, image in images if image is None]
        opposite = f"{other}_{role[2:]}"
        if images and all(image is not None for _, image in images):
            bones[opposite] = tuple(image for _, image in images if image is not None)
        elif not images:
            bones.pop(opposite, None)
    return replace(character, bones=bones), missing


def _mirror_image(armature: bpy.types.Object, name: str) -> str | None:
    """The bone of the other side: by its name, else by its place."""
    import numpy as np

    bones = armature_of(armature).bones
    flipped = bpy.utils.flip_name(name)
    if flipped != name and flipped in bones:
        return flipped
    names = bones.keys()
    if name not in names:
        return None
    heads = np.array([bone.head_local for bone in bones])
    wanted = heads[names.index(name)] * [-1, 1, 1] + [2 * heads[:, 0].mean(), 0, 0]
    away = np.linalg.norm(heads - wanted, axis=1)
    nearest = int(away.argmin())
    return names[nearest] if names[nearest] != name and away[nearest] < _SAME_PLACE * np.ptp(heads) else None


def map_of(armature: bpy.types.Object) -> CharacterMap:
    """The map that a dance would use: the chosen one, else what is found. Raises ArmatureError where there are no
    bones."""
    chosen = choices_of(armature).map
    return chosen if chosen is not None else found(armature).map


def _complete_map(armature: bpy.types.Object) -> CharacterMap:
    """The same. Raises CharacterMapError, which says what is missing, where nobody could dance with it."""
    from smpl_rig.retarget.roles import CharacterMapError, check_map

    chosen = choices_of(armature).map
    if chosen is None and (reason := found(armature).not_humanoid):
        raise CharacterMapError(reason)
    character = map_of(armature)
    check_map(character)
    return character


def keyed(armature: bpy.types.Object, frame: int, former: Collection[str], style_hands: str) -> KeyedCharacter:
    """How a dance that begins at a scene frame is keyed. former: bones of a dance that it replaces. style_hands: how
    the dance's style holds its hands. Raises ArmatureError and CharacterMapError."""
    from smpl_rig.blender.character_keying import keyed_now

    choices = choices_of(armature)
    character, metres = _complete_map(armature), choices.centimetres / 100
    hands = style_hands if choices.hands == STYLES_HANDS else choices.hands
    return keyed_now(armature, character, hands, frame, choices.degrees, metres, former, choices.ik)


def found(armature: bpy.types.Object) -> FoundRoles:
    """What is found by names and structure. Raises ArmatureError where there are no bones. Panels ask at every
    drawing."""
    from smpl_rig.blender.rigs import rig_of
    from smpl_rig.retarget.finding.find_roles import find_roles

    key = _look(armature)
    if key not in _found:
        while len(_found) >= _MOST_FOUND:
            _found.pop(next(iter(_found)))
        _found[key] = find_roles(rig_of(armature))
    return _found[key]


def is_smpl(armature: bpy.types.Object) -> bool:
    """Whether an armature has SMPL's bones and rests in its T-pose, so that nothing has to be retargeted, and no map
    was chosen for it. Raises ArmatureError where its bones cannot be keyed at all."""
    from smpl_rig.blender.armature import ArmatureError, check_armature, check_usable

    check_usable(armature)
    if choices_of(armature).map is not None:
        return False
    key = _look(armature)
    if key not in _smpl:
        while len(_smpl) >= _MOST_FOUND:
            _smpl.pop(next(iter(_smpl)))
        try:
            check_armature(armature)
            _smpl[key] = True
        except ArmatureError:
            _smpl[key] = False
    return _smpl[key]


_found: dict[int, FoundRoles] = {}
_smpl: dict[int, bool] = {}


def _look(armature: bpy.types.Object) -> int:
    """A number that is another one when the bones' names, order or places are."""
    bones = armature_of(armature).bones
    places = array.array("f", bytes(12 * len(bones)))
    bones.foreach_get("head_local", places)
    parents = tuple(bone.parent.name if bone.parent is not None else "" for bone in bones)
    return hash((armature.mode == "EDIT", tuple(bone.name for bone in bones), parents, places.tobytes()))


def description(armature: bpy.types.Object) -> str:
    """What is found of an armature, for people. Raises SceneError that says why it cannot dance."""
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.retarget.finding.find_roles import described
    from smpl_rig.retarget.roles import CharacterMapError

    try:
        if is_smpl(armature):
            return "SMPL"
        character = _complete_map(armature)
        is_found = choices_of(armature).map is None
        return described(found(armature)) if is_found else f"{len(character.names)} bones, as chosen below"
    except (ArmatureError, CharacterMapError) as error:
        raise SceneError(str(error)) from error


def register() -> None:
    """Add the property to objects."""
    bpy.types.Object.magma_character = bpy.props.StringProperty(  # type: ignore[attr-defined,func-returns-value]
        name="Character", override={"LIBRARY_OVERRIDABLE"}, options={"HIDDEN"}
    )


def unregister() -> None:
    """Remove it."""
    del bpy.types.Object.magma_character  # type: ignore[attr-defined]
