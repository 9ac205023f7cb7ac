"""Skinned bodies on SMPL's 24 joints: the bundled mannequin, and the user's own SMPL model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import pickles
from .motion import MotionFileError, read_npz
from .skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS

MANNEQUIN_FILE = Path(__file__).parent / "assets" / "mannequin.npz"
_NAMES = ("v_template", "f", "weights", "J_regressor", "J", "kintree_table")
_UNITS = (1.0, 0.01, 0.001, 0.0254)
"""Metres in a metre, a centimetre, a millimetre and an inch."""
_HEIGHTS = ((1.2, 2.3), (0.45, 2.6))
"""Metres: of adults, who have no height in two units, and of people."""
_NEAR = np.cos(np.radians(35))
"""Cosine of the angle within which a direction counts as along an axis."""
HAND_COUNTS = {52: 22, 55: 25}
"""Joint counts of SMPL-H and SMPL-X, which have fingers (and a face), for the error message."""


class BodyModelError(ValueError):
    """A body model file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class BodyModel:
    """A mesh in T-pose, skinned to SMPL's joints.

    vertices: (V, 3) metres, body frame (y up). faces: (F, 3) vertex indices, counter-clockwise seen from outside; or
    (F, 4), where a triangle repeats its last vertex. weights: (V, 24) skin weights, rows sum to 1. joints: (24, 3) rest
    joints of this mesh, same frame. materials: names; material: (F,) index into them per face.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    weights: NDArray[np.float32]
    joints: NDArray[np.float32]
    materials: tuple[str, ...] = ("Skin",)
    material: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))

    def fitted(self, joints: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """The vertices (V, 3) moved with the joints to other rest joints (24, 3), body frame.

        Exact for the joints; good for skeletons of similar proportions.
        """
        moved: NDArray[np.float32] = self.vertices + self.weights @ (joints - self.joints).astype(np.float32)
        return moved


@cache
def mannequin() -> BodyModel:
    """The bundled artist's mannequin, fitted to `skeleton.rest_joints`. Origin and licence: assets/NOTICE."""
    with np.load(MANNEQUIN_FILE, allow_pickle=False) as data:
        vertices = data["vertices"]
        weights = np.zeros((len(vertices), JOINT_COUNT), np.float32)
        shares = data["shares"].astype(np.float32)
        np.add.at(weights, (np.arange(len(vertices))[:, None], data["owners"]), shares / shares.sum(1, keepdims=True))
        return BodyModel(
            vertices,
            data["faces"].astype(np.int32),
            weights,
            data["joints"],
            tuple(str(name) for name in data["materials"]),
            data["material"],
        )


def load(path: Path) -> BodyModel:
    """The body in an SMPL model file (.npz or .pkl) as downloaded by its owner.

    It uses v_template, f, weights and J_regressor (or J), but not shape and pose corrections. A body in centimetres,
    millimetres or inches, and one that lies or faces another way, is scaled and turned. Raises BodyModelError.
    """
    path = Path(path)
    data = _read(path)
    missing = [key for key in ("v_template", "f", "weights") if key not in data]
    if "J_regressor" not in data and "J" not in data:
        missing.append("J_regressor")
    if missing:
        raise BodyModelError(f"{path}: has no {', no '.join(missing)}. Choose an SMPL model file (.npz or .pkl).")
    try:
        vertices = np.asarray(data["v_template"], np.float64)
        faces = np.asarray(data["f"], np.int64)
        weights = np.asarray(data["weights"], np.float64)
        joints = np.asarray(data["J"], np.float64) if "J" in data else _joints(data["J_regressor"], vertices)
        table = data.get("kintree_table")
        parents = np.array(PARENTS) if table is None else np.asarray(table, np.int64).reshape(2, -1)[0]
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise BodyModelError(
            f"{path}: its arrays cannot be used ({str(error)[:200]}). Download the model again."
        ) from error
    _check(path, vertices, faces, weights, joints, parents)
    vertices, joints = _standing(path, vertices, joints)
    return BodyModel(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        joints.astype(np.float32),
        material=np.zeros(len(faces), np.uint8),
    )


