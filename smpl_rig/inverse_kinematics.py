"""SMPL rotations from joint positions, in closed form.

Positions determine the direction of a bone but not its twist about itself. Pelvis and chest have three neighbours each,
which determine them fully (Kabsch 1976: the rotation nearest to a set of directions). The twist of a thigh or upper arm
follows from the knee or elbow, which are hinges: the limb bends in a plane perpendicular to the hinge. The straighter
the limb, the less certain its plane; there the twist of bent moments before and after is carried over, and a leg also
follows its toes. All other bones turn by the shortest rotation from their parent's.

Every bone points exactly as the positions do, so for a body with the bone lengths of `offsets` the joints are restored
exactly. For any other body the bones of arms and legs point from where the joints above have ended up to their target.
"""

from __future__ import annotations

import numpy as np

from . import rotations as rot
from .banded_matrix import solve_banded
from .kinematics import local_rotations
from .rotations import Array
from .skeleton import CHILDREN, JOINT_COUNT, JOINT_INDEX, REST_OFFSETS

# upper bone, lower bone's joint, its end, and the hinge's axis in the rest pose (positive angles bend)
_LIMBS = (
    ("L_hip", "L_knee", "L_ankle", (1.0, 0.0, 0.0)),
    ("R_hip", "R_knee", "R_ankle", (1.0, 0.0, 0.0)),
    ("L_shoulder", "L_elbow", "L_wrist", (0.0, -1.0, 0.0)),
    ("R_shoulder", "R_elbow", "R_wrist", (0.0, 1.0, 0.0)),
)
# Weights of the evidence of a limb's twist, relative to a clear bend; measured on dances with known twist.
_CLEAR_BEND = 0.35  # sine of the bend at which the limb's plane has half its weight
_TOES = 0.2  # for a leg, its toes
_NO_TWIST = 0.02  # the rest pose's twist
_STEADY_TWIST = 0.1  # the twist of the frame before, at 20 frames per second


