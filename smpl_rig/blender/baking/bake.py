"""What is seen of a character, as bones of a file: its space, its units, its root.

Spaces. M0 is the armature object's matrix at the first frame. It is split into a place Q (where the object stands and
which way it is turned about the vertical) and the rest, a turn and a scale s that importers and modellers leave there:
M0 = Q A. The file's space is F = u Y Q^-1 of the world, with u units a metre and Y the turn to Y up where bones are
written so. Bones are rotations and heads there: no scale is left. Where M0 mirrors or scales unevenly, which rotations
cannot say, Q is M0 as it is, but for its place where that is not kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...rotations import make_continuous, matrix_to_quaternion, quaternion_to_matrix
from .form import AS_DANCED, ROOT_BONE, Form
from .poses import Floats, Seen, Skeleton

_EVEN = 1e-4
"""Share by which an object's scale may differ from axis to axis and count as even."""
_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_HIPS = ("hips", "hip", "pelvis")
ROOT = "root"


@dataclass(frozen=True, eq=False)
class Baked:
    """A character in the file's space. place: (4, 4) the object's matrix there. to_file: (4, 4) from the world, at the
    first frame. poses: (T, B, 4, 4) where the bones are, which may be scaled. scales: whether they are to be."""

    skeleton: Skeleton
    place: Floats
    to_file: Floats
    poses: Floats
    scales: bool

    def with_rest(self, rest: Floats) -> Baked:
        """The same poses of bones that rest at (B, 4, 4)."""
        return replace(self, skeleton=replace(self.skeleton, rest=rest))

    def channels(self) -> tuple[Floats, Floats, Floats]:
        """(quaternions (T, B, 4), locations (T, B, 3), scales (T, B, 3)) of bones that inherit everything."""
        count = len(self.skeleton.names)
        quaternions: Floats = np.empty((len(self.poses), count, 4))
        locations, scales = np.empty((2, len(self.poses), count, 3))
        reached = np.empty_like(self.poses)
        for bone, parent in enumerate(self.skeleton.parents):
            rest = self.skeleton.rest[bone]
            # what bones above cannot say (a sheared limb) is made good by those below
            before = rest if parent < 0 else reached[:, parent] @ np.linalg.inv(self.skeleton.rest[parent]) @ rest
            basis = np.linalg.inv(before) @ self.poses[:, bone]
            scales[:, bone] = np.linalg.norm(basis[:, :3, :3], axis=1) if self.scales else 1.0
            quaternions[:, bone] = matrix_to_quaternion(_rotation(basis[:, :3, :3]))
            locations[:, bone] = basis[:, :3, 3]
            own = np.tile(np.eye(4), (len(self.poses), 1, 1))
            own[:, :3, :3] = quaternion_to_matrix(quaternions[:, bone]) * scales[:, bone, None, :]
            own[:, :3, 3] = locations[:, bone]
            reached[:, bone] = before @ own
        return make_continuous(quaternions).astype(np.float64), locations, scales


def bake(seen: Seen, form: Form, keep: Sequence[str] = (), hips: str = "") -> Baked:
    """What is seen, in a form. keep: names of bones that stay although no vertices hang on them. hips: the bone whose
    way is the dance's; where there is none of that name, it is found."""
    place, size, clean = _place(seen.objects[0])
    world = seen.objects[:, None] @ seen.poses
    poses = np.linalg.inv(place) @ world
    rest = np.linalg.inv(place) @ seen.objects[0] @ seen.skeleton.rest
    poses[..., :3, :3] /= size
    rest[:, :3, :3] /= size
    skeleton = replace(seen.skeleton, rest=rest, lengths=seen.skeleton.lengths * size)
    if form.deform_only:
        skeleton, poses = _deforming(skeleton, poses, keep)
    if form.travel != AS_DANCED:
        skeleton, poses = _moved(skeleton, poses, form.travel == ROOT_BONE, hips)
    turn = _Y_UP if form.y_up else np.eye(3)
    skeleton = replace(skeleton, rest=_turned(skeleton.rest, turn, form.units), lengths=skeleton.lengths * form.units)
    to_file = np.eye(4)
    to_file[:3, :3] = turn * form.units
    shown = place.copy()
    if not form.keeps_place:
        shown[:3, 3] = 0.0
        shown = np.eye(4) if clean else shown
    shown[:3, 3] *= form.units
    return Baked(skeleton, shown, to_file @ np.linalg.inv(place), _turned(poses, turn, form.units), form.scales)


def _place(matrix: Floats) -> tuple[Floats, float, bool]:
    """(Q, the size of a unit of the armature there, whether Q is a mere place and turn)."""
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    size = float(np.cbrt(np.prod(sizes)))
    even = np.abs(sizes / size - 1).max() < _EVEN and np.linalg.det(matrix[:3, :3]) > 0
    right = np.abs(matrix[:3, :3].T @ matrix[:3, :3] / size**2 - np.eye(3)).max() < 2 * _EVEN
    return (_upright(matrix), size, True) if even and right else (matrix.copy(), 1.0, False)


