"""What the add-on makes of the engine's answers: typed values, or one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import pack_bytes
from magma_blender.engine_host import answers
from magma_blender.engine_host.answers import Fill, Frames, Progress
from magma_blender.errors import AnswerError

FILL = {"start": 3, "stop": 9, "tried": 8, "correction_cm": 2}


def dance(**changes: object) -> dict[str, object]:
    return {
        "npz": pack_bytes(b"motion"),
        "document": "{}",
        "report": {"fills": [FILL], "notices": ["Loud."]},
        **changes,
    }


def test_a_dance_is_read() -> None:
    read = answers.read_dance(dance())
    assert (read.npz, read.document, read.notices) == (b"motion", "{}", ("Loud.",))
    assert read.fills == (Fill(3, 9, 8, 2.0),)


def test_a_report_may_say_nothing() -> None:
    read = answers.read_dance(dance(report={"device": "cpu"}))
    assert read.fills == () and read.notices == ()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "dance",
        {},
        dance(npz=7),
        dance(npz="not base64!"),
        dance(document=None),
        dance(report=[]),
        dance(report={"notices": "Loud."}),
        dance(report={"notices": [1]}),
        dance(report={"fills": [3]}),
        dance(report={"fills": [{**FILL, "start": "3"}]}),
        dance(report={"fills": [{**FILL, "start": True}]}),
        dance(report={"fills": [{**FILL, "correction_cm": None}]}),
    ],
)
def test_a_dance_that_makes_no_sense_is_one_sentence_for_the_user(answer: object) -> None:
    with pytest.raises(AnswerError, match=r"The engine's answer cannot be used \(.+\).*[Ii]nstall the add-on again"):
        answers.read_dance(answer)


def test_what_is_wrong_is_named_and_shortened() -> None:
    with pytest.raises(AnswerError, match="document is ") as caught:
        answers.read_dance(dance(document=["x"] * 100_000))
    assert len(str(caught.value)) < 300


def test_what_the_user_is_told_is_short_and_can_be_shown() -> None:
    """An engine that is broken, or not ours, may say anything: no label, pop-up or terminal must choke on it."""
    hostile = "no\x00w \ud800 \u202eevil\u202c\n\r\t line " + "x" * 10**6
    read = answers.read_dance(dance(report={"notices": [hostile], "fills": []}))
    params = {"stage": hostile, "fraction": 0.5, "message": hostile, "seconds_left": 1e300}
    progress = answers.read_progress(params)
    texts = [*read.notices, *answers.read_check({"problems": [hostile]}).problems]
    texts += [*answers.read_import({"warnings": [hostile]}), answers.read_fetched({"path": hostile})]
    for text in [*texts, progress.stage, progress.message]:
        assert text.startswith("no w") and text.isprintable() and len(text) <= 600
        text.encode()
    assert len(progress.message) <= 120 and progress.seconds_left is None


@pytest.mark.parametrize(
    "params",
    [
        {"first_frame": 0, "frame_rate": 0, "npz": ""},
        {"first_frame": 0, "frame_rate": -20.0, "npz": ""},
        {"first_frame": 0, "frame_rate": 1e300, "npz": ""},
        {"first_frame": -1, "frame_rate": 20.0, "npz": ""},
        {"first_frame": 10**30, "frame_rate": 20.0, "npz": ""},
        {"first_frame": 0, "frame_rate": float("inf"), "npz": ""},
    ],
)
def test_frames_at_a_rate_or_place_that_cannot_be_are_refused(params: object) -> None:
    with pytest.raises(AnswerError):
        answers.read_frames(params)


NAMES = ("npz", "document", "report", "fills", "notices", "start", "stop", "tried", "correction_cm", "problems", "path")
NAMES += ("warnings", "stage", "fraction", "message", "seconds_left", "first_frame", "frame_rate")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
)


@given(ANYTHING)
def test_any_answer_is_read_or_is_one_sentence(answer: object) -> None:
    readers = (answers.read_dance, answers.read_check, answers.read_import, answers.read_fetched)
    for read in (*readers, answers.read_progress, answers.read_frames):
        try:
            read(answer)  # type: ignore[operator]
        except AnswerError as error:
            assert len(str(error)) < 400 and str(error).isprintable()


def test_lists_without_end_are_refused() -> None:
    with pytest.raises(AnswerError, match="fills has 20000 entries"):
        answers.read_dance(dance(report={"fills": [FILL] * 20_000}))


def test_progress_is_read_and_kept_between_0_and_1() -> None:
    params = {"id": 4, "stage": "tokens", "fraction": 1, "message": "Sampling", "seconds_left": 3}
    assert answers.read_progress(params) == Progress("tokens", 1.0, "Sampling", 3.0)
    assert answers.read_progress({**params, "fraction": 1.5, "seconds_left": None}).fraction == 1.0
    assert answers.read_progress({**params, "seconds_left": None}).seconds_left is None
    for fraction in ("half", None, True, float("nan"), 10**400):
        with pytest.raises(AnswerError, match="fraction is "):
            answers.read_progress({**params, "fraction": fraction})


def test_frames_are_read() -> None:
    params = {"id": 4, "first_frame": 20, "frame_rate": 20.0, "npz": "text"}
    assert answers.read_frames(params) == Frames(20, 20.0, "text")
    with pytest.raises(AnswerError, match="first_frame is None"):
        answers.read_frames({"frame_rate": 20.0, "npz": "text"})


def test_other_answers_are_read() -> None:
    report = {"problems": ["No av."], "libraries": {"av": None}}
    assert answers.read_check(report).problems == ("No av.",) and answers.read_check(report).report is report
    assert answers.read_check({"device": "cpu"}).problems == ()
    assert answers.read_import({"warnings": ["No mean."]}) == ("No mean.",)
    assert answers.read_fetched({"path": "/weights"}) == "/weights"
    for read in (answers.read_check, answers.read_import, answers.read_fetched):
        with pytest.raises(AnswerError):
            read("nonsense")
