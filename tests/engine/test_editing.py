"""Edits of a dance: what is locked stays bit for bit, new motion meets what is kept exactly, variants are kept."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_engine import STYLE_MUSIC, STYLES, stepping, tiny_networks

from engine import choreography as doc
from engine import protocol
from engine.audio.music_features import MUSIC_FEATURES
from engine.choreography import Choreography, MotionFile, from_json, to_json
from engine.editing.chain import chain
from engine.editing.dance_files import (
    DanceMotion,
    load_choreography,
    pack_dance_motion,
    read_dance_motion,
    write_dance_motion,
)
from engine.editing.edit import Edited, edit
from engine.editing.operations import Operation
from engine.editing.song_music import on_the_beat
from engine.errors import AudioError, CancelledError, ChoreographyError, DataError, RequestError
from engine.models.base import SpanTask
from engine.models.loading import load_checkpoint
from engine.models.own import sampling, span_generator
from engine.models.own.config import Sampling
from engine.models.own.sampling import Conditions
from engine.models.own.span_generator import FAR, NEAR, openness, style_strengths
from engine.models.torch.checkpoint import save_checkpoint
from engine.models.torch.decoder import MotionDecoder
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from engine.service.jobs import HANDLERS
from smpl_rig.dance_motion import read_motion
from smpl_rig.motion import mirror, save_npz
from smpl_rig.skeleton import SMPL_PELVIS

FPS = 30.0
UPPER = slice(36, 66)
"""Poses above the waist: legs bend otherwise where feet are locked at another place."""
State = tuple[Choreography, DanceMotion]


@pytest.fixture(scope="module")
def dance(song: Path, tiny: Path) -> State:
    return generated(song, tiny, 8.0)


@pytest.fixture(scope="module")
def short_dance(song: Path, tiny: Path) -> State:
    return generated(song, tiny, 4.0)


def generated(song: Path, tiny: Path, seconds: float) -> State:
    request = GenerateRequest(
        str(song), seconds=seconds, style="rumba", checkpoint=str(tiny), device="cpu", seed=3, fps=FPS
    )
    dance = generate(request, lambda *_: None, lambda: False)
    return dance.document, DanceMotion(dance.motion, dance.frames, music=dance.music)


def do(state: State, *operations: Operation, follows: bool = False) -> Edited:
    return edit(*state, operations, lambda *_: None, lambda: False, follows, "cpu")


def state_of(edited: Edited) -> State:
    return edited.document, edited.dance


def same_frames(one: DanceMotion, other: DanceMotion, start: int, stop: int) -> bool:
    """Whether the frames of the positions start..stop are equal bit for bit, at both frame rates."""
    frames, own = slice(2 * start, 2 * stop), (np.arange(len(one.motion)) / one.motion.fps * 10 >= start - 1e-9)
    own &= np.arange(len(one.motion)) / one.motion.fps * 10 < stop - 1e-9
    pairs = [(one.frames, other.frames, frames), (one.motion, other.motion, own)]
    return all(
        np.array_equal(a.poses[part], b.poses[part]) and np.array_equal(a.trans[part], b.trans[part])
        for a, b, part in pairs
    )


def beside(path: Path, document: Choreography) -> Path:
    """A choreography beside its motion file, which it names."""
    named = MotionFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    path.with_suffix(".json").write_text(to_json(replace(document, motion=named)))
    return path.with_suffix(".json")


def test_a_dance_saved_before_its_places_were_smpls_edits_as_it_did(dance: State, tmp_path: Path) -> None:
    """Files of ours had the pelvis in `trans`; they have SMPL's translation now, and both keep every bit."""
    document, motion = dance
    write_dance_motion(tmp_path / "new.npz", document, motion)
    with np.load(tmp_path / "new.npz") as data:
        arrays = {name: data[name] for name in data.files if name != "trans_origin"}
        np.testing.assert_allclose(arrays["trans"] + SMPL_PELVIS, motion.motion.trans, atol=1e-5)
    arrays["trans"] = arrays["joints"][:, 0]
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    edits = [Operation("mirror", 10, 20), lock(30, 40)]
    wanted = do(dance, *edits)
    for name in ("new", "old"):
        loaded, kept = load_choreography(beside(tmp_path / f"{name}.npz", document))
        assert same_frames(motion, kept, 0, len(document)) and loaded.tokens == document.tokens
        assert same_frames(wanted.dance, do((loaded, kept), *edits).dance, 0, len(document))


