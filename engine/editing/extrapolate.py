"""Motion extrapolated in time beyond its first or last frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.motion import Motion, sample
from smpl_rig.skeleton import JOINT_COUNT


def extrapolated(motion: Motion, times: NDArray[np.float64]) -> Motion:
    """The motion at `times` (N,), seconds. Before its first frame both time and movement are mirrored at that frame, so
    that velocities go on without a break."""
    ahead = sample(motion, np.abs(times))
    first = motion.cut(0, 1)
    start = rot.axis_angle_to_quaternion(first.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    later = rot.axis_angle_to_quaternion(ahead.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    back = rot.quaternion_multiply(rot.quaternion_multiply(start, rot.quaternion_conjugate(later)), start)
    before = times < -1e-6
    poses = np.where(before[:, None], rot.quaternion_to_axis_angle(back).reshape(len(times), -1), ahead.poses)
    trans = np.where(before[:, None], 2.0 * first.trans - ahead.trans, ahead.trans)
    now = np.abs(times) <= 1e-6
    poses[now], trans[now] = first.poses, first.trans
    return Motion(poses.astype(np.float32), trans.astype(np.float32), motion.fps)


def one_frame_longer(motion: Motion) -> Motion:
    """The motion with one more frame at its end, extrapolated."""
    backwards = replace(motion, poses=motion.poses[::-1], trans=motion.trans[::-1])
    after = extrapolated(backwards, np.array([-1 / motion.fps]))
    poses, trans = np.concatenate([motion.poses, after.poses]), np.concatenate([motion.trans, after.trans])
    return replace(motion, poses=poses, trans=trans)
