"""Which bone is what: found on the skeletons of many programs, whatever they are called and however they are built."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.characters.made_rigs import Naming, build, rig_of, shuffled_rig, turned, without
from benchmarks.characters.namings import NAMINGS, limbs
from smpl_rig.retarget.families import control_settings
from smpl_rig.retarget.find_roles import FoundRoles, described, find_roles
from smpl_rig.retarget.rig import Rig

FIXTURES = sorted((Path(__file__).parent / "rigs").glob("*.json"))
NAMES_NEEDED = {"rigify_control", "makehuman_bvh"}
"""Control rigs are told by names; in MakeHuman's BVH every joint has a double, which only its name tells."""
NOT_BY_SHAPE = {
    "cmu": {"L_thumb", "R_thumb", "L_index", "R_index"},
    "kaykit": {"L_hand", "R_hand"},
    "rigify_metarig": {"spine", "neck"},
    "robot_expressive": {
        "hips",
        "spine",
        *(f"{side}_{part}" for side in "LR" for part in ("thumb", "index", "middle", "ring", "shoulder", "upper_arm")),
    },
}
"""Roles that names tell and shape does not: mittens, a second wrist, where a neck begins, palms without a hand, a
collar bone at the shoulder."""
CONTROL_RIGS = {"Auto-Rig Pro"}


def real(file: Path) -> tuple[Rig, dict[str, Any]]:
    """A rig of the folder `rigs`, and what is in its file."""
    data = json.loads(file.read_text(encoding="utf-8"))
    count = len(data["names"])
    rest = np.tile(np.eye(4), (count, 1, 1))
    rest[:, :3, 3] = data["heads"]
    yes = np.ones(count, bool)
    deforms = np.array([sign == "1" for sign in data["deforms"]])
    rig = Rig(
        tuple(data["names"]),
        tuple(data["parents"]),
        rest,
        np.eye(4),
        deforms,
        yes,
        yes,
        ~yes,
        own_map=data.get("own_map", {}),
    )
    return rig, data | {"roles": {role: tuple(bones) for role, bones in data["roles"].items()}}


@pytest.mark.parametrize("program", NAMINGS)
def test_roles_are_found_by_the_names_of_programs(program: str) -> None:
    naming = NAMINGS[program]
    found = find_roles(build(naming))
    assert dict(found.map.items()) == naming.roles()
    assert found.map.family == naming.family
    assert not found.not_humanoid


def names_only(parents: dict[str, str], places: dict[str, tuple[float, float, float]]) -> FoundRoles:
    return find_roles(rig_of(parents, places))


def test_a_dog_is_no_humanoid() -> None:
    """Whether its front legs are called legs or arms, or nothing at all."""
    places = {"hips": (0.0, 0.5, 0.5), "spine": (0.0, 0.2, 0.5), "chest": (0.0, -0.1, 0.5), "neck": (0.0, -0.3, 0.55)}
    parents = {"hips": "", "spine": "hips", "chest": "spine", "neck": "chest"}
    places |= {"head": (0.0, -0.5, 0.7), "tail": (0.0, 0.6, 0.5)}
    parents |= {"head": "neck", "tail": "hips"}
    for side, x in (("L", 0.1), ("R", -0.1)):
        for (y, root), limb in (
            ((0.5, "hips"), ("thigh", "shin", "foot")),
            ((-0.1, "chest"), ("upper_arm", "forearm", "hand")),
        ):
            for number, part in enumerate(limb):
                name = f"{part}.{side}"
                places[name] = (x, y + 0.03 * (number == 1), 0.48 - 0.22 * number)
                parents[name] = f"{limb[number - 1]}.{side}" if number else root
    assert "four legs" in names_only(parents, places).not_humanoid
    legs = {
        name: name.replace("upper_arm", "front_thigh").replace("forearm", "front_shin").replace("hand", "front_foot")
        for name in parents
    }
    renamed = {legs[name]: legs.get(parent, "") for name, parent in parents.items()}
    assert find_roles(rig_of(renamed, {legs[name]: place for name, place in places.items()})).not_humanoid
    numbers = {name: f"Bone.{number:03d}" for number, name in enumerate(parents)} | {"": ""}
    unnamed = {numbers[name]: numbers[parent] for name, parent in parents.items()}
    assert find_roles(rig_of(unnamed, {numbers[name]: place for name, place in places.items()})).not_humanoid