def lock(start: int, stop: int) -> Operation:
    return Operation("lock", start, stop)


def test_locked_moves_stay_bit_for_bit_and_the_rest_is_new(dance: State) -> None:
    edited = do(dance, lock(10, 30), lock(50, 62), Operation("regenerate", seed=7))
    for start, stop in ((10, 30), (50, 62)):
        assert same_frames(dance[1], edited.dance, start, stop)
    for start, stop in ((0, 9), (32, 49), (64, 78)):
        assert not same_frames(dance[1], edited.dance, start, stop)
    tokens = np.array(edited.document.tokens) == np.array(dance[0].tokens)
    assert tokens[10:30].all() and tokens[50:62].all() and tokens[32:48].mean() < 0.7
    assert [fill["start"] for fill in edited.report["fills"]] == [0, 30, 62]
    again = do(dance, lock(10, 30), lock(50, 62), Operation("regenerate", seed=7))
    assert again.document == edited.document and same_frames(again.dance, edited.dance, 0, len(dance[0]))


def test_only_the_replaced_span_changes_although_nothing_is_locked(dance: State) -> None:
    edited = do(dance, Operation("replace", 30, 50))
    assert same_frames(dance[1], edited.dance, 0, 30) and same_frames(dance[1], edited.dance, 50, len(dance[0]))
    assert not same_frames(dance[1], edited.dance, 31, 50)


def test_a_replaced_span_begins_and_ends_without_a_jump(dance: State) -> None:
    joints = do(dance, Operation("replace", 30, 50)).dance.frames.joints().astype(np.float64)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
    accelerations = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).mean(axis=1)
    usual = np.linalg.norm(np.diff(dance[1].frames.joints(), axis=0), axis=-1).max(axis=1).max()
    for border in (60, 100):
        assert steps[border - 2 : border + 2].max() < 2 * usual  # a random network's dance jerks
        assert accelerations[border - 3 : border + 2].max() < 2 * accelerations[60:100].max() + 1e-3


def test_the_report_says_how_far_the_path_was_moved(dance: State) -> None:
    """And the user is told of a span that does not connect well: here what follows was moved nine metres away."""
    away = dance[1].frames.trans.copy()
    away[100:] += np.array([9.0, 0.0, 0.0], np.float32)
    motion = replace(dance[1], frames=replace(dance[1].frames, trans=away))
    far, near = do((dance[0], motion), Operation("replace", 30, 50)), do(dance, Operation("replace", 30, 50))
    one, two = far.report["fills"][0], near.report["fills"][0]
    assert one["correction_cm"] > 700 > two["correction_cm"]
    assert not one["good"] and one["tried"] > two["tried"] and two["good"]
    assert "none of 80 candidates" in far.report["notices"][0] and not near.report["notices"]
    assert np.array_equal(far.dance.frames.trans[100:], away[100:])


def test_what_follows_can_move_along_with_its_poses_as_they_are(dance: State) -> None:
    edited = do(dance, lock(50, 80), Operation("replace", 30, 50), follows=True)
    old, new = dance[1].frames, edited.dance.frames
    assert edited.report["fills"][0]["correction_cm"] < 0.01
    assert np.abs(old.trans[100:] - new.trans[100:]).max() > 0.01
    assert np.array_equal(old.poses[100:, 3:], new.poses[100:, 3:])
    distance = [np.linalg.norm(motion.trans[100:, None] - motion.trans[None, 100:], axis=-1) for motion in (old, new)]
    np.testing.assert_allclose(*distance, atol=1e-4)
    assert same_frames(dance[1], edited.dance, 0, 30)


def test_variants_are_kept_and_any_can_be_chosen_again(dance: State) -> None:
    edited = do(dance, Operation("replace", 30, 50, variants=3))
    span = edited.document.span_at(30)
    assert len(span.variants) == 4 and span.chosen == 1
    assert len({variant.codes for variant in span.variants}) == 4
    other = do(state_of(edited), Operation("choose", 30, index=2))
    assert other.document.span_at(30).danced.codes == span.variants[2].codes
    assert not same_frames(edited.dance, other.dance, 31, 50)
    first = do(state_of(other), Operation("choose", 30, index=0))
    assert same_frames(first.dance, dance[1], 0, len(dance[0]))
    back = do(state_of(other), Operation("choose", 30, index=1))
    assert same_frames(back.dance, edited.dance, 0, len(dance[0]))


