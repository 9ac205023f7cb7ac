"""The choreography document: spans of token positions, each with its variants. Immutable and always valid.

A token position holds K codes; there are `token_rate` positions a second. Ranges of positions are half-open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from ..checks import LARGEST_COUNT, is_count, is_number, shown
from ..errors import ChoreographyError
from .correction import MOST_BEATS, NO_CORRECTION, Correction, rises

Codes = tuple[tuple[int, ...], ...]
"""(n, K): K residual codes a position."""

GENERATED, MOTION, COPIED, MIRRORED = "generated", "motion", "copied", "mirrored"
SOURCES = (GENERATED, MOTION, COPIED, MIRRORED)
STRONGEST_STYLE = 10.0
LOWEST_ENERGY, HIGHEST_ENERGY = 0.5, 2.0
"""How fast a dance can be asked to be, against what is usual in its style."""
FOLLOW_SONG = 0.5
"""How much a new dance follows the energy of its song, 0 to 1."""
MOST_BEATS_PER_BAR = 32
STYLE_TRANSITION, LONGEST_TRANSITION = 1.0, 10.0
"""Seconds: the default and the longest transition between two styles."""
MOST_POSITIONS = 36_000
"""An hour at ten positions a second. These bounds are far above what any dance has: with them, a damaged or hostile
document is refused before it costs time or memory."""
MOST_SONGS = 1_000
"""Songs of a dance."""
MOST_VARIANTS, MOST_LEVELS = 1_000, 64
"""Variants of a span, and codes of a position."""
LONGEST_PATH, LONGEST_NAME = 32_768, 1_000
"""Characters."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CLIP_NAME = re.compile(r"[0-9a-z]{1,64}")


def require(fits: bool, sentence: str) -> None:
    """Raise ChoreographyError with the sentence unless `fits`."""
    if not fits:
        raise ChoreographyError(sentence)


@dataclass(frozen=True)
class Variant:
    """One version of a span: its codes, and where they came from.

    clip: the name of a motion stored with the document (frames at the checkpoint's rate). Its poses from position
    `clip_start` on are used in place of the decoded codes; None if the codes are decoded. mirror_of: the variant that
    this one is the mirror image of.
    """

    codes: Codes
    seed: int = 0
    source: str = GENERATED
    clip: str | None = None
    clip_start: int = 0
    mirror_of: Variant | None = None

    def __post_init__(self) -> None:
        require(self.source in SOURCES, f"A variant's source is {shown(self.source)}. Use one of {', '.join(SOURCES)}.")
        require(is_count(self.seed), f"A variant's seed is {shown(self.seed)}. Use a whole number of at least 0.")
        require(len(self.codes) > 0, "A variant has no codes. It needs one row a position.")
        _check_most("A variant", "positions", len(self.codes), MOST_POSITIONS)
        levels = len(self.codes[0])
        _check_most("A variant", "codes a position", levels, MOST_LEVELS)
        for row in () if _are_codes(self.codes) else self.codes:
            if not (len(row) == levels > 0 and all(is_count(code) for code in row)):
                raise ChoreographyError(
                    f"A variant has the codes {shown(row)}. A row is {levels or 'one or more'} whole numbers of at "
                    "least 0."
                )
        named = self.clip is None or (isinstance(self.clip, str) and _CLIP_NAME.fullmatch(self.clip) is not None)
        require(named, f"A variant's clip is called {shown(self.clip)}. Use lower-case letters and digits.")
        require(
            is_count(self.clip_start),
            f"A variant's clip starts at {shown(self.clip_start)}. Use a position of at least 0.",
        )
        require(
            (self.mirror_of is not None) == (self.source == MIRRORED),
            f"A variant of source {shown(self.source)} has {'no' if self.mirror_of is None else 'an'} original. "
            "Mirror images have one, other variants have none.",
        )
        if self.mirror_of is not None:
            require(
                len(self.mirror_of) == len(self) and self.mirror_of.mirror_of is None,
                "A mirror image's original has another length, or is a mirror image itself.",
            )

    def __len__(self) -> int:
        return len(self.codes)

    def cut(self, start: int, stop: int) -> Variant:
        """The positions start..stop of the variant."""
        original = None if self.mirror_of is None else self.mirror_of.cut(start, stop)
        offset = self.clip_start + start if self.clip is not None else 0
        return replace(self, codes=self.codes[start:stop], clip_start=offset, mirror_of=original)


