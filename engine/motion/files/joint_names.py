"""Joints of any human skeleton recognised by their names and by the tree.

The names are those that programs publish: Mixamo, MotionBuilder, CMU and Acclaim, 3ds Max Biped, Unreal, Unity and VRM,
VRoid, Rigify, MakeHuman, Daz and Poser, Second Life, Character Creator, Motive, MVN, Axis Neuron, Rokoko, iPi, Kinect,
Advanced Skeleton, Auto-Rig Pro, CAT, MikuMikuDance, SMPL. Letter case and separators do not matter; a prefix that most
joints share, a namespace or a model's name, does not either, and neither does what all names begin or end with.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from smpl_rig.skeleton import JOINT_INDEX

LIMBS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # in this order, each source joint used once: "foot" is the toes only where there is an "ankle" as well
    ("hip", ("upleg", "upperleg", "thigh", "thighbend", "femur", "legupper", "upperthigh", "hip", "hipjoint")),
    ("knee", ("lowerleg", "lowleg", "loleg", "shin", "calf", "tibia", "knee", "leglower", "leg")),
    ("ankle", ("ankle", "foot")),
    ("foot", ("toebase", "toe", "toes", "ball", "forefoot", "foot")),
    ("shoulder", ("upperarm", "uparm", "uarm", "humerus", "armupper", "shldr", "shldrbend", "arm", "shoulder")),
    ("collar", ("collar", "clavicle", "collarbone", "clav", "scapula", "thorax", "inshoulder", "shoulder")),
    ("elbow", ("forearm", "forearmbend", "lowerarm", "lowarm", "loarm", "farm", "radius", "ulna", "armlower", "elbow")),
    ("wrist", ("wrist", "hand")),
    ("hand", ("hand",)),
)
OPTIONAL = ("foot", "collar", "wrist", "hand")
_PARTS = {part for _, parts in LIMBS for part in parts}
_LEFT_OR_RIGHT = {"left": "L", "l": "L", "right": "R", "r": "R"}
_TRUNK = ("head", "neck", "hips", "pelvis", "hip", "spine", "chest", "torso", "abdomen")
_NO_BODY = {
    "ik", "twist", "roll", "pole", "target", "helper", "ctrl", "control", "controller", "end", "nub", "tip", "top",
    "mch", "vis", "tweak", "socket", "weapon", "attach", "effector", "goal", "marker", "master", "aim", "cloth",
    "skirt", "tail", "hair", "breast", "wing", "sleeve", "corrective", "physics", "muscle", "share", "bulge", "site",
}  # fmt: skip
"""Words in the names of joints beside the body's: controls, parts of a limb, tips, clothes."""
_FILLERS = {"joint", "jnt", "bone", "bn", "bend", "bind", "skin"}
"""Words in names that say nothing."""
_MORE_FILLERS = {"fk", "stretch", "c", "x"}
"""Words of control rigs (Rigify's and Auto-Rig Pro's) that say nothing where no joint is recognised otherwise."""
_SHORT_SIDE = re.compile(r"(?<![^\W\d_])(?:(?P<left>lf|lt)|rt)(?![^\W\d_])", re.IGNORECASE)
_JAPANESE = {
    "左": " left ", "右": " right ", "足首": "ankle", "つま先": "toe", "ひざ": "knee", "足": "thigh", "手首": "wrist",
    "ひじ": "elbow", "肩": "collar", "腕": "upperarm", "頭": "head", "首": "neck", "上半身": "spine",
    "下半身": "pelvis", "捩": " twist ",
}  # fmt: skip
"""MikuMikuDance's names; longer ones first where one contains another."""
_GLUED = re.compile(r"^mixamorig\d*", re.IGNORECASE)
"""What some exporters leave of a namespace, without a separator."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_ONE_OF = "|".join(sorted(_PARTS, key=len, reverse=True))
_SIDE_FIRST = re.compile(rf"(?P<side>left|right|l|r)(?P<part>{_ONE_OF})(?P<number>\d*)")
_SIDE_LAST = re.compile(rf"m?(?P<part>{_ONE_OF})(?P<number>\d*)(?P<side>left|right|l|r)(?P<again>\d*)")
_MIDDLE = re.compile(rf"m?(?P<part>{'|'.join(_TRUNK)})(?P<number>\d*)[mc]?")


@dataclass(frozen=True)
class _Reading:
    """One way to read a joint's name. side: "L", "R" or "". number: of several bones in a limb the lowest is first."""

    joint: int
    side: str
    part: str
    number: int
    prefix: str


class UnknownJointsError(ValueError):
    """The names of our joints that no joint is recognised as, as the message."""


def match_joints(names: Sequence[str], parents: Sequence[int]) -> dict[int, int]:
    """The joint of a skeleton for each of our joints that can be found: 0, the pelvis, both limbs and the head are.

    names, parents: of the skeleton's joints, parents before children. Raises UnknownJointsError.
    """
    words = [_words(name) for name in names]
    try:
        return _match(words, names, parents)
    except UnknownJointsError as error:
        try:
            return _match(_loosely(words), names, parents)
        except UnknownJointsError:
            raise error from None