def test_variants_that_are_not_chosen_are_fitted_already(dance: State) -> None:
    """As choosing them would fit them, so that choosing one later needs no engine."""
    before = do(dance, lock(50, 60), Operation("replace", 30, 50, variants=4))
    assert [fill["start"] for fill in before.report["fills"]] == [30]
    span = before.document.span_at(30)
    assert span.danced.clip is None and len(before.document.clips) == 4
    untouched = np.linalg.norm(np.diff(dance[1].frames.joints(), axis=0), axis=-1).max(axis=1)[np.r_[0:60, 100:161]]
    for index in (0, 2, 3, 4):
        other = do(state_of(before), Operation("choose", 30, index=index)).dance.frames
        kept = before.dance.clips[span.variants[index].clip or ""]
        assert np.array_equal(other.poses[60:101], kept.poses) and np.array_equal(other.trans[60:101], kept.trans)
        steps = np.linalg.norm(np.diff(other.joints(), axis=0), axis=-1).max(axis=1)
        assert steps[58:102].max() < 2 * untouched.max() and np.array_equal(
            other.poses[100:], dance[1].frames.poses[100:]
        )


def test_mirror_of_mirror_is_the_dance(dance: State) -> None:
    parts = do(dance, lock(30, 50), Operation("unlock", 30, 50))
    once = do(state_of(parts), Operation("mirror", 30, 50))
    assert once.document.span_at(30).danced.source == "mirrored"
    middle, image = dance[1].frames.cut(75, 85), once.dance.frames.cut(75, 85)
    arms = slice(36, 66)  # the legs follow the planted feet
    np.testing.assert_allclose(image.poses[:, arms], mirror(middle).poses[:, arms], atol=1e-3)
    twice = do(state_of(once), Operation("mirror", 30, 50))
    assert twice.document == parts.document
    assert same_frames(twice.dance, dance[1], 0, len(dance[0]))


def test_a_loop_ends_with_the_pose_and_place_that_it_begins_with(dance: State) -> None:
    edited = do(dance, Operation("loop"))
    motion = edited.dance.motion
    assert np.array_equal(motion.poses[0], motion.poses[-1]) and np.array_equal(motion.trans[0], motion.trans[-1])
    joints = motion.joints()[[*range(len(motion)), 1]]  # continued from its beginning
    accelerations = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).mean(axis=1)
    assert accelerations[-1] < 0.5 * np.median(accelerations)  # as smooth as anywhere else, without a stop
    assert edited.document.locked[79] and not edited.document.locked[0]
    assert same_frames(dance[1], edited.dance, 0, 55)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("motion") / "steps.npz"
    save_npz(path, stepping(1.7, 100.0, 60.0))
    return path


def test_an_inserted_motion_keeps_its_poses_and_what_is_beside_it_connects(dance: State, steps: Path) -> None:
    edited = do(dance, lock(0, 15), Operation("insert", 30, file=str(steps)))
    assert edited.document.span_at(30).locked and edited.document.span_at(30).danced.source == "motion"
    assert "mm off" in edited.report["notices"][0]
    inserted = edited.dance.frames.cut(60, 92)
    clip = stepping(1.7, 100.0, 20.0).cut(0, 32)
    np.testing.assert_allclose(inserted.poses[:, 3:], clip.poses[:, 3:], atol=0.02)
    np.testing.assert_allclose(inserted.trans[0, :2], dance[1].frames.trans[60, :2], atol=1e-5)
    assert same_frames(dance[1], edited.dance, 0, 20) and same_frames(dance[1], edited.dance, 57, 80)
    new = do(state_of(edited), Operation("regenerate"))
    assert same_frames(edited.dance, new.dance, 30, 47)
    with pytest.raises(ChoreographyError, match="before 30:47 is locked"):
        do(dance, lock(0, 30), Operation("insert", 30, file=str(steps)))


