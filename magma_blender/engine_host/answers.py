"""The engine's answers as the add-on reads them: values of another process, whose types are checked here.

Every function raises AnswerError for an answer that makes no sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from engine.checks import is_count, is_number
from engine.protocol import GarbageError, unpack_bytes

from ..errors import AnswerError

Value = TypeVar("Value")


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
class DanceAnswer:
    """A generated or edited dance.

    npz: bytes of the motion file. document: its choreography as JSON text. notices: sentences for the user. fills: what
    an edit generated.
    """

    npz: bytes
    document: str
    notices: tuple[str, ...]
    fills: tuple[Fill, ...]


@dataclass(frozen=True)
class CheckAnswer:
    """What works on this computer. problems: sentences about what does not. report: everything, as JSON."""

    problems: tuple[str, ...]
    report: object


def read_dance(result: object) -> DanceAnswer:
    """The answer to `generate`, `edit` and `chain`."""
    packed, report = _get(result, "npz", str), _get(result, "report", dict)
    try:
        npz = unpack_bytes(packed)
    except GarbageError as error:
        raise unusable(error) from error
    fills = tuple(
        Fill(_count(fill, "start"), _count(fill, "stop"), _count(fill, "tried"), _number(fill, "correction_cm"))
        for fill in _list(report, "fills", dict)
    )
    return DanceAnswer(npz, _get(result, "document", str), _list(report, "notices", str), fills)


def read_check(result: object) -> CheckAnswer:
    """The answer to `doctor`."""
    return CheckAnswer(_list(result, "problems", str), result)


def read_import(result: object) -> tuple[str, ...]:
    """The warnings in the answer to `import`, sentences for the user."""
    return _list(result, "warnings", str)


def read_fetched(result: object) -> str:
    """The path in the answer to `fetch_encodec`."""
    return _get(result, "path", str)


def read_progress(params: object) -> Progress:
    """The parameters of a `progress` notification."""
    return Progress(
        _get(params, "stage", str),
        min(max(_number(params, "fraction"), 0.0), 1.0),
        _get(params, "message", str),
        None if _value(params, "seconds_left") is None else _number(params, "seconds_left"),
    )


def read_frames(params: object) -> Frames:
    """The parameters of a `motion` notification."""
    return Frames(_count(params, "first_frame"), _number(params, "frame_rate"), _get(params, "npz", str))


def unusable(reason: object) -> AnswerError:
    """The error for an answer that makes no sense. reason: what is wrong with it."""
    return AnswerError(
        f"The engine's answer cannot be used ({reason}): engine and add-on do not belong together. Press Install "
        "Engine in the preferences."
    )


def _value(data: object, name: str) -> object:
    return data.get(name) if isinstance(data, dict) else None


def _get(data: object, name: str, kind: type[Value]) -> Value:
    """A named value of a JSON object."""
    value = _value(data, name)
    if not isinstance(value, kind):
        raise unusable(f"{name} is {value!r:.80}, not {kind.__name__}")
    return value


def _count(data: object, name: str) -> int:
    """A named whole number, 0 or more, of a JSON object."""
    value = _value(data, name)
    if not is_count(value):
        raise unusable(f"{name} is {value!r:.80}, not a whole number")
    return value


def _number(data: object, name: str) -> float:
    """A named number of a JSON object."""
    value = _value(data, name)
    if not is_number(value):
        raise unusable(f"{name} is {value!r:.80}, not a number")
    return float(value)


def _list(data: object, name: str, kind: type[Value]) -> tuple[Value, ...]:
    """A named list of a JSON object; empty where it is not named."""
    values = data.get(name, []) if isinstance(data, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise unusable(f"{name} is {values!r:.80}, not a list of {kind.__name__}")
    return tuple(values)
