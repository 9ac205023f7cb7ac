"""Undo and redo of anything immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from .document import require

State = TypeVar("State")


@dataclass(frozen=True)
class History(Generic[State]):
    """The present state between those before it (oldest first) and those that were undone (next first)."""

    present: State
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()

    def do(self, state: State) -> History[State]:
        """Go on to a new state; what was undone is forgotten. The same state is no step."""
        return self if state == self.present else History(state, (*self.past, self.present))

    def undo(self) -> History[State]:
        """One step back. Raises ChoreographyError at the beginning."""
        require(bool(self.past), "There is nothing to undo.")
        return History(self.past[-1], self.past[:-1], (self.present, *self.future))

    def redo(self) -> History[State]:
        """One step on again. Raises ChoreographyError where nothing was undone."""
        require(bool(self.future), "There is nothing to redo.")
        return History(self.future[0], (*self.past, self.present), self.future[1:])
