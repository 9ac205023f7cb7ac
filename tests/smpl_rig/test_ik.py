"""Limbs of a control rig that goals and poles lead."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from characters import dance
from test_find_roles import real

from smpl_rig import rotations as rot
from smpl_rig.blender.keyed_character import KeyedCharacter, read_character
from smpl_rig.motion import Motion
from smpl_rig.retarget.controls import Solved
from smpl_rig.retarget.families import ik_names
from smpl_rig.retarget.finding.find_roles import find_roles
from smpl_rig.retarget.retargeter import Retargeter
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import LIMBS, PARTS_OF, SIDES, CharacterMap, CharacterMapError

ARMS, LEGS = LIMBS[:2], LIMBS[2:]


@pytest.fixture(scope="module")
def rigify() -> tuple[Rig, CharacterMap]:
    """Rigify's control rig, its limbs' axes as there: y along a bone, z away from the pole."""
    rig, _ = real(Path(__file__).parent / "rigs" / "rigify_control.json")
    rest, character = rig.rest.copy(), find_roles(rig).map
    for limb, names in ik_names(character.family).items():
        side, kind = limb.split("_")
        line = [rig.index[name] for name in names.shown[:3]]
        for place, part in enumerate(PARTS_OF[kind][:2]):
            head = rest[line[place], :3, 3]
            along = rot.normalize(rest[line[place + 1], :3, 3] - head)
            back = rest[line[0], :3, 3] - rest[rig.index[names.pole], :3, 3]
            back = rot.normalize(back - (back @ along) * along)
            axes = np.stack([np.cross(along, back), along, back], axis=-1)
            for name in (names.shown[place], *character.of(f"{side}_{part}"), *[names.bend] * place):
                rest[rig.index[name], :3, :3] = axes
    return dataclasses.replace(rig, rest=rest), character


@pytest.fixture(scope="module")
def motion() -> Motion:
    return dance(2.0)


def limb_places(character: Retargeter, solved: Solved, limb: str) -> list[rot.Array]:
    side, kind = limb.split("_")
    return [solved.places[:, character.limb(side, part)[0]] for part in PARTS_OF[kind]]


def test_goals_and_poles_show_the_limbs_of_fk(rigify: tuple[Rig, CharacterMap], motion: Motion) -> None:
    fk, ik = Retargeter(*rigify), Retargeter(*rigify, ik=LIMBS)
    wanted, found = fk.solve(motion), ik.solve(motion)
    for limb in LIMBS:
        (root, elbow, end), (_, elbow_there, end_there) = (
            limb_places(character, solved, limb) for character, solved in ((ik, found), (fk, wanted))
        )
        np.testing.assert_allclose(end, end_there, atol=1e-6)
        size = np.linalg.norm(elbow - root, axis=-1)
        apart = np.degrees(np.linalg.norm(elbow - elbow_there, axis=-1) / size)
        assert np.median(apart) < 0.5 and apart.max() < 5
        # the pole is in the plane of the limb, and where the knee is; elbows of this motion also bend backwards
        names, pole = [control.bone for control in ik.keyed], ik_names("Rigify")[limb].pole
        place = ik.basis(found)[1][:, names.index(pole)] + rigify[0].rest[rigify[0].index[pole], :3, 3]
        line = rot.normalize(end - root)
        away = [each - root - np.sum((each - root) * line, axis=-1, keepdims=True) * line for each in (elbow, place)]
        along = np.sum(rot.normalize(away[0]) * rot.normalize(away[1]), axis=-1)
        bent = np.linalg.norm(away[0], axis=-1) > 0.02
        assert ((along if limb in LEGS else np.abs(along))[bent] > 0.999).all()
        assert limb in ARMS or np.linalg.norm(np.diff(place, axis=0), axis=-1).max() < 0.2


def test_what_is_keyed_leads_back_to_the_pose(rigify: tuple[Rig, CharacterMap], motion: Motion) -> None:
    character = Retargeter(*rigify, ik=("L_leg", "R_arm"))
    solved = character.solve(motion)
    again = character.posed(*character.basis(solved))
    np.testing.assert_allclose(again.turns, solved.turns, atol=1e-6)
    np.testing.assert_allclose(again.places, solved.places, atol=1e-6)
    bones = [control.bone for control in character.keyed]
    assert "hand_fk.L" in bones and "hand_ik.R" in bones and "hand_fk.R" not in bones and "hand_ik.L" not in bones


def test_a_limb_that_is_nearly_stretched_keeps_its_elbow(rigify: tuple[Rig, CharacterMap], motion: Motion) -> None:
    """Half a millimetre at the hand would bend it by degrees."""
    character = Retargeter(*rigify, ik=ARMS)
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    poses[:, 18:20] = 0
    solved = character.solve(dataclasses.replace(motion, poses=poses.reshape(len(motion), -1)))
    turns, places = character.basis(solved)
    bones = [control.bone for control in character.keyed]
    shaken = np.random.default_rng(0).normal(size=places.shape) * 3e-4
    at = [bones.index("hand_ik.L"), bones.index("hand_ik.R")]
    places[:, at] += shaken[:, at]
    moved = character.posed(turns, places)
    for limb in ARMS:
        elbows = [limb_places(character, each, limb)[1] for each in (solved, moved)]
        assert np.linalg.norm(elbows[0] - elbows[1], axis=-1).max() < 2e-3


def test_what_a_person_changed_on_goals_and_poles_is_read(rigify: tuple[Rig, CharacterMap], motion: Motion) -> None:
    character = Retargeter(*rigify, ik=LIMBS)
    solved = character.solve(motion)
    turns, places = character.basis(solved)
    bones = [control.bone for control in character.keyed]
    edits = {20: ("upper_arm_ik_target.L", 2, 0.2), 30: ("thigh_ik_target.R", 0, 0.1), 40: ("foot_ik.L", 2, 0.05)}
    for frame, (bone, axis, move) in edits.items():
        places[frame, bones.index(bone), axis] += move
    turned = rot.axis_angle_to_quaternion(np.array([0.3, 0.1, 0]))
    turns[25, bones.index("hand_ik.R")] = rot.quaternion_multiply(turns[25, bones.index("hand_ik.R")], turned)
    now = character.posed(turns, places)
    read = character.read(now, motion)
    changed = (read.poses != motion.poses).any(axis=1)
    assert set(np.flatnonzero(changed)) == {20, 25, 30, 40}
    again = character.solve(read)
    assert np.linalg.norm(again.places - now.places, axis=-1).max() < 5e-3
    away = np.linalg.norm(again.turns - now.turns, axis=(-1, -2)) / np.sqrt(2)
    assert np.degrees(away.max()) < 0.5


def test_a_character_without_ik_is_told(rigify: tuple[Rig, CharacterMap]) -> None:
    rig, character = rigify
    other = dataclasses.replace(rig, names=tuple(name.replace("foot_ik.R", "paw") for name in rig.names))
    with pytest.raises(CharacterMapError, match=r'no bone "foot_ik.R", which the IK of its right leg'):
        Retargeter(other, character, ik=LEGS)
    with pytest.raises(CharacterMapError, match="right arm has no IK controls that are known"):
        Retargeter(rig, dataclasses.replace(character, family="Mixamo"), ik=["R_arm"])
    swapped = {**character.bones, **{f"{side}_forearm": character.of(f"{other}_forearm")
               for side, other in (SIDES, SIDES[::-1])}}  # fmt: skip
    with pytest.raises(CharacterMapError, match="does not move the bone of the left forearm"):
        Retargeter(rig, dataclasses.replace(character, bones=swapped), ik=LIMBS)


def test_records_without_ik_are_on_fk(rigify: tuple[Rig, CharacterMap]) -> None:
    world, rest = tuple(np.eye(4).ravel()), ((0.0,) * 7,)
    keyed = KeyedCharacter(rigify[1], "rest", world, {"torso": "XYZ"}, ("torso", "pole"), rest * 2, ik=("L_arm",))
    assert read_character(keyed.to_json()) == keyed and keyed.bones == ("torso", "pole")
    plain = dataclasses.replace(keyed, moving=("torso",), rest=rest, ik=())
    old = {key: value for key, value in json.loads(plain.to_json()).items() if key != "ik"} | {"version": 1}
    assert read_character(json.dumps(old)) == plain
    with pytest.raises(ValueError, match="damaged"):
        read_character(keyed.to_json().replace('"L_arm"', '"tail"'))
