"""Arms, legs and head of a skeleton whose names say nothing: by the tree and by where the joints are at rest.

A body is its own mirror image. Legs are the pair of chains that go down to the floor; arms are the pair that reaches
farthest of those that begin above; the feet point forward, which tells left from right. Only heads of bones are used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from ..roles import ARM, REQUIRED, sided
from .bone_tree import between, meeting, path, subtree

Floats = NDArray[np.float64]

_SAME_PLACE = 0.015
"""Of the height: mirror images of joints may lie apart by this."""
_MIDDLE = 0.006
"""Of the height: joints nearer to the plane of symmetry lie in it."""
_LOW = 0.35
"""Of the height of the hips: ankles are below."""
_UPRIGHT = 0.45
"""Of its length: how far down a leg goes at least."""
_REACH = 0.2
"""Of the height: what an arm is long at least."""
_COLLAR = 0.05
"""Of the height: upper arms begin farther from the plane of symmetry than collar bones."""
_MOST, _MOST_LEG = 0.65, 0.85
"""Of a chain's length: what the two pieces of an arm or leg need not exceed."""
_AFTER_COLLAR = 0.3
"""What it is worth that a bone precedes an arm."""
_UNEVEN = 0.35
"""The logarithm of the ratio of a limb's pieces that is usual."""
_GAP = 0.12
"""Of the height: a bone that branches farther away than this is no hand, but a forearm without one."""
_HIPS = 0.7
"""Of the height: legs begin below."""
_ON_FLOOR = 0.15
"""Of the height of the hips: arms end above, other limbs that end below are legs."""
_NEAR_FOOT = 0.12
"""Of the height: a foot that does not hang on its leg is no farther from the knee to the side."""
_EVEN = 0.7
"""The ratio of two pieces of a neck."""
_MOST_AXES, _SAME_AXIS = 60, 0.9995
"""How many directions are tried as a body's width; the cosine of those that are the same."""
_MOST_POINTS, _SURE = 200, 0.6
"""Joints that are looked at for their mirror images, and the share with one from which a direction is sure."""
_LONGEST_LIMB = 40
"""Bones of the longest chain that is a limb; others are ropes and snakes."""
_FEWEST = 8
"""Bones of the smallest skeleton with arms and legs."""
_UPS = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
)
"""Turns of a body that stands, or that a file has laid on its back, face or side, or put on its head."""
_SLACKS = (1.0, 3.0)
"""Bodies are rarely as even as those of people who model them: for those that nets and scanners make, tolerances are so
many times larger."""
_AS_LONG = 0.45
"""Of the reach of the longest pair of limbs: that of another pair that may be the arms."""
_FORWARD = np.array([0.0, -1.0])
"""Where characters face in Blender."""


