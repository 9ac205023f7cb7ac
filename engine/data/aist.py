"""Reader of AIST++ motions: SMPL poses as pickles, 60 frames a second, Y up, translation in centimetre-like units.

Format: "AI Choreographer" (Li et al., ICCV 2021) and its published data: `smpl_poses` (T, 72) axis-angle, `smpl_trans`
(T, 3), and `smpl_scaling` (1,); the translation divided by it is in metres.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import DataError
from engine.motion.grounding import grounded
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion
from smpl_rig.pickles import PickleError, load
from smpl_rig.skeleton import BODY_TO_WORLD, SMPL_PELVIS

AIST_FPS = 60.0
AIST_GENRES: dict[str, str] = {
    "BR": "break", "PO": "pop", "LO": "lock", "MH": "middle hip-hop", "LH": "la style hip-hop",
    "HO": "house", "WA": "waack", "KR": "krump", "JS": "street jazz", "JB": "ballet jazz",
}  # fmt: skip


def load_aist(path: Path) -> Motion:
    """An AIST++ motion (.pkl), read with the restricted unpickler: metres, Z up, standing on the floor; `trans` is the
    position of the pelvis. Raises DataError.
    """
    try:
        content = load(path, ("smpl_poses", "smpl_trans", "smpl_scaling"))
    except (PickleError, OSError) as error:
        raise DataError(f"{Path(path).name}: cannot be read as an AIST++ motion: {error}") from error
    missing = [key for key in ("smpl_poses", "smpl_trans") if not isinstance(content, dict) or key not in content]
    if missing:
        raise DataError(f"{Path(path).name}: has no {' and no '.join(missing)}. Give an AIST++ motion file.")
    try:
        poses = np.asarray(content["smpl_poses"], np.float64)
        trans = np.asarray(content["smpl_trans"], np.float64)
        scaling = float(np.asarray(content.get("smpl_scaling", 1.0), np.float64).reshape(-1)[0])
    except (ValueError, TypeError, IndexError) as error:
        raise DataError(f"{Path(path).name}: holds no numbers ({error}). Give an AIST++ motion file.") from error
    if poses.ndim != 2 or poses.shape[1] != 72 or trans.shape != (len(poses), 3) or not len(poses):
        raise DataError(
            f"{Path(path).name}: smpl_poses {poses.shape} and smpl_trans {trans.shape} do not fit. "
            "(T, 72) and (T, 3) are needed."
        )
    if not scaling > 0 or not (np.isfinite(poses).all() and np.isfinite(trans).all()):
        raise DataError(
            f"{Path(path).name}: holds NaN, infinite values or a scale of {scaling}. Remove the file from the data."
        )
    turn = BODY_TO_WORLD.astype(np.float64)
    pelvis = turn @ rot.axis_angle_to_matrix(poses[:, :3])
    poses[:, :3] = rot.matrix_to_axis_angle(pelvis)
    position = (trans / scaling + SMPL_PELVIS) @ turn.T
    return grounded(Motion(poses.astype(np.float32), position.astype(np.float32), AIST_FPS))
