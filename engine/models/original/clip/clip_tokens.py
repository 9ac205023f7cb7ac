"""CLIP's tokenizer: lower-case byte pair encoding with 49,408 tokens; the last piece of each word ends in `</w>`.

Byte pair encoding: Sennrich et al. 2016; byte alphabet: Radford et al. 2019 (GPT-2). The list of merges belongs to
CLIP and is not part of this project: it comes with the packages `clip` and `open_clip`, and as `merges.txt` or
`tokenizer.json` beside the weights on Hugging Face. Unlike CLIP's own tokenizer, this one does not repair mangled text.
"""

from __future__ import annotations

import gzip
import html
import importlib.util
import json
import unicodedata
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from engine.bounded_files import check_file, read_text
from engine.checks import reason_of, shown
from engine.errors import CheckpointError, RequestError

CONTEXT = 77
START, END = 49_406, 49_407
MERGES = 48_894
_MOST_BYTES = 2**25
"""Of a list of merges, unpacked; CLIP's have 3 million."""

GENRES = (
    "Break", "Pop", "Lock", "Middle Hip-hop", "LA style Hip-hop", "House", "Waack", "Krump", "Street Jazz",
    "Ballet Jazz",
)  # fmt: skip
"""Dance genres of AIST++, as named in MAGMA's training."""

_WORDS: dict[str, tuple[int, ...]] = {
    "-": (268,), "ballet": (10703,), "break": (2568,), "dance": (2724,), "hip": (6584,), "hop": (5833,),
    "house": (1212,), "jazz": (4528,), "krump": (10609, 1246), "la": (1210,), "lock": (4381,), "middle": (3694,),
    "pop": (2852,), "street": (2012,), "style": (1844,), "waack": (869, 725),
}  # fmt: skip
"""Tokens of the words in the genres' names, so that these need no list of merges."""

_ARCHIVE = "bpe_simple_vocab_16e6.txt.gz"
_BESIDE = (_ARCHIVE, "merges.txt", "tokenizer.json")
_PACKAGES = ("clip", "open_clip")
_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


class Tokenizer:
    """A tokenizer with a list of merges in order of preference."""

    def __init__(self, merges: Sequence[tuple[str, str]]) -> None:
        alphabet = _byte_alphabet()
        pieces = [*alphabet, *(f"{letter}</w>" for letter in alphabet), *("".join(pair) for pair in merges)]
        self._tokens = {piece: index for index, piece in enumerate(pieces)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._letters = dict(zip(_byte_order(), alphabet, strict=True))

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without `START` and `END`."""
        text = unicodedata.normalize("NFC", html.unescape(html.unescape(text))).lower()
        return [token for word in split_words(text) for token in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        pieces = [self._letters[byte] for byte in word.encode()]
        pieces[-1] += "</w>"
        while len(pieces) > 1:
            best = min(pairwise(pieces), key=lambda pair: self._ranks.get(pair, MERGES))
            if best not in self._ranks:
                break
            pieces = _merged(pieces, best)
        return [self._tokens[piece] for piece in pieces]


def _merged(pieces: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """The pieces with every occurrence of a pair joined, from the left."""
    result: list[str] = []
    index = 0
    while index < len(pieces):
        joined = tuple(pieces[index : index + 2]) == pair
        result.append("".join(pair) if joined else pieces[index])
        index += 2 if joined else 1
    return result


def split_words(text: str) -> list[str]:
    """The words of a text: English endings after an apostrophe, runs of letters, single digits, runs of other signs."""
    words: list[str] = []
    last = " "
    index = 0
    while index < len(text):
        ending = next((ending for ending in _ENDINGS if text.startswith(ending, index)), None)
        kind = _kind(text[index])
        # an apostrophe within a run of signs belongs to the run
        if ending is not None and last != "S":
            words.append(ending)
            index += len(ending)
            last = "E"
            continue
        if kind == last and kind in "LS":
            words[-1] += text[index]
        elif kind != " ":
            words.append(text[index])
        last = kind
        index += 1
    return words


def _kind(sign: str) -> str:
    """The kind of a sign: L for a letter, N for a number, S for any other sign, or a space."""
    if sign.isspace():
        return " "
    kind = unicodedata.category(sign)[0]
    return kind if kind in "LN" else "S"


def _byte_order() -> list[int]:
    """Bytes in the order of their tokens: those with a visible Latin-1 character first."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return visible + [byte for byte in range(256) if byte not in visible]


def _byte_alphabet() -> list[str]:
    """A visible character for each byte, in the order of `_byte_order`; invisible ones are replaced by those from 256
    on."""
    order = _byte_order()
    visible = 188
    return [chr(byte) if index < visible else chr(256 + index - visible) for index, byte in enumerate(order)]


def genre_tokens() -> dict[str, list[int]]:
    """Tokens of each genre's name, and of the name followed by " dance"."""
    texts = [text for genre in GENRES for text in (genre, f"{genre} dance")]
    return {text: [token for word in split_words(text.lower()) for token in _WORDS[word]] for text in texts}


def with_ends(tokens: Sequence[int], text: str) -> list[int]:
    """The tokens between `START` and `END`. Raises RequestError for none, or for more than CLIP can read."""
    if not tokens:
        raise RequestError(f"The style {shown(text)} is empty. Describe it in words.")
    if len(tokens) > CONTEXT - 2:
        raise RequestError(
            f"The style {shown(text[:40])}... is {len(tokens)} tokens long, but CLIP reads {CONTEXT - 2}. Shorten it."
        )
    return [START, *tokens, END]


def find_merges(weights: Path) -> Path | None:
    """The path of a list of merges beside the weights, or in an installed package (which is not imported)."""
    folders = [weights.parent]
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        folders += [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
    return next((folder / name for folder in folders for name in _BESIDE if (folder / name).is_file()), None)


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer with the merges of a `bpe_simple_vocab_16e6.txt.gz`, `merges.txt` or `tokenizer.json`.

    Raises CheckpointError unless they are CLIP's.
    """
    try:
        tokenizer = Tokenizer(_read_merges(path))
        genuine = {text: tokenizer.encode(text) for text in genre_tokens()} == genre_tokens()
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as a list of merges ({reason_of(error)}). Choose {_ARCHIVE}."
        ) from error
    if not genuine:
        raise CheckpointError(f"{path}: is not the list of merges of CLIP's tokenizer. Choose {_ARCHIVE}.")
    return tokenizer


def _read_merges(path: Path) -> list[tuple[str, str]]:
    if path.suffix == ".json":
        lines = json.loads(read_text(path, _MOST_BYTES))["model"]["merges"]
    else:
        check_file(path, _MOST_BYTES)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            text = file.read(_MOST_BYTES)
        lines = text.decode("utf-8").splitlines()[1:]  # the first is a heading
    merges: list[tuple[str, str]] = []
    for line in lines[:MERGES]:
        left, right = line.split() if isinstance(line, str) else line
        merges.append((left, right))
    return merges
