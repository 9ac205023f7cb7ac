"""A song's rhythm corrected by a person: dances, edits and command lines follow it; nothing wrong stays behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.choreography import NO_CORRECTION, Audio, Choreography, correction_from, from_json, to_json
from engine.editing.chain import chain
from engine.editing.dance_files import read_dance_motion
from engine.editing.edit import Edited, edit
from engine.editing.operations import Operation
from engine.errors import ChoreographyError, RequestError
from engine.pipeline.generate import Dance, generate
from engine.pipeline.listen import ListenRequest, SongRhythm, song_rhythm
from engine.pipeline.request import GenerateRequest
from engine.service.cli import main
from smpl_rig.dance_motion import DanceMotion

State = tuple[Choreography, DanceMotion]
WRONG = {"tempo": 61.0, "one": 1.0, "beats_per_bar": 3}


def danced(song: Path, tiny: Path, correction: dict[str, Any] | None = None, **values: Any) -> Dance:
    settings = {"seconds": 6.0, "style": "rumba", "seed": 3, "fps": 30.0, **values}
    request = GenerateRequest(str(song), checkpoint=str(tiny), device="cpu", correction=correction, **settings)
    return generate(request, lambda *_: None, lambda: False)


def state(dance: Dance) -> State:
    return dance.document, read_dance_motion(dance.to_npz(), dance.document, "dance.npz")


def do(dance: State, *operations: Operation) -> Edited:
    return edit(*dance, operations, lambda *_: None, lambda: False, device="cpu")


def corrected(correction: dict[str, Any]) -> Operation:
    return Operation("rhythm", song=0, correction=correction)


def heard(song: Path, tiny: Path, correction: dict[str, Any] | None = None) -> SongRhythm:
    return song_rhythm(ListenRequest(str(song), str(tiny), "cpu", correction), lambda *_: None, lambda: False)


def period(audio: Audio) -> float:
    return float(np.median(np.diff(audio.beats)))


def test_a_dance_follows_what_is_said_of_its_song(song: Path, tiny: Path) -> None:
    usual, told = danced(song, tiny), danced(song, tiny, {"tempo": 70.0})
    assert period(usual.document.audio[0]) == pytest.approx(60 / 92, rel=0.03)
    assert period(told.document.audio[0]) == pytest.approx(60 / 70, rel=0.05)
    assert told.document.audio[0].correction == correction_from({"tempo": 70.0})
    assert not np.array_equal(told.music.features, usual.music.features)
    assert told.report["rhythm"]["tempo"] == pytest.approx(70, rel=0.05)


def test_a_wrong_tempo_put_right_gives_the_dance_of_the_right_one(song: Path, tiny: Path) -> None:
    """The right one is what is heard, and then another that a person says."""
    for right in ({}, {"tempo": 46.0, "one": 0.7}):
        fresh = state(danced(song, tiny, right))
        wrong = state(danced(song, tiny, WRONG))
        mended = do(wrong, corrected(right))
        assert mended.document.audio == fresh[0].audio
        assert np.array_equal(mended.dance.music.features, fresh[1].music.features)
        assert np.array_equal(mended.dance.music.beats, fresh[1].music.beats)
        assert mended.document.tokens == wrong[0].tokens  # until something is generated
        again = Operation("regenerate", seed=11)
        one, two = do((mended.document, mended.dance), again), do(fresh, again)
        assert one.document.tokens == two.document.tokens
        assert np.array_equal(one.dance.motion.poses, two.dance.motion.poses)


def test_a_correction_survives_saving_edits_relinking_and_chaining(song: Path, tiny: Path, tmp_path: Path) -> None:
    document, motion = state(danced(song, tiny, {"tempo": 70.0, "anchors": [2.0]}))
    said = document.audio[0].correction
    assert from_json(to_json(document)).audio[0].correction == said
    edited = do((document, motion), Operation("lock", 0, 10), Operation("regenerate"), Operation("mirror", 20, 25))
    copy = shutil.copy(song, tmp_path / "copy.wav")
    moved = do((edited.document, edited.dance), Operation("relink", file=str(copy)))
    assert moved.document.audio[0].correction == said and moved.document.audio[0].path == str(copy)
    other = state(danced(song, tiny, seed=5))
    both = chain((moved.document, moved.dance), other, 1.0, 7, lambda *_: None, lambda: False, "cpu")
    assert [audio.correction for audio in both.document.audio] == [said, NO_CORRECTION]
    second = do((both.document, both.dance), Operation("rhythm", song=1, correction={"tempo": 70.0}))
    first, last = second.document.audio
    assert first == both.document.audio[0]
    assert period(last) == pytest.approx(60 / 70, rel=0.05)
    # the features of the first song and of the join are as they were
    frames = last.at * (len(motion.frames) // len(document))
    assert np.array_equal(second.dance.music.features[:frames], both.dance.music.features[:frames])
    assert not np.array_equal(second.dance.music.features[frames:], both.dance.music.features[frames:])


def test_a_part_of_a_song_has_the_corrected_beats_of_that_part(song: Path, tiny: Path) -> None:
    said = {"tempo": 46.0, "one": 4.0, "beats_per_bar": 3}
    whole = heard(song, tiny, said)
    part = danced(song, tiny, said, start=3.0, seconds=6.0).document.audio[0]
    expected = [beat - 3.0 for beat in whole.beats if 3.0 <= beat < 9.0]
    assert part.beats == pytest.approx(expected, abs=2e-3) and part.beats_per_bar == 3
    ones = [whole.beats[one] - 3.0 for one in whole.ones if 3.0 <= whole.beats[one] < 9.0]
    assert [part.beats[one] for one in part.ones] == pytest.approx(ones, abs=2e-3)
    assert min(abs(one - 1.0) for one in ones) < 0.7  # the beat nearest to second 4


def test_given_beats_are_the_beats(song: Path, tiny: Path) -> None:
    beats = [0.5 + 0.61 * number for number in range(14)]
    audio = danced(song, tiny, {"beats": beats, "one": beats[1], "beats_per_bar": 4}).document.audio[0]
    assert audio.beats == pytest.approx([beat for beat in beats if beat < 6.0], abs=1e-3)
    assert audio.ones[:2] == (1, 5)


@pytest.mark.parametrize(
    ("operation", "error", "words"),
    [
        (lambda: Operation("rhythm", correction={}), RequestError, "needs song"),
        (lambda: Operation("rhythm", song=0), RequestError, "needs correction"),
        (lambda: Operation("rhythm", song=1, correction={}), RequestError, "There is no song 1; the dance has 1"),
        (lambda: corrected({"tempo": 3}), ChoreographyError, "The tempo is 3"),
        (lambda: corrected({"speed": 3}), ChoreographyError, "The correction of the rhythm is"),
    ],
)
def test_what_is_no_correction_changes_nothing(
    song: Path, tiny: Path, operation: Any, error: type[Exception], words: str
) -> None:
    dance = state(danced(song, tiny, seconds=2.0))
    with pytest.raises(error, match=words):
        do(dance, operation())


def test_the_command_line_listens_generates_and_edits(
    song: Path, known_tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beats = tmp_path / "song.beats"
    beats.write_text("".join(f"{0.5 + 0.61 * number:.2f} {number % 4 + 1}\n" for number in range(15)))
    common = ["--checkpoint", known_tiny, "--device", "cpu", "--json"]
    assert main(["listen", str(song), *common]) == 0
    listened = json.loads(capsys.readouterr().out)
    assert listened["tempo"] == pytest.approx(92, rel=0.03) and listened["styles"][0][0] == "rumba"
    assert main(["listen", str(song), "--tempo", "46", "--checkpoint", known_tiny, "--device", "cpu"]) == 0
    assert capsys.readouterr().out.startswith(f"{song}: 46.")

    out = ["-o", str(tmp_path / "a.npz"), "--choreography", str(tmp_path / "a.json")]
    assert main(["generate", str(song), "--seconds", "5", "--beats", str(beats), *out, *common]) == 0
    audio = from_json((tmp_path / "a.json").read_text()).audio[0]
    assert audio.beats[:3] == (0.5, 1.11, 1.72) and audio.ones[:2] == (0, 4) and audio.beats_per_bar == 4
    out = ["-o", str(tmp_path / "b.npz"), "--choreography", str(tmp_path / "b.json"), "--device", "cpu"]
    assert main(["edit", str(tmp_path / "a.json"), "--rhythm", "--metre", "3", "--regenerate", *out]) == 0
    edited = from_json((tmp_path / "b.json").read_text()).audio[0]
    assert edited.correction == replace(NO_CORRECTION, beats_per_bar=3) and edited.beats_per_bar == 3
    assert main(["generate", str(song), "--tempo", "5", *out[:2], *common]) == 1
    assert "The tempo is 5.0" in capsys.readouterr().err
