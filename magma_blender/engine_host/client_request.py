"""One question to the engine, as the add-on follows it from its beginning to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from .client_errors import ClientError

State = Literal["running", "done", "failed", "cancelled"]


class Progress(NamedTuple):
    """How far a request is: `fraction` 0..1 of the whole, `seconds_left` None while unknown."""

    stage: str
    fraction: float
    message: str
    seconds_left: float | None


class Request:
    """One question to the engine. `result` is there when `state` is 'done', `error` when it is 'failed'.

    `frames` collects the parameters of `motion` notifications, in order, for whoever takes them out.
    """

    def __init__(self, request_id: int, method: str, params: Mapping[str, Any]) -> None:
        self.id = request_id
        self.method = method
        self.params = dict(params)
        self.state: State = "running"
        self.progress = Progress("start", 0.0, "Waiting for the engine", None)
        self.frames: list[dict[str, Any]] = []
        self.result: Any = None
        self.error: ClientError | None = None
        self.sent = False
        self.kill_at: float | None = None  # when a cancel counts as ignored
