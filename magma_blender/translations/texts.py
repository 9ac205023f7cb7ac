"""What Blender is told of the languages, and sentences in the user's."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import bpy

from .languages import LOCALES, read
from .sentences import Sentences, Word

CONTEXTS = ("*", "Operator")
"""Blender looks for operators' names and the texts on their buttons in the second, for everything else in the first."""
_OWNER = __name__


def register() -> None:
    """Give Blender all texts in all languages; again, where they are there already."""
    unregister()
    texts = {
        locale: {(context, english): text for english, text in read(language).items() for context in CONTEXTS}
        for locale, language in LOCALES.items()
    }
    bpy.app.translations.register(_OWNER, cast("dict[str, dict[str, str]]", texts))


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(_OWNER)


def translated(text: str) -> str:
    """A message or a label with values in it, made in English, as it is shown in the user's language."""
    word = _lookup()
    return text if word is None else _sentences().translated(text, word)


def _lookup() -> Word | None:
    """Where Blender looks for the user's words; None where these are English, or a language that is not here."""
    return cast("Word", bpy.app.translations.pgettext_iface) if bpy.app.translations.locale in LOCALES else None


def in_window(text: str) -> str:
    """`translated`, but in background, where scripts read what is said, as it is."""
    return text if bpy.app.background else translated(text)


@lru_cache(maxsize=1)
def _sentences() -> Sentences:
    return Sentences(read(LOCALES["de_DE"]))
