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
from smpl_rig.retarget.finding.find_roles import FoundRoles, described, find_roles
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


@settings(max_examples=30)
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


_TRUNK = {"hips": ("Hips",), "spine": ("Spine", "Chest"), "neck": ("Neck",), "head": ("Head",)}
_JOINTS = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
HABITS: dict[str, Naming] = {
    "joints, no collar bones": Naming("", _TRUNK, limbs("{s}{part}", (), *_JOINTS[:5], "Ankle", ()), ("Left", "Right")),
    "wrist and hand": Naming(
        "",
        _TRUNK,
        limbs("{part}_{s}", "Clavicle", *_JOINTS[:2], ("Wrist", "Hand"), *_JOINTS[3:], "Foot"),
        beside=(("HandTip_{s}", "Hand_{s}", 1.0),),
    ),
    "ankle, ball and toes": Naming(
        "",
        _TRUNK,
        limbs("{part}_{s}", "Clavicle", "Shoulder", "Elbow", "Hand", "UpperLeg", "LowerLeg", "Ankle", "Ball"),
        beside=(("Toes_{s}", "Ball_{s}", 1.0),),
    ),
    "extruded": Naming(
        "",
        {"hips": ("Hips",), "spine": ("Spine", "Spine.001"), "head": ("Head",)},
        limbs("{part}", (), "arm.{s}", "arm.{s}.001", "arm.{s}.002", "leg.{s}", "leg.{s}.001", "leg.{s}.002", ()),
    ),
    "an arm is the lower arm": Naming(
        "", _TRUNK, limbs("{part}{s}", "Clavicle", "Shoulder", "Arm", "Hand", "Leg", "Knee", "Foot", "Toe")
    ),
    "codes in brackets": Naming(
        "",
        {part: tuple(f"NPC {name} [{name[:4]}]" for name in names) for part, names in _TRUNK.items()},
        limbs(
            "NPC {s} {part}", "Clavicle [Clv]", "UpperArm [Uar]", "Forearm [Lar]", "Hand [Hnd]", "Thigh [Thg]",
            "Calf [Clf]", "Foot [ft ]", "Toe0 [Toe]",
        ),
    ),
    "toes of their own on the ball": Naming(
        "",
        _TRUNK,
        limbs("{part}_{s}", "clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball"),
        beside=tuple((f"{toe}toe_01_{{s}}", "ball_{s}", 0.3) for toe in ("big", "index", "middle", "little")),
    ),
    "muscles beside": Naming(
        "3ds Max Biped",
        {part: tuple(f"ValveBiped.Bip01_{name}" for name in names)
         for part, names in {**_TRUNK, "hips": ("Pelvis",), "spine": ("Spine", "Spine1"), "neck": ("Neck1",)}.items()},
        limbs("ValveBiped.Bip01_{s}_{part}", "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", ()),
        beside=(("ValveBiped.Bip01_{s}_Trapezius", "ValveBiped.Bip01_{s}_Clavicle", 0.3),
                ("ValveBiped.Bip01_{s}_Elbow", "ValveBiped.Bip01_{s}_Forearm", 0.0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_roles_are_found_whatever_habits_names_have(habit: str) -> None:
    assert dict(find_roles(build(HABITS[habit])).map.items()) == HABITS[habit].roles()


@pytest.mark.parametrize("program", sorted(set(NAMINGS) - CONTROL_RIGS))
@pytest.mark.parametrize("what", ["serial numbers", "tips"])
def test_what_converters_of_files_add_to_names_and_chains_changes_nothing(program: str, what: str) -> None:
    rig = build(NAMINGS[program])
    if what == "tips":
        parents = {
            name: rig.names[above] if above >= 0 else "" for name, above in zip(rig.names, rig.parents, strict=True)
        }
        places = dict(zip(rig.names, rig.heads, strict=True))
        for name in set(rig.names) - set(parents.values()):
            parents[f"{name}_end"], places[f"{name}_end"] = name, places[name] + [0, -0.05, 0.01]
        assert dict(find_roles(rig_of(parents, places)).map.items()) == NAMINGS[program].roles()
    else:
        names = tuple(f"{name}_{number:02d}" for number, name in enumerate(rig.names))
        found = find_roles(dataclasses.replace(rig, names=names))
        roles = {role: tuple(name.rsplit("_", 1)[0] for name in bones) for role, bones in found.map.items()}
        assert roles == NAMINGS[program].roles()


Beside = dict[str, tuple[str, list[tuple[float, float, float]]]]


def with_chains(rig: Rig, chains: Beside) -> Rig:
    """A skeleton with chains on both sides: name with {s} -> (the bone that it hangs on, heads on the left)."""
    parents = {name: rig.names[above] if above >= 0 else "" for name, above in zip(rig.names, rig.parents, strict=True)}
    places: dict[str, Any] = dict(zip(rig.names, rig.heads, strict=True))
    for name, (on, heads) in chains.items():
        for side, mirror in (("L", 1), ("R", -1)) if "{s}" in name else (("", 1),):
            above = on.format(s=side)
            for number, (x, y, z) in enumerate(heads):
                bone = name.format(s=side) + f"_{number}"
                parents[bone], places[bone], above = above, (mirror * x, y, z), bone
    return rig_of(parents, places)


WINGS: Beside = {"wing_{s}": ("UpperChest", [(0.05 + 0.35 * n, 0.15, 1.4) for n in range(4)])}
SKIRT: Beside = {"skirt_{s}": ("Hips", [(0.2, 0.02 * n, 0.95 - 0.18 * n) for n in range(6)])}
ARMS: Beside = {"limb_{s}": ("Spine", [(0.03 + 0.22 * n, 0, 1.15) for n in range(4)])}


@pytest.mark.parametrize("chains", [WINGS, SKIRT])
def test_wings_and_skirts_are_no_limbs_where_only_they_have_names(chains: Beside) -> None:
    whole = NAMINGS["Unity"]
    rig = with_chains(build(whole), chains)
    numbers = {name: f"Bone.{number:03d}" for number, name in enumerate(rig.names)}
    names = tuple(name if name.startswith(("wing", "skirt")) else numbers[name] for name in rig.names)
    found = find_roles(dataclasses.replace(rig, names=names)).map
    wanted = {role: tuple(numbers[name] for name in bones) for role, bones in whole.roles().items()}
    assert {role: found.of(role) for role in wanted if role[2:] != "hand"} == {
        role: bones for role, bones in wanted.items() if role[2:] != "hand"
    }


def test_a_body_need_not_be_even_to_be_found_by_shape() -> None:
    """As those are not that nets and scanners make."""
    rig, wanted = build(NAMINGS["Unity"]), NAMINGS["Unity"].roles()
    rest = rig.rest.copy()
    rest[:, :3, 3] += np.random.default_rng(0).normal(0, 0.005, (len(rest), 3))
    names = tuple(f"bone_{number}" for number in range(len(rig.names)))
    found = find_roles(dataclasses.replace(rig, rest=rest, names=names)).map
    for role in (
        f"{side}_{part}" for side in "LR" for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
    ):
        assert found.of(role) == tuple(names[rig.names.index(name)] for name in wanted[role])


def test_other_arms_are_said() -> None:
    plain = build(NAMINGS["Unity"])
    assert not find_roles(plain).doubts
    third = {f"Third{part}": ("Chest", [(0.0, 0.2 * number, 1.3)])
             for number, part in enumerate(("UpperArm", "LowerArm"), 1)}  # fmt: skip
    rig = with_chains(plain, third)
    hung = tuple(
        rig.names.index("ThirdUpperArm_0") if name == "ThirdLowerArm_0" else above
        for name, above in zip(rig.names, rig.parents, strict=True)
    )
    assert "There are other arms" in find_roles(dataclasses.replace(rig, parents=hung)).doubts[0]
    rig = with_chains(plain, ARMS)
    unnamed = dataclasses.replace(rig, names=tuple(f"Bone.{number:03d}" for number in range(len(rig.names))))
    assert "might be the arms as well" in " ".join(find_roles(unnamed).doubts)


def test_animals_are_no_humanoids_whatever_their_bones_are_called() -> None:
    trunk: Beside = {
        "hips": ("", [(0, 0.5, 0.9)]),
        "spine": ("hips_0", [(0, 0, 0.95)]),
        "head": ("spine_0", [(0, -0.6, 1.3)]),
    }
    empty = rig_of({}, {})
    rear = [(0.15, 0.5, 0.85), (0.15, 0.42, 0.5), (0.15, 0.5, 0.06)]
    front = [(0.15, -0.25, 0.9), (0.15, -0.3, 0.5), (0.15, -0.3, 0.06)]

    def legs(names: tuple[str, ...], on: str, heads: list[tuple[float, float, float]]) -> Beside:
        above = (on, *(f"{name}.{{s}}_0" for name in names))
        return {f"{name}.{{s}}": (above[n], [head]) for n, (name, head) in enumerate(zip(names, heads, strict=True))}

    back = legs(("thigh", "shin", "foot"), "hips_0", rear)
    horse = trunk | back | legs(("front_thigh", "front_shin", "front_foot"), "spine_0", front)
    arms = [(0.18, -0.3, 1.5), (0.45, -0.3, 1.5), (0.7, -0.3, 1.5)]
    centaur = horse | legs(("upper_arm", "forearm", "hand"), "spine_0", arms)
    small = [(0.12, 0, 0.9), (0.12, 0.03, 0.75), (0.12, -0.1, 0.7)]
    dinosaur = trunk | back | legs(("upper_arm", "forearm", "hand"), "spine_0", small)
    bird = trunk | back | {"wing.{s}": ("spine_0", [(0.1 + 0.2 * n, 0, 0.95) for n in range(4)])}
    for animal, reason in ((horse, "two legs"), (centaur, "two legs"), (dinosaur, "lies level"), (bird, "no arms")):
        assert reason in find_roles(with_chains(empty, animal)).not_humanoid
    spider: Beside = {"body": ("", [(0, 0, 0.3)])}
    for n in range(4):
        spider[f"{n}{{s}}"] = "body_0", [(0.1, 0.1 * n, 0.3), (0.4, 0.25 * n, 0.5), (0.7, 0.4 * n, 0.02)]
    assert find_roles(with_chains(empty, spider)).not_humanoid


def test_a_name_that_is_misspelt_on_one_side_is_said_or_found_by_place() -> None:
    rig = build(NAMINGS["Mixamo"])
    for name, doubt in (
        ("LeftArm", "Found by place"),
        ("LeftForeArm", "Found by place"),
        ("RightToeBase", "right toes"),
    ):
        names = tuple(each.replace(f":{name}", ":Blob") for each in rig.names)
        found = find_roles(dataclasses.replace(rig, names=names))
        wanted = {
            role: tuple(bone.replace(f":{name}", ":Blob") for bone in bones)
            for role, bones in NAMINGS["Mixamo"].roles().items()
        }
        assert dict(found.map.items()) == wanted and doubt in found.doubts[0]
    lost = build(NAMINGS["Daz Genesis 8"])
    names = tuple("Blob" if name == "lThighBend" else name for name in lost.names)
    assert "left thigh is not as long" in find_roles(dataclasses.replace(lost, names=names)).doubts[0]
