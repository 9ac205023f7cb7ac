"""Forward kinematics in torch, for losses and measures on joints; tree and conventions are `smpl_rig.kinematics`'s."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.motion import representation as rep
from smpl_rig.skeleton import JOINT_COUNT, PARENTS, REST_OFFSETS


def six_d_to_matrix(six_d: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of 6-d vectors (..., 6) by Gram-Schmidt (Zhou et al. 2019)."""
    first = torch.nn.functional.normalize(six_d[..., :3], dim=-1)
    second = six_d[..., 3:] - (first * six_d[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _levels() -> list[list[int]]:
    """Joints by depth in the tree, so that one batched product computes all joints of a depth."""
    depth = [0] * JOINT_COUNT
    for joint in range(1, JOINT_COUNT):
        depth[joint] = depth[PARENTS[joint]] + 1
    return [[joint for joint in range(JOINT_COUNT) if depth[joint] == level] for level in range(max(depth) + 1)]


_LEVELS = _levels()


def joints_in_heading_frame(features: Tensor) -> Tensor:
    """Joints (B, T, 24, 3) in metres of features (B, T, 128); the pelvis above the origin, heading removed."""
    batch, frames, _ = features.shape
    identity = torch.eye(3, device=features.device, dtype=features.dtype).expand(batch, frames, 3, 3)
    local: list[Tensor] = [identity] * JOINT_COUNT
    local[0] = six_d_to_matrix(features[..., rep.PELVIS])
    rotations = six_d_to_matrix(features[..., rep.JOINTS].reshape(batch, frames, -1, 6))
    for index, joint in enumerate(rep.ROTATION_JOINTS):
        local[joint] = rotations[:, :, index]
    offsets = torch.as_tensor(REST_OFFSETS.copy(), device=features.device, dtype=features.dtype)
    world: list[Tensor] = list(local)
    position: list[Tensor] = [torch.zeros_like(features[..., :3])] * JOINT_COUNT
    position[0] = torch.nn.functional.pad(features[..., rep.HEIGHT], (2, 0))
    for level in _LEVELS[1:]:
        parents = [PARENTS[joint] for joint in level]
        parent_rotation = torch.stack([world[parent] for parent in parents], dim=2)  # (B, T, n, 3, 3)
        turned = (parent_rotation.unsqueeze(-1) * torch.stack([local[j] for j in level], 2).unsqueeze(-3)).sum(-2)
        moved = (parent_rotation * offsets[level][:, None, :]).sum(-1)
        for index, joint in enumerate(level):
            world[joint] = turned[:, :, index]
            position[joint] = position[parents[index]] + moved[:, :, index]
    return torch.stack(position, dim=2)


def joint_steps(features: Tensor, joints: Tensor) -> Tensor:
    """World displacement (B, T - 1, 24, 3) of every joint from frame to frame, in the heading of the earlier frame."""
    turned = rotate_about_z(features[:, 1:, None, 0], joints[:, 1:])
    step = torch.nn.functional.pad(features[:, 1:, rep.STEP], (0, 1))
    return turned + step[:, :, None] - joints[:, :-1]


def joint_bends(features: Tensor, steps: Tensor) -> Tensor:
    """Change (B, T - 2, 24, 3) of the displacements `steps` of every joint from frame to frame, in the heading of the
    earlier one: accelerations, in metres a squared frame."""
    return rotate_about_z(features[:, 1:-1, None, 0], steps[:, 1:]) - steps[:, :-1]


@dataclass(frozen=True)
class Movement:
    """Joints (B, T, 24, 3), see `joints_in_heading_frame`; their `joint_steps`; their `joint_bends`."""

    joints: Tensor
    steps: Tensor
    bends: Tensor


def movement_of(features: Tensor) -> Movement:
    """The movement of features (B, T, 128)."""
    joints = joints_in_heading_frame(features)
    steps = joint_steps(features, joints)
    return Movement(joints, steps, joint_bends(features, steps))


def root_path(features: Tensor) -> tuple[Tensor, Tensor]:
    """Heading (B, T) and position (B, T, 2), integrated over the window from zero."""
    angle = torch.nn.functional.pad(features[:, 1:, 0].cumsum(1), (1, 0))
    step = torch.nn.functional.pad(features[:, 1:, rep.STEP], (0, 1))
    moved = rotate_about_z(angle[:, :-1], step)[..., :2].cumsum(1)
    return angle, torch.nn.functional.pad(moved, (0, 0, 1, 0))


def rotate_about_z(angle: Tensor, vector: Tensor) -> Tensor:
    """Vectors (..., 3) rotated about Z by angles (...,) in radians."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    x, y, z = vector.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y, z.expand_as(x * cosine)], dim=-1)
