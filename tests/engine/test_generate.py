"""Dance generation: repeatable, of the right length, exact at every frame rate, can be cancelled, clear errors."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_engine import STYLE_MUSIC, STYLES, tiny_networks

from engine.audio.composing.demo_song import write_demo_song
from engine.errors import AudioError, CancelledError, CheckpointError, EngineError, RequestError
from engine.pipeline.generate import Dance, generate
from engine.pipeline.request import GenerateRequest
from smpl_rig import motion as motions
from smpl_rig.dance_motion import read_motion
from smpl_rig.kinematics import forward_kinematics
from smpl_rig.skeleton import SMPL_PELVIS


def dance_to(request: GenerateRequest) -> Dance:
    return generate(request, lambda *_: None, lambda: False)


@pytest.fixture
def request_(song: Path, tiny: Path) -> GenerateRequest:
    return GenerateRequest(str(song), seconds=4.0, style="rumba", checkpoint=str(tiny), device="cpu", seed=3)


def test_same_seed_same_dance_and_another_seed_another(request_: GenerateRequest) -> None:
    first, again = dance_to(request_), dance_to(request_)
    assert first.to_npz() == again.to_npz()
    other = dance_to(replace(request_, seed=4))
    assert (other.tokens != first.tokens).mean() > 0.3


def test_a_music_view_is_for_imported_checkpoints(request_: GenerateRequest) -> None:
    with pytest.raises(RequestError, match="imported"):
        dance_to(replace(request_, music_view="prefix"))


def test_the_best_of_several_candidates_is_kept_and_its_seed_gives_it_again(request_: GenerateRequest) -> None:
    best = dance_to(replace(request_, candidates=4))
    candidates = best.report["candidates"]
    assert sorted(candidate["seed"] for candidate in candidates) == [3, 4, 5, 6]
    assert best.seed == candidates[0]["seed"] == best.document.seed
    assert np.array_equal(dance_to(replace(request_, seed=best.seed)).tokens, best.tokens)
    assert dance_to(replace(request_, seed=2**63 - 1, candidates=2)).report["candidates"]


def test_the_other_candidates_are_kept_as_if_each_had_been_generated_alone(request_: GenerateRequest) -> None:
    several = replace(request_, candidates=3, beat_snap=1.0)
    best, plain = dance_to(replace(several, keep_candidates=True)), dance_to(several)
    assert best.to_npz() == plain.to_npz() and best.document == plain.document and not plain.others
    assert [other.seed for other in best.others] == [each["seed"] for each in best.report["candidates"]][1:]
    assert [each["score"] for each in best.report["candidates"]] == sorted(
        (each["score"] for each in best.report["candidates"]), reverse=True
    )
    for other in best.others:
        alone = dance_to(replace(several, candidates=1, seed=other.seed))
        assert other.document == alone.document and np.array_equal(other.tokens, alone.tokens)
        assert np.abs(other.motion.joints() - alone.motion.joints()).max() < 1e-3
    assert not dance_to(replace(request_, keep_candidates=True)).others


def test_the_seed_alone_decides_whatever_random_numbers_were_drawn_before(request_: GenerateRequest) -> None:
    before = dance_to(request_)
    torch.manual_seed(1)
    torch.rand(5)
    assert np.array_equal(dance_to(request_).tokens, before.tokens)


def test_threads_are_left_as_they_were(request_: GenerateRequest) -> None:
    torch.set_num_threads(2)
    try:
        dance_to(replace(request_, device="cpu-torch"))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0, 24 / 1.001])
def test_frame_k_is_the_dance_at_second_k_by_fps(request_: GenerateRequest, fps: float) -> None:
    base, dance = dance_to(request_), dance_to(replace(request_, fps=fps))
    assert base.motion.fps == 20 and len(base.motion) == 80
    assert len(dance.motion) == round(4.0 * fps)
    assert dance.motion.fps == fps
    assert np.array_equal(dance.tokens, base.tokens)
    times = np.arange(len(dance.motion)) / fps
    inside = times <= 78 / 20  # a curve needs a frame beyond, and `base` ends there
    expected = motions.sample(base.motion, times[inside])
    np.testing.assert_allclose(dance.motion.joints()[inside], expected.joints(), atol=1e-4)
    # beyond the last of the 20 frames a second the dance goes on instead of freezing
    assert np.abs(np.diff(dance.motion.joints()[-3:], axis=0)).max() > 1e-6


def test_length_follows_the_part_of_the_song_and_the_speed(request_: GenerateRequest) -> None:
    whole = dance_to(replace(request_, seconds=None))
    assert len(whole.motion) == 200
    assert len(dance_to(replace(request_, start=7.5, seconds=None)).motion) == 50
    assert len(dance_to(replace(request_, start=7.5, seconds=60.0)).motion) == 50
    assert len(dance_to(replace(request_, speed=2.0)).motion) == 40
    assert len(dance_to(replace(request_, speed=0.5, fps=25.0)).motion) == 200
    assert len(dance_to(replace(request_, seconds=2.53)).motion) == 51


def test_silence_before_the_song_for_a_negative_start(request_: GenerateRequest) -> None:
    early, usual = dance_to(replace(request_, start=-1.0)), dance_to(replace(request_, start=0.0))
    assert len(early.motion) == len(usual.motion) == 80
    first_beats = early.report["beats"][0], usual.report["beats"][0]
    assert all(0 <= beat < 4 for dance in (early, usual) for beat in dance.report["beats"])
    period = 60 / 92
    late = (first_beats[0] - first_beats[1] - 1.0 + period / 2) % period - period / 2
    assert abs(late) < 0.1


def test_the_dance_depends_on_the_part_of_the_song(request_: GenerateRequest) -> None:
    """Another part of the song gives another dance with the same seed."""
    assert not np.array_equal(dance_to(replace(request_, start=3.3)).tokens, dance_to(request_).tokens)


def test_the_file_is_amass_style_and_its_joints_are_forward_kinematics(
    request_: GenerateRequest, tmp_path: Path
) -> None:
    dance = dance_to(replace(request_, fps=30.0))
    path = tmp_path / "dance.npz"
    dance.write(path)
    with np.load(path, allow_pickle=False) as data:
        assert {"poses", "trans", "mocap_framerate", "betas", "gender", "joints", "tokens", "token_rate"} <= set(data)
        assert data["poses"].shape == (120, 72) and data["trans"].shape == (120, 3)
        assert data["joints"].shape == (120, 24, 3)
        assert data["mocap_framerate"] == 30 and data["token_rate"] == 10
        assert data["checkpoint"] == "tiny" and data["seed"] == 3 and data["style"] == "rumba"
        assert len(data["tokens"]) >= 40 and data["tokens"].shape[1] == 3 and not data["tokens"][:, 2].any()
        assert data["poses"].dtype == data["trans"].dtype == data["joints"].dtype == np.float32
        rotations = motions.Motion(data["poses"], data["trans"], 30.0).rotations()
        pelvis = data["trans"] + SMPL_PELVIS.astype(np.float32)  # as in AMASS, trans moves the body's origin
        np.testing.assert_allclose(forward_kinematics(rotations, pelvis), data["joints"], atol=1e-5)
        assert np.isfinite(data["poses"]).all() and np.isfinite(data["trans"]).all()
    assert len(motions.load_npz(path)) == 120
    assert len(read_motion(dance.to_npz())) == 120


def test_no_sole_below_the_floor(request_: GenerateRequest) -> None:
    feet = dance_to(request_).motion.joints()[:, [10, 11], 2]
    assert feet.min() > 0.02 - 0.005


def test_progress_rises_from_0_to_1(request_: GenerateRequest) -> None:
    reports: list[tuple[str, float, str]] = []
    generate(request_, lambda *args: reports.append(args), lambda: False)
    fractions = [fraction for _, fraction, _ in reports]
    assert fractions[0] == 0 and fractions[-1] == 1
    assert fractions == sorted(fractions)
    stages = list(dict.fromkeys(stage for stage, _, _ in reports))
    assert stages == ["load", "audio", "features", "tokens", "motion", "feet", "done"]
    assert all(message for _, _, message in reports)


@pytest.mark.parametrize("stage", ["load", "audio", "features", "tokens", "motion", "feet"])
def test_a_cancel_stops_at_the_next_step(request_: GenerateRequest, stage: str) -> None:
    stages: list[str] = []
    with pytest.raises(CancelledError):
        generate(request_, lambda now, *_: stages.append(now), lambda: stage in stages)
    assert stages[-1] == stage
    # progress comes every ten tokens, but a cancel is checked at each of them
    assert stages.count("tokens") <= 1 or stage != "tokens"


@pytest.mark.parametrize("temperature", [0.0, 1e-30, 1e-6, 5.0])
@pytest.mark.parametrize("guidance", [0.0, 1.0, 10.0])
def test_extreme_settings_still_give_a_dance(request_: GenerateRequest, temperature: float, guidance: float) -> None:
    dance = dance_to(replace(request_, seconds=1.5, temperature=temperature, guidance=guidance))
    assert len(dance.motion) == 30 and np.isfinite(dance.motion.poses).all()


def test_temperature_0_does_not_depend_on_the_seed(request_: GenerateRequest) -> None:
    cold = [dance_to(replace(request_, temperature=0.0, seed=seed)).tokens for seed in (1, 2)]
    assert np.array_equal(*cold)


@pytest.mark.parametrize("style", [None, "AUTO", "auto"])
def test_auto_chooses_the_style_by_the_tempo(request_: GenerateRequest, style: str | None, tmp_path: Path) -> None:
    assert dance_to(replace(request_, style=style, seconds=None)).style in ("rumba", "waltz")  # 92 and 87 beats/min
    fast = tmp_path / "fast.wav"
    write_demo_song(fast, "salsa", 8.0)
    dance = dance_to(replace(request_, audio=str(fast), style=style, seconds=None))
    assert dance.style in STYLES and dance.report["style"] == dance.style


def test_each_style_gives_another_dance(request_: GenerateRequest) -> None:
    tokens = [dance_to(replace(request_, style=style, temperature=0.05)).tokens for style in STYLES]
    assert not np.array_equal(tokens[0], tokens[1]) and not np.array_equal(tokens[1], tokens[2])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"style": "polka"}, RequestError, "rumba, salsa, waltz"),
        ({"checkpoint": "nowhere"}, CheckpointError, "nowhere"),
        ({"device": "abacus"}, RequestError, "abacus"),
        ({"temperature": -1.0}, RequestError, "temperature"),
        ({"temperature": math.nan}, RequestError, "temperature"),
        ({"guidance": math.inf}, RequestError, "guidance"),
        ({"speed": 0.0}, RequestError, "speed"),
        ({"beat_snap": 1.1}, RequestError, "beat_snap"),
        ({"candidates": 0}, RequestError, "candidates"),
        ({"candidates": 17}, RequestError, "candidates"),
        ({"beat_snap": math.nan}, RequestError, "beat_snap"),
        ({"fps": 0.0}, RequestError, "fps"),
        ({"fps": math.nan}, RequestError, "fps"),
        ({"seconds": 0.0}, RequestError, "seconds"),
        ({"seconds": -1.0}, RequestError, "seconds"),
        ({"seconds": math.nan}, RequestError, "seconds"),
        ({"start": math.nan}, RequestError, "start"),
        ({"start": -math.inf}, RequestError, "start"),
        ({"start": 99.0}, AudioError, "99"),
        ({"start": 99.0, "seconds": None}, AudioError, "99"),
        ({"start": math.inf}, EngineError, "start"),
        ({"start": -5.0, "seconds": 4.0}, RequestError, "before the song begins"),
        ({"seconds": 0.2}, AudioError, "0.20 s"),
        ({"seed": -1}, RequestError, "seed"),
        ({"seed": 2**63}, RequestError, "seed"),
        ({"audio": "gone.wav"}, AudioError, "gone.wav"),
    ],
)
def test_an_impossible_request_is_refused_in_one_sentence(
    request_: GenerateRequest, change: dict, kind: type, words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        dance_to(replace(request_, **change))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(request_: GenerateRequest) -> None:
    with pytest.raises(RequestError, match="auto or cpu"):
        dance_to(replace(request_, device="cuda"))


def test_beat_snap_moves_the_same_dance_in_time_and_says_how_far(request_: GenerateRequest) -> None:
    plain, snapped = dance_to(request_), dance_to(replace(request_, beat_snap=1.0))
    assert np.array_equal(plain.tokens, snapped.tokens) and len(plain.motion) == len(snapped.motion)
    moved = snapped.report["beat_snap"]
    assert 0 < moved["mean_ms"] <= moved["max_ms"] < 1000 * 0.5 * 60 / 92
    assert not np.allclose(plain.motion.poses, snapped.motion.poses, atol=1e-3)
    assert snapped.report["notices"] == [] and "beat_snap" not in plain.report


def test_the_largest_seed_works(request_: GenerateRequest) -> None:
    assert len(dance_to(replace(request_, seed=2**63 - 1, seconds=1.5)).motion) == 30


@pytest.mark.parametrize("part", [{"seconds": None}, {"start": 5.0, "seconds": 1_300.0}, {"seconds": math.inf}])
def test_a_long_mix_is_refused_before_it_is_read_and_a_part_of_it_works(
    request_: GenerateRequest, long_mix: Path, part: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(EngineError, match="minutes") as caught:
        patched.setattr("engine.pipeline.song.load_audio", lambda *_: pytest.fail("the mix is read"))
        dance_to(replace(request_, audio=str(long_mix), **part))
    assert str(caught.value).endswith(".")
    assert len(dance_to(replace(request_, audio=str(long_mix), start=1_250.0, seconds=2.0)).motion) == 40


@pytest.fixture(scope="session")
def long_mix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 minutes; a dance lasts at most 20."""
    import wave

    path = tmp_path_factory.mktemp("mix") / "mix.wav"
    noise = np.random.default_rng(0).integers(-9_000, 9_000, 240_000).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(4_000)
        for _ in range(22):
            out.writeframes(noise)
    return path


