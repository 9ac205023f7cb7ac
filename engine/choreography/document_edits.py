"""Edits of the document, as pure functions from a document to a new one.

Raises ChoreographyError where an edit does not fit, or would change the chosen variant of a locked span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from ..checks import is_count
from .document import MIRRORED, STYLE_TRANSITION, Choreography, Codes, Span, Variant, require


def split(document: Choreography, position: int) -> Choreography:
    """Split the span at `position`; the document stays as it is where two spans already meet there."""
    _check_range(document, 0, position)
    spans = chain.from_iterable(_cut(span, position) for span in document.spans)
    return replace(document, spans=tuple(spans))


def merge(document: Choreography, position: int) -> Choreography:
    """Merge the two spans that meet at `position`, which undoes `split`.

    Every variant of either span is kept, joined to the chosen variant of the other. Both must be locked or both free,
    with the same style, strength and energy.
    """
    index = next((i for i, span in enumerate(document.spans) if i and span.start == position), None)
    require(index is not None, f"No two spans meet at position {position}.")
    assert index is not None
    left, right = document.spans[index - 1 : index + 1]
    require(left.locked == right.locked, f"One of the spans that meet at {position} is locked. Lock both, or none.")
    alike = (left.style, left.style_strength) == (right.style, right.style_strength)
    require(alike, f"The spans that meet at {position} have different styles. Give both the same.")
    require(left.energy == right.energy, f"The spans that meet at {position} differ in energy. Give both the same.")
    danced = _join(left.danced, right.danced)
    if [_label(variant) for variant in left.variants] == [_label(variant) for variant in right.variants]:
        pairs = list(zip(left.variants, right.variants, strict=True))
    else:
        pairs = [(left.danced, right.danced)]
        pairs += [(variant, right.danced) for variant in left.variants if variant != left.danced]
        pairs += [(left.danced, variant) for variant in right.variants if variant != right.danced]
    variants = [_join(*pair) for pair in pairs]
    if danced not in variants:
        variants.append(danced)
    # of two equal variants, the one at the index that was chosen
    same = left.chosen == right.chosen < len(variants) and variants[left.chosen] == danced
    chosen = left.chosen if same else variants.index(danced)
    transition = max(left.style_transition, right.style_transition)
    span = replace(left, stop=right.stop, variants=tuple(variants), chosen=chosen, style_transition=transition)
    return replace(document, spans=(*document.spans[: index - 1], span, *document.spans[index + 1 :]))


def lock(document: Choreography, start: int, stop: int) -> Choreography:
    """Lock the positions start..stop."""
    return _with_lock(document, start, stop, True)


def unlock(document: Choreography, start: int, stop: int) -> Choreography:
    """Unlock the positions start..stop."""
    return _with_lock(document, start, stop, False)


def set_style(
    document: Choreography,
    start: int,
    stop: int,
    style: str | None,
    strength: float | None = None,
    transition: float = STYLE_TRANSITION,
) -> Choreography:
    """Give the positions start..stop a style (None: the document's), a strength, and seconds of transition at the
    borders to other styles; their tokens stay until they are regenerated."""
    document = _isolate(document, start, stop)

    def styled(span: Span) -> Span:
        return replace(span, style=style, style_strength=strength, style_transition=transition)

    return _change(document, start, stop, styled)


def set_energy(document: Choreography, start: int, stop: int, energy: float | None) -> Choreography:
    """Give the positions start..stop an energy (None: the document's); their tokens stay until they are regenerated."""
    document = _isolate(document, start, stop)
    return _change(document, start, stop, lambda span: replace(span, energy=energy))


def insert_variant(document: Choreography, position: int, variant: Variant) -> Choreography:
    """Add a variant to the span at `position`, without choosing it."""
    span = document.span_at(position)
    return _change(document, span.start, span.stop, lambda span: replace(span, variants=(*span.variants, variant)))


def choose_variant(document: Choreography, position: int, index: int) -> Choreography:
    """Choose variant `index` of the free span at `position`."""
    span = document.span_at(position)
    _check_free(document, span.start, span.stop)
    return _change(document, span.start, span.stop, lambda span: replace(span, chosen=index))


def replace_span(
    document: Choreography, start: int, stop: int, variants: Sequence[Variant], chosen: int = 0
) -> Choreography:
    """Add variants to the positions start..stop, which lie in one free span, after those it has, and choose
    `variants[chosen]`."""
    document = _isolate(document, start, stop)
    _check_free(document, start, stop)
    span = document.span_at(start)
    require(span.stop == stop, f"{start}:{stop} reaches over several spans. Replace them one by one, or merge them.")
    require(is_count(chosen, 0, len(variants) - 1), f"Variant {chosen} of {len(variants)} new ones cannot be chosen.")
    known = (*span.variants, *variants)
    return _change(
        document, start, stop, lambda span: replace(span, variants=known, chosen=len(span.variants) + chosen)
    )


def overwrite(document: Choreography, start: int, stop: int, variant: Variant) -> Choreography:
    """Replace the free positions start..stop by one span with one variant, in the style of the first span there."""
    document = _isolate(document, start, stop)
    _check_free(document, start, stop)
    inside = spans_between(document, start, stop)
    span = replace(inside[0], stop=stop, variants=(variant,), chosen=0)
    before = tuple(other for other in document.spans if other.stop <= start)
    after = tuple(other for other in document.spans if other.start >= stop)
    return replace(document, spans=(*before, span, *after))


def keep_clip(document: Choreography, position: int, clip: str) -> Choreography:
    """Use the poses of a stored motion, from its beginning, in place of the codes of the chosen variant of the span at
    `position`."""
    span = document.span_at(position)
    variant = replace(span.danced, clip=clip, clip_start=0)
    variants = (*span.variants[: span.chosen], variant, *span.variants[span.chosen + 1 :])
    return _change(document, span.start, span.stop, lambda span: replace(span, variants=variants))


def retokenize(document: Choreography, position: int, codes: Codes) -> Choreography:
    """Change the codes of the chosen variant of the span at `position`, which uses stored poses: the decoder that
    generates tokens next to it reads the codes. The poses stay, so the span may be locked."""
    span = document.span_at(position)
    require(
        span.danced.clip is not None,
        f"The span {span.start}:{span.stop} has no stored poses, so other codes would change its motion.",
    )
    variant = replace(span.danced, codes=codes)
    variants = (*span.variants[: span.chosen], variant, *span.variants[span.chosen + 1 :])
    return _change(document, span.start, span.stop, lambda span: replace(span, variants=variants))


def mirror_span(document: Choreography, position: int, codes: Codes, clip: str | None) -> Choreography:
    """Mirror the chosen variant of the free span at `position`; mirroring a mirror image restores its original.

    codes, clip: those of the mirror image; unused where the original is restored.
    """
    span = document.span_at(position)
    _check_free(document, span.start, span.stop)
    danced = span.danced
    image = danced.mirror_of or Variant(codes, danced.seed, MIRRORED, clip, 0, danced)
    variants = (*span.variants[: span.chosen], image, *span.variants[span.chosen + 1 :])
    return _change(document, span.start, span.stop, lambda span: replace(span, variants=variants))


def spans_between(document: Choreography, start: int, stop: int) -> tuple[Span, ...]:
    """The spans that overlap start..stop."""
    return tuple(span for span in document.spans if span.start < stop and start < span.stop)


def _with_lock(document: Choreography, start: int, stop: int, locked: bool) -> Choreography:
    document = _isolate(document, start, stop)
    return _change(document, start, stop, lambda span: replace(span, locked=locked))


def _isolate(document: Choreography, start: int, stop: int) -> Choreography:
    _check_range(document, start, stop)
    require(start < stop, f"{start}:{stop} is empty. Give a range of at least one position.")
    return split(split(document, start), stop)


def _check_range(document: Choreography, start: int, stop: int) -> None:
    fits = is_count(start, 0, len(document)) and is_count(stop, start, len(document))
    require(fits, f"{start}:{stop} is not a range in a choreography of {len(document)} positions.")


def _check_free(document: Choreography, start: int, stop: int) -> None:
    for span in spans_between(document, start, stop):
        require(not span.locked, f"The span {span.start}:{span.stop} is locked. Unlock it first.")


def _change(document: Choreography, start: int, stop: int, change: Callable[[Span], Span]) -> Choreography:
    inside = spans_between(document, start, stop)
    spans = tuple(change(span) if span in inside else span for span in document.spans)
    return replace(document, spans=spans)


def _cut(span: Span, position: int) -> tuple[Span, ...]:
    if not span.start < position < span.stop:
        return (span,)
    at = position - span.start
    left = replace(span, stop=position, variants=tuple(variant.cut(0, at) for variant in span.variants))
    right = tuple(variant.cut(at, len(span)) for variant in span.variants)
    return left, replace(span, start=position, variants=right)


def _label(variant: Variant) -> tuple[object, ...]:
    return variant.seed, variant.source, variant.clip


def _join(left: Variant, right: Variant) -> Variant:
    """Two variants one after the other. Its source is a copy where theirs differ."""
    contiguous = left.clip == right.clip and (left.clip is None or left.clip_start + len(left) == right.clip_start)
    mirrored = left.mirror_of is not None or right.mirror_of is not None
    require(contiguous, "Spans that use the poses of different motions cannot be merged.")
    require(
        not mirrored or (left.mirror_of is not None and right.mirror_of is not None),
        "A mirrored span cannot be merged with one that is not mirrored.",
    )
    codes = left.codes + right.codes
    original = None
    if left.mirror_of is not None and right.mirror_of is not None:
        original = _join(left.mirror_of, right.mirror_of)
    alike = left.source == right.source
    return replace(left, codes=codes, source=left.source if alike else "copied", mirror_of=original)
