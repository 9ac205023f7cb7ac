"""The engine's answers as the add-on reads them: values of another process, whose types are checked here.

Every function raises AnswerError for an answer that makes no sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

from engine.checks import is_count, is_number
from engine.protocol import GarbageError, unpack_bytes

from ..errors import AnswerError
from .plain_text import shown

Value = TypeVar("Value")

MOST_ENTRIES = 10_000
"""Entries of a list in an answer: a dance has as many moves at most."""
MOST_BEATS = 100_000
"""Of a song: hours of it have fewer."""
LONGEST_WAIT = 7 * 24 * 3600.0
"""Seconds that a request may still last, as it says."""
FASTEST = 1000.0
"""Frames per second of a preview."""
LONGEST_MESSAGE = 120
_EXCERPT = 80


class Progress(NamedTuple):
    """How far a request is: `fraction` 0..1 of the whole, `seconds_left` None while unknown."""

    stage: str
    fraction: float
    message: str
    seconds_left: float | None


@dataclass(frozen=True)
class Frames:
    """The next frames of a dance that is still being generated.

    first_frame: counted from 0. frame_rate: frames per second. npz: the motion's poses and trans, packed as
    `engine.protocol.pack_arrays` does.
    """

    first_frame: int
    frame_rate: float
    npz: str


@dataclass(frozen=True)
class Fill:
    """Token positions start..stop (half-open) that were generated between what stays.

    candidates: how many there were to choose from. correction_cm: how far the chosen one was moved to arrive.
    """

    start: int
    stop: int
    candidates: int
    correction_cm: float


@dataclass(frozen=True)
class NeededSound:
    """Seconds first..last (None: to the end) of a file's sound that the engine cannot decode itself."""

    file: str
    first: int
    last: int | None


@dataclass(frozen=True)
class SongRhythm:
    """A song's rhythm, in seconds of its file.

    sha256: of the file's content. tempo: beats per minute. confidence: of the tempo, 0..1. other_tempo: the second
    best, None without one. beats: rising. ones: rising indices of the beats that begin a bar. bar_confidence: of metre
    and ones. strength: how clearly each beat is heard, 0..1. styles: of the checkpoint with their weights, best first.
    """

    sha256: str
    tempo: float
    confidence: float
    other_tempo: float | None
    beats: tuple[float, ...]
    ones: tuple[int, ...]
    beats_per_bar: int
    bar_confidence: float
    strength: tuple[float, ...]
    styles: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class CandidateAnswer:
    """A dance that was not the best: bytes of its motion file, its choreography as JSON text, and what it was ranked
    by."""

    npz: bytes
    document: str
    score: float


