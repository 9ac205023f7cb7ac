"""Dances generated with imported checkpoints, by the same functions as with ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import original_reference as reference
import pytest
import torch
from original_files import VARIANTS, save

from engine.audio.original import encodec_features as encodec
from engine.editing.dance_files import DanceMotion
from engine.editing.edit import edit
from engine.editing.operations import Operation
from engine.errors import CancelledError, CheckpointError, RequestError
from engine.models.loading import load_checkpoint, load_own_checkpoint
from engine.models.original import generation
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.clip.clip_style import write_vectors
from engine.models.original.config import OriginalSampling
from engine.models.original.generation import generate_motion
from engine.models.original.importing.importer import import_magma
from engine.motion import humanml3d
from engine.pipeline.generate import Dance, generate
from engine.pipeline.request import GenerateRequest
from engine.service.cli import main
from smpl_rig.motion import Motion, load_npz, save_npz


def walk(frames: int) -> Motion:
    """A body that sways and walks."""
    poses = 0.2 * np.sin(np.arange(frames)[:, None] / 7 + np.arange(72)).astype(np.float32)
    poses[:, :3] = [np.pi / 2, 0, 0]
    trans = np.stack([np.arange(frames) * 0.02, np.zeros(frames), np.full(frames, 0.95)], -1)
    return Motion(poses, trans.astype(np.float32), 20.0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints with random weights; thanks to the statistics of a real motion, theirs stays close to a body's."""
    folder = tmp_path_factory.mktemp("imported")
    features = humanml3d.encode(walk(200).joints())
    mean, std = humanml3d.statistics(features)
    np.save(folder / "mean.npy", mean)
    np.save(folder / "std.npy", std * 0.05)
    vqvae = save(folder / "vq.pt", reference.random_vqvae(depth=(1, 1)))
    found = {}
    for variant in VARIANTS:
        decoder = save(folder / "seq.pt", reference.random_decoder(variant, depth=1))
        found[variant] = folder / variant
        import_magma(vqvae, decoder, variant, folder / variant, folder / "mean.npy", folder / "std.npy")
    return found


@pytest.fixture(autouse=True)
def fake_encodec(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray]]:
    """A replacement for EnCodec, as its weights cannot be shipped; it records its input."""
    given: list[np.ndarray] = []

    def features(audio: np.ndarray, device: str, on_progress: object) -> np.ndarray:
        given.append(audio)
        loudness = np.abs(audio).reshape(-1, 320).mean(-1)
        return (loudness[:, None] * np.ones(128)).astype(np.float32)

    monkeypatch.setattr(encodec, "encodec_features", features)
    return given


@pytest.fixture
def request_(song: Path, folders: dict[str, Path]) -> GenerateRequest:
    return GenerateRequest(str(song), seconds=3.0, checkpoint=str(folders["librosa"]), device="cpu", seed=3)


def dance_to(request: GenerateRequest) -> Dance:
    return generate(request, lambda *_: None, lambda: False)


@pytest.mark.parametrize("variant", ["librosa", "encodec", "encodec_sine"])
def test_every_variant_generates_a_dance(request_: GenerateRequest, folders: dict[str, Path], variant: str) -> None:
    request = replace(request_, checkpoint=str(folders[variant]), fps=30.0)
    dance = dance_to(request)
    assert len(dance.motion) == 90 and dance.motion.fps == 30
    assert dance.tokens.shape == (61, 1) and dance.token_rate == 20 and dance.style == ""
    assert dance.tokens.max() < 32
    assert np.isfinite(dance.motion.joints()).all()
    assert dance.motion.joints()[..., 2].min() > -0.02  # feet were planted
    report = dance.report
    assert report["tempo"] == pytest.approx(92, rel=0.05) and report["notices"] == []
    assert 0 < report["first_motion_seconds"] < 60 and report["solve_error_mm"] >= 0
    assert dance_to(request).to_npz() == dance.to_npz()


def test_encodec_is_given_the_chosen_part_at_its_sample_rate(
    request_: GenerateRequest, folders: dict[str, Path], fake_encodec: list[np.ndarray]
) -> None:
    dance_to(replace(request_, checkpoint=str(folders["encodec"]), start=1.0, speed=2.0))
    (audio,) = fake_encodec
    assert len(audio) == 31 * 320  # 1.5 s, and the frame after
    assert np.abs(audio[: 30 * 320]).max() > 0.01