def solve_rotations(positions: Array, fps: float = 20.0, offsets: Array = REST_OFFSETS) -> tuple[Array, Array]:
    """Rotations (T, 24, 3, 3), local to the parent, and pelvis path (T, 3) of a body with joints at `positions`.

    positions: (T, 22, 3) or (T, 24, 3) metres, world; with 22 joints the wrists stay neutral. offsets: (24, 3) rest
    offsets, metres. fps: frames per second, which limits how fast a twist may change. The results are float64. Raises
    ValueError for another shape or values that are not finite.
    """
    if positions.ndim != 3 or positions.shape[1] not in (22, JOINT_COUNT) or positions.shape[2] != 3:
        raise ValueError(f"positions have shape {positions.shape}; (T, 22, 3) or (T, 24, 3) is needed")
    if not np.isfinite(positions).all():
        raise ValueError("positions hold NaN or infinite values")
    positions, rest = positions.astype(np.float64), offsets.astype(np.float64)
    world = np.empty((*positions.shape[:1], JOINT_COUNT, 3, 3))

    reached = np.empty((len(positions), JOINT_COUNT, 3))
    reached[:, 0] = positions[:, 0]

    def turn(joint: str, matrix: Array) -> None:
        index = JOINT_INDEX[joint]
        world[:, index] = matrix
        for child in CHILDREN[index]:
            reached[:, child] = reached[:, index] + matrix @ rest[child]

    def bone(child: str, parent: str) -> tuple[Array, Array]:
        """The rest offset and the current offset from `parent` to its child."""
        end = JOINT_INDEX[child]
        return rest[end], positions[:, end] - positions[:, JOINT_INDEX[parent]]

    def follow(joint: str, child: str, base: Array) -> None:
        turn(joint, _point(base, *bone(child, joint)))

    def aim(joint: str, child: str, base: Array) -> None:
        """Like `follow`, but from where the joint has ended up: a limb's bone corrects errors above it."""
        end = JOINT_INDEX[child]
        turn(joint, _point(base, rest[end], positions[:, end] - reached[:, JOINT_INDEX[joint]]))

    turn("pelvis", _nearest_rotation([bone(child, "pelvis") for child in ("L_hip", "R_hip", "spine1")]))
    chest = _nearest_rotation([bone(child, "spine3") for child in ("neck", "L_collar", "R_collar")])
    low, high = rot.matrix_to_quaternion(world[:, 0]), rot.matrix_to_quaternion(chest)
    for joint, child, share in (("spine1", "spine2", 1 / 3), ("spine2", "spine3", 2 / 3)):
        between = rot.slerp(low, high, np.full(len(positions), share))
        follow(joint, child, rot.quaternion_to_matrix(between))
    turn("spine3", chest)
    follow("neck", "head", chest)
    turn("head", world[:, JOINT_INDEX["neck"]])
    for side in "LR":
        follow(f"{side}_collar", f"{side}_shoulder", chest)
    for upper, middle, end, hinge in _LIMBS:
        base = world[:, 0] if "hip" in upper else world[:, JOINT_INDEX[upper[0] + "_collar"]]
        aim(upper, middle, base)
        near, far, axis = bone(middle, upper), bone(end, middle), np.array(hinge)
        toes = bone(f"{upper[0]}_foot", end) if "hip" in upper else None
        swung = world[:, JOINT_INDEX[upper]]
        turn(upper, swung @ _hinge_twist(swung, near, far[1], axis, toes, fps))
        # bending about the hinge first leaves only a small turn to the shortest rotation, which a folded limb needs
        bend = _angle(near[1], far[1]) - _angle(near[0], far[0])
        aim(middle, end, world[:, JOINT_INDEX[upper]] @ rot.axis_angle_to_matrix(bend[:, None] * axis))
    for side in "LR":
        follow(f"{side}_ankle", f"{side}_foot", world[:, JOINT_INDEX[f"{side}_knee"]])
        turn(f"{side}_foot", world[:, JOINT_INDEX[f"{side}_ankle"]])
        turn(f"{side}_wrist", world[:, JOINT_INDEX[f"{side}_elbow"]])
        if positions.shape[1] == JOINT_COUNT:
            follow(f"{side}_wrist", f"{side}_hand", world[:, JOINT_INDEX[f"{side}_elbow"]])
        turn(f"{side}_hand", world[:, JOINT_INDEX[f"{side}_wrist"]])
    return local_rotations(world), positions[:, 0].copy()


def _nearest_rotation(bones: list[tuple[Array, Array]]) -> Array:
    """The rotations (T, 3, 3) that best turn the rest offsets (3,) into the current ones (T, 3)."""
    covariance = sum(rot.normalize(now)[:, :, None] * rest[None, None, :] / np.linalg.norm(rest) for rest, now in bones)
    u, _, v = np.linalg.svd(covariance)
    u[:, :, 2] *= np.linalg.det(u @ v)[:, None]  # a mirror image is no rotation
    return u @ v


def _angle(first: Array, second: Array) -> Array:
    """The angle (...,) between vectors (..., 3)."""
    first, second = rot.normalize(first), rot.normalize(second)
    return np.arctan2(np.linalg.norm(np.cross(first, second), axis=-1), np.sum(first * second, axis=-1))


def _point(base: Array, rest: Array, now: Array) -> Array:
    """Rotations (T, 3, 3): `base`, then the shortest rotation after which the rest offset (3,) points along `now`
    (T, 3)."""
    return rot.quaternion_to_matrix(rot.rotation_between(base @ rest, now)) @ base