def test_a_car_and_an_armature_without_bones_are_no_humanoids() -> None:
    wheels = {
        f"wheel_{end}_{side}": (x, y, 0.3)
        for end, y in (("front", -1.2), ("rear", 1.3))
        for side, x in (("L", 0.8), ("R", -0.8))
    }
    parents = {"body": "", "steering": "body", "door_L": "body", "door_R": "body", **dict.fromkeys(wheels, "body")}
    places = {
        "body": (0, 0, 0.6),
        "steering": (0.3, -0.2, 1.0),
        "door_L": (0.9, 0, 0.7),
        "door_R": (-0.9, 0, 0.7),
        **wheels,
    }
    assert (
        names_only(parents, places).not_humanoid == "This armature has neither arms nor legs that could be recognised."
    )
    assert find_roles(rig_of({}, {})).not_humanoid == "This armature has no bones."


def test_a_person_without_legs_and_one_without_a_shin_are_said() -> None:
    whole = build(NAMINGS["Mixamo"])
    found = find_roles(without(whole, "Leg", "Foot", "Toe"))
    assert found.not_humanoid == "This armature has no legs that could be recognised."
    assert "no left thigh" in described(found)
    stump = find_roles(without(whole, "LeftLeg", "LeftFoot", "LeftToe"))
    assert stump.map.missing == ("L_shin", "L_foot")
    assert described(stump) == "Mixamo, 19 of 22 bones, 30 fingers, no left shin and no left foot"


def test_what_was_found_is_described_in_a_line() -> None:
    assert described(find_roles(build(NAMINGS["Mixamo"]))) == "Mixamo, 22 of 22 bones, 30 fingers"
    assert described(find_roles(rig_of({}, {}))) == "no human bones"


@pytest.mark.parametrize("file", FIXTURES, ids=lambda path: path.stem)
def test_roles_are_found_on_real_rigs(file: Path) -> None:
    rig, wanted = real(file)
    found = find_roles(rig)
    assert dict(found.map.items()) == wanted["roles"]
    assert found.map.family == wanted["family"]
    assert not found.not_humanoid


@pytest.mark.parametrize(
    "file", [file for file in FIXTURES if file.stem not in NAMES_NEEDED], ids=lambda path: path.stem
)
def test_roles_are_found_by_shape_where_names_say_nothing(file: Path) -> None:
    """However the character is turned, and whatever the order of bones."""
    rig, wanted = real(file)
    shuffled = shuffled_rig(rig, random.Random(file.stem), [f"Bone.{number:03d}" for number in range(len(rig.names))])
    for turn in (0.0, 1.1):
        found = find_roles(turned(shuffled.rig, turn))
        roles = {role: tuple(shuffled.names[bone] for bone in bones) for role, bones in found.map.items()}
        assert {role: roles.get(role) for role in wanted["roles"] if role not in NOT_BY_SHAPE.get(file.stem, ())} == {
            role: bones for role, bones in wanted["roles"].items() if role not in NOT_BY_SHAPE.get(file.stem, ())
        }
        assert "names of the bones say nothing" in found.doubts[0]
        assert found.map.family == ""


SEPARATORS = (".", "_", "-", " ")


@settings(max_examples=30, deadline=None)
@given(
    program=st.sampled_from(sorted(NAMINGS)),
    change=st.sampled_from([str, str.upper, str.lower]),
    separator=st.sampled_from([None, *SEPARATORS]),
    before=st.sampled_from(["", "Hero_", "Armature|", "ns:", "npc07 ", "x_"]),
    after=st.sampled_from(["", "_Hero", ".rig"]),
    seed=st.integers(0, 99),
)
def test_case_separators_prefixes_and_order_do_not_matter(
    program: str, change: Callable[[str], str], separator: str | None, before: str, after: str, seed: int
) -> None:
    naming = NAMINGS[program]
    if program in CONTROL_RIGS:
        change, separator, before, after = str, None, "", ""  # recognised by whole names

    def renamed(name: str) -> str:
        for each in SEPARATORS if separator else ():
            name = name.replace(each, separator or "")
        return before + change(name) + after

    rig = build(naming)
    shuffled = shuffled_rig(rig, random.Random(seed), [renamed(name) for name in rig.names])
    found = find_roles(shuffled.rig)
    roles = {role: tuple(shuffled.names[bone] for bone in bones) for role, bones in found.map.items()}
    assert roles == naming.roles()