def test_poses_from_outside_get_tokens_of_their_own(dance: State) -> None:
    """As the add-on sends the animator's keyframes: in the frames and in a clip, with the previous tokens."""
    document, motion = dance
    poses = motion.frames.poses.copy()
    poses[60:100, 48:54] += 0.4  # both shoulders
    frames = replace(motion.frames, poses=poses)
    clip = frames.cut(60, 101)
    document = doc.lock(doc.keep_clip(doc.split(doc.split(document, 30), 50), 30, "mine"), 30, 50)
    motion = motion.with_frames(frames, {"mine": clip})
    edited = do((document, motion), Operation("tokenize", 30, 50))
    assert edited.document.tokens[30:50] != document.tokens[30:50]
    assert edited.document.tokens[:30] == document.tokens[:30] and edited.document.tokens[50:] == document.tokens[50:]
    assert edited.document.span_at(30).locked and edited.document.clips == {"mine"}
    assert same_frames(motion, edited.dance, 0, len(document))
    assert "3.0 to 5.0 s: its tokens are" in edited.report["notices"][0]
    with pytest.raises(ChoreographyError, match="30:50 has no stored poses"):
        do(dance, lock(30, 50), Operation("tokenize", 30, 50))


def test_a_copy_dances_the_same_moves_again(dance: State) -> None:
    edited = do(dance, lock(10, 34), Operation("copy", 10, 34, to=50))
    span = next(span for span in edited.document.spans if span.danced.source == "copied")
    assert len(span) == 24 and abs(span.start - 50) <= 4
    assert span.danced.codes == dance[0].tokens[10:34]
    middle = slice(13, -13)  # its ends are blended with what is beside it
    copied = edited.dance.frames.cut(2 * span.start, 2 * span.stop).poses[middle, UPPER]
    # nearly all: arms whose hands rest on the floor reach for it, and the body is lower or higher beside other moves
    off = np.abs(copied - dance[1].frames.cut(20, 68).poses[middle, UPPER])
    assert np.mean(off > 0.2) < 0.05
    assert same_frames(dance[1], edited.dance, 0, span.start)


def test_the_last_moves_of_a_dance_can_be_copied_to_where_it_goes_on(dance: State) -> None:
    """No frame follows the last moves, so one is extrapolated."""
    edited = do(dance, Operation("copy", len(dance[0]) - 1, len(dance[0]), to=40))
    assert same_frames(dance[1], edited.dance, 0, 36) and same_frames(dance[1], edited.dance, 45, len(dance[0]))
    assert not same_frames(dance[1], edited.dance, 36, 45)


def test_the_first_of_two_chained_dances_keeps_the_variants_at_its_end(dance: State) -> None:
    tried = state_of(do(dance, Operation("replace", 60, len(dance[0]), seed=5)))
    joined = chain(tried, dance, 1.5, 5, lambda *_: None, lambda: False, "cpu")
    state = joined.document, joined.dance
    first = state_of(do(state, Operation("choose", 60, index=0)))
    assert same_frames(first[1], joined.dance, 0, 60) and not same_frames(first[1], joined.dance, 61, 81)
    assert same_frames(first[1], joined.dance, 81, len(joined.document))
    again = state_of(do(first, Operation("choose", 60, index=1)))
    assert same_frames(again[1], joined.dance, 0, len(joined.document))


def test_a_copy_lands_on_the_same_phase_of_a_beat() -> None:
    beats = np.arange(0.2, 20, 0.5)
    assert on_the_beat(beats, 10.0, 12, 60, 100) == 62
    assert on_the_beat(beats, 10.0, 12, 100, 101) == 97
    assert on_the_beat(np.zeros(0), 10.0, 12, 60, 50) == 50


def test_the_style_of_a_span_counts_when_it_is_generated_again(song: Path, tmp_path: Path) -> None:
    codec, decoder = tiny_networks()
    with torch.no_grad():
        decoder.context.style.weight.mul_(50.0)
    description = {"name": "styled", "styles": STYLES, "style_music": STYLE_MUSIC}
    save_checkpoint(tmp_path, codec, decoder, description, Sampling(), 20.0)
    dance = generated(song, tmp_path, 8.0)
    again = Operation("replace", 30, 50, seed=5, variants=8)
    plain = do(dance, again).document.span_at(30)
    styled = do(dance, Operation("style", 30, 50, style="salsa", strength=4.0), again).document.span_at(30)
    assert styled.style == "salsa"
    assert {variant.codes for variant in styled.variants} != {variant.codes for variant in plain.variants}
    with pytest.raises(RequestError, match="has no style 'tango'"):
        do(dance, Operation("style", 0, 5, style="tango"))