@dataclass(frozen=True)
class DanceAnswer:
    """A generated or edited dance.

    npz: bytes of the motion file. document: its choreography as JSON text. notices: sentences for the user. fills: what
    an edit generated. rhythm: of the song of a new dance. candidates: the others of which it is the best, best first.
    score: what it was ranked by then.
    """

    npz: bytes
    document: str
    notices: tuple[str, ...]
    fills: tuple[Fill, ...]
    rhythm: SongRhythm | None = None
    candidates: tuple[CandidateAnswer, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class CheckAnswer:
    """What works on this computer. problems: sentences about what does not. report: everything, as JSON."""

    problems: tuple[str, ...]
    report: object


def read_dance(result: object) -> DanceAnswer:
    """The answer to `generate`, `edit` and `chain`."""
    report = _get(result, "report", dict)
    fills = tuple(
        Fill(_count(fill, "start"), _count(fill, "stop"), _count(fill, "tried"), _number(fill, "correction_cm"))
        for fill in _list(report, "fills", dict)
    )
    rhythm = read_rhythm(report["rhythm"]) if report.get("rhythm") is not None else None
    candidates = tuple(
        CandidateAnswer(_npz(candidate), _get(candidate, "document", str), _number(candidate, "score"))
        for candidate in _list(result, "candidates", dict)
    )
    document, notices = _get(result, "document", str), _sentences(report, "notices")
    score = _number(result, "score") if candidates else None
    return DanceAnswer(_npz(result), document, notices, fills, rhythm, candidates, score)


def _npz(data: object) -> bytes:
    """The bytes of a motion file in an answer."""
    packed = _get(data, "npz", str)
    try:
        return unpack_bytes(packed)
    except GarbageError as error:
        raise unusable(error) from error


def read_rhythm(result: object) -> SongRhythm:
    """The answer to `listen`."""
    beats, strength = _numbers(result, "beats"), _numbers(result, "strength")
    ones = _list(result, "ones", int)
    other = None if _value(result, "other_tempo") is None else _number(result, "other_tempo")
    rising = all(one < two for times in (beats, ones) for one, two in pairwise(times))
    if not rising or len(strength) != len(beats) or (ones and not 0 <= ones[0] <= ones[-1] < len(beats)):
        raise unusable("its beats are in no order")
    return SongRhythm(
        _get(result, "sha256", str),
        _number(result, "tempo"),
        _number(result, "confidence"),
        other,
        beats,
        ones,
        max(_count(result, "beats_per_bar"), 1),
        _number(result, "bar_confidence"),
        strength,
        tuple(_style(entry) for entry in _list(result, "styles", list)),
    )


def _style(entry: list[object]) -> tuple[str, float]:
    match entry:
        case [str(style), float() | int() as weight] if is_number(weight, 0, 1):
            return style, float(weight)
    raise unusable(f"a style is {shown(entry, _EXCERPT)}")


def read_check(result: object) -> CheckAnswer:
    """The answer to `doctor`."""
    return CheckAnswer(_sentences(result, "problems"), result)


def read_import(result: object) -> tuple[str, ...]:
    """The warnings in the answer to `import`, sentences for the user."""
    return _sentences(result, "warnings")


def read_report(result: object) -> tuple[str, tuple[str, ...]]:
    """The page and the notices, sentences for the user, in the answer to `report`."""
    return _get(result, "file", str), _sentences(result, "notices")


def read_fetched(result: object) -> str:
    """The path in the answer to `fetch_encodec`."""
    return shown(_get(result, "path", str))


def read_progress(params: object) -> Progress:
    """The parameters of a `progress` notification."""
    left = None if _value(params, "seconds_left") is None else _number(params, "seconds_left")
    return Progress(
        shown(_get(params, "stage", str), LONGEST_MESSAGE),
        min(max(_number(params, "fraction"), 0.0), 1.0),
        shown(_get(params, "message", str), LONGEST_MESSAGE),
        left if left is not None and 0 <= left <= LONGEST_WAIT else None,
    )


def read_frames(params: object) -> Frames:
    """The parameters of a `motion` notification."""
    rate = _number(params, "frame_rate")
    if not 0 < rate <= FASTEST:
        raise unusable(f"frame_rate is {rate:g}")
    return Frames(_count(params, "first_frame"), rate, _get(params, "npz", str))


def read_needed_sound(error: object) -> NeededSound | None:
    """What an error asks to be decoded; None where it is another one."""
    sound = _value(_value(error, "data"), "sound")
    if sound is None:
        return None
    last = None if _value(sound, "last") is None else _count(sound, "last")
    return NeededSound(_get(sound, "file", str), _count(sound, "first"), last)


def unusable(reason: object) -> AnswerError:
    """The error for an answer that makes no sense. reason: what is wrong with it."""
    return AnswerError(
        f"The engine's answer cannot be used ({shown(str(reason), 200)}): engine and add-on do not belong together. "
        "Install the add-on again."
    )


def _value(data: object, name: str) -> object:
    return data.get(name) if isinstance(data, dict) else None


def _get(data: object, name: str, kind: type[Value]) -> Value:
    """A named value of a JSON object."""
    value = _value(data, name)
    if not isinstance(value, kind):
        raise unusable(f"{name} is {shown(value, _EXCERPT)}, not {kind.__name__}")
    return value


def _count(data: object, name: str) -> int:
    """A named whole number, 0 or more, of a JSON object."""
    value = _value(data, name)
    if not is_count(value):
        raise unusable(f"{name} is {shown(value, _EXCERPT)}, not a whole number")
    return value


def _number(data: object, name: str) -> float:
    """A named number of a JSON object."""
    value = _value(data, name)
    if not is_number(value):
        raise unusable(f"{name} is {shown(value, _EXCERPT)}, not a number")
    return float(value)


def _numbers(data: object, name: str) -> tuple[float, ...]:
    """A named list of numbers of a JSON object."""
    values = _value(data, name)
    if not isinstance(values, list) or len(values) > MOST_BEATS or not all(is_number(value) for value in values):
        raise unusable(f"{name} is {shown(values, _EXCERPT)}, not a list of numbers")
    return tuple(map(float, values))


def _list(data: object, name: str, kind: type[Value]) -> tuple[Value, ...]:
    """A named list of a JSON object; empty where it is not named."""
    values = data.get(name, []) if isinstance(data, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise unusable(f"{name} is {shown(values, _EXCERPT)}, not a list of {kind.__name__}")
    if len(values) > (MOST_BEATS if kind is int else MOST_ENTRIES):
        raise unusable(f"{name} has {len(values)} entries")
    return tuple(values)


def _sentences(data: object, name: str) -> tuple[str, ...]:
    """A named list of sentences for the user; empty where it is not named."""
    return tuple(shown(sentence) for sentence in _list(data, name, str))
