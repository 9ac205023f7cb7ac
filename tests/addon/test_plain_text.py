"""Texts from elsewhere as the panel shows them: at most so many lines, of at most so many letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magma_blender.engine_host.client_errors import EngineDied
from magma_blender.engine_host.notices import LOG_LINES, MOST_LINES, Notice, describe, of_error
from magma_blender.engine_host.plain_text import fitted, shown


@given(st.text(st.characters(), max_size=300), st.integers(2, 100))
def test_any_text_becomes_one_short_line_that_can_be_shown(text: str, longest: int) -> None:
    line = shown(text, longest)
    assert len(line) <= longest and "\n" not in line and "\x00" not in line
    line.encode("utf-8")


def test_readable_text_stays_as_it_is() -> None:
    for text in ("Été 5 – 日本 😀", "שלום עולם", "C:\\Songs\\a b.wav"):
        assert shown(text) == text
    assert shown("a\n  b") == "a b"
    assert shown({"a": [1] * 1000}, 30).startswith("{'a': [1, 1")
    assert shown("x" * 50, 10) == "x" * 9 + "…"


@given(st.lists(st.text(st.characters(), max_size=400), max_size=20), st.integers(4, 60), st.integers(1, 8))
def test_any_lines_fit(lines: list[str], width: int, most: int) -> None:
    parts, is_cut = fitted(lines, width, most)
    assert len(parts) <= most and all(len(part) <= width for part in parts)
    assert is_cut or "".join("".join(parts).split()) == "".join("".join(shown(line, 10**6) for line in lines).split())


def test_a_document_in_an_error_fills_eight_lines_and_says_that_there_is_more() -> None:
    """1,860 labels of base64 once filled the sidebar after an edit that was refused."""
    parts, is_cut = fitted(["The dance QUJD" + "QUJD" * 50_000 + " cannot be read."], 40, 8)
    assert len(parts) == 8 and is_cut and parts[-1].endswith("…") and parts[0].startswith("The dance")
    assert fitted(["one", "two"], 40, 8) == (["one", "two"], False)
    assert fitted(["line"] * 9, 40, 8) == (["line"] * 7 + ["line…"], True)
    assert fitted(["line"] * 8, 40, 8) == (["line"] * 8, False)
    assert fitted([], 40, 8) == ([], False)


def test_a_report_keeps_its_shape_and_has_an_end() -> None:
    assert describe({"a": 1, "b": {"c": None, "d": ["x", "y"]}}) == ["a: 1", "b:", "  c: ", "  d:", "    x", "    y"]
    deep: object = "end"
    for _ in range(5000):
        deep = [deep]
    assert len(describe(deep)) == 1
    assert len(describe({str(number): {} for number in range(100_000)})) == MOST_LINES
    assert all(len(line) < 1300 for line in describe({"x" * 10_000: "y" * 10_000}))


def test_an_error_shows_the_end_of_the_log_and_the_whole_can_be_copied() -> None:
    notice = of_error(EngineDied("It died.", "\n".join(map(str, range(100)))))
    assert notice.details == tuple(map(str, range(100 - LOG_LINES, 100)))
    assert Notice("One.", details=("two", "three")).whole() == "One.\ntwo\nthree"


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_is_nothing(text: str) -> None:
    assert shown(text) == ""


@given(st.lists(st.text("あ漢。、（）ab 1「」", max_size=200), max_size=6), st.integers(4, 60), st.integers(1, 8))
def test_letters_of_double_width_fit_and_none_is_lost(lines: list[str], width: int, most: int) -> None:
    parts, is_cut = fitted(lines, width, most)
    widths = [sum(2 if letter in "あ漢。、（）「」" else 1 for letter in part) for part in parts]
    assert all(wide <= width for wide in widths)
    assert is_cut or "".join("".join(parts).split()) == "".join("".join(lines).split())


def test_a_sentence_without_spaces_breaks_between_letters_and_not_before_a_full_stop() -> None:
    assert fitted(["漢字漢字漢字。漢字"], 12, 3) == (["漢字漢字漢", "字。漢字"], False)
    assert fitted(["漢字abc漢字"], 8, 3)[0] == ["漢字abc", "漢字"]
    assert fitted(["漢" * 50], 8, 2) == (["漢漢漢漢", "漢漢漢…"], True)
