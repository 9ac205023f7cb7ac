"""Corrections of a song's rhythm as data: what a person may say, and that it stays in the document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import choreography as doc
from engine.choreography import NO_CORRECTION, Audio, CheckpointIdentity, Correction, annotated_beats, correction_from
from engine.errors import ChoreographyError

seconds = st.floats(0, 1000, allow_nan=False).map(lambda value: round(value, 4))
rising = st.lists(seconds, max_size=12, unique=True).map(lambda values: tuple(sorted(values)))
corrections = st.builds(
    Correction,
    tempo=st.none() | st.floats(20, 400),
    one=st.none() | seconds,
    beats_per_bar=st.none() | st.integers(2, 12),
    anchors=rising,
    beats=rising.filter(lambda times: len(times) != 1),
)


def document(correction: Correction) -> doc.Choreography:
    audio = Audio("song.wav", "0" * 64, beats=(0.5, 1.0, 1.5), ones=(1,), beats_per_bar=3, correction=correction)
    return doc.new_choreography([(1,), (2,)], 10.0, audio, CheckpointIdentity("default", "0" * 64), 0, None)


@given(corrections)
def test_a_document_keeps_what_a_person_said(correction: Correction) -> None:
    text = doc.to_json(document(correction))
    assert doc.from_json(text) == document(correction)
    assert doc.from_json(text).audio[0].correction == correction


def test_a_document_of_before_has_no_correction_and_knows_no_ones() -> None:
    data = json.loads(doc.to_json(document(Correction(tempo=100.0))))
    data["version"] = 3
    for name in ("ones", "correction"):
        del data["audio"][0][name]
    read = doc.from_json(json.dumps(data))
    assert read == replace(read, audio=(replace(document(NO_CORRECTION).audio[0], ones=()),))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"tempo": 5}, "The tempo is 5. Give 20 to 400 beats per minute"),
        ({"tempo": "fast"}, "The tempo is 'fast'"),
        ({"one": float("nan")}, "The one is at nan"),
        ({"beats_per_bar": 1}, "The metre is 1. Give 2 to 12"),
        ({"beats_per_bar": 3.5}, "The metre is 3.5"),
        ({"anchors": [2.0, 1.0]}, "The anchors of the correction do not rise"),
        ({"beats": [1.0, "x"]}, "The beats of the correction do not rise"),
        ({"beats": [1.0]}, "One beat alone has no tempo"),
        ({"beats": 7}, "The beats of the correction are 7"),
        ({"colour": "red"}, "The correction of the rhythm is .*'red'"),
        ([1], r"The correction of the rhythm is \[1\]"),
    ],
)
def test_what_is_no_correction_is_one_sentence(said: Any, sentence: str) -> None:
    with pytest.raises(ChoreographyError, match=sentence):
        correction_from(said)


def test_nothing_said_is_no_correction() -> None:
    assert correction_from(None) == correction_from({}) == correction_from({"tempo": None}) == NO_CORRECTION
    assert not NO_CORRECTION and Correction(one=0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5\n1.0\n1.5\n", {"beats": [0.5, 1.0, 1.5]}),
        ("0.5 2\n1.0 3\n1.5 1\n2.0 2\n", {"beats": [0.5, 1.0, 1.5, 2.0], "one": 1.5, "beats_per_bar": 3}),
        ("# by hand\n0.5,1\n\n1.0,2 # clap\n", {"beats": [0.5, 1.0], "one": 0.5, "beats_per_bar": 2}),
        ("0.5\t1\n1.0\n", {"beats": [0.5, 1.0]}),  # only some are numbered
    ],
)
def test_annotated_beats(tmp_path: Path, text: str, said: dict[str, Any]) -> None:
    file = tmp_path / "song.beats"
    file.write_text(text)
    assert annotated_beats(file) == said and correction_from(said).beats == tuple(said["beats"])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"0.5\nbeat\n", r"line 2 is 'beat'. Give the second of a beat"),
        (b"\xff\xfe0\x00", r"cannot be read"),
        (None, r"cannot be read"),
    ],
)
def test_a_file_of_beats_that_is_none(tmp_path: Path, data: bytes | None, sentence: str) -> None:
    file = tmp_path / "song.beats"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ChoreographyError, match=sentence):
        annotated_beats(file)
