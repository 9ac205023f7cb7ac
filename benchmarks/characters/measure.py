"""How a character's dance differs from the dance of the SMPL body that it shows, by joint positions in the world.

All lengths are those of a character of 1.7 m. The character is measured as Blender shows it, so that this knows nothing
of how it was made to dance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig.feet import ANKLE_REST_HEIGHT, CONTACT_JOINTS, foot_contacts
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX, REST_OFFSETS

Array = NDArray[np.floating[Any]]
HEIGHT = 1.7
JOINT_OF = {
    "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist", "thigh": "hip", "shin": "knee", "foot": "ankle",
    "toes": "foot",
}  # fmt: skip
"""The SMPL joint at the head of a limb's bone."""
ARMS, LEGS = (("upper_arm", "forearm"), ("forearm", "hand")), (("thigh", "shin"), ("shin", "foot"))
SKATING = 0.2
"""Metres a second at which a planted foot point counts as skating."""
DEEP = 0.01
SMPL_LEG = float(np.linalg.norm(REST_OFFSETS[[4, 7]], axis=1).sum()) + ANKLE_REST_HEIGHT
BENT = np.radians(20)
"""A knee that is straighter has no plane."""


@dataclass(frozen=True)
class Shown:
    """What Blender shows of a character. rest, joints: role -> (3,) at rest and (T, 3) in the dance, heads of the first
    bone of the role, metres, world. height: from sole to crown at rest. floor: height of the soles at rest. soles:
    by side, (T, K, 3) points of foot and toes in the dance. flips: jumps of keyed rotations between frames."""

    rest: Mapping[str, Array]
    joints: Mapping[str, Array]
    height: float
    floor: float
    soles: Mapping[str, Array]
    flips: int


@dataclass(frozen=True)
class Figures:
    """One row of the table. Angles in degrees, shares in per cent, speeds in cm/s."""

    limb_median: float
    limb_worst: float
    leg_worst: float
    planted_height: float
    stance_speed: float
    skating: float
    skating_source: float
    below_floor: float
    root_path: float
    jerk: float
    knee_flips: int
    sign_flips: int
    hands: float

    def row(self) -> list[str]:
        """The figures as text."""
        return [f"{getattr(self, field.name):.2f}".removesuffix(".00") for field in fields(self)]


def figures(motion: Motion, shown: Shown) -> Figures:
    """Compare a dance with how a character shows it, frame by frame."""
    source = motion.joints().astype(np.float64)
    turn = _heading(shown.rest)
    scale = HEIGHT / shown.height
    ratio = _leg(shown) / SMPL_LEG
    arms = np.concatenate([_angles(source, shown, turn, side, *pair) for side in "LR" for pair in ARMS])
    legs = np.concatenate([_angles(source, shown, turn, side, *pair) for side in "LR" for pair in LEGS])
    contacts = foot_contacts(source, motion.fps)
    speeds, skating, skating_source = [], [], []
    for column, joint in enumerate(CONTACT_JOINTS):
        side = "LR"[column % 2]
        role = f"{side}_{'foot' if column < 2 else 'toes'}"
        if role not in shown.joints:
            continue
        now, on = shown.joints[role], contacts[:, column]
        both = on[1:] & on[:-1]
        speed = np.linalg.norm(np.diff(now[:, :2], axis=0), axis=1) * motion.fps * scale
        their_speed = np.linalg.norm(np.diff(source[:, joint, :2], axis=0), axis=1) * motion.fps * ratio * scale
        speeds.append(np.maximum(speed - their_speed, 0)[both])
        skating.append(both & (speed > SKATING))
        skating_source.append(both & (their_speed > SKATING))
    lowest = {side: points[..., 2].min(axis=1) - shown.floor for side, points in shown.soles.items()}
    planted = [np.abs(lowest[side])[contacts[:, index] | contacts[:, index + 2]] for index, side in enumerate("LR")]
    stance = np.concatenate(speeds)  # none where a dancer is never on the heels, and the character has no toes
    hips, their_hips = _middle(shown.joints), source[:, [1, 2]].mean(axis=1)
    return Figures(
        limb_median=float(np.median(arms)),
        limb_worst=float(arms.max()),
        leg_worst=float(legs.max()),
        planted_height=float(100 * np.percentile(np.concatenate(planted), 99) / shown.height),
        stance_speed=float(100 * stance.mean()) if len(stance) else 0.0,
        skating=float(100 * np.mean(skating)),
        skating_source=float(100 * np.mean(skating_source)),
        below_floor=float(100 * (np.minimum(lowest["L"], lowest["R"]) * scale < -DEEP).mean()),
        root_path=100 * (_slope(their_hips[:, :2] @ turn[:2, :2].T, hips[:, :2]) / ratio - 1),
        jerk=_jerk(shown, source, ratio),
        knee_flips=_knee_flips(source, shown, turn),
        sign_flips=shown.flips,
        hands=_hands(source, shown, turn),
    )


def _heading(rest: Mapping[str, Array]) -> Array:
    """(3, 3) the turn about Z from facing -Y to where the character faces at rest."""
    left = (rest["L_thigh"] - rest["R_thigh"]) + (rest["L_upper_arm"] - rest["R_upper_arm"])
    angle = np.arctan2(left[1], left[0])
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _leg(shown: Shown) -> float:
    """Thigh, shin and the height of the ankle, metres, the mean of both sides."""
    rest = shown.rest
    lengths = [np.linalg.norm(rest[f"{side}_{two}"] - rest[f"{side}_{one}"]) for side in "LR" for one, two in LEGS]
    ankles = np.mean([rest[f"{side}_foot"][2] - shown.floor for side in "LR"])
    return float(sum(lengths) / 2 + ankles)