def test_the_energy_of_a_span_counts_when_it_is_generated_again(song: Path, tmp_path: Path) -> None:
    codec, decoder = tiny_networks()
    told = MotionDecoder(replace(decoder.config, energy=True))
    told.load_state_dict(decoder.state_dict(), strict=False)
    torch.nn.init.normal_(told.context.energy.weight, std=75.0)
    description = {"name": "energetic", "styles": STYLES, "style_music": STYLE_MUSIC}
    save_checkpoint(tmp_path, codec, told, description, Sampling(), 20.0)
    dance = generated(song, tmp_path, 8.0)
    strongly = Operation("style", 30, 50, style="rumba", strength=4.0)  # energy is followed as strongly as the style
    again = Operation("replace", 30, 50, seed=5, variants=8)
    plain = do(dance, strongly, again).document.span_at(30)
    lively = do(dance, strongly, Operation("energy", 30, 50, energy=1.5), again).document.span_at(30)
    assert lively.energy == 1.5
    assert {variant.codes for variant in lively.variants} != {variant.codes for variant in plain.variants}
    usual = do(dance, strongly, Operation("energy", 30, 50), again).document.span_at(30)
    assert usual.energy is None and usual.variants == plain.variants


def test_an_energy_is_refused_by_a_checkpoint_that_has_none(dance: State) -> None:
    assert (dance[0].energy, dance[0].song_energy) == (1.0, 0.0)
    with pytest.raises(RequestError, match=r"cannot be told an energy, but 1.5 is asked for"):
        do(dance, Operation("energy", 0, 5, energy=1.5))


def test_a_style_is_sampled_with_its_own_settings(dance: State, tmp_path: Path) -> None:
    """Salsa has top-k 1 here, so all its samples are the same; rumba is sampled as usual."""
    document = dance[0]
    greedy = {"salsa": asdict(Sampling(top_k=1))}
    description = {
        "name": "greedy",
        "styles": STYLES,
        "style_music": STYLE_MUSIC,
        "description": "",
        "style_sampling": greedy,
    }
    save_checkpoint(tmp_path, *tiny_networks(), description, Sampling(), 20.0)
    generator = load_checkpoint(str(tmp_path)).span_generator()
    features = np.zeros((2 * len(document), MUSIC_FEATURES), np.float32)
    span, kept = (0, len(document)), np.zeros(len(document), bool)
    sampled = {}
    for style in ("salsa", "rumba"):
        styled = replace(document, style=style)
        sampled[style] = generator.generate(
            SpanTask(styled, features, span, kept, [1, 2], lambda _: None, lambda: False)
        ).tokens
    assert np.array_equal(*sampled["salsa"]) and not np.array_equal(*sampled["rumba"])


def test_the_music_guides_more_the_farther_away_what_is_kept() -> None:
    kept = np.zeros(200, bool)
    kept[:20] = kept[190:] = True
    share = openness(kept)
    assert not share[: 20 + NEAR].any() and not share[190 - NEAR :].any()
    assert (share[19 + FAR : 190 - FAR] == 1).all() and (np.diff(share[: 19 + FAR]) >= 0).all()
    assert (openness(np.zeros(5, bool)) == 1).all()


@pytest.mark.parametrize(("guidance", "wanted"), [(None, 1.0), (3.0, 3.0)])
def test_a_short_gap_is_generated_without_guidance_unless_it_was_asked_for(
    dance: State, monkeypatch: pytest.MonkeyPatch, guidance: float | None, wanted: float
) -> None:
    conditions_given: list[Conditions] = []

    def generate_span(decoder: Any, conditions: Conditions, *others: Any) -> Any:
        conditions_given.append(conditions)
        return sampling.generate_span(decoder, conditions, *others)

    monkeypatch.setattr(span_generator, "generate_span", generate_span)
    do((replace(dance[0], guidance=guidance), dance[1]), Operation("replace", 30, 50))
    assert conditions_given[0].guidance is not None and (conditions_given[0].guidance[30:50] == wanted).all()
    assert conditions_given[0].style_guidance is not None and (conditions_given[0].style_guidance[30:50] == 1.0).all()


