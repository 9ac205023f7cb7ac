"""An arm or a leg of a control rig, moved by a goal and a pole: what both are for a pose, and the pose for both.

The limb's lower part turns about one axis of its bone, the *hinge*, by the *bend*. Where the end shall be says how far
it is bent; the limb as a whole is turned so that its end is there, and so that the upper bone's *front*, which is
across its hinge, looks from the limb's line to the pole. (This is what pole vectors of Blender's IK do, which know the
axes of the upper bone and not where the elbow is.) An elbow that is overstretched so bends backwards, with its pole
before it all the same, and no pole jumps to the other side of a limb that is stretched.

Blender's IK may stretch bones where a rig lets it, as Rigify's does, and then bends a limb too little and makes it up
to 4 % shorter. It does neither where it begins with the right bend, which the lower bone therefore has as a pose of its
own. And since stretching is easier than bending for a limb that is nearly straight, its elbow stays where it is, though
half a millimetre at the end would bend a stiff limb by degrees; see `_settled`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from .controls import Controls, Solved
from .families import IkNames
from .roles import PARTS_OF, CharacterMapError, sided, words

_UNCLEAR = 0.15
"""Sine of the bend below which the upper part's own twist rather than the plane of the bend says where the limb's front
is: knees and elbows of nearly straight limbs may lie to a side of them by some degrees, which no hinge can show."""
_YIELDING = 1.9e-3
"""How easily Blender's IK stretches Rigify's limbs: where the end comes nearer by the root of this, in lengths of the
limb, for a radian of bend, half of a way is stretch. Measured on Blender 4.5."""
_STEPS = 8
_SAME_PLACE = 1e-3
"""Share of a limb up to which two bones begin at one place."""
_Y = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Led:
    """Poses of what leads a limb, armature space. turns: (T, 3, 3) of the goal from rest. goal, pole: (T, 3) places.
    bend: (T,) of the lower part, radians from rest."""

    turns: Array
    goal: Array
    pole: Array
    bend: Array


class IkLimb:
    """A limb of the tree of controls that is led by IK.

    parts: the numbers of the controls of upper part, lower part and end. toes: those of its toes that are on the goal.
    to_lower: (3,) from the head of the upper part to the lower's at rest, armature space.
    Raises CharacterMapError where the IK does not move the bones of the character's map.
    """

    def __init__(self, tree: Controls, limb: str, names: IkNames) -> None:
        self.names, self.limb = names, limb
        side, kind = limb.split("_")
        rig = tree.rig
        missing = [name for name in (names.goal, names.pole, names.bend, *names.shown[:3]) if name not in rig.index]
        if missing:
            raise CharacterMapError(
                f'The character has no bone "{missing[0]}", which the IK of its {words(limb)} needs. Switch that IK '
                "off under Character."
            )
        found = [tree.by_role.get(sided(side, part), []) for part in PARTS_OF[kind]]
        for numbers, part, shown in zip(found, PARTS_OF[kind], names.shown, strict=False):
            if len(numbers) != 1 or not self._same(tree, numbers[0], shown, names):
                raise CharacterMapError(
                    f"The IK of the {words(limb)} does not move the bone of the {words(sided(side, part))}. Switch "
                    "that IK off under Character, or press Auto-Detect."
                )
        self.parts = [numbers[0] for numbers in found]
        on_goal = names.toes in rig.index and len(names.shown) > len(self.parts)
        self.toes = tree.by_role.get(sided(side, "toes"), [])[:1] if on_goal else []

        heads = rig.rest[:, :3, 3].astype(np.float64)
        upper, lower, end = (heads[tree.bones[number]] for number in self.parts)
        goal, pole = heads[rig.index[names.goal]], heads[rig.index[names.pole]]
        axes = tree.axes(names.shown[0])
        front = axes.T @ (pole - upper) * [1.0, 0.0, 1.0]
        front = np.sign(front) * (np.abs(front) == np.abs(front).max())
        self._hinge = np.cross(front, _Y)
        # with the hinge as x, along the bone y, and to the back z
        frame = np.stack([self._hinge, _Y, -front], axis=-1)
        self._axes = axes @ frame, tree.axes(names.bend) @ frame
        self.to_lower: Array = lower - upper
        self._to_lower = self._axes[0].T @ self.to_lower
        self._between = self._axes[0].T @ self._axes[1]
        self._to_end = self._axes[1].T @ (end - lower)
        self._to_goal = goal - end
        self.length = float(np.linalg.norm(lower - upper) + np.linalg.norm(end - lower))
        self._pole_distance = float(np.linalg.norm(pole - lower))
        # the square of how far the end is from the root is constant + size * cos(bend - straight)
        along, out = self._between.T @ self._to_lower, self._to_end
        self._constant = self._to_lower @ self._to_lower + out @ out + 2 * along[0] * out[0]
        cosine, sine = 2 * (along[1:] @ out[1:]), 2 * (along[2] * out[1] - along[1] * out[2])
        self._straight, self._size = float(np.arctan2(sine, cosine)), float(np.hypot(cosine, sine))

    @staticmethod
    def _same(tree: Controls, number: int, shown: str, names: IkNames) -> bool:
        heads = tree.rig.rest[:, :3, 3]
        first, other = heads[tree.bones[number]], heads[tree.rig.index[shown]]
        size = np.linalg.norm(heads[tree.rig.index[names.goal]] - heads[tree.rig.index[names.shown[0]]])
        return bool(np.linalg.norm(first - other) < _SAME_PLACE * size)

    def led(self, solved: Solved) -> Led:
        """What leads the limb to poses, of which upper and lower part bend about the hinge, see `hinged`."""
        root, elbow, tip = (solved.places[:, number] for number in self.parts)
        line, front = self._line_and_front(root, tip, -(solved.turns[:, self.parts[0]] @ self._axes[0])[..., 2])
        along, out = (np.sum((elbow - root) * axis, axis=-1, keepdims=True) for axis in (line, front))
        pole = root + along * line + (np.abs(out) + self._pole_distance) * front
        turns = solved.turns[:, self.parts[2]]
        goal = tip + turns @ self._to_goal
        return Led(turns, goal, pole, self._bend(np.linalg.norm(tip - root, axis=-1), out[:, 0]))

    def hinged(self, solved: Solved) -> tuple[Array, Array]:
        """Turns (T, 3, 3) from rest of upper and lower part that bend about the hinge and bring the limb where it is.

        The upper part is twisted so that the bend is about its hinge, up to a quarter turn to either side; the less it
        is bent, the less that is certain.
        """
        root, elbow, tip = (solved.places[:, number] for number in self.parts)
        axes = solved.turns[:, self.parts[0]] @ self._axes[0]
        across, _, back = np.moveaxis(np.einsum("tji,tj->ti", axes, rot.normalize(tip - elbow)), -1, 0)
        # twice the angle, since a bend to the back is one about the same hinge
        twist = 0.5 * np.arctan2(2 * across * back, back**2 - across**2 + _UNCLEAR**2)
        line, front = self._line_and_front(root, tip, -(axes @ rot.axis_angle_to_matrix(twist[:, None] * _Y))[..., 2])
        bend = self._bend(np.linalg.norm(tip - root, axis=-1), np.sum((elbow - root) * front, axis=-1))
        return self._turns(line, front, bend)

    def followed(self, root: Array, led: Led) -> tuple[Array, Array]:
        """Turns (T, 3, 3) from rest of upper and lower part that begins at `root` (T, 3); the inverse of `led`."""
        tip = led.goal - led.turns @ self._to_goal
        line, front = self._line_and_front(root, tip, led.pole - root)
        return self._turns(line, front, self._settled(led.bend, np.linalg.norm(tip - root, axis=-1)))

    def bend_turns(self, bend: Array) -> Array:
        """(T, 4) quaternions that pose the bone of the lower part by bends (T,), along its own axes."""
        return rot.axis_angle_to_quaternion(bend[:, None] * self._hinge)

    def bend_of(self, quaternions: Array) -> Array:
        """The inverse of `bend_turns`."""
        bend: Array = 2 * np.arctan2(quaternions[:, 1:] @ self._hinge, quaternions[:, 0])
        return (bend + np.pi) % (2 * np.pi) - np.pi

    def _bend(self, distance: Array, out: Array) -> Array:
        """Bends (T,) that bring the end to a distance (T,) from the root. out: (T,) how far the elbow is at the
        front."""
        cosine = np.clip((distance**2 - self._constant) / self._size, -1, 1)
        return self._straight + np.where(out < 0, -1, 1) * np.arccos(cosine)

    def _reach(self, bend: Array) -> tuple[Array, Array]:
        """How far (T,) the end is from the root at bends (T,), and how that changes with them."""
        angle = bend - self._straight
        reach = np.sqrt(np.maximum(self._constant + self._size * np.cos(angle), 1e-12))
        return reach, -0.5 * self._size * np.sin(angle) / reach

    def _settled(self, bend: Array, distance: Array) -> Array:
        """Bends (T,) where Blender's IK has brought the end to a distance (T,), when it began with bends (T,).

        By small steps of damped least squares (Buss 2004), in which the limb bends as far as that moves its end, and
        stretches for the rest.
        """
        before, _ = self._reach(bend)
        for _ in range(_STEPS):
            _, slope = self._reach(bend)
            bend = bend + slope * (distance - before) / _STEPS / (slope**2 + _YIELDING * self.length**2)
        return bend

    @staticmethod
    def _line_and_front(root: Array, tip: Array, front: Array) -> tuple[Array, Array]:
        """Unit vectors (T, 3) from root to tip, and to the front (T, 3) across that."""
        line = rot.normalize(tip - root)
        return line, rot.normalize(front - np.sum(front * line, axis=-1, keepdims=True) * line)

    def _turns(self, line: Array, front: Array, bend: Array) -> tuple[Array, Array]:
        folded = rot.axis_angle_to_matrix(bend[:, None] * [1.0, 0.0, 0.0])
        own_tip = self._to_lower + (folded @ self._to_end) @ self._between.T
        own_line, own_front = self._line_and_front(np.zeros(3), own_tip, np.array([0.0, 0.0, -1.0]))
        upper = _axes_of(line, front) @ np.swapaxes(_axes_of(own_line, own_front), -1, -2)
        lower = upper @ self._between @ folded
        return upper @ self._axes[0].T, lower @ self._axes[1].T


def _axes_of(line: Array, front: Array) -> Array:
    """(T, 3, 3) with columns line, front, and their normal."""
    return np.stack([line, front, np.cross(line, front)], axis=-1)