def _joints(regressor: Any, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The joints (24, 3) of a body; none where the regressor does not fit it, whose product might fill memory."""
    regressor = np.asarray(regressor, np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or regressor.shape != (JOINT_COUNT, len(vertices)):
        return np.zeros((0, 3))
    joints: NDArray[np.float64] = regressor @ vertices
    return joints


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix.lower() == ".npz":
            return read_npz(path, _NAMES)
        content = pickles.load(path, _NAMES)
    except (pickles.PickleError, MotionFileError) as error:
        raise BodyModelError(str(error)) from error
    except OSError as error:
        raise BodyModelError(
            f"{path}: cannot be read ({str(error)[:200]}). Choose an SMPL model file (.npz or .pkl)."
        ) from error
    if not isinstance(content, dict):
        raise BodyModelError(f"{path}: is a {type(content).__name__}, not a body model. Choose an SMPL model file.")
    return content


def _check(
    path: Path,
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    weights: NDArray[np.float64],
    joints: NDArray[np.float64],
    parents: NDArray[np.int64],
) -> None:
    count = weights.shape[-1] if weights.ndim else 0
    if count in HAND_COUNTS:
        kind = "SMPL-H" if count == 52 else "SMPL-X"
        raise BodyModelError(f"{path}: is an {kind} model ({count} joints). Choose an SMPL model, which has 24 joints.")
    shapes = vertices.ndim == 2 and vertices.shape[1:] == (3,) and len(vertices) > 0
    shapes = shapes and faces.ndim == 2 and faces.shape[1:] == (3,) and len(faces) > 0
    if not shapes or weights.shape != (len(vertices), JOINT_COUNT) or joints.shape != (JOINT_COUNT, 3):
        raise BodyModelError(
            f"{path}: v_template {vertices.shape}, f {faces.shape}, weights {weights.shape} and joints {joints.shape} "
            f"do not match; (V, 3), (F, 3), (V, {JOINT_COUNT}) and ({JOINT_COUNT}, 3) are needed. Choose an SMPL model "
            "file."
        )
    if tuple(parents[1:]) != PARENTS[1:]:
        raise BodyModelError(f"{path}: its joints are not in SMPL's order. Choose an SMPL model file.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise BodyModelError(f"{path}: a face uses vertex {faces.max()} of {len(vertices)}. Download the model again.")
    finite = all(np.isfinite(array).all() for array in (vertices, weights, joints))
    if not finite or not np.allclose(weights.sum(axis=1), 1, atol=0.01):
        raise BodyModelError(f"{path}: has NaN, or weights that do not add up to 1. Download the model again.")


def _standing(
    path: Path, vertices: NDArray[np.float64], joints: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The vertices and joints in metres, y up, z forward. Raises BodyModelError for what is no person in a T-pose."""
    at = {name: joints[index] for name, index in JOINT_INDEX.items()}
    up = at["head"] - (at["L_hip"] + at["R_hip"]) / 2
    left = at["L_hip"] - at["R_hip"] + at["L_shoulder"] - at["R_shoulder"]
    frame = np.stack([_unit(left), _unit(up), np.cross(_unit(left), _unit(up))], axis=-1)
    quarter = np.round(frame)
    if not np.array_equal(quarter @ quarter.T, np.eye(3)) or (frame * quarter).sum(axis=0).min() < _NEAR:
        raise BodyModelError(
            f"{path}: its body is along no axis (up is {np.round(_unit(up), 2).tolist()}). Export it upright, Y up."
        )
    vertices, joints = vertices @ quarter, joints @ quarter
    height = float(np.ptp(vertices[:, 1]))
    unit = next((unit for low, high in _HEIGHTS for unit in _UNITS if low <= height * unit <= high), None)
    if unit is None:
        raise BodyModelError(
            f"{path}: its body is {height:.3g} units tall, which is no person's height. Export it in metres."
        )
    low, high = vertices.min(axis=0) - 0.1 * height, vertices.max(axis=0) + 0.1 * height
    if (joints < low).any() or (joints > high).any():
        raise BodyModelError(f"{path}: its joints lie outside of its body. Download the model again.")
    at = {name: joints[index] for name, index in JOINT_INDEX.items()}
    toes = _unit(at["L_foot"] - at["L_ankle"] + at["R_foot"] - at["R_ankle"])
    if toes[2] < -0.3:
        raise BodyModelError(
            f"{path}: its left and right are exchanged, so it is mirrored. Export it without mirroring."
        )
    limbs = [(at["L_wrist"] - at["L_shoulder"], (1, 0, 0)), (at["R_wrist"] - at["R_shoulder"], (-1, 0, 0))]
    limbs += [(at[f"{side}_ankle"] - at[f"{side}_hip"], (0, -1, 0)) for side in "LR"]
    if min(float(_unit(limb) @ np.array(along)) for limb, along in limbs) < _NEAR:
        raise BodyModelError(
            f"{path}: its body does not rest in a T-pose (arms aside, legs down). Choose an SMPL model file."
        )
    return vertices * unit, joints * unit


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