def _hinge_twist(
    upper: Array,
    bone: tuple[Array, Array],
    lower: Array,
    hinge: Array,
    toes: tuple[Array, Array] | None,
    fps: float,
) -> Array:
    """Twists (T, 3, 3) about a limb's upper bone, in its own frame, that turn its hinge perpendicular to the plane of
    the bend.

    upper: (T, 3, 3) world rotation of the upper bone without twist. bone: its rest and current offset. lower: (T, 3)
    offset of the lower bone. hinge: its axis in the rest pose. toes: for a leg, rest and current offset of the foot.
    """
    axis = rot.normalize(bone[0])

    def twist_from(direction: Array, world: Array) -> Array:
        """(cos, sin) of the twist that turns the rest `direction` to that of `world` (T, 3), scaled by how well it is
        determined."""
        local = np.einsum("tji,tj->ti", upper, world)
        flat = direction - axis * (axis @ direction)
        return np.stack([local @ flat, local @ np.cross(axis, flat)], axis=-1) / np.linalg.norm(flat)

    bend = np.cross(rot.normalize(bone[1]), rot.normalize(lower))
    sine = np.linalg.norm(bend, axis=-1, keepdims=True)
    trust = sine**4 / (sine**4 + _CLEAR_BEND**4)
    evidence = trust * rot.normalize(twist_from(hinge, bend)) + _NO_TWIST * np.array([1.0, 0.0])
    weight = trust[:, 0] + _NO_TWIST
    if toes is not None:
        side = _TOES * twist_from(rot.normalize(toes[0]), rot.normalize(toes[1]))
        evidence = evidence + side
        weight = weight + np.linalg.norm(side, axis=-1)
    # (cos, sin) is smoothed rather than the angle, which may wrap around
    steady = _STEADY_TWIST * (fps / 20.0) ** 2
    band = np.zeros((len(weight), 2))
    band[:, 0] = weight
    band[:-1, 0] += steady
    band[1:, 0] += steady
    band[:-1, 1] = -steady
    curve = solve_banded(band, evidence)
    return rot.axis_angle_to_matrix(np.arctan2(curve[:, 1], curve[:, 0])[:, None] * axis)


def bend_limb(upper: Array, lower: Array, line: Array, hinge: Array) -> tuple[Array, Array]:
    """World rotations (T, 3, 3) of a limb's two bones that bring its end from `upper + lower` to `line` from its root.

    upper, lower, line: (T, 3) world vectors. hinge: (T, 3) unit axis about which the lower bone turns first; then both
    swing by the shortest rotation, so the joint between them keeps pointing to the same side.
    """
    along = np.sum(hinge * lower, axis=-1, keepdims=True) * hinge
    across = lower - along
    # |upper + lower turned by angle|² = const + 2 (cosine cos(angle) + sine sin(angle)); solved for the wanted distance
    cosine = np.sum(upper * across, axis=-1)
    sine = np.sum(upper * np.cross(hinge, across), axis=-1)
    need = 0.5 * (np.sum(line**2, axis=-1) - np.sum(upper**2, axis=-1) - np.sum(lower**2, axis=-1))
    need -= np.sum(upper * along, axis=-1)
    straight = np.arctan2(sine, cosine)
    angle = straight + np.arccos(np.clip(need / np.hypot(cosine, sine), -1, 1))
    bend = rot.axis_angle_to_quaternion(hinge * angle[:, None])
    swing = rot.rotation_between(upper + rot.quaternion_rotate(bend, lower), line)
    return rot.quaternion_to_matrix(swing), rot.quaternion_to_matrix(rot.quaternion_multiply(swing, bend))


def lifting_swing(upper: Array, line: Array, lowest: Array, share: Array) -> Array:
    """World rotations (T, 3, 3) of a limb about the line from its root to its end that lift the joint between them.

    upper, line: (T, 3) world vectors from the root to that joint and to the end. lowest: (T,) the height over the root
    that the joint is to have at least, as far as turning goes, and share: (T,) 0..1 how much of that turn is done.
    """
    axis = rot.normalize(line)
    middle = np.sum(upper * axis, axis=-1, keepdims=True) * axis
    side, up = upper - middle, np.array([0.0, 0.0, 1.0]) - axis[:, 2:] * axis
    # the height of the joint is that of the circle's middle, and that of its highest point times the cosine of the
    # angle from there
    highest = np.linalg.norm(side, axis=-1) * np.linalg.norm(up, axis=-1)
    wanted = np.arccos(np.clip((lowest - middle[:, 2]) / np.maximum(highest, 1e-9), -1, 1))
    angle = np.arctan2(np.sum(np.cross(side, up) * axis, axis=-1), np.sum(side * up, axis=-1))
    turn = share * np.sign(angle) * np.maximum(np.abs(angle) - wanted, 0)
    return rot.axis_angle_to_matrix(turn[:, None] * axis)