@dataclass(frozen=True)
class Span:
    """Positions start..stop of a choreography. Every edit keeps a locked span's poses.

    variants: at least one; `chosen` is the index of the one in use. style: None for the document's. style_strength: how
    strongly the style is followed (1: as trained); None for the checkpoint's default. style_transition: seconds around
    each border to another style, half on either side; within it the style strength falls to 0 at the border. 0 is a
    hard change. Where two spans meet, the longer transition applies. energy: how fast what is generated there is to be,
    against what is usual in the style; None for the document's.
    """

    start: int
    stop: int
    variants: tuple[Variant, ...]
    chosen: int = 0
    locked: bool = False
    style: str | None = None
    style_strength: float | None = None
    style_transition: float = 0.0
    energy: float | None = None

    def __post_init__(self) -> None:
        place = f"The span {shown(self.start)}:{shown(self.stop)}"
        fits = is_count(self.start) and is_count(self.stop) and self.start < self.stop
        require(fits, f"{place} is not a span: that is two positions of at least 0, the second after the first.")
        require(isinstance(self.locked, bool), f"{place} has locked = {shown(self.locked)}. Use true or false.")
        require(len(self.variants) > 0, f"{place} has no variants. It needs at least one.")
        _check_most(place, "variants", len(self.variants), MOST_VARIANTS)
        for number, variant in enumerate(self.variants):
            require(
                len(variant) == self.stop - self.start,
                f"{place}: variant {number} has {len(variant)} positions, but {self.stop - self.start} are needed.",
            )
        require(
            is_count(self.chosen, 0, len(self.variants) - 1),
            f"{place} has variant {shown(self.chosen)} chosen, but there are {len(self.variants)}, counted from 0.",
        )
        _check_style(place, self.style)
        strength = self.style_strength
        require(
            strength is None or is_number(strength, 0, STRONGEST_STYLE),
            f"{place} has style strength {shown(strength)}. Use a number from 0 to {STRONGEST_STYLE:g}.",
        )
        require(
            is_number(self.style_transition, 0, LONGEST_TRANSITION),
            f"{place} has a style transition of {shown(self.style_transition)}. Use 0 to {LONGEST_TRANSITION:g} s.",
        )
        _check_energy(place, 1.0 if self.energy is None else self.energy)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def danced(self) -> Variant:
        """The chosen variant; its codes, seed and source are the span's."""
        return self.variants[self.chosen]


@dataclass(frozen=True)
class Audio:
    """A part of a sound file, played from position `at` on.

    path: where the file was last seen, absolute, or relative to where the document is kept (with forward slashes): a
    hint, for sha256, of its content, says which file it is. size: bytes, None if unknown. start, seconds: the part, in
    seconds of the file; None for its end. speed: of playback. style: the one with the usual tempo for tracking its
    beats; None for the document's. beats: rising seconds from position `at` to each beat of this part; empty if
    unknown. beats_per_bar: its metre. ones: rising indices into `beats` of those that begin a bar; empty if unknown.
    correction: what a person said of the song's rhythm, in seconds of the file.
    """

    path: str
    sha256: str
    start: float = 0.0
    seconds: float | None = None
    speed: float = 1.0
    at: int = 0
    style: str | None = None
    beats: tuple[float, ...] = ()
    beats_per_bar: int = 4
    size: int | None = None
    ones: tuple[int, ...] = ()
    correction: Correction = NO_CORRECTION

    def __post_init__(self) -> None:
        named = _is_text(self.path, LONGEST_PATH) and "\0" not in self.path
        require(named, f"The audio's path is {shown(self.path)}. Name the file.")
        check_sha256("The audio", self.sha256)
        require(is_number(self.start, -math.inf, math.inf), f"The audio's start is {shown(self.start)}. Give seconds.")
        known = self.seconds is None or is_number(self.seconds, 0, math.inf)
        require(known, f"The audio's length is {shown(self.seconds)}. Give seconds, or nothing for its end.")
        require(is_number(self.speed, 0.01, 100), f"The audio's speed is {shown(self.speed)}. Give 0.01 to 100.")
        require(is_count(self.at), f"The audio begins at position {shown(self.at)}. Use a position of at least 0.")
        _check_style("The audio", self.style)
        _check_most("The audio", "beats", len(self.beats), MOST_BEATS)
        require(rises(self.beats), "The audio's beats do not rise. Give seconds, each after the one before.")
        require(
            is_count(self.beats_per_bar, 1, MOST_BEATS_PER_BAR),
            f"The audio has {shown(self.beats_per_bar)} beats a bar. Give 1 to {MOST_BEATS_PER_BAR}.",
        )
        known_ones = rises(self.ones) and all(is_count(one, 0, len(self.beats) - 1) for one in self.ones)
        require(known_ones, "The audio's ones are not rising numbers of its beats.")
        require(isinstance(self.correction, Correction), "The audio's correction is none.")
        sized = self.size is None or is_count(self.size)
        require(sized, f"The audio has a size of {shown(self.size)}. Give bytes, or nothing if it is unknown.")

    @property
    def file_name(self) -> str:
        """The file's name, without its folder, whatever system the path is of."""
        return file_name(self.path)