def _upright(matrix: Floats) -> Floats:
    """The part of a matrix that a person has who stands somewhere: a place, and a turn about the vertical (the twist of
    the swing-twist decomposition)."""
    w, _, _, z = matrix_to_quaternion(_rotation(matrix[None, :3, :3]))[0]
    angle = 2 * np.arctan2(z, w) if max(abs(w), abs(z)) > 1e-6 else 0.0
    cosine, sine = np.cos(angle), np.sin(angle)
    found = np.eye(4)
    found[:2, :2] = [[cosine, -sine], [sine, cosine]]
    found[:3, 3] = matrix[:3, 3]
    return found


def _rotation(matrices: Floats) -> Floats:
    """The rotations nearest to matrices (..., 3, 3), by their singular values (Kabsch 1976)."""
    left, _, right = np.linalg.svd(matrices)
    left[..., :, 2] *= np.sign(np.linalg.det(left @ right))[..., None]
    nearest: Floats = left @ right
    return nearest


def _turned(matrices: Floats, turn: Floats, units: float) -> Floats:
    turned = matrices.copy()
    turned[..., :3, :3] = turn @ matrices[..., :3, :3]
    turned[..., :3, 3] = matrices[..., :3, 3] @ turn.T * units
    return turned


def _hips(skeleton: Skeleton, known: str) -> int:
    """The bone whose way is the dance's: the known one, else the hips by name, else the lowest one from which several
    limbs go out."""
    if known in skeleton.names:
        return skeleton.names.index(known)
    for number, name in enumerate(skeleton.names):
        plain = "".join(letter for letter in name.rpartition(":")[2].lower() if letter.isalpha())
        if plain.removeprefix("def") in _HIPS:
            return number
    below = [1] * len(skeleton.names)
    for bone in reversed(range(len(below))):
        if skeleton.parents[bone] >= 0:
            below[skeleton.parents[bone]] += below[bone]
    bone = max((b for b, parent in enumerate(skeleton.parents) if parent < 0), key=below.__getitem__)
    while True:
        children = [b for b, parent in enumerate(skeleton.parents) if parent == bone]
        limbs = [child for child in children if below[child] > 2]
        if len(limbs) != 1:
            return bone
        bone = limbs[0]


def _moved(skeleton: Skeleton, poses: Floats, to_root: bool, known_hips: str) -> tuple[Skeleton, Floats]:
    """Without the horizontal way of the hips, or with it on the root bone, which may be a new one."""
    hips = _hips(skeleton, known_hips)
    way = poses[:, hips, :3, 3] - poses[0, hips, :3, 3]
    way[:, 2] = 0.0
    if not to_root:
        poses[..., :3, 3] -= way[:, None]
        return skeleton, poses
    roots = [bone for bone, parent in enumerate(skeleton.parents) if parent < 0]
    if len(roots) == 1 and roots[0] != hips:
        root = roots[0]
    else:
        root = 0
        skeleton = Skeleton(
            (_free_name(skeleton.names), *skeleton.names),
            (-1, *(max(parent + 1, 0) for parent in skeleton.parents)),
            np.concatenate([np.eye(4)[None], skeleton.rest]),
            np.concatenate([[0.3], skeleton.lengths]),
            (False, *skeleton.deforms),
        )
        poses = np.concatenate([np.empty((len(poses), 1, 4, 4)), poses], axis=1)
    poses[:, root] = skeleton.rest[root]
    poses[:, root, :3, 3] += way
    return skeleton, poses


def _free_name(names: Sequence[str]) -> str:
    more = (f"{ROOT}_{number}" for number in itertools.count(2))
    return ROOT if ROOT not in names else next(name for name in more if name not in names)


def _deforming(skeleton: Skeleton, poses: Floats, keep: Sequence[str]) -> tuple[Skeleton, Floats]:
    """Without bones that nothing hangs on. Where there are only such bones, all stay.

    The parent of a bone is the nearest one above that stays. In Rigify's rigs deform bones hang on others which follow
    them one by one under the same names: `ORG-spine` stands for `DEF-spine`.
    """
    names, parents = skeleton.names, skeleton.parents
    kept = [bone for bone, name in enumerate(names) if skeleton.deforms[bone] or name in keep]
    if not any(skeleton.deforms):
        return skeleton, poses
    number = {name: bone for bone, name in enumerate(names)}
    stays = set(kept)
    above: dict[int, int] = {}
    for bone in kept:
        parent = parents[bone]
        while parent >= 0 and parent not in stays:
            twin = number.get(names[parent].replace("ORG-", "DEF-", 1), -1)
            is_twin = twin in stays and twin != bone and not _is_below(twin, bone, above)
            parent = twin if is_twin else parents[parent]
        above[bone] = parent
    order = sorted(kept, key=lambda bone: (_depth(bone, above), bone))
    place = {bone: index for index, bone in enumerate(order)}
    found = Skeleton(
        tuple(names[bone] for bone in order),
        tuple(place.get(above[bone], -1) for bone in order),
        skeleton.rest[order],
        skeleton.lengths[order],
        tuple(skeleton.deforms[bone] for bone in order),
    )
    return found, poses[:, order]


def _is_below(bone: int, other: int, above: dict[int, int]) -> bool:
    """Whether a bone is below another one, as far as parents are known."""
    while bone >= 0 and bone != other:
        bone = above.get(bone, -1)
    return bone == other


def _depth(bone: int, above: dict[int, int]) -> int:
    return 0 if above[bone] < 0 else 1 + _depth(above[bone], above)
