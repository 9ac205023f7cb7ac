"""The choreography kept on the armature: which tokens the dance is made of and where they came from.

It is stored in free custom properties of the armature object (an int array and a JSON text), because those survive
saving, loading, undo and the absence of the add-on on all supported versions of Blender.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

TOKENS_KEY = "magma_tokens"
DATA_KEY = "magma_choreography"
KEYS = (TOKENS_KEY, DATA_KEY)
FORMAT = 1


@dataclass(frozen=True)
class Choreography:
    """tokens: row by row, `codes` numbers for each token position. start, seconds, speed: what the strip played of the
    audio file (seconds of the file). frame_start: the scene frame of token 0. fps: the scene's rate at that time.
    beat_snap: how far the motion was re-timed onto the beats after it was decoded from the tokens. beats: seconds of
    the dance at which the song's beats fall."""

    tokens: tuple[int, ...]
    codes: int
    token_rate: float
    seed: int
    style: str
    checkpoint: str
    guidance: float | None
    strip: str
    audio: str
    start: float
    seconds: float
    speed: float
    frame_start: int
    fps: float
    action: str
    beat_snap: float = 0.0
    beats: tuple[float, ...] = ()

    @property
    def positions(self) -> int:
        """Number of token positions in time."""
        return len(self.tokens) // self.codes


def store(armature: Any, choreography: Choreography) -> None:
    """Keep it on the armature object, in place of an earlier one."""
    data = asdict(choreography)
    # an empty ID-property array is refused by Blender
    armature[TOKENS_KEY] = list(data.pop("tokens"))
    armature[DATA_KEY] = json.dumps({"format": FORMAT, **data})


def load(armature: Any) -> Choreography | None:
    """The armature's choreography, or None when it has none that this version understands."""
    text, tokens = armature.get(DATA_KEY), armature.get(TOKENS_KEY)
    if not isinstance(text, str) or tokens is None:
        return None
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            return None
        names = {field.name for field in fields(Choreography)} - {"tokens"}
        values = {name: data[name] for name in names & set(data)}
        return Choreography(**{**values, "tokens": tuple(tokens), "beats": tuple(data.get("beats", ()))})
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