@dataclass(frozen=True)
class Shape:
    """What the shape tells. limbs: role -> first bone; head: -1 for none; sure: whether left and right are certain.

    others: first bones of other limbs that might be the arms.
    """

    limbs: dict[str, int]
    head: int
    sure: bool
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Body:
    parents: Sequence[int]
    heads: Floats
    aside: Floats
    """(B,) signed distances from the plane of symmetry."""
    height: float
    slack: float

    @cached_property
    def sizes(self) -> list[int]:
        """How many bones hang on each bone, itself counted."""
        sizes = [1] * len(self.parents)
        for bone in reversed(range(len(sizes))):
            if self.parents[bone] >= 0:
                sizes[self.parents[bone]] += sizes[bone]
        return sizes

    @cached_property
    def depths(self) -> list[int]:
        """How many bones lead to each bone, itself counted."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(depths[parent] + 1 if parent >= 0 else 1)
        return depths

    def off(self, bone: int) -> bool:
        return abs(self.aside[bone]) > _MIDDLE * self.slack * self.height


def find_by_shape(heads: Floats, parents: Sequence[int], deforms: Sequence[bool]) -> Shape:
    """The first bones of limbs, and the head. heads: (B, 3) at rest in the world, Z up."""
    best = Shape({}, -1, False)
    moving, every = _moving(parents, deforms), list(range(len(parents)))
    for slack, up, bones in product(_SLACKS, _UPS, [moving, every] if len(moving) < len(every) else [every]):
        shape = _find(heads @ np.array(up, np.float64), parents, bones, slack)
        # from another side, a beetle has the shape of a person
        if len(shape.limbs) > len(best.limbs) and (up == _UPS[0] or not shape.others):
            best = shape
        if _whole(best):
            break
    return best


def _whole(shape: Shape) -> bool:
    return all(role in shape.limbs for role in REQUIRED[1:]) and shape.head >= 0


def _find(heads: Floats, parents: Sequence[int], bones: list[int], slack: float) -> Shape:
    nothing = Shape({}, -1, False)
    height = float(np.ptp(heads[bones, 2])) if len(bones) >= _FEWEST else 0.0
    if height <= 0:
        return nothing
    aside = _symmetry(heads, bones, height, slack)
    if aside is None:
        return nothing
    body = _Body(parents, heads, aside, height, slack)
    pairs = _pairs(body, bones)
    legs = _legs(body, pairs, bones)
    if not legs:
        return nothing
    thighs = [legs[0]["thigh"], legs[1]["thigh"]]
    arms, others = _arms(body, pairs, {bone for thigh in thighs for bone in path(thigh, parents)}, legs)
    forward, sure = _facing(body, legs)
    left = np.array([-forward[1], forward[0]])  # up x forward
    first_is_left = float((heads[thighs[0], :2] - heads[thighs[1], :2]) @ left) > 0
    limbs: dict[str, int] = {}
    for chains in (legs, arms):
        for chain, side in zip(chains, "LR" if first_is_left else "RL", strict=False):
            limbs |= {sided(side, part): bone for part, bone in chain.items()}
    head = _head(body, bones, arms) if arms else -1
    return Shape(limbs, head, sure, others)


def _moving(parents: Sequence[int], deforms: Sequence[bool]) -> list[int]:
    """Bones that deform or carry such bones; all where next to none deform."""
    wanted = set()
    for bone, deform in enumerate(deforms):
        if deform:
            wanted |= set(path(bone, parents))
    return sorted(wanted) if sum(deforms) >= 12 else list(range(len(parents)))


def _symmetry(heads: Floats, bones: list[int], height: float, slack: float) -> Floats | None:
    """Signed distances of all heads from the upright plane about which most joints have a mirror image."""
    center = heads[bones].mean(axis=0)
    points = heads[bones] - center
    flat, squares = points[:, :2], np.square(points).sum(axis=-1)
    some = slice(None, None, len(bones) // _MOST_POINTS + 1)
    best: tuple[int, Floats | None] = (3, None)
    for axis in _axes(points, height, slack):
        middle = np.median(flat @ axis)
        aside = (flat @ axis - middle)[some]
        off = np.abs(aside) > 0.02 * height
        mirrored = points[some][off] - 2 * aside[off, None] * np.append(axis, 0.0)
        apart = np.square(mirrored).sum(axis=-1)[:, None] + squares - 2 * mirrored @ points.T
        count = int((apart.min(axis=1, initial=np.inf) < (_SAME_PLACE * slack * height) ** 2).sum())
        if count > best[0]:
            best = count, (heads[:, :2] - center[:2]) @ axis - middle
            if count > _SURE * len(aside):
                break
    return best[1]


def _axes(points: Floats, height: float, slack: float) -> Iterator[Floats]:
    """Directions (2,) in which a body may extend to both sides: the axes, and those between joints at one height, which
    tell how a body stands turned."""
    yield from np.eye(2)
    rows, columns = np.triu_indices(len(points), 1)
    level = np.abs(points[rows, 2] - points[columns, 2]) < 0.002 * slack * height
    across = points[rows[level], :2] - points[columns[level], :2]
    lengths = np.linalg.norm(across, axis=-1)
    across = across[lengths > 0.1 * height] / lengths[lengths > 0.1 * height, None]
    across = across[np.abs(across).max(axis=-1) < _SAME_AXIS]
    for _ in range(_MOST_AXES):
        if not len(across):
            break
        axis = across[0]
        yield axis
        across = across[np.abs(across @ axis) < _SAME_AXIS]


def _pairs(body: _Body, bones: list[int]) -> list[tuple[int, int]]:
    """Roots of limbs and their mirror images: the first bones on their way out that lie beside the plane."""
    roots = [
        b for b in bones
        if body.sizes[b] > 1 and body.off(b) and not (body.parents[b] >= 0 and body.off(body.parents[b]))
    ]  # fmt: skip
    found = []
    mirror = body.heads[:, :2] - 2 * body.aside[:, None] * _axis(body)
    for one in roots:
        if body.aside[one] > 0:
            image = np.append(mirror[one], body.heads[one, 2])
            others = [b for b in roots if body.aside[b] < 0 and body.depths[b] == body.depths[one]]
            near = [(float(np.linalg.norm(body.heads[b] - image)), b) for b in others]
            same = [(away, b) for away, b in near if away < 2 * _SAME_PLACE * body.slack * body.height]
            if same:
                size = body.sizes[one]
                found.append((one, min(same, key=lambda each: (abs(body.sizes[each[1]] - size), each))[1]))
    return found


def _axis(body: _Body) -> Floats:
    """The unit vector across the body, in the direction in which `aside` grows."""
    away = body.heads[:, :2] - body.heads[:, :2].mean(axis=0)
    axis: Floats = np.linalg.lstsq(away, body.aside - body.aside.mean(), rcond=None)[0]
    return axis / np.linalg.norm(axis)


def _legs(body: _Body, pairs: list[tuple[int, int]], bones: list[int]) -> list[dict[str, int]]:
    """Both legs, the one on the positive side first: chains that go down to the floor from farthest above."""
    floor = float(body.heads[bones, 2].min())
    best: tuple[float, list[dict[str, int]]] = (0.15 * body.height, [])
    for pair in pairs:
        legs = [_leg(body, root, floor, bones) for root in pair]
        if all(legs):
            drop = min(_drop(body, leg) for leg in legs)
            if drop > best[0]:
                best = drop, legs
    return best[1]


def _drop(body: _Body, leg: dict[str, int]) -> float:
    """How far a leg goes down; nothing for one that goes rather elsewhere."""
    thigh, shin, foot = (body.heads[leg[part]] for part in ("thigh", "shin", "foot"))
    down = float(thigh[2] - foot[2])
    return down if down > _UPRIGHT * float(np.linalg.norm(shin - thigh) + np.linalg.norm(foot - shin)) else 0.0


def _leg(body: _Body, root: int, floor: float, bones: list[int]) -> dict[str, int]:
    """Thigh, shin, foot and toes in a chain that goes down to the floor."""
    inside = subtree(root, body.parents)
    top = max(float(body.heads[bone, 2]) for bone in inside)
    low = [bone for bone in bones if body.heads[bone, 2] < floor + _LOW * (top - floor)]
    deepest = min(inside, key=lambda bone: (body.heads[bone, 2], bone))
    chain = [root, *between(root, deepest, body.parents)]
    if not set(low) & set(chain):
        near = [
            bone for bone in low
            if _beside(body, bone, deepest) < _NEAR_FOOT * body.height and body.aside[bone] * body.aside[root] > 0
            and _root(body, bone) in low
        ]  # fmt: skip
        if len(chain) < 2 or not near or top > floor + _HIPS * body.height:
            return {}
        chain = [*chain, max(near, key=lambda bone: (body.depths[bone], -bone))]
    joints = _joints([(bone, body.heads[bone]) for bone in chain], body, third={*low}, arm=False)
    if joints is None:
        return {}
    foot = joints[2]
    leg = {"thigh": joints[0], "shin": joints[1], "foot": foot}
    beyond = subtree(foot, body.parents)[1:]
    tips = [bone for bone in beyond if bone not in body.parents]
    if len(tips) <= 2 and beyond:
        away = {bone: _beside(body, bone, foot) for bone in beyond}
        leg["toes"] = between(foot, max(beyond, key=lambda bone: (away[bone], bone)), body.parents)[0]
    return leg


def _root(body: _Body, bone: int) -> int:
    """The first bone on the way to this one that lies beside the plane of symmetry."""
    return next((each for each in path(bone, body.parents) if body.off(each)), bone)


def _beside(body: _Body, one: int, other: int) -> float:
    return float(np.linalg.norm(body.heads[one, :2] - body.heads[other, :2]))


def _joints(
    chain: list[tuple[int, Floats]], body: _Body, third: Collection[int], arm: bool
) -> tuple[int, int, int] | None:
    """The three joints of a limb in a chain of bones and their heads: two pieces that are long, in line and of about
    one length. The third one is one of `third`, rather an early one; the first one of an arm follows on a collar bone.
    """
    best: tuple[float, tuple[int, int, int] | None] = (-np.inf, None)
    if len(chain) > _LONGEST_LIMB:
        return None
    whole = float(np.linalg.norm(np.diff([head for _, head in chain], axis=0), axis=1).sum())
    for one, two, three in combinations(range(len(chain)), 3):
        upper, lower = chain[two][1] - chain[one][1], chain[three][1] - chain[two][1]
        long, short = float(np.linalg.norm(upper)), float(np.linalg.norm(lower))
        if chain[three][0] in third and min(long, short) > 0.02 * body.height:
            worth = 2 * min((long + short) / whole, _MOST if arm else _MOST_LEG)
            worth -= 2 * max(abs(np.log(long / short)) - _UNEVEN, 0)
            worth -= 2 * (1 - float(upper @ lower) / (long * short))
            worth -= 0.5 * sum(bone in third for bone, _ in chain[two + 1 : three])
            if arm:
                worth += min(abs(body.aside[chain[one][0]]) / body.height, 2 * _COLLAR) + _AFTER_COLLAR * (one > 0)
            if worth > best[0]:
                best = worth, (chain[one][0], chain[two][0], chain[three][0])
    return best[1]


def _arms(
    body: _Body, pairs: list[tuple[int, int]], barred: set[int], legs: list[dict[str, int]]
) -> tuple[list[dict[str, int]], tuple[int, ...]]:
    """Both arms, the one on the positive side first, and the first bones of other pairs that might be arms: the pair
    that begins above the legs and reaches farthest, of those that are about as long one that has fingers."""
    hips, feet = (float(body.heads[legs[0][part], 2]) for part in ("thigh", "foot"))
    floor = feet + _ON_FLOOR * (hips - feet)
    found: list[tuple[float, bool, tuple[int, int], list[dict[str, int]]]] = []
    for pair in pairs:
        if barred.isdisjoint(pair) and body.heads[pair[0], 2] > hips:
            reach = min(_reach(body, root) for root in pair)
            arms = [_arm(body, *pair), _arm(body, *pair[::-1])]
            low = min(float(body.heads[subtree(root, body.parents), 2].min()) for root in pair)
            if reach > _REACH * body.height and low > floor and all(arms):
                found.append((reach, _fans(body, pair[0]), pair, arms))
    if not found:
        return [], ()
    fingers = any(fans for _, fans, _, _ in found)
    _, _, chosen, arms = max(found, key=lambda each: (each[1] == fingers, each[0], each[2]))
    longest = max(reach for reach, fans, _, _ in found if fans == fingers)
    others = [pair for reach, _, pair, _ in found if pair != chosen and reach > _AS_LONG * longest]
    return arms, tuple(pair[0] for pair in others)


def _fans(body: _Body, root: int) -> bool:
    """Whether chains of bones, like fingers, leave one bone of a limb."""
    inside = subtree(root, body.parents)
    carrying = [body.parents[bone] for bone in inside if _carries(bone, inside, body)]
    return any(carrying.count(bone) > 2 for bone in carrying)


def _reach(body: _Body, root: int) -> float:
    inside = subtree(root, body.parents)
    return float(np.linalg.norm(body.heads[inside] - body.heads[root], axis=1).max())


def _arm(body: _Body, root: int, other: int) -> dict[str, int]:
    """Shoulder, upper arm, forearm and hand in the chain to the farthest joint."""
    inside = subtree(root, body.parents)
    away = np.linalg.norm(body.heads[inside] - body.heads[root], axis=1)
    chain = [root, *between(root, inside[int(away.argmax())], body.parents)]
    children = [[c for c in inside if body.parents[c] == bone] for bone in chain]
    # several chains of bones leave a hand
    fan = next(
        (i for i, mine in enumerate(children) if sum(_carries(c, inside, body) for c in mine) > 2), len(chain) - 1
    )
    points = [(bone, body.heads[bone]) for bone in chain[: fan + 1]]
    if fan < len(chain) - 1:
        wrist = body.heads[children[fan]].mean(axis=0)
        if np.linalg.norm(wrist - body.heads[chain[fan]]) > _GAP * body.height:
            points.append((-1, wrist))
    last = {points[-1][0]} if fan < len(chain) - 1 else set(chain)
    joints = _joints(points, body, third=last, arm=True)
    if joints is None:
        return {}
    arm = {part: bone for part, bone in zip(ARM[1:], joints, strict=True) if bone >= 0}
    before = [*_own_way(body, root, other), *chain[: chain.index(joints[0])]]
    return {"shoulder": before[0], **arm} if before else arm


def _own_way(body: _Body, root: int, other: int) -> list[int]:
    """Bones above an arm that lie in the middle and do not carry the other arm."""
    shared = set(path(other, body.parents))
    return [bone for bone in path(root, body.parents)[:-1] if bone not in shared]


def _carries(bone: int, inside: list[int], body: _Body) -> bool:
    return any(body.parents[child] == bone for child in inside)


def _facing(body: _Body, legs: list[dict[str, int]]) -> tuple[Floats, bool]:
    """The horizontal direction that feet point to, else that knees bend to, and whether that is certain."""
    across = _axis(body)
    ahead = np.array([-across[1], across[0]])
    for limit, ways in (
        (0.02, [body.heads[leg["toes"]] - body.heads[leg["foot"]] for leg in legs if "toes" in leg]),
        (0.004, [body.heads[leg["shin"]] - (body.heads[leg["thigh"]] + body.heads[leg["foot"]]) / 2 for leg in legs]),
    ):
        forward = float(sum(way[:2] @ ahead for way in ways)) / 2
        if abs(forward) > limit * body.height:
            return ahead * np.sign(forward), True
    return ahead if float(ahead @ _FORWARD) >= 0 else -ahead, False


def _head(body: _Body, bones: list[int], pair: list[dict[str, int]]) -> int:
    """The head: the last bone of the chain in the middle that goes up beyond the arms, or the one before its top."""
    arms = [next(iter(arm.values())) for arm in pair]
    chest = meeting(arms[0], arms[1], body.parents)
    if chest < 0:
        return -1
    barred = {bone for arm in arms for bone in subtree(arm, body.parents)}
    above = [b for b in subtree(chest, body.parents)[1:] if b in set(bones) - barred and not body.off(b)]
    above = [bone for bone in above if not any(body.off(b) for b in between(chest, bone, body.parents))]
    if not above:
        return -1
    up = between(chest, max(above, key=lambda bone: (body.heads[bone, 2], bone)), body.parents)
    every = up
    up = [bone for place, bone in enumerate(up) if not place or not _same_place(body, bone, up[place - 1])]
    for bone in up[-3:]:
        here = [other for other in every if _same_place(body, bone, other)]
        if any(body.off(child) and parent in here for child, parent in enumerate(body.parents)):
            return bone
    if len(up) > 2:  # pieces of a neck are of one length, a skull up to its top is not
        last, before = (float(np.linalg.norm(body.heads[up[-i]] - body.heads[up[-i - 1]])) for i in (1, 2))
        if not _EVEN < last / before < 1 / _EVEN:
            return up[-2]
    return up[-1]


def _same_place(body: _Body, one: int, other: int) -> bool:
    return float(np.linalg.norm(body.heads[one] - body.heads[other])) < 0.01 * body.height