def test_styles_blend_into_each_other_around_their_border(dance: State, monkeypatch: pytest.MonkeyPatch) -> None:
    styled = do(dance, Operation("style", 20, 60, style="salsa", strength=2.0, transition=1.0)).document
    usual = np.full(len(styled), 1.5)
    strengths = style_strengths(styled, usual)
    np.testing.assert_allclose(
        strengths[13:27] / ([1.5] * 7 + [2.0] * 7), [1, 1, 0.9, 0.7, 0.5, 0.3, 0.1, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1]
    )
    np.testing.assert_allclose(strengths[60:67], [0.15, 0.45, 0.75, 1.05, 1.35, 1.5, 1.5], rtol=1e-6)
    again = doc.set_style(styled, 30, 40, "salsa", 2.0)  # no border to another style
    assert np.array_equal(style_strengths(again, usual), strengths)
    assert do(dance, Operation("style", 20, 60, style="salsa")).document.span_at(20).style_transition == 1.0
    conditions_given: list[Conditions] = []

    def generate_span(decoder: Any, conditions: Conditions, *others: Any) -> Any:
        conditions_given.append(conditions)
        return sampling.generate_span(decoder, conditions, *others)

    monkeypatch.setattr(span_generator, "generate_span", generate_span)
    do((styled, dance[1]), Operation("replace", 15, 30))
    assert conditions_given[0].style_guidance is not None
    np.testing.assert_allclose(conditions_given[0].style_guidance[17:23], [0.5, 0.3, 0.1, 0.2, 0.6, 1.0], rtol=1e-6)
    hard = doc.set_style(dance[0], 30, 50, "salsa", 4.0, 0.0)
    assert (style_strengths(hard, usual)[30:50] == 4.0).all()
    both = style_strengths(doc.set_style(dance[0], 30, 50, "salsa", 4.0, 4.0), usual)
    assert both[[39, 40]] == pytest.approx(4.0 * 9.5 / 20)  # the nearer border counts
    with pytest.raises(ChoreographyError, match="transition of 60"):
        do(dance, Operation("style", 0, 5, style="salsa", transition=60.0))


def test_two_dances_become_one_without_a_jump(dance: State) -> None:
    other = state_of(do(dance, Operation("regenerate", seed=8)))
    joined = chain(dance, other, 1.5, 5, lambda *_: None, lambda: False, "cpu")
    document, motion = joined.document, joined.dance
    assert len(document) == 81 + 15 + 81 and document.audio[1].at == 96
    first = replace(motion, motion=motion.motion.cut(0, 240), frames=motion.frames.cut(0, 162))
    assert same_frames(dance[1], first, 0, 81)
    assert np.array_equal(motion.frames.poses[192:, 3:], other[1].frames.poses[:, 3:])
    assert len(motion.motion) == round((9.6 + 8.0) * FPS)
    steps = np.linalg.norm(np.diff(motion.frames.joints(), axis=0), axis=-1).max(axis=1)
    usual = np.linalg.norm(np.diff(dance[1].frames.joints(), axis=0), axis=-1).max()
    assert steps[155:200].max() < 2 * usual
    # and it is edited like any other
    again = saved_and_loaded(state_of(do((document, motion), Operation("replace", 120, 140))))
    assert same_frames(motion, again[1], 0, 120) and same_frames(motion, again[1], 140, 177)
    wrong = replace(other[1], frames=replace(other[1].frames, fps=19.0))
    with pytest.raises(DataError, match="Give the motion that belongs to it"):
        chain(dance, (other[0], wrong), 1.5, 5, lambda *_: None, lambda: False, "cpu")
    with pytest.raises(RequestError, match="different checkpoints"):
        one = replace(document, checkpoint=replace(document.checkpoint, name="other", sha256="0" * 64))
        chain((one, motion), other, 1.5, 5, lambda *_: None, lambda: False, "cpu")


OPERATIONS = st.sampled_from(
    ["lock", "unlock", "replace", "regenerate", "mirror", "choose", "style", "copy", "insert", "loop", "undo", "redo"]
)


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_edits_leave_locked_frames_alone(short_dance: State, steps: Path, data: st.DataObject) -> None:
    """Fifty random sequences of edits. Each edit is saved and loaded; some are undone and redone."""
    states, undone = [short_dance], []
    for _ in range(data.draw(st.integers(1, 5))):
        before = states[-1]
        name = data.draw(OPERATIONS)
        if name in ("undo", "redo"):
            source, target = (states[1:], undone) if name == "undo" else (undone, states)
            if source:
                target.append((states if name == "undo" else undone).pop())
            continue
        operation = any_operation(name, data.draw, len(before[0]), steps)
        try:
            after = state_of(do(before, operation))
        except (ChoreographyError, RequestError):
            continue
        for span in before[0].spans:
            if span.locked:
                assert same_frames(before[1], after[1], span.start, span.stop), operation
                if operation.do != "unlock":
                    assert after[0].tokens[span.start : span.stop] == before[0].tokens[span.start : span.stop]
        assert np.isfinite(after[1].motion.poses).all() and np.isfinite(after[1].motion.trans).all()
        assert len(after[0]) == len(before[0]) and len(after[1].motion) == len(before[1].motion)
        states.append(saved_and_loaded(after))
        undone.clear()


