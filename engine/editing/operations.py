"""The operations of an edit, as the command line and the add-on request them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.checks import shown
from engine.errors import RequestError

DO = {
    "lock": ("start", "stop"),
    "unlock": ("start", "stop"),
    "style": ("start", "stop"),
    "energy": ("start", "stop"),
    "regenerate": (),
    "replace": ("start", "stop"),
    "choose": ("start", "index"),
    "mirror": ("start", "stop"),
    "copy": ("start", "stop", "to"),
    "insert": ("start", "file"),
    "loop": (),
    "tokenize": ("start", "stop"),
    "relink": ("file",),
    "rhythm": ("song", "correction"),
}
"""The operations, with the fields that each needs."""


@dataclass(frozen=True)
class Operation:
    """One operation on a choreography. do: one of `DO`. Positions are token positions. Raises RequestError.

    - regenerate: generate all free spans again. replace: only the positions start..stop, which must be free. Both use
      `seed` (None: one that was not used yet) and keep the `variants` best candidates.
    - choose: use variant `index` of the span at `start`.
    - style: set `style` (None: the choreography's), its `strength` and the seconds of `transition` (None: the default)
      of start..stop.
    - mirror: exchange left and right. copy: repeat the positions start..stop near `to`, at the same phase of a beat.
    - energy: how fast start..stop is to be, against what is usual in the style (None: as the choreography says).
    - insert: put the motion of a `file` at `start`, locked. loop: make the last frame equal to the first.
    - tokenize: encode the kept poses of start..stop as its tokens; the poses stay.
    - rhythm: correct the rhythm of song number `song`, see `engine.choreography.Correction`; what is generated from
      then on follows it.
    - relink: the song is in this `file`. another: even if that is another recording, which begins at the same moment.
    """

    do: str
    start: int | None = None
    stop: int | None = None
    seed: int | None = None
    variants: int = 1
    index: int | None = None
    to: int | None = None
    style: str | None = None
    strength: float | None = None
    transition: float | None = None
    energy: float | None = None
    file: str | None = None
    another: bool = False
    song: int | None = None
    correction: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.do not in DO:
            raise RequestError(f"There is no operation {shown(self.do)}. Choose one of {', '.join(DO)}.")
        missing = [name for name in DO[self.do] if getattr(self, name) is None]
        if missing:
            raise RequestError(f"The operation {self.do} needs {' and '.join(missing)}.")
        if not 1 <= self.variants <= 64:
            raise RequestError(f"variants is {self.variants}. Choose 1 to 64.")
        if self.seed is not None and not 0 <= self.seed < 2**62:
            raise RequestError(f"seed is {self.seed}. Choose a whole number from 0 on.")

    def range(self) -> tuple[int, int]:
        """start and stop of an operation that needs both."""
        return self.position("start"), self.position("stop")

    def position(self, name: str) -> int:
        """A position that the operation needs."""
        value: Any = getattr(self, name)
        if value is None:
            raise RequestError(f"The operation {self.do} needs {name}.")
        return int(value)
