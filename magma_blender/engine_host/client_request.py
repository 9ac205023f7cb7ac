"""One question to the engine, as the add-on follows it from its beginning to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from .answers import NeededSound, Progress
from .client_errors import ClientError

State = Literal["running", "done", "failed", "cancelled"]


class Decoding(Protocol):
    """A sound being decoded that the engine needs for a request."""

    def poll(self) -> bool:
        """Go on for a moment; whether it is done. Raises MagmaError."""

    def cancel(self) -> None:
        """Stop, and leave nothing behind."""


class Request:
    """One question to the engine. `result` (JSON) is there when `state` is 'done', `error` when it is 'failed'.

    `frames` collects the parameters of `motion` notifications, in order; the preview empties it.
    """

    def __init__(self, request_id: int, method: str, params: Mapping[str, object]) -> None:
        self.id = request_id
        self.method = method
        self.params = dict(params)
        self.state: State = "running"
        self.progress = Progress("start", 0.0, "Waiting for the engine", None)
        self.frames: list[object] = []
        self.result: object = None
        self.error: ClientError | None = None
        self.sent = False
        self.asked: list[NeededSound] = []  # what the engine asked for so far
        self.decoding: Decoding | None = None  # the last of it, meanwhile
        self.kill_at: float | None = None  # when a cancel counts as ignored
