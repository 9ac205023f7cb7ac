"""Which variants that are not chosen keep their poses: a record that is edited fifty times must not grow fifty times.

Codes are small and poses are large. A generated variant whose poses went is decoded and fitted again when it is chosen;
poses of other sources are kept, since their codes do not give them back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .document import GENERATED, Choreography, Codes, Span, Variant
from .ranges import Range, runs_of

MOST_POSITIONS_KEPT = 1_800
"""Positions of all poses that are kept of generated variants, beside those that always are."""


def limit_poses(document: Choreography, before: Choreography, most: int = MOST_POSITIONS_KEPT) -> Choreography:
    """The document, whose older generated variants have no poses any more.

    Those of the first variant of a span (the dance as it was generated), of the chosen one and of the one that was
    chosen in `before`, the document before the edit, always stay; of the others the newest, in at most `most`
    positions together.
    """
    danced_before = before.tokens
    others = [kept for kept in _generated(document) if not _always(kept, danced_before)]
    gone = {kept.place for kept in others}
    stored = {clip: set(places) for clip, places in _used(document, gone).items()}
    left = most
    for kept in sorted(others, key=lambda kept: (kept.newer, kept.span.start)):
        there = stored.setdefault(kept.variant.clip or "", set())
        more = set(_places(kept.variant)) - there  # what another variant keeps anyway costs nothing
        if len(more) > left:
            left = 0  # nothing that is older, either
            continue
        left -= len(more)
        there |= more
        gone.remove(kept.place)
    if not gone:
        return document
    return replace(document, spans=tuple(_without(span, gone) for span in document.spans))


def used_parts(document: Choreography) -> dict[str, list[Range]]:
    """The parts of every clip that variants use, in positions of the clip, in order."""
    parts = {}
    for clip, places in _used(document, set()).items():
        found = set(places)
        parts[clip] = runs_of(place in found for place in range(max(found) + 1))
    return parts


def move_clips(document: Choreography, moved: Mapping[tuple[str, Range], str]) -> Choreography:
    """The document, whose clips are in parts: what it used of a part (clip, range) is the clip `moved` says now."""
    by_clip: dict[str, list[tuple[Range, str]]] = {}
    for (clip, part), name in moved.items():
        by_clip.setdefault(clip, []).append((part, name))

    def move(variant: Variant) -> Variant:
        original = None if variant.mirror_of is None else move(variant.mirror_of)
        for (start, stop), name in by_clip.get(variant.clip or "", ()):
            if start <= variant.clip_start < stop:
                return replace(variant, clip=name, clip_start=variant.clip_start - start, mirror_of=original)
        return variant if original is None else replace(variant, mirror_of=original)

    spans = (replace(span, variants=tuple(move(variant) for variant in span.variants)) for span in document.spans)
    return replace(document, spans=tuple(spans))


@dataclass(frozen=True)
class _Kept:
    """A generated variant with poses. newer: how many variants of its span are newer."""

    span: Span
    index: int
    newer: int

    @property
    def variant(self) -> Variant:
        return self.span.variants[self.index]

    @property
    def place(self) -> tuple[int, int]:
        return self.span.start, self.index


def _generated(document: Choreography) -> Iterator[_Kept]:
    for span in document.spans:
        for index, variant in enumerate(span.variants):
            if variant.clip is not None and variant.source == GENERATED:
                yield _Kept(span, index, len(span.variants) - 1 - index)


def _always(kept: _Kept, danced_before: Codes) -> bool:
    span = kept.span
    return kept.index in (0, span.chosen) or kept.variant.codes == danced_before[span.start : span.stop]


def _used(document: Choreography, without: set[tuple[int, int]]) -> dict[str, list[int]]:
    """The positions of every clip that variants use, but for those `without` (start of the span, index); also the
    originals of mirror images."""
    used: dict[str, list[int]] = {}
    for span in document.spans:
        for index, variant in enumerate(span.variants):
            own = [] if (span.start, index) in without else [variant]
            for each in own if variant.mirror_of is None else [*own, variant.mirror_of]:
                if each.clip is not None:
                    used.setdefault(each.clip, []).extend(_places(each))
    return used


def _places(variant: Variant) -> range:
    """The positions of its clip that a variant uses."""
    return range(variant.clip_start, variant.clip_start + len(variant))


def _without(span: Span, gone: set[tuple[int, int]]) -> Span:
    variants = (
        replace(variant, clip=None, clip_start=0) if (span.start, index) in gone else variant
        for index, variant in enumerate(span.variants)
    )
    return replace(span, variants=tuple(variants))
