"""Edits of a dance: what is to stay, what is to be generated again, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from engine.api.dances import Dance
from engine.editing import chain as chaining
from engine.editing import edit as editing
from engine.editing.edit import Edited
from engine.editing.operations import Operation
from engine.models.base import Progress
from engine.runtime.device import AUTO
from engine.service.devices import edited_on

Seconds: TypeAlias = tuple[float, float | None]
"""A part of a dance: from a second to another; None to the dance's end."""
Places: TypeAlias = Seconds | Sequence[Seconds]


def edit(
    dance: Dance,
    *operations: Operation,
    unlock: Places = (),
    lock: Places = (),
    style: str | Mapping[Seconds, str] | None = None,
    energy: float | Mapping[Seconds, float] | None = None,
    mirror: Places = (),
    regenerate: bool | Places = False,
    variants: int = 1,
    seed: int | None = None,
    follows: bool = False,
    device: str = AUTO,
    progress: Progress | None = None,
) -> Dance:
    """The dance with changes; the one that is given stays as it is. What is not changed stays bit for bit.

    Parts are (from, to) in seconds, one or a list of them; an end of None is the dance's. They are applied in this
    order: unlock, lock (what no edit may change), style and energy (of what is generated there next; one for the whole
    dance, or by part), mirror, then regenerate (True: all that is not locked). variants: so many versions of what is
    generated are kept, the best is used. seed: of what is generated; None for one not used yet. follows: what comes
    after a regenerated part keeps its poses, but starts where that part ends.

    operations: anything else that `python -m engine edit` can do, done last, in their order; their positions are those
    of tokens. progress: as in `generate`. Raises EngineError.
    """
    parts = _Parts(dance)
    steps = [*parts.each("unlock", unlock), *parts.each("lock", lock)]
    steps += [parts.step("style", part, style=name) for part, name in _by_part(style)]
    steps += [parts.step("energy", part, energy=value) for part, value in _by_part(energy)]
    steps += parts.each("mirror", mirror)
    if regenerate is True:
        steps.append(Operation("regenerate", seed=seed, variants=variants))
    elif regenerate is not False:
        steps += parts.each("replace", regenerate, seed=seed, variants=variants)
    told = progress or _silent
    return _dance(
        edited_on(
            device,
            lambda chosen: editing.edit(
                dance.choreography, dance.data, [*steps, *operations], told, lambda: False, follows, chosen
            ),
            told,
        )
    )


def chain(
    first: Dance,
    second: Dance,
    seconds: float = 1.6,
    *,
    seed: int | None = None,
    device: str = AUTO,
    progress: Progress | None = None,
) -> Dance:
    """Both dances as one, joined by so many seconds of generated moves. Raises EngineError."""
    told = progress or _silent
    states = (first.choreography, first.data), (second.choreography, second.data)
    return _dance(
        edited_on(device, lambda chosen: chaining.chain(*states, seconds, seed, told, lambda: False, chosen), told)
    )


class _Parts:
    """Operations on parts of a dance that are given in seconds."""

    def __init__(self, dance: Dance) -> None:
        self.rate, self.count = dance.token_rate, len(dance.choreography)

    def step(self, do: str, part: Seconds, **values: Any) -> Operation:
        """One operation on a part."""
        start, stop = part
        last = self.count if stop is None else min(round(stop * self.rate), self.count)
        return Operation(do, round(start * self.rate), last, **values)

    def each(self, do: str, places: Places, **values: Any) -> list[Operation]:
        """One operation for each part."""
        return [self.step(do, part, **values) for part in _listed(places)]


def _listed(places: Places) -> Iterable[Seconds]:
    """The parts, of which there may be only one."""
    first = next(iter(places), None)
    return [places] if isinstance(first, int | float) else places  # type: ignore[list-item,return-value]


def _by_part(values: Any) -> Iterable[tuple[Seconds, Any]]:
    """Values by part; one alone is for the whole dance."""
    if values is None:
        return ()
    return values.items() if isinstance(values, Mapping) else [((0.0, None), values)]


def _silent(stage: str, fraction: float, message: str) -> None:
    """No progress is shown."""


def _dance(edited: Edited) -> Dance:
    return Dance(edited.document, edited.dance, edited.report)
