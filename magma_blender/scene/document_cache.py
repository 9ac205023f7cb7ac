"""Documents parsed once: panels read the same text at every drawing, and a damaged one must not cost more than once."""

from __future__ import annotations

from functools import lru_cache

from engine.choreography import Choreography, from_json
from engine.errors import ChoreographyError


def read_document(text: str) -> Choreography:
    """The document in a text. Raises ValueError with a clause that says what is wrong."""
    found = _parsed(text)
    if isinstance(found, str):
        raise ValueError(found)
    return found


@lru_cache(maxsize=8)
def _parsed(text: str) -> Choreography | str:
    """The document, or what is wrong."""
    try:
        return from_json(text)
    except ChoreographyError as error:
        return str(error).rstrip(".")
