"""Biovision BVH: the contents of a file, and its parser.

Angles are degrees. Format: M. Meredith and S. Maddock, "Motion Capture File Formats Explained" (2001).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.checks import reason_of
from engine.errors import DataError
from smpl_rig import rotations as rot
from smpl_rig.regular_files import UnsuitableFileError, read_regular

_POSITIONS = {"xposition": 0, "yposition": 1, "zposition": 2}
_ROTATIONS = {"xrotation": 0, "yrotation": 1, "zrotation": 2}
_SCALES = ("xscale", "yscale", "zscale")
"""Channels that some programs write and none of ours needs."""
_CHANNEL = re.compile(
    r"(?P<axis>[xyz]?)_?(?:(?P<r>rot(?:ation)?)|(?P<p>pos(?:ition)?|trans(?:lation)?)|scale)_?(?P<last>[xyz]?)"
)
"""How programs spell a channel, in lower case: Xposition, Xtranslation, X_rotation, rotX."""
MAX_FILE_BYTES = 1 << 28
_MAX_HEAD_CHARACTERS = 1 << 22
_MAX_JOINTS = 2000
_MAX_VALUES = 24_000_000
"""Frames times channels: ten minutes at 120 frames a second of a hundred joints."""
_MAX_OFFSET = 1e6
_FARTHEST, _MOST_TURNED = 1e8, 1e6
"""Units, a hundred kilometres in millimetres, and degrees, thousands of turns, that no dancer reaches."""
_CHUNK = 1 << 20
_FPS = (1.0, 1000.0)
_STILL = 0.01
"""Share of a joint's offset below which all its position channels count as zero."""
_MOTION = re.compile(r"(?P<line>^[ \t]*)?(?<![^\s}])MOTION\b", re.IGNORECASE | re.MULTILINE)
_HIERARCHY = re.compile(r"\b(?:HIERARCHY|ROOT)\b", re.IGNORECASE)
_SPACE = re.compile(r"\s*")
_FRAMES = re.compile(r"Frames\b\s*(?::\s*)?(\S+)", re.IGNORECASE)
_FRAME_TIME = re.compile(
    r"Frame[ \t]*(?P<kind>Time|Rate)\s*(?::\s*)?(?P<number>\S*?[\d.,])(?P<per>/\d+)?"
    r"[ \t]*(?P<unit>ms|s|sec|secs|seconds|fps|hz)?(?=\s|\(|$)(?:[ \t]*\([^()\n]*\))?"
    r"|Frame[ \t]*Time\s*(?::\s*)?(?P<other>\S+)",
    re.IGNORECASE,
)
"""A frame time as programs write it: 0.033333, 33.3 ms, 1/30, 0.0333 (30 fps); or a rate."""
_CUT_OFF = re.compile(r"[+-]|[+-]?\.|[+-]?(?:\d+\.?\d*|\.\d+)e[+-]?", re.IGNORECASE)
"""The beginning of a number that is none yet."""
_ENDS = ("end", "}", "\x1a", "\0")
"""What some files have behind the last value."""
_COMMENT_SIGNS = ("#", "//", ";")
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#|//|;).*$", re.MULTILINE)


