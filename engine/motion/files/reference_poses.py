"""Reference poses in recordings: a T-pose or A-pose, often at the origin, before the first or behind the last frame.

Programs write them so that others know the skeleton at rest. In a dance they would be a flash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX

Array = NDArray[np.floating[Any]]

_HELD_SECONDS = 2.0
_STILL = 0.02
"""Metres a frame within which a pose counts as held."""
_UNSTEADY = 0.05
"""The same for reference poses, as of somebody who stands in one."""
_JUMP = 0.15
_JUMP_SPEED = 4.0
"""Metres, and metres a second, from which on a joint jumps."""
_JUMP_RATIO = 1.5
"""Times the largest step of the frames beside it: a body that begins to move does not move fastest at once."""
_NEXT_SECONDS = 0.25


@dataclass(frozen=True)
class Recording:
    """A recording's dance, without the reference poses at its ends. before: how many frames of them were at its
    start."""

    dance: Motion
    before: int

    def in_time(self) -> Motion:
        """The dance with its first pose held instead of the reference poses, so that it starts when the recording
        does, and its song."""
        return Motion(
            np.concatenate([np.repeat(self.dance.poses[:1], self.before, axis=0), self.dance.poses]),
            np.concatenate([np.repeat(self.dance.trans[:1], self.before, axis=0), self.dance.trans]),
            self.dance.fps,
        )


def dance_range(positions: Array, fps: float, at_rest: NDArray[np.bool_]) -> tuple[int, int]:
    """The frames start..stop (half-open) without reference poses at the ends that the dance does not lead to.

    positions: (T, 24, 3) joints, metres, any axes. at_rest: (T,) frames in which every rotation is zero.
    """
    start = _held(positions, fps, at_rest)
    stop = len(positions) - _held(positions[start:][::-1], fps, at_rest[start:][::-1])
    return start, stop


def _held(positions: Array, fps: float, at_rest: NDArray[np.bool_]) -> int:
    """How many frames at the start hold reference poses, one or several, before a jump; 0 if none do."""
    next_frames = max(1, round(_NEXT_SECONDS * fps))
    limit = min(len(positions) - 1, max(1, round(_HELD_SECONDS * fps)))
    steps = np.linalg.norm(np.diff(positions[: limit + 2 + next_frames], axis=0), axis=-1).max(axis=-1)
    jumps = steps > max(_JUMP, _JUMP_SPEED / fps)

    def refers(frame: int) -> bool:
        return bool(at_rest[frame]) or is_reference(positions[frame])

    held = 0
    for count in range(1, limit + 1):
        jump = steps[count - 1]
        if jump > _STILL and not refers(count - 1):
            break
        if jumps[count - 1]:
            after = steps[count : count + next_frames]
            for step in range(1, len(after)):
                # a short dance may end in a reference pose as well: the jump there is no motion of its own
                if after[step] > max(_JUMP, _JUMP_RATIO * after[:step].max()) and refers(count + step + 1):
                    after = after[:step]
                    break
            if jump > _JUMP_RATIO * after.max(initial=0.0):
                held = count
        if jump > _STILL and not ((jumps[count - 1] or jump < _UNSTEADY) and refers(count)):
            break
    return held if all(refers(frame) for frame in range(held)) else 0


def is_reference(joints: Array) -> bool:
    """Whether a body stands as for a reference: upright, limbs straight, both sides alike. joints: (24, 3), any axes
    and unit."""
    pose = _body_directions(joints)
    straight = all(pose[f"{side}_{one}"] @ pose[f"{side}_{two}"] > _cos(20) for side in "LR" for one, two in _BONES)
    alike = all(pose[f"L_{part}"] @ (pose[f"R_{part}"] * [-1, 1, 1]) > _cos(12) for part in ("hip", "shoulder"))
    legs = all(-pose[f"{side}_hip"][1] > _cos(25) for side in "LR")
    arms = all(pose[f"{side}_shoulder"][1] < np.sin(np.radians(20)) for side in "LR")
    aside = all(pose[f"{side}_shoulder"][2] < np.sin(np.radians(25)) for side in "LR")
    return bool(straight and alike and legs and arms and aside and pose["trunk"][1] > _cos(20))


def is_upright_rest(joints: Array) -> bool:
    """Whether a skeleton rests upright with its limbs on their sides, as in a T-pose, an A-pose or with hanging arms.

    Then only its limbs' directions differ from ours at rest. joints: (24, 3), any axes and unit.
    """
    pose = _body_directions(joints)
    legs = all(-pose[f"{side}_{part}"][1] > _cos(50) for side in "LR" for part in ("hip", "knee"))
    arms = all(
        pose[f"{side}_shoulder"][1] < np.sin(np.radians(50))
        and pose[f"{side}_shoulder"] @ pose[f"{side}_elbow"] > _cos(60)
        and sign * pose[f"{side}_shoulder"][0] > -0.2
        for side, sign in (("L", 1), ("R", -1))
    )
    across = pose["shoulders"][0] > _cos(35)
    return bool(legs and arms and across and pose["trunk"][1] > _cos(35))


_BONES = (("hip", "knee"), ("shoulder", "elbow"))
_ENDS = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}


def _body_directions(joints: Array) -> dict[str, Array]:
    """Directions (3,) of the limbs from each joint, of the trunk and the shoulder line, in the body's frame (x left, y
    up, z forward)."""
    at = {name: joints[index].astype(np.float64) for name, index in JOINT_INDEX.items()}
    hips = (at["L_hip"] + at["R_hip"]) / 2
    left = rot.normalize(at["L_hip"] - at["R_hip"])
    shoulders = (at["L_shoulder"] + at["R_shoulder"]) / 2
    up = shoulders - hips
    up = rot.normalize(up - (up @ left) * left)
    frame = np.stack([left, up, np.cross(left, up)], axis=-1)
    found = {"trunk": at["head"] - hips, "shoulders": at["L_shoulder"] - at["R_shoulder"]}
    for side in "LR":
        found |= {f"{side}_{one}": at[f"{side}_{two}"] - at[f"{side}_{one}"] for one, two in _ENDS.items()}
    return {name: rot.normalize(vector) @ frame for name, vector in found.items()}


def _cos(degrees: float) -> float:
    return float(np.cos(np.radians(degrees)))
