"""What a person changed on a character, back on the SMPL body.

The inverse of retargeting by fixed-point iteration: solve, see how each bone differs from what is shown, turn SMPL's
joints by the same rotations in the world, move its hips and ankles by the same ways over the ratio of the legs, and
again. Frames that do not differ stay as they are to the bit. Feet in those that do count as posed, see `soles`.
"""

from __future__ import annotations

import numpy as np

from .. import rotations as rot
from ..inverse_kinematics import bend_limb
from ..kinematics import forward_kinematics, global_rotations, local_rotations
from ..motion import Motion
from ..rotations import Array
from ..skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS
from .calibration import smpl_joint
from .controls import Solved
from .legs import hinge
from .rig import Bools
from .roles import BODY_ROLES, HEAD, NECK, SIDES, sided
from .soles import marked_as_posed
from .solver import Solver
from .trunk import SPINE_PLACES

_SAME_TURN, _SAME_PLACE = np.radians(0.05), 1e-4
"""Radians, and share of a leg, within which what is shown is what was solved."""
_CLOSE_TURN, _CLOSE_PLACE = np.radians(0.1), 5e-4
"""Radians, and share of a leg, within which the iteration has arrived."""
_ROUNDS = 16
_GAIN = 0.98
"""A round that does not bring the bones below this share of how far they were off is the last."""
_AROUND = 5.0
"""Seconds before and after a change within which the motion is solved again."""


def read_changes(character: Solver, now: Solved, like: Motion) -> Motion:
    """`like` (T frames), changed by what differs between `now` (T) and `like` on the character."""
    different = _distances(character, now, character.solve(like), _SAME_TURN, _SAME_PLACE).max(axis=1) > 1
    if not different.any():
        return like
    frames = np.flatnonzero(different)
    around = round(_AROUND * like.fps)
    start, stop = max(int(frames[0]) - around, 0), min(int(frames[-1]) + 1 + around, len(like))
    now_part, changed = Solved(now.turns[start:stop], now.places[start:stop]), different[start:stop]
    part = _fitted(character, now_part, like.cut(start, stop), changed)
    poses, trans = like.poses.copy(), like.trans.copy()
    poses[start:stop][different[start:stop]] = marked_as_posed(part.poses[different[start:stop]])
    trans[start:stop][different[start:stop]] = part.trans[different[start:stop]]
    return Motion(poses, trans, like.fps)


def _fitted(character: Solver, now: Solved, motion: Motion, different: Bools) -> Motion:
    """The motion changed in `different` (T,) frames so that it is shown as `now`."""
    best, nearest, before = motion, np.full(len(motion), np.inf), np.inf
    for _ in range(_ROUNDS):
        solved = character.solve(motion, different)
        distances = _distances(character, now, solved, _CLOSE_TURN, _CLOSE_PLACE)
        # all bones count: what one cannot do, as toes through the floor, must not keep the others
        distance = distances.sum(axis=1)
        better = different & (distance < nearest)
        nearest = np.where(better, distance, nearest)
        best = _mixed(best, motion, better)
        now_off = float(nearest[different].sum())
        if (distances[different] <= 1).all() or now_off > _GAIN * before:
            break
        before = now_off
        motion = _mixed(motion, _nearer(character, now, solved, motion), different)
    return best


def _mixed(motion: Motion, other: Motion, chosen: Bools) -> Motion:
    poses = np.where(chosen[:, None], other.poses, motion.poses)
    return Motion(poses, np.where(chosen[:, None], other.trans, motion.trans), motion.fps)


def _distances(character: Solver, first: Solved, second: Solved, turn: float, place: float) -> Array:
    """How far (T, C) the bones of the body are off, in units of `turn` radians or `place` legs."""
    controls = [index for index, control in enumerate(character.controls) if control.role in BODY_ROLES]
    turned = np.swapaxes(first.turns[:, controls], -1, -2) @ second.turns[:, controls]
    # the angle of a rotation by its chord, which is exact for small ones
    angles = np.linalg.norm(turned - np.eye(3), axis=(-1, -2)) / np.sqrt(2)
    away = np.linalg.norm(first.places[:, controls] - second.places[:, controls], axis=-1)
    away = away * character.body.scale / character.body.leg
    return np.maximum(angles / turn, away / place)


