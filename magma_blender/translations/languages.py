"""The languages and their files. Knows no Blender."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

LOCALES = {
    "de_DE": "de_DE",
    "ja_JP": "ja_JP",
    "zh_CN": "zh_HANS",  # simplified Chinese until Blender 3.6
    "zh_HANS": "zh_HANS",
}
"""What Blender calls a language -> the file of that name beside this module."""
LANGUAGES = tuple(dict.fromkeys(LOCALES.values()))


def file_of(language: str) -> Path:
    """Where a language is kept."""
    return Path(__file__).with_name(f"{language}.json")


@lru_cache(maxsize=len(LANGUAGES))
def read(language: str) -> dict[str, str]:
    """English -> the language. A text with values in it has `{names}` in their place, in both."""
    texts: dict[str, str] = json.loads(file_of(language).read_text(encoding="utf-8"))
    return texts