@dataclass(frozen=True)
class CheckpointIdentity:
    """A checkpoint's name or path, the sha256 of its weights file, and which version of the checkpoint of its name it
    is."""

    name: str
    sha256: str
    version: int = 1

    def __post_init__(self) -> None:
        require(_is_text(self.name, LONGEST_PATH), f"The checkpoint's name is {shown(self.name)}. Name it.")
        check_sha256("The checkpoint", self.sha256)
        require(is_count(self.version, 1), f"The checkpoint's version is {shown(self.version)}. Give 1 or more.")

    @property
    def short_name(self) -> str:
        """Its name, without a folder."""
        return file_name(self.name)

    @property
    def label(self) -> str:
        """Its name and version, for people: `default@2`."""
        return f"{self.short_name}@{self.version}"


@dataclass(frozen=True)
class MotionFile:
    """The motion file stored with the document: its name in the document's folder, and the sha256 of its bytes."""

    name: str
    sha256: str

    def __post_init__(self) -> None:
        inside = _is_text(self.name, LONGEST_NAME) and self.name not in (".", "..")
        inside = inside and not re.search(r"[/\\\0]", self.name)
        require(inside, f"The motion's file name is {shown(self.name)}. Give a name in the document's folder.")
        check_sha256("The motion", self.sha256)