@dataclass
class BvhJoint:
    """A joint of a hierarchy. offset: (3,) from its parent at rest. tip: (3,) end site, if there is one."""

    name: str
    parent: int
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    tip: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class BvhFile:
    """A parsed file. values: (T, channels) in the file's order and length unit, angles in degrees. fps: frames per
    second."""

    joints: tuple[BvhJoint, ...]
    values: NDArray[np.float64]
    fps: float

    def rest_positions(self) -> NDArray[np.float64]:
        """(J, 3) joint positions with every rotation zero, the root at its offset, in the file's unit and axes."""
        rest = np.zeros((len(self.joints), 3))
        for index, joint in enumerate(self.joints):
            rest[index] = joint.offset if joint.parent < 0 else rest[joint.parent] + joint.offset
        return rest

    def world(self, wanted: Sequence[int] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(T, N, 3, 3) rotations and (T, N, 3) positions of N wanted joints, or of all, in the file's world, unit and
        axes."""
        wanted = range(len(self.joints)) if wanted is None else wanted
        needed = set()
        for above in wanted:
            while above >= 0 and above not in needed:
                needed.add(above)
                above = self.joints[above].parent  # noqa: PLW2901
        column = 0
        found: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        for index, joint in enumerate(self.joints):
            values = self.values[:, column : column + len(joint.channels)]
            column += len(joint.channels)
            if index not in needed:
                continue
            local, offset = _local(joint, values)
            if joint.parent < 0:
                found[index] = local, offset
            else:
                parent, place = found[joint.parent]
                found[index] = parent @ local, place + np.einsum("tij,tj->ti", parent, offset)
        return np.stack([found[j][0] for j in wanted], axis=1), np.stack([found[j][1] for j in wanted], axis=1)


def _local(joint: BvhJoint, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (T, 3, 3) and offsets (T, 3) of a joint in its parent, from its channels (T, C)."""
    frames = len(values)
    rotation = np.broadcast_to(np.eye(3), (frames, 3, 3))
    offset = np.broadcast_to(joint.offset, (frames, 3)).copy()
    moved = [column for column, channel in enumerate(joint.channels) if channel in _POSITIONS]
    # most programs write the offset again in every frame; some write how far the joint is from it, which is nothing
    size = float(np.abs(joint.offset).max())
    added = joint.parent >= 0 and moved and size > 0 and float(np.abs(values[:, moved]).max()) < _STILL * size
    for column, channel in enumerate(joint.channels):
        if channel in _ROTATIONS:
            rotation = rotation @ _turn(_ROTATIONS[channel], np.radians(values[:, column]))
        elif channel in _POSITIONS and not added:
            offset[:, _POSITIONS[channel]] = values[:, column]
    return rotation, offset


def parse_bvh(path: Path) -> BvhFile:
    """Parse a BVH file of any skeleton. Raises DataError that says what cannot be parsed.

    Read as other programs read them: any letter case, byte order marks, UTF-16, decimal commas, comments, and one frame
    more or less than the file announces.
    """
    try:
        content = read_regular(path, MAX_FILE_BYTES)
    except UnsuitableFileError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    text = content.decode(_encoding(content), errors="replace").lstrip("\ufeff")
    del content
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    motion = _find_motion(text)
    if motion is None or not _HIERARCHY.search(text, 0, motion.start()):
        raise DataError(f"{path.name}: is not a BVH file (no HIERARCHY and MOTION). Export the motion as BVH.")
    try:
        if motion.start() > _MAX_HEAD_CHARACTERS:
            raise ValueError("its hierarchy is larger than any skeleton's")
        joints = _parse_hierarchy(_Words(_COMMENT.sub("", text[: motion.start()])))
        count, fps, begin = _parse_motion_head(text, motion.end())
        width = sum(len(joint.channels) for joint in joints)
        if not width:
            raise ValueError("none of its joints has channels")
        values, line = _parse_values(text, begin, width)
    except ValueError as error:
        raise DataError(f"{path.name}: is a damaged BVH file ({reason_of(error)}). Export the motion again.") from error
    rows, rest = divmod(len(values), width)
    # a frame may be missing or cut off at the end, but values that do not stand in rows are not frames
    if not rows or abs(rows - count) > 1 or ((rows != count or rest) and line != width):
        raise DataError(
            f"{path.name}: should have {count} frames of {width} values, but has {len(values)} values"
            f"{f', {line} in its first line' if line != width else ''}. Export the motion again."
        )
    table = values[: rows * width].reshape(rows, width)
    _check_values(path.name, joints, table)
    return BvhFile(tuple(joints), table, fps)


def _check_values(name: str, joints: Sequence[BvhJoint], table: NDArray[np.float64]) -> None:
    """Raise DataError for a value that is no number, or no place or angle of a body. table: (T, channels)."""
    turns = [channel in _ROTATIONS for joint in joints for channel in joint.channels]
    most = np.where(turns, _MOST_TURNED, _FARTHEST)
    wrong = np.argwhere(~(np.abs(table) <= most))
    if len(wrong):
        frame, column = (int(index) for index in wrong[0])
        channel = [f"{joint.name} {channel}" for joint in joints for channel in joint.channels][column]
        value = table[frame, column]
        kind = "angle in degrees" if turns[column] else "length"
        what = kind if np.isfinite(value) else "number"
        raise DataError(
            f"{name}: has the value {value:g} in frame {frame + 1} of {len(table)} ({channel}), which is no "
            f"{what}. Export the motion again without it."
        )


def _find_motion(text: str) -> re.Match[str] | None:
    """The word MOTION that ends the hierarchy: at the beginning of a line, or before the word Frames."""
    motion = _MOTION.search(text)
    while motion is not None and motion["line"] is None:
        after = _after_comments(text, motion.end())
        if _FRAMES.match(text, after):
            break
        # on from the last line that begins before `after`: what was skipped is not searched again for each MOTION in it
        line = text.rfind("\n", motion.end(), after) + 1
        motion = _MOTION.search(text, line or after)
    return motion


def _after_comments(text: str, begin: int) -> int:
    """Where the first word from `begin` on is that is in no comment."""
    while True:
        space = _SPACE.match(text, begin)
        begin = space.end() if space else begin
        if not text.startswith(_COMMENT_SIGNS, begin):
            return begin
        end = text.find("\n", begin)
        begin = len(text) if end < 0 else end


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = content[:200]
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 4 else "utf-8"


class _Words:
    """The words of a text, one after the other; past the end ValueError is raised."""

    def __init__(self, text: str) -> None:
        words = text.replace("{", " { ").replace("}", " } ").split()
        # some programs put signs between words that say nothing: CHANNELS: 3, Zrotation, Xrotation, Yrotation
        self._words = [bare for word in words if (bare := word.rstrip(",;:"))]
        self._next = 0

    def more(self) -> bool:
        return self._next < len(self._words)

    def next(self) -> str:
        if not self.more():
            raise ValueError("it ends too early")
        self._next += 1
        return self._words[self._next - 1]

    def until_brace(self) -> str:
        """The words before the next "{", which is read, too."""
        name = []
        while (word := self.next()) != "{":
            name.append(word)
        return " ".join(name)


def _parse_hierarchy(words: _Words) -> list[BvhJoint]:
    joints: list[BvhJoint] = []
    open_joints: list[int] = []
    in_tip = False
    while words.more():
        word = words.next()
        kind = word.lower()
        if kind in ("root", "joint"):
            if (kind == "joint" and not open_joints) or in_tip:
                raise ValueError("a JOINT is outside of ROOT")
            if len(joints) == _MAX_JOINTS:
                raise ValueError(f"it has more than {_MAX_JOINTS} joints")
            if kind == "root" and open_joints:
                raise ValueError("its hierarchy is not closed")
            joints.append(BvhJoint(words.until_brace(), open_joints[-1] if open_joints else -1))
            open_joints.append(len(joints) - 1)
        elif kind in ("end", "endsite"):
            words.until_brace()
            in_tip = True
        elif kind == "}":
            if in_tip:
                in_tip = False
            elif open_joints:
                open_joints.pop()
            else:
                raise ValueError("it closes a joint that is not open")
        elif kind in ("offset", "channels") and not open_joints:
            raise ValueError(f"{word} is outside of a joint")
        elif kind == "offset":
            offset = np.array([_number(words.next()) for _ in range(3)])
            if not (np.abs(offset) < _MAX_OFFSET).all():
                raise ValueError(f"the offset {offset.tolist()} of {joints[open_joints[-1]].name} is no length")
            if in_tip:
                joints[open_joints[-1]].tip = offset
            else:
                joints[open_joints[-1]].offset = offset
        elif kind == "channels":
            joints[open_joints[-1]].channels = _parse_channels(words)
        elif kind != "hierarchy":
            raise ValueError(f"unexpected word {word[:40]!r} in its hierarchy")
    if not joints or open_joints:
        raise ValueError("its hierarchy is not closed")
    return joints


def _parse_channels(words: _Words) -> tuple[str, ...]:
    count = words.next()
    if not count.isascii() or not count.isdigit() or int(count[:4]) > 12:
        raise ValueError(f"{count[:40]!r} channels for a joint")
    return tuple(_channel(words.next()) for _ in range(int(count)))


def _channel(word: str) -> str:
    """A channel as most programs spell it, in lower case."""
    match = _CHANNEL.fullmatch(word.lower())
    axis = match["axis"] + match["last"] if match else ""
    if match is None or len(axis) != 1:
        raise ValueError(f"unknown channel {word[:40]!r}")
    return axis + ("rotation" if match["r"] else "position" if match["p"] else "scale")


def _parse_motion_head(text: str, begin: int) -> tuple[int, float, int]:
    """`Frames: N` and `Frame Time: S` -> (N, frames per second, where the values begin)."""
    frames = _FRAMES.match(text, _after_comments(text, begin))
    if frames is None:
        raise ValueError("no 'Frames:' after MOTION")
    step = _FRAME_TIME.match(text, _after_comments(text, frames.end()))
    if step is None:
        raise ValueError("no 'Frame Time:' after 'Frames:'")
    count, fps = _number(frames[1]), _rate(step)
    if not 0 < count < _MAX_VALUES:
        raise ValueError(f"{frames[1][:40]} frames")
    # files write 0.033333 or less for 1/30; rates like 29.97 are further from a whole number than this
    fps = float(round(fps)) if abs(fps / max(round(fps), 1) - 1) < 3e-4 else round(fps, 4)
    return int(count), fps, step.end()


def _rate(step: re.Match[str]) -> float:
    """Frames per second. Raises ValueError for what is no rate."""
    said = step["other"] or step["number"] + (step["per"] or "")
    seconds = _number(step["other"] or step["number"]) / (_number(step["per"][1:]) if step["per"] else 1)
    unit = (step["unit"] or "").lower()
    if unit == "ms":
        seconds /= 1000
    if (step["kind"] or "").lower() == "rate" or unit in ("fps", "hz"):
        seconds = 1 / seconds if seconds else 0.0
    fps = 1 / seconds if seconds else 0.0
    if not _FPS[0] <= fps <= _FPS[1]:
        raise ValueError(f"its frame time is {said[:40]} seconds, which is no frame rate between 1 and 1000")
    return fps


def _parse_values(text: str, begin: int, width: int) -> tuple[NDArray[np.float64], int]:
    """All values behind the head, and how many words their first line has. The text is read in pieces: its words as
    Python strings would need many times its memory."""
    parts: list[NDArray[np.float64]] = []
    total = line = 0
    commas: str | None = None
    while begin < len(text):
        end = min(begin + _CHUNK, len(text))
        while end < len(text) and not text[end].isspace() and end - begin < 2 * _CHUNK:
            end += 1
        piece = text[begin:end]
        if any(sign in piece for sign in "#/;"):
            piece = _COMMENT.sub("", piece).replace(";", " ")
        begin = end
        if not line:
            line = next((len(row.split()) for row in piece.splitlines() if row.strip()), 0)
        if "," in piece:
            # numbers without points in a row of as many words as channels have their commas as decimal signs
            commas = commas or ("." if line == width and "." not in piece else " ")
            piece = piece.replace(",", commas)
        words = piece.split()
        if begin == len(text):
            while words and words[-1].lower() in _ENDS:
                words.pop()
            if words and not text[-1].isspace() and _CUT_OFF.fullmatch(words[-1]):
                words.pop()  # the file is cut off within it
        total += len(words)
        if total > _MAX_VALUES:
            raise ValueError(f"it has more than {_MAX_VALUES:,} values")
        try:
            if "_" in piece:  # Python reads 1_000 as a number, and nothing else does
                raise ValueError
            parts.append(np.array(words, np.float64))
        except ValueError:
            parts.append(np.array([_value(word, total - len(words) + k, width) for k, word in enumerate(words)]))
    return np.concatenate(parts) if parts else np.zeros(0), line


def _value(word: str, index: int, width: int) -> float:
    """A value that numpy may not know: "-nan(ind)" and "1.#QNAN" are how C writes NaN."""
    try:
        return _number(word)
    except ValueError:
        if re.fullmatch(r"[+-]?(nan.*|1\.#.*)", word, re.IGNORECASE):
            return float("nan")
        raise ValueError(f"{word[:40]!r} is no number, in frame {index // width + 1}") from None


def _number(word: str) -> float:
    """The number that a word is; with a comma as decimal sign or behind it. Raises ValueError."""
    if "_" in word:
        raise ValueError(f"{word[:40]!r} is no number")
    return float(word.rstrip(",;").replace(",", "."))


def _turn(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (T, 3, 3) by angles (T,), radians, about coordinate axis 0..2."""
    vector = np.zeros((len(angle), 3))
    vector[:, axis] = angle
    return rot.axis_angle_to_matrix(vector).astype(np.float64)
