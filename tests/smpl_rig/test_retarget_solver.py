from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from characters import SMPL_ROLES, dance, person, random_axes, smpl_rig

from smpl_rig import rotations as rot
from smpl_rig.feet import foot_contacts
from smpl_rig.motion import Motion
from smpl_rig.retarget.controls import Solved
from smpl_rig.retarget.fingers import BENDS
from smpl_rig.retarget.retargeter import Retargeter
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import BODY_ROLES, FINGER_ROLES, SIDES, CharacterMap, CharacterMapError
from smpl_rig.retarget.soles import kept_out_of_floor, out_of_floor
from smpl_rig.rotations import Array
from smpl_rig.skeleton import JOINT_INDEX, JOINT_NAMES


@pytest.fixture(scope="module")
def motion() -> Motion:
    return dance()


def world_places(rig: Rig, character: Retargeter, solved: Solved) -> dict[str, Array]:
    """The heads (T, 3) of the controls in the world, by bone."""
    places = solved.places @ rig.to_world[:3, :3].T + rig.to_world[:3, 3]
    return {control.bone: places[:, index] for index, control in enumerate(character.controls)}


def limb(rig: Rig, character: Retargeter, solved: Solved, first: str, second: str) -> Array:
    places = world_places(rig, character, solved)
    return rot.normalize(places[f"{second}.0"] - places[f"{first}.0"])


def test_smpls_own_body_comes_out_as_the_motion(motion: Motion) -> None:
    rig = smpl_rig(axes=1)
    character = Retargeter(rig, CharacterMap(SMPL_ROLES))
    places = world_places(rig, character, character.solve(motion))
    joints = motion.joints()
    # feet are put on the floor, and the hips over them
    lower = places["pelvis"] - joints[:, JOINT_INDEX["pelvis"]]
    assert np.abs(lower[:, :2]).max() < 1e-4 and np.abs(lower).max() < 0.05
    for name in JOINT_NAMES[:22]:
        moved = places[name] - joints[:, JOINT_INDEX[name]]
        if any(part in name for part in ("knee", "ankle", "foot")):
            assert np.abs(moved).max() < 0.12
        else:
            np.testing.assert_allclose(moved, lower, atol=1e-4)


def test_arms_point_as_the_motions_do(motion: Motion) -> None:
    rig, roles = person("A", axes=2)
    character = Retargeter(rig, roles)
    solved, joints = character.solve(motion), motion.joints()
    for side in SIDES:
        for first, second, joint, end in (
            ("upper_arm", "forearm", "shoulder", "elbow"),
            ("forearm", "hand", "elbow", "wrist"),
        ):
            wanted = rot.normalize(joints[:, JOINT_INDEX[f"{side}_{end}"]] - joints[:, JOINT_INDEX[f"{side}_{joint}"]])
            found = limb(rig, character, solved, f"{side}_{first}", f"{side}_{second}")
            # only a hand inside of the body is moved
            off = np.linalg.norm(found - wanted, axis=-1)
            assert np.median(off) < 1e-3 and off.max() < np.radians(4.6)


def test_shoulders_are_over_the_hips_as_the_motions_where_a_spine_begins_low(motion: Motion) -> None:
    """A lumbar bone that reaches from the hips to the chest turns with the pelvis as far as SMPL's trunk does there."""
    rig, roles = person()
    rest = rig.rest.copy()
    rest[[rig.index["spine.0"], rig.index["spine.1"]], 2, 3] = 0.96, 1.3
    rig = replace(rig, rest=rest)
    character = Retargeter(rig, roles)
    places, joints = world_places(rig, character, character.solve(motion)), motion.joints().astype(np.float64)
    hips, shoulders = (
        (
            places[f"L_{ours}.0"] + places[f"R_{ours}.0"],
            joints[:, JOINT_INDEX[f"L_{name}"]] + joints[:, JOINT_INDEX[f"R_{name}"]],
        )
        for ours, name in (("thigh", "hip"), ("upper_arm", "shoulder"))
    )
    ours, theirs = (rot.normalize(high - low) for low, high in zip(hips, shoulders, strict=True))
    assert np.degrees(np.arccos(np.clip(np.sum(ours * theirs, axis=-1), -1, 1))).max() < 6