def _match(words: Sequence[list[str]], names: Sequence[str], parents: Sequence[int]) -> dict[int, int]:
    readings = [reading for joint, name in enumerate(words) for reading in _readings(joint, name)]
    # the same limb may be there several times (controls, deforming bones); those of one prefix belong together
    counts = Counter(prefix for prefix, _, _ in {(r.prefix, r.side, r.part) for r in readings if r.side})
    helpers = [name.startswith("_") for name in names]
    ranked = sorted(readings, key=lambda r: (-counts[r.prefix], len(r.prefix), r.number, helpers[r.joint], r.joint))
    found: dict[int, int] = {}
    missing: list[str] = []
    for side in ("L", "R"):
        limbs = _match_side([reading for reading in ranked if reading.side == side])
        found |= {JOINT_INDEX[f"{side}_{ours}"]: joint for ours, joint in limbs.items()}
        missing += [f"{side}_{ours}" for ours, _ in LIMBS if ours not in limbs and ours not in OPTIONAL]
    if missing:
        raise UnknownJointsError(", ".join(missing))
    head = next((reading.joint for reading in ranked if reading.part == "head" and not reading.side), None)
    if head is None:
        head = _last_of_trunk(found, ranked, parents)
    if head is None:
        raise UnknownJointsError("head")
    found[0] = _meeting(found[JOINT_INDEX["L_hip"]], found[JOINT_INDEX["R_hip"]], parents)
    _match_trunk(found, head, parents)
    return found


def _words(name: str) -> list[str]:
    """The words of a joint's name in lower case, without a namespace."""
    text = _GLUED.sub("", unicodedata.normalize("NFKC", re.split(r"[:|]", name)[-1]))
    for japanese, word in _JAPANESE.items():
        text = text.replace(japanese, word)
    text = _SHORT_SIDE.sub(lambda side: "left" if side["left"] else "right", text)
    return [word.lower() for word in _WORD.findall(text)]


def _loosely(names: Sequence[list[str]]) -> list[list[str]]:
    """The words without those that all joints begin or end with, as a model's name, and those of control rigs."""
    names = [list(words) for words in names]
    for end in (0, -1):
        while len(names) > 1 and min(map(len, names)) > 1 and len({words[end] for words in names}) == 1:
            for words in names:
                del words[end]
    return [_without_limb([word for word in words if word not in _MORE_FILLERS]) for words in names]


def _without_limb(words: list[str]) -> list[str]:
    """Left leg thigh, as 3ds Max CAT has it, without the leg."""
    for place, word in enumerate(words[1:-1], 1):
        if word in ("leg", "arm") and words[place - 1] in _LEFT_OR_RIGHT and not words[place + 1].isdigit():
            return words[:place] + words[place + 1 :]
    return words


def _readings(joint: int, words: Sequence[str]) -> list[_Reading]:
    """The ways to read the words of a joint's name."""
    if not _NO_BODY.isdisjoint(words):
        return []
    words = [word for word in words if word not in _FILLERS]
    readings = []
    for start in range(len(words)):
        rest, prefix = "".join(words[start:]), "".join(words[:start])
        for pattern in (_SIDE_FIRST, _SIDE_LAST, _MIDDLE):
            match = pattern.fullmatch(rest)
            if match:
                groups = match.groupdict()
                side = _LEFT_OR_RIGHT.get(groups.get("side", ""), "")
                number = groups["number"] + groups.get("again", "")
                readings.append(_Reading(joint, side, groups["part"], int(number[:6] or -1), prefix))
    return readings


def _match_side(readings: Sequence[_Reading]) -> dict[str, int]:
    """The joint of each limb joint of one side; readings: the most trusted first."""
    found: dict[str, int] = {}
    limb: str | None = None
    for ours, parts in LIMBS:
        free = [r for r in readings if r.part in parts and r.joint not in found.values()]
        if ours in OPTIONAL and limb is not None:
            free = [reading for reading in free if reading.prefix == limb]
        if free:
            prefix = limb = free[0].prefix
            found[ours] = min((r for r in free if r.prefix == prefix), key=lambda r: parts.index(r.part)).joint
    if "hip" not in found and found.get("knee") is not None:
        # "leg" above "knee", "shin" or the like is the thigh
        legs = [r.joint for r in readings if r.part == "leg" and r.joint not in found.values()]
        if legs:
            found["hip"] = legs[0]
    return found


def _match_trunk(found: dict[int, int], head: int, parents: Sequence[int]) -> None:
    """Add spine, neck and head to `found`, from the path between pelvis and head: programs use one to many joints
    there."""
    path = _path(head, parents)
    start = _meeting(found[0], head, parents)
    path = path[path.index(start) + 1 :] if start in path else path
    arm = set(_path(found[JOINT_INDEX["L_shoulder"]], parents))
    trunk = [joint for joint in path if joint in arm]
    neck = [joint for joint in path if joint not in arm and joint != head]
    for place, name in enumerate(("spine1", "spine2", "spine3")):
        if trunk:
            found[JOINT_INDEX[name]] = trunk[round(place * (len(trunk) - 1) / 2)]
    if neck:
        found[JOINT_INDEX["neck"]] = neck[0]
    found[JOINT_INDEX["head"]] = head


def _last_of_trunk(found: dict[int, int], readings: Sequence[_Reading], parents: Sequence[int]) -> int | None:
    """The last joint of a spine or neck that goes on beyond the arms, as Rigify's head, "spine.006"."""
    chest = _meeting(found[JOINT_INDEX["L_shoulder"]], found[JOINT_INDEX["R_shoulder"]], parents)
    beyond = [r.joint for r in readings if r.part in ("spine", "neck") and chest in _path(r.joint, parents)[:-1]]
    return max(beyond, key=lambda joint: len(_path(joint, parents)), default=None)


def _path(joint: int, parents: Sequence[int]) -> list[int]:
    """From the root to the joint."""
    path = []
    while joint >= 0:
        path.append(joint)
        joint = parents[joint]
    return path[::-1]


def _meeting(one: int, other: int, parents: Sequence[int]) -> int:
    """The last joint that two joints have above them, or that is one of both."""
    theirs = set(_path(other, parents))
    return [joint for joint in _path(one, parents) if joint in theirs][-1]
