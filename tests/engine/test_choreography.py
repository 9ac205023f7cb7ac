"""The choreography document: every edit leaves it valid, keeps locked spans as they are, and loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine import choreography as doc
from engine.choreography import Audio, CheckpointIdentity, Choreography, Span, Variant
from engine.errors import ChoreographyError

COUNT = 24
unhurried = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
AUDIO = Audio("song.wav", "a" * 64, -1.5, 12.0, 1.25, beats=(0.25, 0.75, 1.25), beats_per_bar=3)
CHECKPOINT = CheckpointIdentity("default", "b" * 64)


def fresh(count: int = COUNT) -> Choreography:
    return doc.new_choreography([[n, n + 1] for n in range(count)], 10.0, AUDIO, CHECKPOINT, 3, "waltz")


def codes(draw: st.DrawFn, count: int) -> doc.Codes:
    row = st.tuples(st.integers(0, 31), st.integers(0, 31))
    return tuple(draw(st.lists(row, min_size=count, max_size=count)))


@st.composite
def edited(draw: st.DrawFn) -> Choreography:
    document = fresh()
    for _ in range(draw(st.integers(0, 12))):
        before, document = document, step(draw, document)
        check(before, document)
    return document


def step(draw: st.DrawFn, document: Choreography) -> Choreography:
    """The document after a random edit; the same document where the edit is refused."""
    start = draw(st.integers(0, COUNT - 1))
    stop = draw(st.integers(start + 1, COUNT))
    span = document.span_at(start)
    edits = {
        "lock": lambda: doc.lock(document, start, stop),
        "unlock": lambda: doc.unlock(document, start, stop),
        "split": lambda: doc.split(document, start),
        "merge": lambda: doc.merge(document, start),
        "style": lambda: doc.set_style(document, start, stop, draw(st.sampled_from([None, "rumba"])), 1.5, 2.0),
        "replace": lambda: doc.replace_span(
            document,
            start,
            stop,
            [Variant(codes(draw, stop - start), seed) for seed in (5, 6)],
            draw(st.integers(0, 1)),
        ),
        "insert": lambda: doc.insert_variant(document, start, Variant(codes(draw, len(span)), 9)),
        "choose": lambda: doc.choose_variant(document, start, draw(st.integers(0, len(span.variants)))),
        "keep": lambda: doc.keep_clip(document, start, "clip7"),
        "mirror": lambda: doc.mirror_span(document, start, codes(draw, len(span)), "clip1"),
        "overwrite": lambda: doc.overwrite(document, start, stop, Variant(codes(draw, stop - start), source="copied")),
    }
    name = draw(st.sampled_from(sorted(edits)))
    try:
        after = edits[name]()
    except ChoreographyError:
        return document
    if name != "unlock":
        for position, locked in enumerate(document.locked):
            if locked:
                assert after.tokens[position] == document.tokens[position], name
                assert after.locked[position], name
    return after


def check(before: Choreography, document: Choreography) -> None:
    assert document.spans[0].start == 0 and len(document) == len(before) == len(document.tokens) == len(document.locked)
    assert all(one.stop == two.start for one, two in zip(document.spans, document.spans[1:], strict=False))
    assert all(len(variant) == len(span) for span in document.spans for variant in span.variants)
    assert doc.from_json(doc.to_json(document)) == document


@unhurried
@given(edited(), st.integers(0, COUNT))
def test_split_keeps_all_tokens_and_merge_undoes_it(document: Choreography, position: int) -> None:
    parts = doc.split(document, position)
    assert (parts.tokens, parts.locked) == (document.tokens, document.locked)
    if parts != document:
        assert doc.merge(parts, position) == document


@unhurried
@given(edited(), st.integers(0, COUNT - 1))
def test_mirror_of_mirror_is_the_document(document: Choreography, position: int) -> None:
    span = document.span_at(position)
    assume(span.danced.mirror_of is None)
    free = doc.unlock(document, span.start, span.stop)
    once = doc.mirror_span(free, position, span.danced.codes, "clip5")
    assert once != free
    assert doc.mirror_span(once, position, span.danced.codes, "clip5") == free


def test_replacing_keeps_the_earlier_variants() -> None:
    new = Variant(((7, 7),) * 4, 11)
    document = doc.replace_span(fresh(), 8, 12, [new])
    span = document.span_at(9)
    assert (span.start, span.stop, span.danced) == (8, 12, new)
    assert doc.choose_variant(document, 9, 0).tokens == fresh().tokens


def test_merging_keeps_all_variants_of_both() -> None:
    document = doc.replace_span(fresh(4), 0, 2, [Variant(((7, 7),) * 2, 11)])
    document = doc.replace_span(document, 2, 4, [Variant(((8, 8),) * 2, 12), Variant(((9, 9),) * 2, 13)])
    merged = doc.merge(document, 2)
    assert merged.tokens == document.tokens
    assert {v.codes[0] for v in merged.spans[0].variants} == {(0, 1), (7, 7)}
    assert {v.codes[-1] for v in merged.spans[0].variants} == {(3, 4), (8, 8), (9, 9)}


LOCKED = doc.lock(fresh(), 4, 10)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: doc.replace_span(LOCKED, 5, 7, [Variant(((1, 1),) * 2)]), "4:5 is locked|5:7 is locked"),
        (lambda: doc.choose_variant(LOCKED, 5, 0), "locked. Unlock"),
        (lambda: doc.mirror_span(LOCKED, 5, ((1, 1),) * 6, None), "locked. Unlock"),
        (lambda: doc.overwrite(LOCKED, 0, 6, Variant(((1, 1),) * 6)), "locked. Unlock"),
        (lambda: doc.replace_span(LOCKED, 0, 3, [Variant(((1, 1),) * 2)]), "2 positions, but 3"),
        (lambda: doc.replace_span(LOCKED, 0, 2, [Variant(((1,),) * 2)]), r"\[1, 2\] codes a position"),
        (lambda: doc.lock(LOCKED, 3, 99), "3:99 is not a range in a choreography of 24"),
        (lambda: doc.lock(LOCKED, 3, 3), "empty"),
        (lambda: doc.choose_variant(LOCKED, 0, 1), "variant 1 chosen, but there are 1"),
        (lambda: doc.merge(LOCKED, 4), "locked. Lock both"),
        (lambda: doc.merge(LOCKED, 5), "No two spans meet at position 5"),
        (lambda: doc.set_style(LOCKED, 0, 5, "", None), "style ''"),
        (lambda: doc.set_style(LOCKED, 0, 5, "waltz", -1.0), "strength -1.0"),
        (lambda: doc.set_style(LOCKED, 0, 5, "waltz", 1.0, -1.0), "transition of -1.0"),
        (lambda: Span(0, 2, (Variant(((1, 1), (2, 2))),), chosen=2), "variant 2 chosen"),
        (lambda: Variant(((1, -1),)), "whole numbers"),
        (lambda: Variant(((1, 1),), source="mirrored"), "no original"),
    ],
)
def test_edits_that_do_not_fit_are_refused_with_the_reason(wrong: Any, words: str) -> None:
    with pytest.raises(ChoreographyError, match=words):
        wrong()


def damaged(change: Any) -> str:
    data = json.loads(doc.to_json(doc.lock(fresh(), 4, 10)))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(version=6), "version 6, this engine reads up to 5"),
        (lambda d: d.pop("kind"), "not a choreography"),
        (lambda d: d.pop("seed"), "lacks .'seed'"),
        (lambda d: d.update(colour="red"), "unknown .'colour'"),
        (lambda d: d["spans"].pop(1), "begins at 10, but the one before ends at 4"),
        (lambda d: d["spans"][1].update(start=3), "7:10|3:10|begins at 3|positions"),
        (lambda d: d["spans"][1].update(locked=1), "locked = 1"),
        (lambda d: d["spans"][1].update(variants=[]), "no variants"),
        (lambda d: d["spans"][1]["variants"][0].update(codes="abc"), "codes is 'abc', not a list"),
        (lambda d: d["spans"][1]["variants"][0]["codes"][0].append(3), "has the codes"),
        (lambda d: d["spans"][1]["variants"][0].update(seed=1.5), "seed is 1.5"),
        (lambda d: d["spans"][1]["variants"][0].update(clip="../x"), "clip is called"),
        (lambda d: d.update(spans=None), "spans is None, not a list"),
        (lambda d: d["audio"][0].update(sha256="12"), "sha256 '12'"),
        (lambda d: d["audio"][0].update(speed=0), "speed is 0"),
        (lambda d: d["audio"][0].update(at=5), "songs begin at .5."),
        (lambda d: d["audio"][0].update(beats=[1.0, 0.5]), "beats do not rise"),
        (lambda d: d["audio"][0].update(beats=[1.0, "2"]), "beats do not rise"),
        (lambda d: d["audio"][0].update(beats=[-1e308, 1.0]), "beats do not rise"),
        (lambda d: d["audio"][0].update(beats=2.0), "beats is 2.0, not a list"),
        (lambda d: d["audio"][0].update(beats_per_bar=0), "0 beats a bar"),
        (lambda d: d["audio"].append(d["audio"][0] | {"at": 24}), "begins at 24, but the dance ends at 24"),
        (lambda d: d.update(token_rate="ten"), "token rate is 'ten'"),
        (lambda d: d.update(motion={"name": "../dance.npz", "sha256": "a" * 64}), "file name is '../dance.npz'"),
        (lambda d: d.update(checkpoint=[]), "checkpoint is"),
        (
            lambda d: d["audio"][0].update(beats=[n / 100 for n in range(1_000_000)]),
            "more spans, variants or beats than any",
        ),
        (lambda d: d["audio"][0].update(path="x" * 40_000), "The audio's path is"),
        (lambda d: d.update(style="x" * 2_000), "has style 'xxx"),
        (lambda d: d.update(audio=[d["audio"][0] | {"at": n} for n in range(2_000)]), "2000 songs, but at most 1000"),
        (lambda d: d["spans"][1].update(variants=d["spans"][1]["variants"] * 2_000), "2000 variants, but at most"),
        (lambda d: d["spans"][0]["variants"][0].update(codes=[[1, 2]] * 50_000), "50000 positions, but at most 36000"),
        (lambda d: d["spans"][0]["variants"][0].update(codes=[[1] * 100] * 4), "100 codes a position, but at most 64"),
        (lambda d: d.update(motion={"name": "a\0.npz", "sha256": "a" * 64}), "file name is"),
        (lambda d: d["checkpoint"].update(version=0), "version is 0"),
        (lambda d: d["audio"][0].update(path="a\0b"), "path is 'a"),
        (lambda d: d["audio"][0].update(size=-1), "size of -1"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(change: Any, words: str) -> None:
    with pytest.raises(ChoreographyError, match=words) as caught:
        doc.from_json(damaged(change))
    assert len(str(caught.value)) < 400


def test_a_text_that_is_too_long_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(ChoreographyError, match="million characters"):
        doc.from_json(" " * (doc.LONGEST_TEXT + 1))


def as_version_4(data: Any) -> None:
    data["version"] = 4
    del data["energy"], data["song_energy"]
    for span in data["spans"]:
        del span["energy"]


def test_documents_of_version_4_ask_for_the_usual_energy() -> None:
    document = doc.from_json(damaged(as_version_4))
    assert document == doc.lock(fresh(), 4, 10)
    assert (document.energy, document.song_energy) == (1.0, 0.0)


def test_the_energy_of_a_span_is_kept() -> None:
    document = doc.set_energy(replace(fresh(), energy=0.8, song_energy=0.5), 4, 10, 1.4)
    assert doc.from_json(doc.to_json(document)) == document
    assert [span.energy for span in document.spans] == [None, 1.4, None]
    with pytest.raises(ChoreographyError, match="differ in energy"):
        doc.merge(document, 4)
    with pytest.raises(ChoreographyError, match=r"has energy 3.0. Use a number from 0.5 to 2."):
        doc.set_energy(document, 0, 4, 3.0)


def as_version_2(data: Any) -> None:
    as_version_4(data)
    data["version"] = 2
    del data["checkpoint"]["version"]
    for audio in data["audio"]:
        del audio["size"]


def as_version_1(data: Any) -> None:
    as_version_2(data)
    data["version"] = 1
    for audio in data["audio"]:
        del audio["beats"], audio["beats_per_bar"]


def test_documents_of_version_2_are_read_as_of_the_first_version_of_their_checkpoint() -> None:
    document = doc.from_json(damaged(as_version_2))
    assert document == doc.lock(fresh(), 4, 10)
    assert document.checkpoint.label == "default@1"


def test_documents_of_version_1_are_read_and_have_no_beats() -> None:
    (audio,) = doc.from_json(damaged(as_version_1)).audio
    assert audio == replace(AUDIO, beats=(), beats_per_bar=4)


MANY = 1_000_000
HOSTILE = {
    "beats": lambda text: text.replace("[0.25,0.75,1.25]", str(list(range(MANY)))),
    "NaN": lambda text: text.replace("0.25", "NaN"),
    "spans": lambda text: text.replace('"spans":[', '"spans":[' + '{"variants":[{}]},' * MANY),
    "variants": lambda text: text.replace('"variants":[', '"variants":[' + '{"codes":[[1]]},' * MANY, 1),
    "rows": lambda text: text.replace('"codes":[', '"codes":[' + "[]," * 2 * MANY, 1),
    "text": lambda text: text.replace("song.wav", "x" * (33 * 2**20)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_document_is_refused_before_it_costs_time(kind: str) -> None:
    text = HOSTILE[kind](doc.to_json(fresh()))
    assert text != doc.to_json(fresh())
    with pytest.raises(ChoreographyError) as caught:
        doc.from_json(text)
    assert len(str(caught.value)) < 300


def test_beats_are_few_however_many_songs_they_are_spread_over() -> None:
    """Panels draw all of them at once, of every song."""
    dance = doc.new_choreography([[1] * 8] * 20, 10.0, AUDIO, CHECKPOINT, 3, None)
    songs = [replace(AUDIO, at=at, beats=tuple(range(5_000))) for at in range(20)]
    with pytest.raises(ChoreographyError, match="100000 beats, but at most 40000"):
        replace(dance, audio=tuple(songs))
    assert len(replace(dance, audio=tuple(songs[:8])).audio) == 8


def test_an_hour_of_many_variants_is_no_hostile_document() -> None:
    rows = [[n % 512] * 4 + [0] * 4 for n in range(36_000)]
    document = doc.new_choreography(rows, 10.0, replace(AUDIO, beats=tuple(range(10_000))), CHECKPOINT, 3, None)
    codes = document.spans[0].danced.codes
    document = doc.replace_span(document, 0, 36_000, [Variant(codes, seed) for seed in range(3)])
    assert doc.from_json(doc.to_json(document)) == document


def regenerated(times: int, before: Choreography) -> Choreography:
    """A document of one span after so many regenerations, each kept with poses."""
    document = before
    for number in range(times):
        document = doc.keep_clip(document, 0, f"clip{len(document.spans[0].variants)}")
        new = Variant(tuple((number, 9) for _ in range(len(document))), 100 + number)
        document = doc.replace_span(document, 0, len(document), [new])
    return document


def with_poses(document: Choreography) -> list[int]:
    return [index for index, variant in enumerate(document.spans[0].variants) if variant.clip is not None]


def test_after_many_edits_the_first_the_latest_and_the_newest_variants_keep_their_poses() -> None:
    document = regenerated(9, fresh())
    assert with_poses(document) == list(range(9))  # the tenth is danced
    before = doc.choose_variant(document, 0, 3)
    kept = doc.limit_poses(document, before, 2 * COUNT)
    assert with_poses(kept) == [0, 3, 7, 8]
    assert [v.codes for v in kept.spans[0].variants] == [v.codes for v in document.spans[0].variants]
    assert doc.limit_poses(document, before, 100 * COUNT) == document
    assert with_poses(doc.limit_poses(document, before, 0)) == [0, 3]


def test_poses_that_codes_do_not_give_back_are_always_kept() -> None:
    document = regenerated(3, fresh())
    mine = Variant(((7, 7),) * COUNT, 0, doc.MOTION, "mine")
    image = Variant(((8, 8),) * COUNT, 0, doc.MIRRORED, "image", 0, document.spans[0].variants[1])
    for variant in (mine, image):
        document = doc.insert_variant(document, 0, variant)
    kept = doc.limit_poses(doc.choose_variant(document, 0, 3), fresh(), 0)
    assert with_poses(kept) == [0, 1, 4, 5]  # the second stays since the image is of its poses
    assert kept.clips == {"clip1", "clip2", "mine", "image"}


def test_a_clip_that_is_used_elsewhere_is_free() -> None:
    document = doc.split(regenerated(4, fresh()), 10)
    document = doc.replace_span(document, 0, 10, [Variant(((1, 1),) * 10, 50)])
    kept = doc.limit_poses(document, document, COUNT)
    assert kept.clips == {"clip1", "clip4"}  # of the first variants, and one more of 24 positions


def test_parts_of_clips_that_nothing_uses_are_found_and_cut_off() -> None:
    document = doc.split(doc.split(regenerated(2, fresh()), 6), 18)
    document = doc.overwrite(document, 6, 18, Variant(((1, 1),) * 12))
    assert doc.used_parts(document) == {"clip1": [(0, 6), (18, 24)], "clip2": [(0, 6), (18, 24)]}
    moved = doc.move_clips(document, {("clip1", (0, 6)): "begin", ("clip1", (18, 24)): "end"})
    assert [(v.clip, v.clip_start) for v in (moved.spans[0].variants[0], moved.spans[2].variants[0])] == [
        ("begin", 0),
        ("end", 0),
    ]
    assert doc.used_parts(moved) == {"begin": [(0, 6)], "end": [(0, 6)], "clip2": [(0, 6), (18, 24)]}


def test_documents_without_transitions_are_read_with_hard_style_changes() -> None:
    def change(data: Any) -> None:
        for span in data["spans"]:
            del span["style_transition"]

    assert [span.style_transition for span in doc.from_json(damaged(change)).spans] == [0.0, 0.0, 0.0]


def test_merged_spans_keep_the_longer_transition() -> None:
    document = doc.set_style(doc.set_style(fresh(), 0, 10, "waltz", None, 0.5), 10, 24, "waltz", None, 2.0)
    assert doc.merge(document, 10).spans[0].style_transition == 2.0


def test_text_that_is_not_json_is_refused() -> None:
    for text in ("", "{", "[]", "[" * 100_000):
        with pytest.raises(ChoreographyError):
            doc.from_json(text)


def test_a_document_lists_its_clips() -> None:
    document = doc.keep_clip(doc.split(fresh(), 10), 0, "one")
    document = doc.mirror_span(document, 0, document.spans[0].danced.codes, "two")
    assert document.clips == {"one", "two"}
    assert replace(document, seed=4).clips == document.clips