def test_hands_of_a_broad_character_are_pushed_out_by_a_few_degrees() -> None:
    rig, roles = person("A")
    rest = rig.rest.copy()
    for bone, name in enumerate(rig.names):
        if name.startswith(("L_thigh", "R_thigh", "L_shin", "R_shin", "L_foot", "R_foot", "L_toes", "R_toes")):
            rest[bone, 0, 3] *= 3
    motion = dance(1.0)
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    poses[:, [JOINT_INDEX[f"{side}_{part}"] for side in SIDES for part in ("shoulder", "elbow", "wrist")]] = 0
    poses[:, JOINT_INDEX["L_shoulder"], 2], poses[:, JOINT_INDEX["R_shoulder"], 2] = -1.5, 1.5
    motion = replace(motion, poses=poses.reshape(len(motion), -1))
    joints, turned = motion.joints(), []
    for each in (rig, replace(rig, rest=rest)):
        character = Retargeter(each, roles)
        found = limb(each, character, character.solve(motion), "L_upper_arm", "L_forearm")
        wanted = rot.normalize(joints[:, JOINT_INDEX["L_elbow"]] - joints[:, JOINT_INDEX["L_shoulder"]])
        turned.append(np.linalg.norm(found - wanted, axis=-1).max())
    assert turned[0] < np.radians(1.0) < turned[1] < np.radians(4.6)


@pytest.mark.parametrize("arms", ["A", "down"])
def test_the_rest_pose_changes_nothing_in_the_world(motion: Motion, arms: str) -> None:
    rig, roles = person("T")
    other, _ = person(arms, axes=4)
    first, second = Retargeter(rig, roles), Retargeter(other, roles)
    expected = world_places(rig, first, first.solve(motion))
    for bone, path in world_places(other, second, second.solve(motion)).items():
        np.testing.assert_allclose(path, expected[bone], atol=1e-3, err_msg=bone)


OBJECTS = {
    "a hundredth": np.diag([0.01, 0.01, 0.01, 1]),
    "y up": np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    "mirrored": np.diag([-1.0, 1, 1, 1]),
    "tilted": np.block([[rot.axis_angle_to_matrix(np.array([0.2, -0.1, 0.3])), np.zeros((3, 1))], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_the_objects_units_axes_and_mirror_change_nothing_in_the_world(motion: Motion, name: str) -> None:
    # the same body in the world, its bones in the object's own space
    rig, roles = person("A", axes=3)
    to_world = OBJECTS[name]
    rest = np.linalg.inv(to_world) @ rig.rest
    rest[:, :3, :3] = random_axes(len(rig.names), 5)
    other = replace(rig, rest=rest, to_world=to_world)
    first, second = Retargeter(rig, roles), Retargeter(other, roles)
    expected = world_places(rig, first, first.solve(motion))
    for bone, path in world_places(other, second, second.solve(motion)).items():
        np.testing.assert_allclose(path, expected[bone], atol=1e-3, err_msg=bone)


def test_a_mirrored_character_dances_the_same(motion: Motion) -> None:
    # an object scaled by -1 shows the bones called L on the right, where they dance what is danced on the right
    rig, roles = person("A")
    mirrored = replace(rig, to_world=np.diag([-1.0, 1, 1, 1]))
    first, second = Retargeter(rig, roles), Retargeter(mirrored, roles)
    expected = world_places(rig, first, first.solve(motion))
    for bone, path in world_places(mirrored, second, second.solve(motion)).items():
        other = bone.translate(str.maketrans("LR", "RL")) if bone[1] == "_" else bone
        np.testing.assert_allclose(path, expected[other], atol=1e-3, err_msg=bone)


def test_a_moved_and_turned_object_takes_its_dance_with_it(motion: Motion) -> None:
    rig, roles = person("A")
    placed = np.eye(4)
    placed[:3, :3], placed[:3, 3] = rot.yaw(np.float64(1.0)), [3, -2, 1]
    moved = replace(rig, to_world=placed)
    first, second = Retargeter(rig, roles), Retargeter(moved, roles)
    np.testing.assert_allclose(second.solve(motion).places, first.solve(motion).places, atol=1e-9)


def test_a_character_on_its_back_stands_up(motion: Motion) -> None:
    rig, roles = person("A")
    lying = np.eye(4)
    lying[:3, :3] = rot.axis_angle_to_matrix(np.array([-np.pi / 2, 0, 0]))
    first, second = Retargeter(rig, roles), Retargeter(replace(rig, to_world=lying), roles)
    expected = world_places(rig, first, first.solve(motion))
    found = world_places(replace(rig, to_world=lying), second, second.solve(motion))
    np.testing.assert_allclose(found["head.0"], expected["head.0"], atol=1e-3)


def with_soles(rig: Rig) -> Rig:
    """The person's feet with a mesh: heels behind the ankles, toes before their heads."""
    sole = [[x, y, 0.0] for x in (-0.04, 0.04) for y in (0.12, 0.0, -0.08, -0.2)]
    feet = {side: np.add(sole, [0.1 if side == "L" else -0.1, 0, 0]) for side in SIDES}
    return replace(rig, feet=feet)


def soles(rig: Rig, character: Retargeter, solved: Solved, side: str) -> Array:
    """The sole's points (T, K, 3), each with the bone before or behind whose head it is."""
    number = {control.bone: index for index, control in enumerate(character.controls)}
    points = []
    for point in rig.feet[side]:
        bone = f"{side}_toes.0" if point[1] < -0.11 else f"{side}_foot.0"
        away = point - rig.heads[rig.index[bone]]
        points.append(solved.places[:, number[bone]] + solved.turns[:, number[bone]] @ away)
    return np.stack(points, axis=1)


def test_planted_feet_stay_and_their_own_soles_are_on_the_floor(motion: Motion) -> None:
    rig, roles = person("A")
    rig = with_soles(rig)
    character = Retargeter(rig, roles)
    solved, joints = character.solve(motion), motion.joints().astype(np.float64)
    places, contacts = world_places(rig, character, solved), foot_contacts(joints, motion.fps)
    ratio = character.body.ratio
    for number, side in enumerate(SIDES):
        ball, source = places[f"{side}_toes.0"], ratio * joints[:, JOINT_INDEX[f"{side}_foot"]]
        planted = contacts[:, number + 2]
        assert planted.mean() > 0.3
        both = planted[1:] & planted[:-1]
        slip = np.linalg.norm(np.diff((ball - source)[:, :2], axis=0), axis=-1)[both] * motion.fps
        assert slip.mean() < 0.02
        lowest = soles(rig, character, solved, side)[..., 2].min(axis=1)
        assert np.abs(lowest[planted]).max() < 0.01
        assert lowest.min() > -0.008


@pytest.mark.parametrize("toes", [True, False])
def test_a_mesh_that_lies_elsewhere_than_its_foot_changes_next_to_nothing(motion: Motion, toes: bool) -> None:
    """As importers leave meshes that hang on bones: what is seen of them says neither where a foot begins nor where the
    floor is."""
    rig, character = person()
    if not toes:
        bones = {role: names for role, names in character.items() if not role.endswith("_toes")}
        character = CharacterMap(bones)
    rig = with_soles(rig)
    moved = replace(rig, feet={side: np.add(points, [0.01, -0.5, 0.03]) for side, points in rig.feet.items()})
    there, elsewhere = (Retargeter(each, character) for each in (rig, moved))
    places = [world_places(rig, each, each.solve(motion)) for each in (there, elsewhere)]
    away = [np.linalg.norm(places[0][name] - places[1][name], axis=-1).max() for name in places[0]]
    assert max(away) < 5e-3


def test_a_planted_foot_stands_flat_and_a_tilted_one_on_its_ball() -> None:
    rig, roles = person("A")
    rig = with_soles(rig)
    character = Retargeter(rig, roles)
    motion = dance(1.0)
    for pitch, least, most in ((-9.0, 0.0, 1.5), (6.0, 0.0, 1.5), (40.0, 20.0, 40.0)):
        poses = np.zeros((len(motion), 24, 3))
        poses[:, 0] = rot.matrix_to_axis_angle(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
        poses[:, JOINT_INDEX["L_ankle"]] = rot.matrix_to_axis_angle(
            rot.axis_angle_to_matrix(np.radians([pitch, 0.0, 0.0])) @ rot.axis_angle_to_matrix(np.array([0, 0, 0.2]))
        )
        standing = replace(motion, poses=poses.reshape(len(motion), -1).astype(np.float32))
        joints = standing.joints()
        low = min(joints[0, JOINT_INDEX["L_ankle"], 2] - 0.08, joints[0, JOINT_INDEX["L_foot"], 2] - 0.02)
        trans = np.broadcast_to(standing.trans[0] - [0, 0, low], (len(motion), 3)).astype(np.float32)
        solved = character.solve(replace(standing, trans=trans))
        foot = [control.bone for control in character.controls].index("L_foot.0")
        tilt = np.degrees(np.arccos(np.clip(solved.turns[:, foot, 2, 2], -1, 1)))
        assert (tilt >= least - 1e-6).all() and (tilt <= most).all(), pitch
        lowest = soles(rig, character, solved, "L")[..., 2].min(axis=1)
        assert np.abs(lowest).max() < 0.008, pitch


def test_knees_bend_forward_and_nothing_flips(motion: Motion) -> None:
    rig, roles = person("A", axes=7)
    character = Retargeter(rig, roles)
    solved = character.solve(motion)
    for side in SIDES:
        thigh = limb(rig, character, solved, f"{side}_thigh", f"{side}_shin")
        shin = limb(rig, character, solved, f"{side}_shin", f"{side}_foot")
        left = character.body.from_armature(solved.turns)[:, character.limb(side, "thigh")[0], :, 0]
        assert np.sum(np.cross(thigh, shin) * left, axis=-1).min() > -0.05
    quaternions, _ = character.basis(solved)
    assert (np.sum(quaternions[1:] * quaternions[:-1], axis=-1) > 0.9).all()


def chibi() -> tuple[Rig, CharacterMap]:
    """The person on legs half as long, with hips twice as broad and feet as long as before."""
    rig, roles = person("A")
    rest = rig.rest.copy()
    sunk = 0.5 * (rig.heads[rig.index["L_thigh.0"], 2] - rig.heads[rig.index["L_foot.0"], 2])
    for bone, name in enumerate(rig.names):
        if name[2:].startswith(("thigh", "shin", "foot", "toes")):
            away = rest[bone, 2, 3] - rig.heads[rig.index["L_foot.0"], 2]
            rest[bone, 2, 3] -= 0.5 * max(away, 0.0)
            rest[bone, 0, 3] += 0.1 if name.startswith("L") else -0.1
        elif name != "root.0":
            rest[bone, 2, 3] -= sunk
    return replace(rig, rest=rest), roles


def third_differences(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path, 3, axis=0), axis=-1).mean())


def test_short_legs_step_as_smoothly_as_the_motions(motion: Motion) -> None:
    rig, roles = chibi()
    character = Retargeter(rig, roles)
    places, joints = world_places(rig, character, character.solve(motion)), motion.joints().astype(np.float64)
    for joint, bone in (("ankle", "foot"), ("knee", "shin")):
        mine = sum(third_differences(places[f"{side}_{bone}.0"]) for side in SIDES)
        theirs = sum(
            third_differences(character.body.ratio * joints[:, JOINT_INDEX[f"{side}_{joint}"]]) for side in SIDES
        )
        assert mine < 1.05 * theirs, joint


def test_a_swinging_foot_rises_before_it_meets_the_floor() -> None:
    times = np.arange(-1, 1, 1 / 30)
    swinging, planted = 0.8 * times**2 - 0.04, times > 0.3
    met = swinging + out_of_floor(swinging, 1.0)
    early = kept_out_of_floor(met - swinging, planted, 1.0, 30.0)
    raised = swinging + early + out_of_floor(swinging + early, 1.0)
    assert third_differences(raised[:, None]) < 0.6 * third_differences(met[:, None])
    assert raised.min() > -0.005 and np.abs(early[planted]).max() < 1e-3


def test_both_feet_of_legs_of_two_lengths_stand_on_the_floor(motion: Motion) -> None:
    rig, roles = person("A")
    rest = rig.rest.copy()
    shorter = [bone for bone, name in enumerate(rig.names) if name.startswith(("R_foot", "R_toes"))]
    rest[shorter, 2, 3] += 0.03
    rest[:, 2, 3] += 1  # as in a motion file, whose origin is not the floor
    rig = replace(rig, rest=rest)
    character = Retargeter(rig, roles)
    places = world_places(rig, character, character.solve(motion))
    contacts = foot_contacts(motion.joints().astype(np.float64), motion.fps)
    heights = [np.median(places[f"{side}_toes.0"][contacts[:, number + 2], 2]) for number, side in enumerate(SIDES)]
    assert abs(heights[0] - heights[1]) < 0.005


def test_the_hips_travel_as_far_as_the_legs_are_long(motion: Motion) -> None:
    rig, roles = person("A")
    character = Retargeter(rig, roles)
    places, joints = world_places(rig, character, character.solve(motion)), motion.joints()
    hips = 0.5 * (places["L_thigh.0"] + places["R_thigh.0"])
    source = 0.5 * (joints[:, JOINT_INDEX["L_hip"]] + joints[:, JOINT_INDEX["R_hip"]])
    way, source_way = hips - hips[0], character.body.ratio * (source - source[0])
    np.testing.assert_allclose(way[:, :2], source_way[:, :2], atol=1e-5)
    assert np.abs(way - source_way).max() < 0.03


def odd_rig() -> tuple[Rig, CharacterMap]:
    """Bones between controls that do not turn along, locations along the parent's axes, a connected hip, a foot under
    the root."""
    rig, roles = person("A", axes=9)
    names, parents, rest = list(rig.names), list(rig.parents), list(rig.rest)
    for below, above in (("L_forearm.0", "L_upper_arm.0"), ("spine.2", "spine.1"), ("hips.0", "root.0")):
        between = rest[names.index(below)].copy()
        between[:3, :3] = random_axes(1, len(names))[0]
        between[:3, 3] -= [0.01, 0.02, 0.03]
        parents[names.index(below)] = len(names)
        parents.append(names.index(above))
        names.append(f"{below} holder")
        rest.append(between)
    parents[names.index("R_foot.0")] = names.index("root.0")
    order = _parents_first(parents)
    names = [names[bone] for bone in order]
    parents = [order.index(parents[bone]) if parents[bone] >= 0 else -1 for bone in order]
    count = len(names)
    flags = {name: np.ones(count, bool) for name in ("deforms", "turns_along", "local_location")}
    flags["turns_along"][[names.index(name) for name in ("L_forearm.0 holder", "L_hand.0", "spine.2 holder")]] = False
    flags["local_location"][[names.index(name) for name in ("R_foot.0", "hips.0 holder")]] = False
    connected = np.zeros(count, bool)
    connected[names.index("hips.0")] = True
    return (
        Rig(
            tuple(names),
            tuple(parents),
            np.stack([rest[bone] for bone in order]),
            np.eye(4),
            connected=connected,
            **flags,
        ),
        roles,
    )


def _parents_first(parents: list[int]) -> list[int]:
    order: list[int] = []
    while len(order) < len(parents):
        order += [bone for bone, up in enumerate(parents) if bone not in order and (up < 0 or up in order)]
    return order


def blender_pose(rig: Rig, basis: dict[str, tuple[Array, Array]]) -> dict[str, Array]:
    """Blender's posed matrices (4, 4) of channels (quaternion, location), as its own rules have them, bone by bone."""
    posed: list[Array] = []
    for bone, name in enumerate(rig.names):
        channels = np.eye(4)
        quaternion, location = basis.get(name, (np.array([1.0, 0, 0, 0]), np.zeros(3)))
        channels[:3, :3] = rot.quaternion_to_matrix(quaternion)
        rest, parent = rig.rest[bone], rig.parents[bone]
        if parent < 0:
            frame, place = (
                rest[:3, :3],
                rest[:3, 3] + (rest[:3, :3] @ location if rig.local_location[bone] else location),
            )
        else:
            offset = np.linalg.inv(rig.rest[parent]) @ rest
            whole = posed[parent] @ offset
            frame = whole[:3, :3] if rig.turns_along[bone] else rest[:3, :3]
            axes = whole[:3, :3] if rig.local_location[bone] else posed[parent][:3, :3]
            place = whole[:3, 3] + axes @ location
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = frame @ channels[:3, :3], place
        posed.append(matrix)
    return dict(zip(rig.names, posed, strict=True))


@pytest.mark.parametrize("make", [lambda: person("A", axes=3), odd_rig])
def test_blenders_channels_give_the_pose(motion: Motion, make) -> None:
    rig, roles = make()
    character = Retargeter(rig, roles)
    solved = character.solve(motion.cut(0, 40))
    quaternions, locations = character.basis(solved)
    again = character.posed(quaternions, locations)
    np.testing.assert_allclose(again.turns, solved.turns, atol=1e-9)
    np.testing.assert_allclose(again.places, solved.places, atol=1e-9)
    for frame in (0, 17, 39):
        channels = {
            control.bone: (quaternions[frame, index], locations[frame, index])
            for index, control in enumerate(character.controls)
        }
        shown = blender_pose(rig, channels)
        for index, control in enumerate(character.controls):
            rest = rig.rest[rig.index[control.bone], :3, :3]
            np.testing.assert_allclose(shown[control.bone][:3, 3], solved.places[frame, index], atol=1e-6)
            np.testing.assert_allclose(shown[control.bone][:3, :3], solved.turns[frame, index] @ rest, atol=1e-6)


def test_bones_that_hang_elsewhere_are_moved_along() -> None:
    rig, roles = odd_rig()
    moving = {control.bone for control in Retargeter(rig, roles).controls if control.moves}
    assert moving == {"hips.0 holder", "R_foot.0"}


def test_what_nobody_changed_is_read_to_the_bit(motion: Motion) -> None:
    rig, roles = person("A", axes=3)
    character = Retargeter(rig, roles)
    quaternions, locations = character.basis(character.solve(motion))
    shown = character.posed(quaternions.astype(np.float32), locations.astype(np.float32))
    read = character.read(shown, motion)
    assert (read.poses == motion.poses).all() and (read.trans == motion.trans).all()


def test_what_a_person_changed_is_read(motion: Motion) -> None:
    rig, roles = person("A", axes=3)
    character = Retargeter(rig, roles)
    quaternions, locations = character.basis(character.solve(motion))
    changed = np.zeros(len(motion), bool)
    changed[40:55] = True
    number = {control.bone: index for index, control in enumerate(character.controls)}
    for bone, turn in (("L_forearm.0", [0.3, 0.2, 0]), ("head.0", [0, 0.3, 0.1]), ("R_thigh.0", [0.2, 0.1, 0.1])):
        own = quaternions[changed, number[bone]]
        added = np.broadcast_to(rot.axis_angle_to_quaternion(np.array(turn)), own.shape)
        quaternions[changed, number[bone]] = rot.quaternion_multiply(own, added)
    locations[changed, number["hips.0"]] += [0.02, 0.03, 0.01]
    now = character.posed(quaternions, locations)
    read = character.read(now, motion)
    assert (read.poses[~changed] == motion.poses[~changed]).all()
    solved = character.solve(read)
    body = [number for number, control in enumerate(character.controls) if control.role in BODY_ROLES]
    off = rot.matrix_to_axis_angle(np.swapaxes(now.turns, -1, -2) @ solved.turns)[:, body]
    off, away = np.degrees(np.linalg.norm(off, axis=-1)), np.abs(now.places - solved.places)[:, body]
    assert off[changed].max() < 0.5 and away[changed].max() < 0.005
    # how feet beside those stand depends on them
    assert off[~changed].max() < 5 and away[~changed].max() < 0.05


@pytest.mark.parametrize("hands", BENDS)
def test_fingers_of_a_frame_depend_on_its_pose_alone(motion: Motion, hands: str) -> None:
    rig, roles = person()
    character = Retargeter(rig, roles, hands)
    fingers = [index for index, control in enumerate(character.controls) if control.role in FINGER_ROLES]
    edited = Motion(motion.poses.copy(), motion.trans.copy(), motion.fps)
    edited.poses[20:40, 48:54] += 0.3
    one, other = (character.basis(character.solve(each))[0][:, fingers] for each in (motion, edited))
    away = rot.quaternion_distance(one, other).max(axis=1)
    assert away[:20].max() == away[40:].max() == 0
    assert (away[20:40].max() > 1e-3) == (hands != "fists")


def test_hands_bend_towards_the_palm_whatever_the_axes_of_their_bones(motion: Motion) -> None:
    tips = {}
    for hands in ("rest", "relaxed", "fists"):
        for axes in (None, 3):
            rig, roles = person("A", axes=axes)
            character = Retargeter(rig, roles, hands)
            solved = character.solve(motion.cut(0, 30))
            assert any("index" in control.bone for control in character.controls) == (hands != "rest")
            if hands == "rest":
                continue
            places = world_places(rig, character, solved)
            for side in SIDES:
                reach = np.linalg.norm(places[f"{side}_middle.2"] - places[f"{side}_hand.0"], axis=-1)
                tips[hands, axes, side] = reach
        if hands != "rest":
            np.testing.assert_allclose(tips[hands, None, "L"], tips[hands, 3, "L"], atol=1e-6)
    for side in SIDES:
        assert (tips["fists", 3, side] < tips["relaxed", 3, side] - 0.01).all()
        assert (tips["relaxed", 3, side] < 0.16).all()


def test_twist_bones_share_the_twist_of_their_limb() -> None:
    rig, roles = person("T")
    character = Retargeter(rig, roles)
    motion = dance(0.2)
    poses = np.zeros_like(motion.poses).reshape(len(motion), -1, 3)
    poses[:, 0] = rot.matrix_to_axis_angle(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    poses[:, JOINT_INDEX["L_wrist"], 0] = 1.0
    solved = character.solve(replace(motion, poses=poses.reshape(len(motion), -1)))
    turn = {control.bone: solved.turns[0, index] for index, control in enumerate(character.controls)}
    twist = rot.matrix_to_axis_angle(turn["L_forearm.0"].T @ turn["L_forearm_twist.0"])
    # its head is 0.12 of 0.25 along the forearm
    assert np.linalg.norm(twist) == pytest.approx(0.48, abs=0.05)


def test_what_cannot_dance_is_told() -> None:
    rig, roles = person()
    with pytest.raises(CharacterMapError, match='has no bone "nobody"'):
        Retargeter(rig, replace(roles, bones={**roles.bones, "head": ("nobody",)}))
    with pytest.raises(CharacterMapError, match=r'"hips\.0" follows itself'):
        Retargeter(rig, replace(roles, parents={"hips.0": "spine.0"}))
    with pytest.raises(CharacterMapError, match="scaled to nothing"):
        Retargeter(replace(rig, to_world=np.diag([1.0, 0, 1, 1])), roles)
    rest = rig.rest.copy()
    rest[:, :3, 3] = 0
    with pytest.raises(CharacterMapError):
        Retargeter(replace(rig, rest=rest), roles)
