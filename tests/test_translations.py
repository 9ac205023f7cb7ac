"""All that a user reads is there in every language, with the values of the English text, and is found again."""

from __future__ import annotations

import ast
import warnings

import pytest
import translatable
from translatable import LANGUAGES, missing, needed, read, stale, wrong_values

from magma_blender.translations.sentences import LONGEST, Sentences, names_in

WANTED = needed()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_a_translation(language: str) -> None:
    lines = missing(language, WANTED)
    assert not lines, f"not in magma_blender/translations/{language}.json (see tests/translatable.py):\n" + "\n".join(
        lines
    )
    if old := stale(language, WANTED):
        warnings.warn(f"{language}: nobody says this any more: {old}", stacklevel=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_values_of_its_text_and_is_one(language: str) -> None:
    assert not wrong_values(language)
    for text, other in read(language).items():
        assert other.strip(), text
        assert "…" not in other and "\n" not in other, text
        # an ending that sentences are joined at; a clause has none
        assert (text[-1] == ".") == (other[-1] in ".。") or text[-1] == "}", (text, other)


def test_the_languages_have_the_same_texts() -> None:
    assert len({frozenset(read(language)) for language in LANGUAGES}) == 1
    assert len(WANTED) > 1000


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_written_in_its_letters(language: str) -> None:
    """Nothing was pasted into the wrong file, or left in English but for names."""
    texts = read(language)
    same = [text for text, other in texts.items() if text == other and len(text.split()) > 2]
    assert not same
    if language != "de_DE":
        foreign = [text for text, other in texts.items() if other.isascii() and len(text.split()) > 4]
        assert not foreign
    kana = sum(any("\u3040" <= letter <= "\u30ff" for letter in other) for other in texts.values())
    assert (kana > len(texts) * 0.8) == (language == "ja_JP") and (kana == 0) == (language != "ja_JP")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_recognised_with_values_in_it(language: str) -> None:
    """What is made from a template is said by that template, or by one that has more of the sentence."""
    texts = read(language)
    sentences = Sentences(texts)
    for text, other in texts.items():
        values = [f"Value{number}" for number in range(len(names_in(text)))]
        made, expected = text, other
        for name, value in zip(names_in(text), values, strict=True):
            made, expected = made.replace(f"{{{name}}}", value), expected.replace(f"{{{name}}}", value)
        found = sentences.translated(made, lambda one: texts.get(one, one))
        if found != expected:
            assert found != made, text
            assert all(value in found for value in values), (text, found)


GERMAN = read("de_DE")


def german(text: str) -> str:
    return Sentences(GERMAN).translated(text, lambda one: GERMAN.get(one, one))


def test_values_that_are_sentences_and_lists_are_translated_and_names_are_not() -> None:
    assert german('The strip "Left" is muted: make it audible, or select another one.') == (
        "Der Streifen „Left“ ist stumm: ihn hörbar machen oder einen anderen auswählen."
    )
    assert (
        german("For 0.0 to 1.0 s, 3.0 to 4.0 s (preview range)") == "Für 0.0 bis 1.0 s, 3.0 bis 4.0 s (Vorschaubereich)"
    )
    missing_bones = german("No bone was found for left forearm, right hand and 3 more. Choose them under Character.")
    assert "linker Unterarm, rechte Hand und 3 weitere" in missing_bones
    two = german("The engine works. Cancelled: nothing was changed.")
    assert two == "Die Engine funktioniert. Abgebrochen: nichts wurde geändert."
    assert (
        german("The engine works.\n  of nobody: one of two men")
        == "Die Engine funktioniert.\n  of nobody: one of two men"
    )


def test_what_is_nobodys_sentence_stays_as_it_is() -> None:
    for text in ("", " ", "Traceback (most recent call last):", "C:\\Songs\\a b.wav", "x" * (LONGEST + 1), ": " * 900):
        assert german(text) == text


def test_drawn_texts_are_found_in_the_sources() -> None:
    """The extraction itself: what it takes from a module with each kind of label."""
    module = ast.parse(
        "class MAGMA_OT_x:\n"
        "    '''Do it'''\n"
        "    bl_label = 'It'\n"
        "    a: bpy.props.EnumProperty(name='Choice', description='What', items=(('A', 'First', 'The one'),))\n"
        "TABLE = (('B', 'Second', 'The other'),)\n"
        "layout.operator('magma.x', text='On' if x else 'Off')\n"
        "layout.label(text='3')\n"
    )
    found = translatable.labels({"magma_blender/x.py": module})
    assert {"Do it", "It", "Choice", "What", "First", "The one", "Second", "The other", "On", "Off"} <= set(found)
    assert "3" not in found and "A" not in found
