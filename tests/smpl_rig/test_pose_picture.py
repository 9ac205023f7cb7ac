"""A picture of a pose: its limbs are in it, each side in its colour, where who looks at the body's front sees them."""

from __future__ import annotations

import numpy as np
import pytest

from smpl_rig.motion import Motion
from smpl_rig.pose_picture import draw_pose


def at_rest(turn: float = 0.0) -> np.ndarray:
    """Joints of a body that stands with its arms to the sides, turned about the vertical."""
    poses = np.zeros((1, 72), np.float32)
    poses[0, 0] = np.pi / 2
    joints = Motion(poses, np.array([[3.0, -2.0, 0.9]], np.float32), 30.0).joints()[0]
    cosine, sine = np.cos(turn), np.sin(turn)
    return joints @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])


@pytest.mark.parametrize("turn", [0.0, 1.0, 3.0])
def test_the_pose_is_seen_from_before_the_body_wherever_it_faces(turn: float) -> None:
    picture = draw_pose(at_rest(turn), 64)
    red, _, blue, opacity = np.moveaxis(picture, -1, 0)
    seen = opacity > 0.5
    assert picture.shape == (64, 64, 4) and picture.min() >= 0 and picture.max() <= 1
    assert seen[:, 45:].any() and (red > blue)[:, 45:][seen[:, 45:]].all()  # its left arm is at the right
    assert seen[:, :19].any() and (blue > red)[:, :19][seen[:, :19]].all()
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert columns[0] + columns[-1] == 63 and len(rows) > 45
    assert (
        seen[rows[-1]].sum() < seen[rows[-8]].sum() * 3 and not seen[rows[0], 31:33].any()
    )  # a head above, feet below


def test_a_crouching_dancer_is_smaller_and_a_pose_of_nothing_is_drawn() -> None:
    standing = at_rest()
    crouching = standing * [0.5, 0.5, 0.5]
    assert (draw_pose(crouching)[..., 3] > 0.5).sum() < (draw_pose(standing)[..., 3] > 0.5).sum()
    assert np.isfinite(draw_pose(np.zeros((24, 3)))).all()
