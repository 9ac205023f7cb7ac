"""`scene.magma_character`: the target's character as fields of a panel. They hold nothing themselves: what they show is
read from the target, and what is typed goes there."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from collections.abc import Callable
from dataclasses import replace

import bpy

from smpl_rig.blender.compat import armature_of

from . import characters
from .characters import HANDS, Choices
from .scene_settings import settings_of

LAST = "_last"
"""The end of the name of a chain's last bone's field."""


def _choices(fields: bpy.types.PropertyGroup) -> Choices:
    target = target_of_fields(fields)
    return characters.choices_of(target) if target is not None else Choices()


def _choose(fields: bpy.types.PropertyGroup, **values: object) -> None:
    target = target_of_fields(fields)
    if target is not None and target.library is None:
        characters.choose(target, replace(characters.choices_of(target), **values))


def _hands(fields: bpy.types.PropertyGroup) -> int:
    return [name for name, _, _ in HANDS].index(_choices(fields).hands)


def _set_hands(fields: bpy.types.PropertyGroup, value: int) -> None:
    _choose(fields, hands=HANDS[value][0])


IK_LIMBS = (
    ("L_arm", "L Arm", "The left arm is keyed by its hand and a pole"),
    ("R_arm", "R Arm", "The right arm is keyed by its hand and a pole"),
    ("L_leg", "L Leg", "The left leg is keyed by its foot and a pole"),
    ("R_leg", "R Leg", "The right leg is keyed by its foot and a pole"),
)


def _ik(fields: bpy.types.PropertyGroup) -> int:
    chosen = _choices(fields).ik
    return sum(1 << number for number, (limb, _, _) in enumerate(IK_LIMBS) if limb in chosen)


def _set_ik(fields: bpy.types.PropertyGroup, value: int) -> None:
    _choose(fields, ik=tuple(limb for number, (limb, _, _) in enumerate(IK_LIMBS) if value >> number & 1))


class MagmaCharacter(bpy.types.PropertyGroup):
    """The character of the scene's target: a field for the bone of each role, two for chains."""

    hands: bpy.props.EnumProperty(
        name="Hands",
        description="What the fingers do",
        items=HANDS,
        get=_hands,
        set=_set_hands,
    )
    ik: bpy.props.EnumProperty(
        name="IK",
        description="Limbs that are keyed on their IK controls instead of their FK controls",
        options={"ENUM_FLAG"},
        items=IK_LIMBS,
        get=_ik,
        set=_set_ik,
    )
    degrees: bpy.props.FloatProperty(
        name="Degrees",
        description="Sparse keys: how far they may turn a bone from the dance; 0 keeps as many keys as it needs. Legs "
        "and hips, which carry planted feet, are keyed as before",
        min=0.0,
        soft_max=5.0,
        max=45.0,
        precision=2,
        get=lambda self: _choices(self).degrees,
        set=lambda self, value: _choose(self, degrees=value),
    )
    centimetres: bpy.props.FloatProperty(
        name="Centimetres",
        description="Sparse keys: how far they may move what hangs on a bone; 0 keeps as many keys as it needs",
        min=0.0,
        soft_max=5.0,
        max=50.0,
        precision=2,
        get=lambda self: _choices(self).centimetres,
        set=lambda self, value: _choose(self, centimetres=value),
    )


def target_of_fields(fields: bpy.types.PropertyGroup) -> bpy.types.Object | None:
    """The armature whose character the fields are."""
    scene = fields.id_data
    assert isinstance(scene, bpy.types.Scene)
    target: bpy.types.Object | None = settings_of(scene).target
    return target if target is not None and target.type == "ARMATURE" else None


def fields_of(scene: bpy.types.Scene) -> MagmaCharacter:
    """The fields of a scene."""
    fields: MagmaCharacter = scene.magma_character  # type: ignore[attr-defined]  # `register` adds it
    return fields


def chain_of(bones: bpy.types.ArmatureBones, first: str, last: str) -> tuple[str, ...]:
    """The bones from one down to another; the first one alone where that is not below it."""
    if first not in bones or last not in bones:
        return tuple(name for name in (first,) if name)
    line = [last]
    above = bones[last].parent
    while line[-1] != first and above is not None:
        line.append(above.name)
        above = above.parent
    return tuple(reversed(line)) if line[-1] == first else (first,)


def _getter(role: str, at: int) -> Callable[[MagmaCharacter], str]:
    def get(fields: MagmaCharacter) -> str:
        target = target_of_fields(fields)
        if target is None:
            return ""
        try:
            names = characters.map_of(target).of(role)
        except (ValueError, ImportError):  # errors of armatures are; no numpy
            return ""
        return names[at] if names else ""

    return get


def _setter(role: str, at: int) -> Callable[[MagmaCharacter, str], None]:
    def put(fields: MagmaCharacter, name: str) -> None:
        target = target_of_fields(fields)
        if target is None:
            return
        try:
            present = characters.map_of(target)
        except (ValueError, ImportError):
            return
        names = present.of(role)
        if not name:
            wanted: tuple[str, ...] = ()
        elif not names or at == 0 == len(names) - 1:
            wanted = (name,)
        else:
            first, last = (name, names[-1]) if at == 0 else (names[0], name)
            wanted = chain_of(armature_of(target).bones, first, last)
        bones = {other: each for other, each in present.items() if other != role}
        if wanted:
            bones[role] = wanted
        _choose(fields, map=replace(present, bones=bones))

    return put


def is_chain(role: str) -> bool:
    """Whether a role may have several bones in line."""
    from smpl_rig.retarget.roles import FINGER_ROLES, NECK, SPINE

    return role in (SPINE, NECK, *FINGER_ROLES)


def _add_fields() -> None:
    """A field for each role; Blender's older versions look at annotations when the class is registered."""
    from smpl_rig.retarget.roles import BODY_ROLES, FINGER_ROLES, words

    for role in (*BODY_ROLES, *FINGER_ROLES):
        for ending, at in (("", 0), (LAST, -1)) if is_chain(role) else (("", 0),):
            MagmaCharacter.__annotations__[role + ending] = bpy.props.StringProperty(  # type: ignore[func-returns-value]
                name=words(role).capitalize() if not ending else "to",
                description=f"The bone that is the {words(role)}" + (", the last one of several" if ending else ""),
                get=_getter(role, at),
                set=_setter(role, at),
            )


def register() -> None:
    """Add `scene.magma_character`, and the text on objects."""
    characters.register()
    _add_fields()
    bpy.utils.register_class(MagmaCharacter)
    bpy.types.Scene.magma_character = bpy.props.PointerProperty(type=MagmaCharacter)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove them."""
    del bpy.types.Scene.magma_character  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaCharacter)
    # bpy 4.2 as a Python module crashes when definitions with a callback are freed only at the interpreter's end
    MagmaCharacter.__annotations__ = {}
    characters.unregister()
