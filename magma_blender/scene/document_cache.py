"""Documents parsed once: panels read the same text at every drawing, and a damaged one must not cost more than once."""

from __future__ import annotations

from collections import OrderedDict

from engine.choreography import Choreography, from_json
from engine.errors import ChoreographyError


def read_document(text: str) -> Choreography:
    """The document in a text. Raises ValueError with a clause that says what is wrong."""
    found = _parsed.get(text)
    if found is None:
        try:
            found = from_json(text)
        except ChoreographyError as error:
            found = str(error).rstrip(".")
    _keep(text, found)
    if isinstance(found, str):
        raise ValueError(found)
    return found


def remember(text: str, document: Choreography) -> None:
    """Save parsing a text that was just made of a document."""
    _keep(text, document)


_MOST = 8
_parsed: OrderedDict[str, Choreography | str] = OrderedDict()
"""Texts with their documents, or what is wrong with them; the one that was asked for last is the last."""


def _keep(text: str, found: Choreography | str) -> None:
    _parsed[text] = found
    _parsed.move_to_end(text)
    while len(_parsed) > _MOST:
        _parsed.popitem(last=False)