def _middle(joints: Mapping[str, Array]) -> Array:
    middle: Array = (joints["L_thigh"] + joints["R_thigh"]) / 2
    return middle


def _slope(theirs: Array, ours: Array) -> float:
    """How much larger a path (T, 2) is than another: the slope of the least-squares line through both."""
    theirs, ours = theirs - theirs.mean(axis=0), ours - ours.mean(axis=0)
    return float((theirs * ours).sum() / max(float((theirs**2).sum()), 1e-12))


def _limb(source: Array, side: str, one: str, two: str) -> Array:
    first, second = (JOINT_INDEX[f"{side}_{JOINT_OF[part]}"] for part in (one, two))
    limb: Array = source[:, second] - source[:, first]
    return limb


def _angles(source: Array, shown: Shown, turn: Array, side: str, one: str, two: str) -> Array:
    """(T,) degrees between a limb of the character and the source's."""
    if f"{side}_{two}" not in shown.joints:
        return np.zeros(0)
    wanted = _limb(source, side, one, two) @ turn.T
    now = shown.joints[f"{side}_{two}"] - shown.joints[f"{side}_{one}"]
    return np.degrees(_between(wanted, now))


def _between(one: Array, other: Array) -> Array:
    cross = np.linalg.norm(np.cross(one, other), axis=-1)
    angles: Array = np.arctan2(cross, (one * other).sum(axis=-1))
    return angles


def _jerk(shown: Shown, source: Array, ratio: float) -> float:
    """Mean size of the third differences over the source's, of hands, elbows, feet and knees.

    The source's legs count as long as the character's; so do the height of its trunk, the breadth of its shoulders and
    each part of its arms, since what is longer or broader for its legs moves more though it points as the source's
    does.
    """
    ours, theirs = 0.0, 0.0
    rest_hips, hips = _middle(shown.rest), source[:, [1, 2]].mean(axis=1)
    rest_chest = (shown.rest["L_upper_arm"] + shown.rest["R_upper_arm"]) / 2
    chest = source[:, [JOINT_INDEX["L_shoulder"], JOINT_INDEX["R_shoulder"]]].mean(axis=1)
    for side in "LR":
        for part in ("shin", "foot"):
            ours += _third(shown.joints[f"{side}_{part}"])
            theirs += _third(ratio * source[:, JOINT_INDEX[f"{side}_{JOINT_OF[part]}"]])
        wanted = ratio * hips + _as_long(chest - hips, rest_chest - rest_hips)
        before: Array = rest_chest
        their_before: Array = chest
        for part in ("upper_arm", "forearm", "hand"):
            role, joint = f"{side}_{part}", JOINT_INDEX[f"{side}_{JOINT_OF[part]}"]
            if role not in shown.joints:
                break
            wanted = wanted + _as_long(source[:, joint] - their_before, shown.rest[role] - before)
            before, their_before = shown.rest[role], source[:, joint]
            if part != "upper_arm":
                ours += _third(shown.joints[role])
                theirs += _third(wanted)
    return ours / theirs


def _as_long(steps: Array, other: Array) -> Array:
    """Vectors (T, 3) that are in the mean as long as another one (3,)."""
    scaled: Array = steps * np.linalg.norm(other) / np.linalg.norm(steps, axis=1).mean()
    return scaled


def _third(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path, 3, axis=0), axis=1).mean())


def _knee_flips(source: Array, shown: Shown, turn: Array) -> int:
    """Frames in which a bent knee bends to the other side than the source's."""
    flips = 0
    for side in "LR":
        thigh, shin = (_limb(source, side, *pair) @ turn.T for pair in LEGS)
        ours = [shown.joints[f"{side}_{two}"] - shown.joints[f"{side}_{one}"] for one, two in LEGS]
        bent = (_between(thigh, shin) > BENT) & (_between(ours[0], ours[1]) > BENT)
        same = (np.cross(thigh, shin) * np.cross(ours[0], ours[1])).sum(axis=1) > 0
        flips += int((bent & ~same).sum())
    return flips


def _hands(source: Array, shown: Shown, turn: Array) -> float:
    """The 99th percentile of how far hands are from where the source's are, seen from the shoulder and by the length of
    the arm, per cent of the height."""
    away = []
    for side in "LR":
        if f"{side}_hand" not in shown.joints:
            continue
        arm = [shown.joints[f"{side}_{two}"] - shown.joints[f"{side}_{one}"] for one, two in ARMS]
        lengths = [float(np.linalg.norm(part, axis=1).mean()) for part in arm]
        wanted = np.zeros_like(arm[0])
        for length, pair in zip(lengths, ARMS, strict=True):
            limb = _limb(source, side, *pair) @ turn.T
            wanted += length * limb / np.linalg.norm(limb, axis=1, keepdims=True)
        away.append(np.linalg.norm(arm[0] + arm[1] - wanted, axis=1))
    return float(100 * np.percentile(np.concatenate(away), 99) / shown.height) if away else 0.0
