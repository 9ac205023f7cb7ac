"""Grounding: setting a motion from another skeleton on the floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX, SOLE_BELOW_FOOT

_PERCENTILE = 2.0
_FEET_REACH = 0.1
"""Metres that another joint may be below the feet of a body that stands on them: a hand's, in a low pose."""
_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]


def grounded(motion: Motion) -> Motion:
    """The motion raised or lowered as a whole so that it stands on z = 0.

    The second percentile of the lower foot's height decides, as in the bundled data, so that a single bad frame does
    not; where the feet do not reach the floor, as in lying, that of the lowest joint.
    """
    joints = motion.joints()
    feet = np.percentile(joints[:, _FEET, 2].min(axis=1), _PERCENTILE)
    lowest = np.percentile(joints[..., 2].min(axis=1), _PERCENTILE)
    rise = np.float32(SOLE_BELOW_FOOT - (feet if lowest > feet - _FEET_REACH else lowest))
    return replace(motion, trans=motion.trans + np.array([0, 0, rise], np.float32))