@pytest.mark.parametrize(
    "pattern", ["{s}{part}", "{part}{s}", "{s}_{part}", "{part}.{s}", "x {s} {part}", "{part}_{s}_jnt"]
)
@pytest.mark.parametrize(
    "sides",
    [("L", "R"), ("l", "r"), ("Left", "Right"), ("LEFT", "RIGHT"), ("lft", "rgt"), ("izq", "der"), ("左", "右")],
)
def test_sides_may_stand_anywhere_in_many_languages(pattern: str, sides: tuple[str, str]) -> None:
    words = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toe")
    naming = Naming("", {"hips": ("Hips",), "spine": ("Spine",), "head": ("Head",)}, limbs(pattern, *words), sides)
    assert dict(find_roles(build(naming)).map.items()) == naming.roles()


@pytest.mark.parametrize(
    ("spine", "neck", "dropped"), [(1, 0, ("shoulder", "toes")), (2, 1, ()), (8, 3, ("hand",)), (5, 2, ("toes",))]
)
def test_a_body_may_have_any_number_of_bones(spine: int, neck: int, dropped: tuple[str, ...]) -> None:
    parts = limbs(
        "{part}.{s}",
        "shoulder",
        ("upper_arm", "upper_arm.001"),
        "forearm",
        "hand",
        ("thigh1", "thigh2"),
        "shin",
        "foot",
        "toe",
    )
    naming = Naming(
        "",
        {
            "hips": ("Pelvis",),
            "spine": tuple(f"Back{n}" for n in range(spine)),
            "neck": tuple(f"Neck{n}" for n in range(neck)),
            "head": ("Head",),
        },
        {part: names for part, names in parts.items() if part not in dropped},
        root=("Root", "Master"),
    )
    found = find_roles(build(naming))
    assert {role: bones for role, bones in naming.roles().items() if bones} == dict(found.map.items())


def test_what_the_file_says_itself_goes_first() -> None:
    """As the humanoid map of a VRM file does, whatever the bones' names say; names add what it lacks."""
    rig, _ = real(next(file for file in FIXTURES if file.stem == "vrm"))
    swapped = {
        human: bone.replace(".L", ".#").replace(".R", ".L").replace(".#", ".R")
        for human, bone in rig.own_map.items()
        if "Proximal" not in human and "Distal" not in human
    }
    found = find_roles(dataclasses.replace(rig, own_map=swapped))
    assert found.map.of("L_forearm") == ("lower_arm.R",)
    assert found.map.family == "VRM"


def test_a_control_rig_tells_its_switches_and_what_follows_what() -> None:
    rig, _ = real(next(file for file in FIXTURES if file.stem == "rigify_control"))
    found = find_roles(rig)
    assert found.map.parents["upper_arm_fk.L"] == "shoulder.L"
    assert ("thigh_parent.R", "IK_FK", 1.0) in control_settings(found.map.family)
    assert ("torso", "neck_follow", 1.0) in control_settings(found.map.family)
    assert control_settings("Mixamo") == ()


def test_copies_of_limbs_are_said() -> None:
    rig, _ = real(next(file for file in FIXTURES if file.stem == "gdbot"))
    assert "FK and IK copies" in find_roles(rig).doubts[0]


def test_a_rig_that_may_face_either_way_is_said() -> None:
    """Without names, feet and bent knees nothing tells left from right."""
    rig = without(build(NAMINGS["Mixamo"]), "Toe")
    straight = rig.rest.copy()
    straight[:, 1, 3] = 0
    plain = dataclasses.replace(rig, rest=straight, names=tuple(f"Bone.{n}" for n in range(len(rig.names))))
    assert "left and right may be swapped" in find_roles(plain).doubts[-1]
