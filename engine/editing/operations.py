"""What can be asked of a choreography, as the command line and the add-on say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import RequestError

DO = {
    "lock": ("start", "stop"),
    "unlock": ("start", "stop"),
    "style": ("start", "stop"),
    "regenerate": (),
    "replace": ("start", "stop"),
    "choose": ("start", "index"),
    "mirror": ("start", "stop"),
    "copy": ("start", "stop", "to"),
    "insert": ("start", "file"),
    "loop": (),
    "tokenize": ("start", "stop"),
}
"""The operations and what each needs."""


@dataclass(frozen=True)
class Operation:
    """do: one of `DO`. Positions are token positions.

    - regenerate: write all free spans anew. replace: the positions start..stop, which are free. Both with `seed` (None:
      one that was not used yet), keeping the `variants` best.
    - choose: dance variant `index` of the span at `start`.
    - style: a `style` (None: the document's), `strength` and seconds of `transition` (None: the usual) for start..stop.
    - mirror: left and right exchanged. copy: the positions start..stop again near `to`, on the same part of a beat.
    - insert: the motion of a `file` from `start` on, locked. loop: the last frame becomes the first.
    - tokenize: the tokens of start..stop, which is danced as kept poses, read from these poses.
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
    file: str | None = None

    def __post_init__(self) -> None:
        if self.do not in DO:
            raise RequestError(f"There is no operation {self.do!r}. Choose one of {', '.join(DO)}.")
        missing = [name for name in DO[self.do] if getattr(self, name) is None]
        if missing:
            raise RequestError(f"The operation {self.do} needs {' and '.join(missing)}.")
        if not 1 <= self.variants <= 64:
            raise RequestError(f"{self.variants} variants are asked for. Choose 1 to 64.")
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
