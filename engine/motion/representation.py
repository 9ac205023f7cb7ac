"""The motion features of our checkpoints: SMPL rotations and a heading-relative root, 128 numbers a frame.

Chosen over HumanML3D's 263 numbers because they decode to SMPL rotations directly: no inverse kinematics, no fitting,
and the round trip is exact. Layout of one frame (radians, metres; steps are per frame at the motion's frame rate):

    [0]       yaw step from the frame before
    [1:3]     pelvis step from the frame before, horizontal, in the heading of the frame before
    [3]       pelvis height
    [4:10]    pelvis rotation without its heading, 6-d
    [10:124]  19 joints' local rotations, 6-d (`ROTATION_JOINTS`; toes and hands stay at rest, as in the data)
    [124:128] contacts: left ankle, right ankle, left foot, right foot (0 or 1)

Heading is the twist of the pelvis about the world's Z axis relative to a body that faces -Y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.feet import foot_contacts
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_INDEX, MIRROR

FloatArray = NDArray[np.float32]

_REST_JOINTS = {JOINT_INDEX[name] for name in ("L_foot", "R_foot", "L_hand", "R_hand")}
ROTATION_JOINTS: tuple[int, ...] = tuple(joint for joint in range(1, JOINT_COUNT) if joint not in _REST_JOINTS)
YAW, STEP, HEIGHT, PELVIS = slice(0, 1), slice(1, 3), slice(3, 4), slice(4, 10)
JOINTS = slice(10, 10 + 6 * len(ROTATION_JOINTS))
CONTACTS = slice(JOINTS.stop, JOINTS.stop + 4)
FEATURES = CONTACTS.stop


def heading(pelvis: rot.Array) -> rot.Array:
    """Heading (T, ...) in radians, continuous in time, of pelvis rotations (T, ..., 3, 3) in the world."""
    quaternion = rot.matrix_to_quaternion(pelvis @ BODY_TO_WORLD.T.astype(pelvis.dtype))
    return np.unwrap(2.0 * np.arctan2(quaternion[..., 3], quaternion[..., 0]), axis=0)


def encode(motion: Motion) -> FloatArray:
    """Features (T, 128) of a motion of T frames. The first frame's yaw step and pelvis step repeat the second's."""
    rotations = motion.rotations().astype(np.float64)
    trans = motion.trans.astype(np.float64)
    angle = heading(rotations[:, 0])
    upright = rot.yaw(-angle) @ rotations[:, 0]
    steps = np.einsum("tji,tj->ti", rot.yaw(angle[:-1]), np.diff(trans, axis=0))[:, :2]
    features = np.zeros((len(motion), FEATURES), np.float64)
    if len(motion) > 1:
        features[1:, 0] = np.diff(angle)
        features[1:, STEP] = steps
        features[0, :3] = features[1, :3]
    features[:, HEIGHT] = trans[:, 2:]
    features[:, PELVIS] = rot.matrix_to_six_d(upright)
    features[:, JOINTS] = rot.matrix_to_six_d(rotations[:, list(ROTATION_JOINTS)]).reshape(len(motion), -1)
    features[:, CONTACTS] = foot_contacts(motion.joints(), motion.fps)
    return features.astype(np.float32)


def decode(
    features: FloatArray, fps: float, start_heading: float = 0.0, start: tuple[float, float] = (0.0, 0.0)
) -> Motion:
    """The motion of features (T, 128), with the given heading (radians) and x, y (metres) in the first frame."""
    features = features.astype(np.float64)
    angle = start_heading + np.concatenate([[0.0], np.cumsum(features[1:, 0])])
    steps = np.zeros((len(features), 3))
    steps[1:, :2] = features[1:, STEP]
    steps[1:] = np.einsum("tij,tj->ti", rot.yaw(angle[:-1]), steps[1:])
    trans = np.cumsum(steps, axis=0)
    trans[:, :2] += start
    trans[:, 2] = features[:, 3]
    rotations = np.broadcast_to(np.eye(3), (len(features), JOINT_COUNT, 3, 3)).copy()
    rotations[:, 0] = rot.yaw(angle) @ rot.six_d_to_matrix(features[:, PELVIS])
    rotations[:, list(ROTATION_JOINTS)] = rot.six_d_to_matrix(features[:, JOINTS].reshape(len(features), -1, 6))
    return from_rotations(rotations, trans, fps)


class RunningDecoder:
    """`decode` a few frames at a time: each call continues at the place and heading where the previous one ended."""

    def __init__(self, fps: float):
        self.fps = fps
        self.heading = 0.0
        self.place = (0.0, 0.0)
        self.last: FloatArray | None = None  # (1, 128), the frame that the next step starts from

    def extend(self, features: FloatArray) -> Motion:
        """The motion of the next features (T, 128), T >= 1."""
        begun = self.last is not None
        joined = features if self.last is None else np.concatenate([self.last, features])
        motion = decode(joined, self.fps, self.heading, self.place)
        self.heading += float(joined[1:, 0].sum(dtype=np.float64))
        self.place = (float(motion.trans[-1, 0]), float(motion.trans[-1, 1]))
        self.last = features[-1:]
        return motion.cut(int(begun), len(motion))


def mirror(features: FloatArray) -> FloatArray:
    """Features (..., 128) of the motion mirrored left to right."""
    mirrored = features.copy()
    mirrored[..., [0, 1]] *= -1
    # conjugating with diag(-1, 1, 1) flips the signs of the matrix entries that mix x with y or z
    signs = np.array([1, -1, -1, -1, 1, 1], features.dtype)
    mirrored[..., PELVIS] = features[..., PELVIS] * signs
    slot = {joint: index for index, joint in enumerate(ROTATION_JOINTS)}
    order = [slot[MIRROR[joint]] for joint in ROTATION_JOINTS]
    joints = features[..., JOINTS].reshape(*features.shape[:-1], -1, 6)
    mirrored[..., JOINTS] = (joints[..., order, :] * signs).reshape(*features.shape[:-1], -1)
    mirrored[..., CONTACTS] = features[..., [125, 124, 127, 126]]
    return mirrored