def _nearer(character: Solver, now: Solved, solved: Solved, motion: Motion) -> Motion:
    """The motion (T frames) turned and moved by what is missing from `solved` to `now`."""
    body = character.body
    local = rot.axis_angle_to_matrix(motion.poses.astype(np.float64).reshape(len(motion), JOINT_COUNT, 3))
    world, joints = global_rotations(local), forward_kinematics(local, motion.trans.astype(np.float64))
    wanted, had = body.from_armature(now.turns), body.from_armature(solved.turns)
    missing = wanted @ np.swapaxes(had, -1, -2)
    moved = (body.places_from_armature(now.places) - body.places_from_armature(solved.places)) / body.ratio

    turned = _joint_turns(character, missing)
    new = turned @ world
    thighs = [character.limb(side, "thigh")[0] for side in SIDES]
    hips = [JOINT_INDEX[f"{side}_hip"] for side in SIDES]
    middle = joints[:, hips].mean(axis=1) + moved[:, thighs].mean(axis=1)
    offsets = REST_OFFSETS.astype(np.float64)
    trans = middle - new[:, 0] @ offsets[hips].mean(axis=0)
    for side in SIDES:
        hip, knee, ankle = (smpl_joint(side, part) for part in ("thigh", "shin", "foot"))
        goal = joints[:, ankle] + moved[:, character.limb(side, "foot")[0]]
        line = goal - trans - new[:, 0] @ offsets[hip]
        thigh, shin = new[:, hip] @ offsets[knee], new[:, knee] @ offsets[ankle]
        length = float(np.linalg.norm(offsets[knee]) + np.linalg.norm(offsets[ankle]))
        distance = np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-9)
        line = line * np.minimum(distance, length * (1 - 1e-6)) / distance
        axis = rot.normalize(hinge(new[:, hip, :, 0], thigh, shin)[0])
        swing, folded = bend_limb(thigh, shin, line, axis)
        new[:, hip], new[:, knee] = swing @ new[:, hip], folded @ new[:, knee]
        toes, foot = character.limb(side, "toes"), character.limb(side, "foot")[0]
        if toes:
            # at once as they are to the foot: what the floor does to toes must not be made up for round by round
            aligned = body.alignment[sided(side, "toes")]
            bend = np.swapaxes(wanted[:, foot], -1, -2) @ wanted[:, toes[0]]
            new[:, smpl_joint(side, "toes")] = new[:, ankle] @ (aligned @ bend @ aligned.T)
    poses = rot.matrix_to_axis_angle(local_rotations(new)).reshape(len(motion), -1)
    return Motion(poses.astype(np.float32), trans.astype(np.float32), motion.fps)


def _joint_turns(character: Solver, missing: Array) -> Array:
    """Rotations (T, 24, 3, 3) in the world to be put on SMPL's joints, for those of controls (T, C, 3, 3)."""
    roles = character.roles
    turned: dict[int, Array] = {0: missing[:, character.pelvis[-1]]}
    spine = character.spine
    names = [JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3")]
    if len(character.spine_places) > 1:
        first, last = missing[:, spine[0]], missing[:, spine[-1]]
        inner = int(np.argmin(np.abs(character.spine_places - SPINE_PLACES[1])))
        middle = missing[:, spine[inner]] if 0 < inner < len(spine) - 1 else _shared(first, last, SPINE_PLACES[1])
        turned |= dict(zip(names, (first, middle, last), strict=True))
    elif spine:
        last = missing[:, spine[-1]]
        turned |= {name: _shared(turned[0], last, (n + 1) / 3) for n, name in enumerate(names)}
    neck, head = roles.get(NECK, []), roles.get(HEAD, [])
    if neck and head:
        turned[JOINT_INDEX["neck"]] = missing[:, neck[-1]]
    if neck or head:
        turned[JOINT_INDEX["head"]] = missing[:, (head or neck)[-1]]
    for side in SIDES:
        for part in ("shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot"):
            found = character.limb(side, part)
            if found:
                turned[smpl_joint(side, part)] = missing[:, found[0]]
    # a joint without a bone goes with the one above it
    rest = np.empty((len(missing), JOINT_COUNT, 3, 3))
    for joint in range(JOINT_COUNT):
        rest[:, joint] = turned[joint] if joint in turned else rest[:, PARENTS[joint]]
    return rest


def _shared(first: Array, second: Array, share: float) -> Array:
    quaternions = rot.matrix_to_quaternion(first), rot.matrix_to_quaternion(second)
    return rot.quaternion_to_matrix(rot.slerp(*quaternions, np.full(len(first), share)))