@dataclass(frozen=True)
class Choreography:
    """A whole dance. spans: in order, without gap or overlap, from 0 to its end.

    seed, style (None: the checkpoint has no styles), temperature and guidance (None: the checkpoint's defaults) are
    those of the first generation and the defaults of edits. So are energy, see `Span`, and song_energy: how much the
    energy follows that of the song, 0 to 1. motion: None where the motion is stored elsewhere.
    """

    spans: tuple[Span, ...]
    token_rate: float
    audio: tuple[Audio, ...]
    checkpoint: CheckpointIdentity
    seed: int = 0
    style: str | None = None
    temperature: float | None = None
    guidance: float | None = None
    motion: MotionFile | None = None
    energy: float = 1.0
    song_energy: float = 0.0

    def __post_init__(self) -> None:
        require(
            is_number(self.token_rate, 0.1, 1000),
            f"The token rate is {shown(self.token_rate)}. Give 0.1 to 1000 a second.",
        )
        require(is_count(self.seed), f"The seed is {shown(self.seed)}. Use a whole number of at least 0.")
        _check_style("The choreography", self.style)
        for name in ("temperature", "guidance"):
            value = getattr(self, name)
            require(
                value is None or is_number(value, 0, 100), f"The {name} is {shown(value)}. Use a number from 0 to 100."
            )
        _check_energy("The choreography", self.energy)
        follows = is_number(self.song_energy, 0, 1)
        require(follows, f"The choreography follows its song's energy by {shown(self.song_energy)}. Use 0 to 1.")
        _check_most("The choreography", "songs", len(self.audio), MOST_SONGS)
        _check_most("The choreography", "beats", sum(len(audio.beats) for audio in self.audio), MOST_BEATS)
        places = [audio.at for audio in self.audio]
        ordered = places[:1] == [0] and all(one < two for one, two in pairwise(places))
        require(
            ordered, f"The songs begin at {shown(places)}. The first must begin at 0, and each after the one before."
        )
        require(len(self.spans) > 0, "The choreography has no spans. It needs at least one.")
        _check_most("The choreography", "positions", self.spans[-1].stop, MOST_POSITIONS)
        position = 0
        for span in self.spans:
            require(
                span.start == position,
                f"A span begins at {span.start}, but the one before ends at {position}. "
                "Spans must follow each other without gap or overlap, from 0 on.",
            )
            position = span.stop
        require(places[-1] < position, f"A song begins at {places[-1]}, but the dance ends at {position}.")
        levels = {len(variant.codes[0]) for span in self.spans for variant in span.variants}
        require(
            len(levels) == 1, f"The spans have {shown(sorted(levels))} codes a position. All must have the same number."
        )

    def __len__(self) -> int:
        return self.spans[-1].stop

    @property
    def levels(self) -> int:
        """K, the number of codes a position."""
        return len(self.spans[0].danced.codes[0])

    @property
    def tokens(self) -> Codes:
        """(N, K) codes of the chosen variants."""
        return tuple(row for span in self.spans for row in span.danced.codes)

    @property
    def largest_code(self) -> int:
        """The largest code of all variants, and of what mirror images show."""
        variants = [variant for span in self.spans for variant in span.variants]
        variants += [variant.mirror_of for variant in variants if variant.mirror_of is not None]
        return max(code for variant in variants for row in variant.codes for code in row)

    @property
    def locked(self) -> tuple[bool, ...]:
        """(N,) which positions are locked."""
        return tuple(span.locked for span in self.spans for _ in range(len(span)))

    @property
    def clips(self) -> frozenset[str]:
        """Names of the motions that its variants use."""
        variants = [variant for span in self.spans for variant in span.variants]
        variants += [variant.mirror_of for variant in variants if variant.mirror_of is not None]
        return frozenset(variant.clip for variant in variants if variant.clip is not None)

    def span_at(self, position: int) -> Span:
        """The span that contains a position. Raises ChoreographyError outside the document."""
        require(is_count(position, 0, len(self) - 1), f"Position {shown(position)} is outside 0:{len(self)}.")
        return next(span for span in self.spans if position < span.stop)


def new_choreography(
    tokens: Sequence[Sequence[int]],
    token_rate: float,
    audio: Audio,
    checkpoint: CheckpointIdentity,
    seed: int,
    style: str | None,
    temperature: float | None = None,
    guidance: float | None = None,
    energy: float = 1.0,
    song_energy: float = 0.0,
) -> Choreography:
    """The document of a new dance: one free span of tokens (N, K)."""
    codes = tuple(tuple(int(code) for code in row) for row in tokens)
    require(len(codes) > 0, "A dance without tokens has no choreography.")
    span = Span(0, len(codes), (Variant(codes, seed),))
    return Choreography(
        (span,),
        token_rate,
        (audio,),
        checkpoint,
        seed,
        style,
        temperature,
        guidance,
        energy=energy,
        song_energy=song_energy,
    )


def file_name(path: str) -> str:
    """The last part of a path of any system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def check_sha256(what: str, value: object) -> None:
    """Raise ChoreographyError unless `value` is the hexadecimal text of a sha256."""
    fits = isinstance(value, str) and _SHA256.fullmatch(value) is not None
    require(fits, f"{what} has sha256 {shown(value)}. Use 64 digits 0-9 and a-f.")


def _are_codes(rows: Codes) -> bool:
    """Whether the rows are codes of one number of levels: at once for all, since a long dance has many."""
    codes = list(chain.from_iterable(rows))
    alike = len(set(map(len, rows))) == 1 and set(map(type, codes)) == {int}
    return alike and min(codes) >= 0 and max(codes) <= LARGEST_COUNT


def _check_style(what: str, style: object) -> None:
    require(
        style is None or _is_text(style, LONGEST_NAME),
        f"{what} has style {shown(style)}. Name one, or none.",
    )


def _check_energy(what: str, energy: object) -> None:
    require(
        is_number(energy, LOWEST_ENERGY, HIGHEST_ENERGY),
        f"{what} has energy {shown(energy)}. Use a number from {LOWEST_ENERGY:g} to {HIGHEST_ENERGY:g}.",
    )


def _check_most(what: str, things: str, count: int, most: int) -> None:
    require(count <= most, f"{what} has {count} {things}, but at most {most} are possible.")


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest
