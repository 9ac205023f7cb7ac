"""How well a character dances what the SMPL body dances: the figures of one character and motion.

Everything is measured on bodies of 1.7 m, the source as large as its legs are to the character's. A sole has three
points: under the ankle (heel), under the ball, and its tip, as far as a mesh or a bone shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_rig import rotations as rot
from smpl_rig.feet import foot_contacts
from smpl_rig.kinematics import forward_kinematics, global_rotations
from smpl_rig.motion import Motion
from smpl_rig.retarget.arms import SMPL_VOLUME, depths, excess, source_trunk
from smpl_rig.retarget.calibration import SMPL_ANKLE_HEIGHT, smpl_joint
from smpl_rig.retarget.controls import Solved
from smpl_rig.retarget.retargeter import Retargeter
from smpl_rig.retarget.rig import Bools
from smpl_rig.retarget.roles import HEAD, HIPS, SIDES, SPINE
from smpl_rig.rotations import Array
from smpl_rig.skeleton import JOINT_INDEX, SOLE_BELOW_FOOT

HEIGHT = 1.7
"""Metres at which bodies are compared."""
_SKATING = 0.5
_STANDING = 0.2
"""Metres per second: a planted foot that is faster glides, and is no stance."""
_NEAR_FLOOR = 0.03
_DEEP = 0.01
_BACKWARDS = np.radians(3.0)
_JUMP = np.radians(40.0)
_ARM = (("upper_arm", "forearm"), ("forearm", "hand"))
_LEG = (("thigh", "shin"), ("shin", "foot"))


@dataclass(frozen=True)
class Figures:
    """Of one character and motion. Directions in degrees, (median, worst).

    planted_height: share of the height that the ball of a planted foot is off, (95 %, worst). stance_speed: m/s beyond
    the source's, and the source's. skating: share of frames, and the source's. deep: share of frames with a sole deeper
    than 1 cm, and the source's. path: length of the hips' path over that of the source times the ratio of the legs.
    jerk: of hips, knees and ankles over the source's. knees, signs: counts of flips. step: the largest turn of a
    control between two frames, degrees. lowered: the hips at most, metres. hands: deepest place of a hand in the body
    beyond the source's, as a share of the height.
    """

    arms: tuple[float, float]
    trunk: tuple[float, float]
    legs: tuple[float, float]
    planted_height: tuple[float, float]
    stance_speed: tuple[float, float]
    skating: tuple[float, float]
    deep: tuple[float, float]
    path: float
    jerk: float
    knees: int
    signs: int
    step: float
    lowered: float
    hands: float


def figures(character: Retargeter, motion: Motion) -> Figures:
    """Measure a character in a motion."""
    body, solved = character.body, character.solve(motion)
    world = global_rotations(rot.axis_angle_to_matrix(motion.poses.astype(np.float64).reshape(len(motion), -1, 3)))
    joints = forward_kinematics(rot.axis_angle_to_matrix(motion.poses.astype(np.float64).reshape(len(motion), -1, 3)),
                                motion.trans.astype(np.float64))  # fmt: skip
    own = HEIGHT / body.height
    source = own * body.ratio
    places = body.places_from_armature(solved.places)
    turns = body.from_armature(solved.turns)

    def of(side: str, part: str) -> list[int]:
        return character.limb(side, part)

    def directions(pairs: tuple[tuple[str, str], ...]) -> tuple[float, float]:
        errors = []
        for side in SIDES:
            for part, below in pairs:
                if of(side, below):
                    line = places[:, of(side, below)[0]] - places[:, of(side, part)[0]]
                    joint = smpl_joint(side, part)
                    child = smpl_joint(side, below)
                    errors.append(_angles(line, joints[:, child] - joints[:, joint]))
        return _spread(np.concatenate(errors))

    trunk = [_turned(turns[:, character.roles[HIPS][-1]], world[:, 0])]
    if SPINE in character.roles:
        trunk.append(_turned(turns[:, character.roles[SPINE][-1]], world[:, JOINT_INDEX["spine3"]]))
    if HEAD in character.roles:
        trunk.append(_turned(turns[:, character.roles[HEAD][0]], world[:, JOINT_INDEX["head"]]))

    contacts = foot_contacts(joints, motion.fps)
    mine, theirs = _soles(character, solved), _source_soles(joints, world)
    off, speeds, source_speeds = [], [], []
    slides, source_slides = np.zeros(len(motion) - 1, bool), np.zeros(len(motion) - 1, bool)
    for number, side in enumerate(SIDES):
        planted = contacts[:, number + 2]
        off.append(np.abs(mine[side][planted, 1, 2] - body.ratio * theirs[side][planted, 1, 2]) / body.height)
        theirs_level = _level_speed(theirs[side][:, 1], motion.fps) * source
        both = planted[1:] & planted[:-1] & (theirs_level < _STANDING)
        slip = mine[side][:, 1] - body.ratio * theirs[side][:, 1]
        speeds.append(_level_speed(slip, motion.fps)[both] * own)
        source_speeds.append(theirs_level[both])
        slides |= _sliding(mine[side] * own, motion.fps)
        source_slides |= _sliding(theirs[side] * source, motion.fps)
    lowest = np.min([mine[side][..., 2].min(axis=1) for side in SIDES], axis=0) * own
    source_lowest = np.min([theirs[side][..., 2].min(axis=1) for side in SIDES], axis=0) * source

    hips = 0.5 * (places[:, of("L", "thigh")[0]] + places[:, of("R", "thigh")[0]])
    source_hips = 0.5 * (joints[:, JOINT_INDEX["L_hip"]] + joints[:, JOINT_INDEX["R_hip"]])
    parts = [(side, part) for side in SIDES for part in ("shin", "foot")]
    mine_points = np.stack([hips, *(places[:, of(*part)[0]] for part in parts)], axis=1) * own
    points = np.stack([source_hips, *(joints[:, smpl_joint(*part)] for part in parts)], axis=1) * source
    quaternions, _ = character.basis(solved)
    steps = np.abs(np.sum(quaternions[1:] * quaternions[:-1], axis=-1)).min(initial=1.0)
    return Figures(
        arms=directions(_ARM),
        trunk=_spread(np.concatenate(trunk)),
        legs=directions(_LEG),
        planted_height=_high(np.concatenate(off)),
        stance_speed=(_mean(np.concatenate(speeds)), _mean(np.concatenate(source_speeds))),
        skating=(float(slides.mean()), float(source_slides.mean())),
        deep=(float((lowest < -_DEEP).mean()), float((source_lowest < -_DEEP).mean())),
        path=_length(hips) / (body.ratio * _length(source_hips)),
        jerk=_jerk(mine_points, motion.fps) / _jerk(points, motion.fps),
        knees=sum(_knee_flips(character, side, places, turns, joints, world) for side in SIDES),
        signs=int((np.sum(quaternions[1:] * quaternions[:-1], axis=-1) < 0).sum()),
        step=float(np.degrees(2 * np.arccos(min(steps, 1.0)))),
        hands=_hands(character, turns, places, joints, world) / body.height,
        lowered=float((body.ratio * source_hips - hips)[:, 2].max()) * own,
    )


def _soles(character: Retargeter, solved: Solved) -> dict[str, Array]:
    """Heel, ball and tip (T, 3, 3) of the soles, stage."""
    places, turns = (
        character.body.places_from_armature(solved.places),
        character.body.from_armature(solved.turns),
    )
    found: dict[str, Array] = {}
    for side in SIDES:
        foot, shape = character.limb(side, "foot")[0], character.body.feet[side]
        toes = (character.limb(side, "toes") or [foot])[0]
        ball = places[:, foot] + turns[:, foot] @ shape.ball
        tip = ball + turns[:, toes] @ (shape.tip - shape.ball) * shape.shows_tip
        found[side] = np.stack([places[:, foot] + turns[:, foot] @ shape.heel, ball, tip], axis=1)
    return found


def _source_soles(joints: Array, world: Array) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for side in SIDES:
        ankle, foot = smpl_joint(side, "foot"), smpl_joint(side, "toes")
        heel = joints[:, ankle] + world[:, ankle] @ np.array([0.0, -SMPL_ANKLE_HEIGHT, 0.0])
        ball = joints[:, foot] + world[:, ankle] @ np.array([0.0, -SOLE_BELOW_FOOT, 0.0])
        found[side] = np.stack([heel, ball], axis=1)
    return found


def _hands(character: Retargeter, turns: Array, places: Array, joints: Array, world: Array) -> float:
    """How much deeper a hand is in the character's body at most than the source's is in its own, metres."""
    shape, trunk = character.body_volume(), character.trunk(turns, places)
    theirs, scale = source_trunk(joints, world), shape.breadth / SMPL_VOLUME.breadth
    worst = 0.0
    for side in SIDES:
        if not character.limb(side, "hand"):
            continue
        source = [joints[:, JOINT_INDEX[f"{side}_{name}"]] for name in ("wrist", "hand")]
        for point, other in zip(character.hand_points(side, turns, places), source, strict=True):
            mine = depths(point, trunk, shape)
            worst = max(worst, float(excess(mine, depths(other, theirs, SMPL_VOLUME)[0], scale)[0].max()))
    return worst


def _knee_flips(character: Retargeter, side: str, places: Array, turns: Array, joints: Array, world: Array) -> int:
    """Frames in which a knee begins to bend backwards, or turns by far more than the source's."""
    hip, knee, ankle = (places[:, character.limb(side, part)[0]] for part in ("thigh", "shin", "foot"))
    axis = character.body.alignment[f"{side}_thigh"].T @ np.array([1.0, 0.0, 0.0])
    left = turns[:, character.limb(side, "thigh")[0]] @ axis
    names = [JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle")]
    source_left = world[:, names[0], :, 0]
    bend = np.sum(np.cross(rot.normalize(knee - hip), rot.normalize(ankle - knee)) * left, axis=-1)
    first, second, third = (joints[:, name] for name in names)
    theirs = np.sum(np.cross(rot.normalize(second - first), rot.normalize(third - second)) * source_left, axis=-1)
    back = (bend < -np.sin(_BACKWARDS)) & (theirs > -np.sin(_BACKWARDS))
    jump = _angles(left[1:], left[:-1]) - np.radians(0) > np.degrees(_JUMP) + _angles(source_left[1:], source_left[:-1])
    return int(back.sum() + jump.sum())


def _angles(first: Array, second: Array) -> Array:
    first, second = rot.normalize(first), rot.normalize(second)
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(first * second, axis=-1)))


def _turned(first: Array, second: Array) -> Array:
    return np.degrees(np.linalg.norm(rot.matrix_to_axis_angle(np.swapaxes(first, -1, -2) @ second), axis=-1))


def _level_speed(path: Array, fps: float) -> Array:
    return np.linalg.norm(np.diff(path[..., :2], axis=0), axis=-1) * fps


def _sliding(soles: Array, fps: float) -> Bools:
    """Whether (T - 1,) a point under heel or ball slides on the floor."""
    points = soles[:, :2]
    near = points[1:, :, 2] < np.array([0.0, _NEAR_FLOOR])
    return np.any(near & (_level_speed(points, fps) > _SKATING), axis=1)


def _length(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=-1).sum())


def _jerk(points: Array, fps: float) -> float:
    return float(np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1).mean() * fps**3)


def _spread(values: Array) -> tuple[float, float]:
    return float(np.median(values)), float(values.max())


def _high(values: Array) -> tuple[float, float]:
    return (float(np.percentile(values, 95)), float(values.max())) if len(values) else (0.0, 0.0)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0