def any_operation(name: str, draw: Any, length: int, clip: Path) -> Operation:
    start = draw(st.integers(0, length - 2))
    stop = draw(st.integers(start + 1, min(start + 25, length)))
    return Operation(
        name,
        start,
        stop,
        seed=draw(st.integers(0, 9)),
        variants=draw(st.integers(1, 2)),
        index=draw(st.integers(0, 1)),
        to=draw(st.integers(0, length)),
        style="waltz" if name == "style" else None,
        transition=draw(st.sampled_from([None, 0.0])),
        file=str(clip),
    )


def saved_and_loaded(state: State) -> State:
    data = pack_dance_motion(*state)
    document = from_json(to_json(state[0]))
    assert document == state[0]
    motion = read_dance_motion(data, document, "dance.npz")
    assert same_frames(state[1], motion, 0, len(document))
    assert len(read_motion(data)) == len(motion.motion)
    return document, motion


def test_the_job_composes_a_song_once_and_dances_to_it(tmp_path: Path, tiny: Path) -> None:
    def run(style: str, song: Path) -> dict[str, Any]:
        params = {"audio": str(song), "compose": style, "seconds": 4.0, "checkpoint": str(tiny), "device": "cpu"}
        return HANDLERS["generate"](params, lambda *_: None, lambda: False)

    song = tmp_path / "songs" / "example.wav"
    first = run("waltz", song)
    assert len(from_json(first["document"])) == 41
    composed = song.read_bytes()
    assert [file.name for file in song.parent.iterdir()] == ["example.wav"]
    assert run("salsa", song)["npz"] == first["npz"] and song.read_bytes() == composed
    with pytest.raises(RequestError, match="'compose' must be one of"):
        run("polka", song)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AudioError, match="cannot be written"):
        run("waltz", tmp_path / "file" / "example.wav")


def test_the_job_edits_what_generate_gave(song: Path, tiny: Path) -> None:
    def run(method: str, **params: Any) -> dict[str, Any]:
        return HANDLERS[method](params, lambda *_: None, lambda: False)

    given = run("generate", audio=str(song), seconds=4.0, checkpoint=str(tiny), device="cpu")
    operations = [{"do": "lock", "start": 0, "stop": 20}, {"do": "regenerate", "seed": 9}]
    edited = run("edit", document=given["document"], npz=given["npz"], operations=operations, device="cpu")
    one, two = (read_motion(protocol.unpack_bytes(result["npz"])).poses for result in (given, edited))
    assert np.array_equal(one[:40], two[:40]) and not np.array_equal(one, two)
    document, tokens = from_json(edited["document"]), protocol.unpack_arrays(edited["npz"])["tokens"]
    assert document.locked[:20] == (True,) * 20 and np.array_equal(tokens, document.tokens)
    parts = {"first_document": given["document"], "first_npz": given["npz"], "seconds": 1.0, "device": "cpu"}
    joined = run("chain", second_document=edited["document"], second_npz=edited["npz"], **parts)
    three = read_motion(protocol.unpack_bytes(joined["npz"])).poses
    assert np.array_equal(three[:80], one) and len(from_json(joined["document"])) == 41 + 10 + 41
    with pytest.raises(RequestError, match="no operation 'dance'"):
        run("edit", document=given["document"], npz=given["npz"], operations=[{"do": "dance"}])
    with pytest.raises(RequestError, match="base64"):
        run("edit", document=given["document"], npz="?", operations=[])