def test_the_motion_equals_decoding_all_tokens_at_once(request_: GenerateRequest, folders: dict[str, Path]) -> None:
    checkpoint = load_checkpoint(str(folders["librosa"]))
    assert isinstance(checkpoint, OriginalCheckpoint)
    music = np.random.RandomState(0).standard_normal((130, 35)).astype(np.float32)
    settings = OriginalSampling(window=50, overlap=10)
    blocks = list(generate_motion(checkpoint, music, None, settings, 0, lambda: False))
    assert [len(tokens) for tokens, _ in blocks] == [20] * 6 + [10]
    tokens, motion = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    whole = checkpoint.vqvae.decode(torch.from_numpy(tokens)[None])[0].numpy()
    np.testing.assert_allclose(motion, whole, atol=1e-4)


def test_motion_is_returned_before_later_tokens_are_generated(folders: dict[str, Path]) -> None:
    checkpoint = load_checkpoint(str(folders["librosa"]))
    assert isinstance(checkpoint, OriginalCheckpoint)
    asked = []
    blocks = generate_motion(
        checkpoint, np.zeros((600, 35), np.float32), None, OriginalSampling(), 0, lambda: bool(asked.append(1))
    )
    tokens, motion = next(blocks)
    assert len(tokens) == len(motion) == 20 and len(asked) == 20


def test_frames_are_shown_while_they_are_generated(request_: GenerateRequest) -> None:
    shown: list[tuple[int, Motion]] = []
    dance = generate(request_, lambda *_: None, lambda: False, lambda first, motion: shown.append((first, motion)))
    assert [(first, len(motion)) for first, motion in shown] == [(0, 20), (20, 20), (40, 20), (60, 1)]
    assert dance.to_npz() == dance_to(request_).to_npz()
    checkpoint = load_checkpoint(request_.checkpoint)
    assert isinstance(checkpoint, OriginalCheckpoint)
    whole = checkpoint.decode(dance.tokens)
    # nearly equal: the body's scale is measured on the frames so far
    path = np.concatenate([motion.trans for _, motion in shown])
    np.testing.assert_allclose(path, whole.trans, atol=0.05)
    np.testing.assert_allclose(shown[-1][1].joints(), whole.joints()[60:], atol=0.02)


def test_the_prefix_view_can_be_chosen(request_: GenerateRequest, folders: dict[str, Path]) -> None:
    request = replace(request_, temperature=0.0)
    usual, whole, prefix = (dance_to(replace(request, music_view=view)) for view in (None, "whole", "prefix"))
    assert np.array_equal(usual.tokens, whole.tokens)
    assert not np.array_equal(prefix.tokens, whole.tokens)
    with pytest.raises(RequestError, match="'suffix'"):
        dance_to(replace(request, music_view="suffix"))


def test_styles_need_vectors_and_change_the_dance(
    request_: GenerateRequest, folders: dict[str, Path], tmp_path: Path
) -> None:
    request = replace(request_, checkpoint=str(folders["encodec_style"]))
    for style in (None, "Krump"):
        with pytest.raises(CheckpointError, match="style-vectors"):
            dance_to(replace(request, style=style))
    random = np.random.RandomState(0)
    vectors = {name: random.standard_normal(512).astype(np.float32) * 5 for name in ("Krump", "House")}
    write_vectors(folders["encodec_style"], vectors)
    krump, house = dance_to(replace(request, style="Krump")), dance_to(replace(request, style="House"))
    assert krump.style == "Krump" and (krump.tokens != house.tokens).mean() > 0.3
    assert dance_to(request).style in vectors
    with pytest.raises(RequestError, match="Krump"):
        dance_to(replace(request, style="waltz"))


def test_a_style_is_refused_for_a_variant_without_styles(request_: GenerateRequest) -> None:
    with pytest.raises(RequestError, match="none"):
        dance_to(replace(request_, style="waltz"))


def test_temperature_is_used_and_a_notice_says_that_guidance_is_not(request_: GenerateRequest) -> None:
    plain = dance_to(request_)
    guided = dance_to(replace(request_, guidance=3.0))
    assert np.array_equal(guided.tokens, plain.tokens) and "guidance" in guided.report["notices"][0]
    greedy = dance_to(replace(request_, temperature=0.0))
    assert np.array_equal(dance_to(replace(request_, temperature=0.0)).tokens, greedy.tokens)
    assert not np.array_equal(greedy.tokens, plain.tokens)


