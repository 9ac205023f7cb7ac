"""Conversion of the document to JSON text and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from ..checks import shown
from ..errors import ChoreographyError
from .correction import correction_from
from .document import Audio, CheckpointIdentity, Choreography, MotionFile, Span, Variant, require

KIND = "magma choreography"
VERSION = 5
"""Version 1 stored no beats and no metre of its songs; version 2 no size of their files and no version of the
checkpoint, and its paths were absolute; version 3 did not say which beats begin bars, and nobody could correct them;
version 4 had no energy."""
READABLE = (1, 2, 3, 4, VERSION)
LONGEST_TEXT = 32 * 2**20
"""Characters of a document's text; an hour of dance with 30 variants of every move has about as many."""
_MOST = {"{": 400_000, "[": 1_500_000}
"""Objects and lists in a document's text: they are counted before it is parsed, since panels read documents in drawing,
and a damaged or hostile one must cost neither time nor memory there."""
_MOST_NUMBERS = 500_000
"""Values of all lists together, beyond 16 a list, which is twice what a row of codes has."""
_USUAL = {field.name: field.default for field in fields(Variant) if field.name != "codes"}
"""What is not written of a variant."""
Part = TypeVar("Part")


def to_json(document: Choreography) -> str:
    """The document as JSON text, from which `from_json` reads an equal document."""
    data = {"kind": KIND, "version": VERSION, **_fields(document)}
    return json.dumps(data, default=_fields, allow_nan=False, separators=(",", ":"))


def _fields(part: Any) -> dict[str, Any]:
    # not `asdict`, which copies every code of every variant
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    if isinstance(part, Variant):  # there may be thousands
        return {name: value for name, value in values.items() if name == "codes" or value != _USUAL[name]}
    return values


def from_json(text: str) -> Choreography:
    """The document in a text from `to_json`, of any version. Raises ChoreographyError that says what is wrong."""
    if len(text) > LONGEST_TEXT:
        raise ChoreographyError(
            f"The choreography is {len(text) // 2**20} million characters long, but at most {LONGEST_TEXT // 2**20} "
            "million are possible. Use a copy that is not damaged."
        )
    counts = {sign: text.count(sign) for sign in (*_MOST, ",")}
    if any(counts[sign] > most for sign, most in _MOST.items()) or counts[","] > _MOST_NUMBERS + 16 * counts["["]:
        raise ChoreographyError(
            "The choreography has more spans, variants or beats than any dance has. Use a copy that is not damaged."
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChoreographyError(f"The choreography is not JSON ({error}). Save or copy it again.") from error
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ChoreographyError("This is not a choreography. Give a file that `generate --choreography` wrote.")
    version = data.get("version")
    if version not in READABLE:
        raise ChoreographyError(
            f"The choreography has version {shown(version)}, this engine reads up to {VERSION}. Update the add-on."
        )
    values: dict[str, Any] = {"energy": 1.0, "song_energy": 0.0}  # missing up to version 4
    values |= {name: value for name, value in data.items() if name not in ("kind", "version")}
    values["spans"] = tuple(_span(item) for item in _list(values.get("spans"), "spans"))
    values["audio"] = tuple(_audio(item) for item in _list(values.get("audio"), "audio"))
    identity = {"version": 1, **_mapping(values.get("checkpoint"), "checkpoint")}  # missing up to version 2
    values["checkpoint"] = _part(CheckpointIdentity, identity, "checkpoint")
    if values.get("motion") is not None:
        values["motion"] = _part(MotionFile, values["motion"], "motion")
    return _part(Choreography, values, "choreography")


def _audio(data: Any) -> Audio:
    values = _mapping(data, "audio")
    # missing in version 1, the size in version 2, ones and correction in version 3
    earlier = {"beats": [], "beats_per_bar": 4, "size": None, "ones": [], "correction": None}
    values = {**earlier, **values}
    values |= {name: tuple(_list(values[name], name)) for name in ("beats", "ones")}
    return _part(Audio, {**values, "correction": correction_from(values["correction"])}, "audio")


def _span(data: Any) -> Span:
    variants = tuple(_variant(item) for item in _list(_mapping(data, "span").get("variants"), "variants"))
    # the earliest documents have no transitions, those up to version 4 no energy
    earlier = {"style_transition": 0.0, "energy": None}
    return _part(Span, {**earlier, **data, "variants": variants}, "span")


def _variant(data: Any) -> Variant:
    rows = _list(_mapping(data, "variant").get("codes"), "codes")
    values = {**_USUAL, **data, "codes": tuple(tuple(_list(row, "codes")) for row in rows)}
    if values.get("mirror_of") is not None:
        require(
            _mapping(values["mirror_of"], "variant").get("mirror_of") is None,
            "The choreography has a mirror image whose original is a mirror image itself.",
        )
        values["mirror_of"] = _variant(values["mirror_of"])
    return _part(Variant, values, "variant")


def _part(kind: type[Part], data: Any, what: str) -> Part:
    values = _mapping(data, what)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    odd = sorted(set(values) ^ set(names))
    for name in odd[:1]:
        raise ChoreographyError(
            f"The choreography's {what} {'lacks' if name in names else 'has an unknown'} {shown([name])}."
        )
    return kind(**values)


def _mapping(data: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ChoreographyError(f"The choreography's {what} is {shown(data)}, not an object with named values.")
    return data


def _list(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise ChoreographyError(f"The choreography's {what} is {shown(data)}, not a list.")
    return data