def test_what_does_not_belong_together_is_refused(dance: State, song: Path, tmp_path: Path) -> None:
    document, motion = dance
    motion = replace(motion, music=None)  # as the first versions kept it
    regenerate = Operation("regenerate")
    changed = tmp_path / "song.wav"
    changed.write_bytes(song.read_bytes()[:-2])
    for path, words in ((changed, "not the song"), (tmp_path / "gone.wav", "cannot be read")):
        audio = replace(document.audio[0], path=str(path))
        with pytest.raises(AudioError, match=words):
            do((replace(document, audio=(audio,)), motion), regenerate)
    data = pack_dance_motion(document, motion)
    short = replace(document, spans=doc.split(document, 40).spans[:1])
    with pytest.raises(DataError, match="holds 162 frames, but its choreography has 40 positions"):
        do((short, read_dance_motion(data, short, "dance.npz")), regenerate)
    with pytest.raises(DataError, match="no 'clip_"):
        read_dance_motion(data, doc.keep_clip(document, 0, "gone"), "dance.npz")
    with pytest.raises(ChoreographyError, match="do not fit"):
        wild = doc.overwrite(document, 0, 1, doc.Variant(((999, 0, 0),)))
        do((wild, motion), regenerate)


def test_a_motion_that_is_none_is_refused(dance: State) -> None:
    """A damaged file beside the document: before anything is edited, and in a sentence."""
    file = io.BytesIO()
    tried = do(dance, Operation("replace", 10, 20, 5, 2))
    write_dance_motion(file, tried.document, tried.dance)
    with np.load(io.BytesIO(file.getvalue())) as saved:
        arrays = dict(saved)
    clip = next(name for name in arrays if name.startswith("clip_") and name.endswith("_poses"))
    trans = clip.replace("_poses", "_trans")
    for change in (
        {"frames_poses": arrays["frames_poses"][:, :70]},
        {"frames_poses": arrays["frames_poses"].T},
        {"frames_poses": np.float64(3)},
        {"frames_poses": arrays["frames_poses"][:0], "frames_trans": arrays["frames_trans"][:0]},
        {"frames_trans": arrays["frames_trans"] * np.nan},
        {"frames_trans": np.array(["text"])},
        {clip: arrays[clip][:3], trans: arrays[trans][:3]},
    ):
        damaged = io.BytesIO()
        np.savez(damaged, **{**arrays, **change})
        with pytest.raises(DataError, match=r"The motion: "):
            read_dance_motion(damaged.getvalue(), tried.document, "The motion")


def test_codes_that_the_checkpoint_does_not_have_are_refused_in_every_variant(dance: State) -> None:
    document = doc.insert_variant(dance[0], 0, doc.Variant(tuple((99, 0, 0) for _ in range(len(dance[0])))))
    with pytest.raises(ChoreographyError, match=r"codes do not fit"):
        do((document, dance[1]), Operation("choose", 0, index=1))


def test_frames_of_another_token_rate_are_refused(dance: State) -> None:
    document, motion = replace(dance[0], token_rate=20.0), dance[1]
    frames = replace(motion.frames.cut(0, len(document)), fps=20.0)
    with pytest.raises(DataError, match="Give the motion that belongs to it"):
        do((document, replace(motion, frames=frames)), Operation("mirror", start=0, stop=4))


def test_a_chain_has_limits(dance: State) -> None:
    def chained(first: Choreography, seconds: float = 1.5) -> None:
        chain((first, dance[1]), dance, seconds, 5, lambda *_: None, lambda: False, "cpu")

    for seconds in (float("nan"), float("inf"), 0.0, -1.0, 61.0):
        with pytest.raises(RequestError, match="is not possible"):
            chained(dance[0], seconds)
    songs = tuple(replace(dance[0].audio[0], at=number) for number in range(80))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.editing.chain.LONGEST_SECONDS", 15.0)
        with pytest.raises(RequestError, match="Both dances together last"):
            chained(dance[0])
        patch.setattr("engine.editing.chain.MOST_SONGS", 80)
        with pytest.raises(RequestError, match="to 81 songs"):
            chained(replace(dance[0], audio=songs))


def test_without_a_free_span_nothing_is_regenerated_and_locked_moves_are_not_replaced(dance: State) -> None:
    with pytest.raises(RequestError, match="Everything is locked"):
        do(dance, lock(0, len(dance[0])), Operation("regenerate"))
    with pytest.raises(ChoreographyError, match="locked"):
        do(dance, lock(10, 20), Operation("replace", 15, 30))


def test_a_cancel_stops_between_two_positions(dance: State) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    operations: Sequence[Operation] = [Operation("replace", 30, 50)]
    with pytest.raises(CancelledError):
        edit(*dance, operations, lambda *_: None, cancelled, device="cpu")
    assert 6 <= asked <= 7  # two threads generate candidates, and each asks