def test_a_notice_names_missing_statistics(request_: GenerateRequest, tmp_path: Path) -> None:
    vqvae = save(tmp_path / "vq.pt", reference.random_vqvae(depth=(1, 1)))
    decoder = save(tmp_path / "seq.pt", reference.random_decoder("librosa", depth=1))
    import_magma(vqvae, decoder, "librosa", tmp_path / "bare")
    notices = dance_to(replace(request_, checkpoint=str(tmp_path / "bare"))).report["notices"]
    assert len(notices) == 1 and "--mean" in notices[0]


@pytest.mark.parametrize("stage", ["features", "tokens"])
def test_a_cancel_ends_any_stage(request_: GenerateRequest, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    stages: list[str] = []
    with pytest.raises(CancelledError):
        generate(request_, lambda name, *_: stages.append(name), lambda: stage in stages)
    assert stages[-1] == stage


def test_motion_of_another_width_is_refused(request_: GenerateRequest, tmp_path: Path) -> None:
    vqvae = save(tmp_path / "vq.pt", reference.random_vqvae(depth=(1, 1), features=99))
    decoder = save(tmp_path / "seq.pt", reference.random_decoder("librosa", depth=1))
    import_magma(vqvae, decoder, "librosa", tmp_path / "other")
    with pytest.raises(CheckpointError, match="99"):
        dance_to(replace(request_, checkpoint=str(tmp_path / "other")))


def test_motion_files_are_encoded_and_decoded(folders: dict[str, Path], tmp_path: Path) -> None:
    save_npz(tmp_path / "walk.npz", walk(40))
    checkpoint = str(folders["librosa"])
    assert main(["tokenize", str(tmp_path / "walk.npz"), "--checkpoint", checkpoint]) == 0
    with np.load(tmp_path / "walk.tokens.npz") as data:
        assert data["tokens"].shape == (39, 1) and data["token_rate"] == 20
    decoded = tmp_path / "decoded.npz"
    assert main(["decode", str(tmp_path / "walk.tokens.npz"), "-o", str(decoded), "--checkpoint", checkpoint]) == 0
    assert len(load_npz(decoded)) == 39


def test_imported_checkpoints_are_refused_where_our_own_are_needed(folders: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match="own"):
        load_own_checkpoint(str(folders["librosa"]))


def test_the_cache_of_a_long_dance_is_bounded(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]) -> None:
    monkeypatch.setattr(generation, "MOTION_MEMORY", 30)
    checkpoint = load_checkpoint(str(folders["librosa"]))
    assert isinstance(checkpoint, OriginalCheckpoint)
    music = np.zeros((100, 35), np.float32)
    tokens, motion = (
        np.concatenate(parts)
        for parts in zip(*generate_motion(checkpoint, music, None, OriginalSampling(), 0, lambda: False), strict=True)
    )
    whole = checkpoint.vqvae.decode(torch.from_numpy(tokens)[None])[0].numpy()
    np.testing.assert_allclose(motion[:30], whole[:30], atol=1e-4)
    assert np.isfinite(motion).all() and motion.shape == whole.shape


def test_a_dance_can_be_edited_and_what_is_locked_stays(request_: GenerateRequest) -> None:
    """These decoders attend to the whole past, so every later frame would change if poses were not kept."""
    generated = generate(request_, lambda *_: None, lambda: False)
    document, dance = generated.document, DanceMotion(generated.motion, generated.frames)
    count = len(document)
    steps = [
        Operation("lock", 0, 20),
        Operation("lock", count - 20, count),
        Operation("regenerate", seed=5, variants=2),
    ]
    edited = edit(document, dance, steps, lambda *_: None, lambda: False, device="cpu")
    for part in (slice(0, 21), slice(count - 20, count)):
        assert np.array_equal(edited.dance.frames.poses[part], dance.frames.poses[part])
        assert np.array_equal(edited.dance.frames.trans[part], dance.frames.trans[part])
    assert not np.array_equal(edited.dance.frames.poses[22 : count - 20], dance.frames.poses[22 : count - 20])
    assert edited.document.tokens[20 : count - 20] != document.tokens[20 : count - 20]
    assert len(edited.document.span_at(30).variants) == 3