def test_a_checkpoint_that_changes_on_disk_is_loaded_again(request_: GenerateRequest, tmp_path: Path) -> None:
    from engine.models.own.config import Sampling
    from engine.models.torch.checkpoint import save_checkpoint

    folder, description = (
        tmp_path / "changing",
        {"name": "changing", "styles": STYLES, "style_music": STYLE_MUSIC, "description": ""},
    )
    request = replace(request_, checkpoint=str(folder))
    save_checkpoint(folder, *tiny_networks(1), description, Sampling(), 20.0)
    first = dance_to(request)
    save_checkpoint(folder, *tiny_networks(2), description, Sampling(), 20.0)
    assert not np.array_equal(dance_to(request).tokens, first.tokens)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError):
        dance_to(request)


def test_gpu_out_of_memory_continues_on_the_cpu(request_: GenerateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.pipeline import generate as module
    from engine.runtime.device import Device

    usual, messages = dance_to(request_), []
    real = module.cached_checkpoint

    def load(folder: Path, device: str) -> object:
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(folder, device)

    monkeypatch.setattr(module, "cached_checkpoint", load)
    monkeypatch.setattr(module, "choose_device", lambda wanted: Device("cuda", "GPU"))
    dance = generate(request_, lambda *args: messages.append(args[2]), lambda: False)
    assert np.array_equal(dance.tokens, usual.tokens)
    assert dance.report["device"] == "cpu" and "memory" in dance.report["device_reason"]
    assert any("memory" in message for message in messages)


def test_torch_generates_the_same_dance(request_: GenerateRequest) -> None:
    usual, by_torch = dance_to(request_), dance_to(replace(request_, device="cpu-torch"))
    assert (usual.report["device"], by_torch.report["device"]) == ("cpu", "cpu-torch")
    assert np.mean(usual.tokens == by_torch.tokens) > 0.999
    np.testing.assert_allclose(usual.motion.joints(), by_torch.motion.joints(), atol=1e-4)


def test_the_report_can_be_sent_as_json(request_: GenerateRequest) -> None:
    report = json.loads(json.dumps(dance_to(request_).report))
    assert report["frames"] == 80 and report["fps"] == 20
    assert report["tempo"] == pytest.approx(92, rel=0.05)
    assert set(report["seconds"]) == {"load", "audio", "features", "tokens", "motion", "feet", "document"}


@pytest.mark.parametrize("stage", ["load", "audio", "features", "feet", "document"])
def test_a_cancel_does_not_wait_for_a_slow_library(
    request_: GenerateRequest, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    slow = {
        "load": "pipeline.generate.cached_checkpoint",
        "audio": "pipeline.generate.read_song",
        "features": "models.own.checkpoint.music_features",
        "feet": "pipeline.post_process.lock_feet",
        "document": "pipeline.generate.file_sha256",
    }[stage]
    working = threading.Event()
    release = threading.Event()

    def work(*args: object) -> None:
        working.set()
        release.wait(20)
        raise AudioError("The work was waited for.")

    monkeypatch.setattr(f"engine.{slow}", work)
    try:
        with pytest.raises(CancelledError):
            generate(request_, lambda *_: None, working.is_set)
    finally:
        release.set()


def test_the_server_sends_the_same_dance(request_: GenerateRequest) -> None:
    from dataclasses import asdict

    from engine.protocol import unpack_bytes
    from engine.service.jobs import run_generate

    answer = json.loads(json.dumps(run_generate(asdict(request_), lambda *_: None, lambda: False)))
    assert unpack_bytes(answer["npz"]) == dance_to(request_).to_npz()
    assert answer["report"]["style"] == "rumba"
