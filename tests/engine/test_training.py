"""Training of all stages: it learns, resumes to exactly the same weights, and reads every kind of data folder."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_engine import SMALL_CODEC, SMALL_DECODER, kill_at_step, own_folder, stepping, tiny_networks

from engine.__main__ import main
from engine.audio.composing.demo_song import write_demo_song
from engine.audio.music_features import MUSIC_FEATURES
from engine.data.clips import StyledMotion
from engine.errors import DataError
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation
from engine.motion.files.bvh_write import write_bvh
from engine.training import vqvae as codec_training
from engine.training.decoder import PairWindows, new_decoder, random_locks, train_decoder
from engine.training.decoder_run import PreparedRun, read_run, write_run
from engine.training.decoder_start import start_decoder
from engine.training.finetune_vqvae import corrupted, finetune_vqvae, nearest_codes
from engine.training.loop import TrainOptions, learning_rate
from engine.training.motion_spectra import spectral_loss, wave_loss
from engine.training.pairs import Pair
from engine.training.vqvae import train_vqvae
from engine.training.windows import style_weights
from smpl_rig import rotations as rot
from smpl_rig.skeleton import BODY_TO_WORLD


def options(out: Path, steps: int, **changes: object) -> TrainOptions:
    settings = TrainOptions(out, steps, 2e-3, batch=4, warmup=2, report_every=5, validate_every=4, save_every=4)
    return replace(settings, **changes)


def clips() -> list[StyledMotion]:
    return [StyledMotion(f"clip{bpm}", style, stepping(8.0, bpm)) for bpm, style in ((90, "rumba"), (120, "salsa"))]


def pairs() -> list[Pair]:
    """Pairs with codes and music of the same period, so that there is something to learn."""
    count = 160
    beat = np.arange(2 * count) % 16
    music = np.eye(16, dtype=np.float32)[beat]
    music = np.concatenate([music, np.zeros((2 * count, MUSIC_FEATURES - 16), np.float32)], axis=1)
    codes = np.stack([beat[::2], 31 - beat[::2]], axis=1).astype(np.int64)
    energy = np.linspace(-1, 1, count, dtype=np.float32)
    return [
        Pair(codes, music, 0, "real", energy),
        Pair(codes[::-1].copy(), None, 1, "silent", energy),
        Pair(codes, music, 2, "rhythm"),
    ]


def train_codec(settings: TrainOptions) -> MotionVQVAE:
    return train_vqvae(clips(), clips()[:1], SMALL_CODEC, settings)


def train_tiny_decoder(settings: TrainOptions) -> MotionDecoder:
    return train_decoder(pairs(), pairs()[:1], new_decoder(pairs(), SMALL_DECODER, settings.seed), settings)


STAGES = {"vqvae": train_codec, "decoder": train_tiny_decoder}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(codec_training, "UNQUANTIZED_STEPS", 3)  # so that the codebooks change within a few steps
    return request.param


def state(folder: Path) -> dict:
    return torch.load(folder / "state.pt", weights_only=True)


def equal(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_codec_with_more_levels_starts_as_the_one_it_is_made_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = MotionVQVAE(SMALL_CODEC)
    old.quantizer.codebook.normal_()
    finer = replace(SMALL_CODEC, levels=SMALL_CODEC.levels + 2)
    new = MotionVQVAE(finer)
    codec_training.copy_weights(old, new)
    codes = torch.randint(SMALL_CODEC.codes, (1, 20, SMALL_CODEC.levels))
    torch.testing.assert_close(new.decode(codes), old.decode(codes))

    trained = train_vqvae(clips(), clips()[:1], finer, options(tmp_path, 3), old)
    books = trained.quantizer.codebook
    assert books.flatten(1).any(1).all()  # the new codebooks have codes
    assert not books[finer.coarse :, 0].any() and books[: finer.coarse, 0].any()
    coarse_only = codes.new_zeros(1, 20, finer.levels)
    coarse_only[..., : finer.coarse] = codes[..., : finer.coarse]
    torch.testing.assert_close(trained.decode(coarse_only), trained.decode(codes[..., : finer.coarse]))


def test_a_codec_at_two_rates_starts_from_one_at_the_token_rate() -> None:
    """Its latents are those of the other one for positions that begin at each frame; what its last layers are given is
    the mean of what the other one's are given for a frame in its two places."""
    torch.manual_seed(0)
    old, new = MotionVQVAE(SMALL_CODEC), MotionVQVAE(replace(SMALL_CODEC, levels=8, quick=3))
    codec_training.copy_weights(old, new)
    features = torch.randn(1, 62, 128)
    latents = new.latent(features)[:, 1:-1]
    even, odd = old.latent(features[:, :-2])[0], old.latent(features[:, 1:-1])[0]
    apart = torch.stack([odd[:-1], even[1:]], 1).flatten(0, 1)[None]  # as `latents`, from frame 1 on
    inner = slice(24, -24)  # beyond the reach of the ends
    torch.testing.assert_close(latents[:, : apart.shape[1]][:, inner], apart[:, inner], atol=1e-5, rtol=1e-4)
    encoded = ((new, new.latent(features)), (old, even[None]), (old, odd[None]))
    deep = [codec.decoder[:3](latent.transpose(1, 2)) for codec, latent in encoded]
    mean = (deep[1][..., 1:] + deep[2][..., :-1]) / 2
    torch.testing.assert_close(deep[0][..., 1:-2][..., inner], mean[..., inner], atol=1e-5, rtol=1e-4)


def test_what_the_losses_of_spectra_see() -> None:
    """Weak quick movements count like strong slow ones; at another moment they are as strong, and not the same."""
    times = torch.arange(65) / 20

    def steps(quick: float, late: float = 0.0) -> torch.Tensor:
        place = 0.3 * torch.sin(2 * torch.pi * times) + quick * torch.sin(2 * torch.pi * 5 * (times - late))
        return place.diff()[None, :, None, None].repeat(1, 1, 24, 3)

    real = steps(0.02)
    without, late, slower = steps(0.0), steps(0.02, late=0.1), steps(0.02) * 1.05
    assert wave_loss(without, real) > 2 * wave_loss(slower, real)
    assert wave_loss(late, real) > wave_loss(without, real) > 0.1
    assert spectral_loss(late, real) < 0.25 * spectral_loss(without, real)


def test_fine_tuning_resumes_with_its_discriminator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = finetune_vqvae(tiny_networks()[0], clips(), clips()[:1], options(tmp_path / "whole", 4, save_every=2))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill_at_step(patch, 3)
        finetune_vqvae(tiny_networks()[0], clips(), clips()[:1], options(tmp_path / "parts", 4, save_every=2))
    resumed = finetune_vqvae(tiny_networks()[0], clips(), clips()[:1], options(tmp_path / "parts", 4, save_every=2))
    assert equal(whole.state_dict(), resumed.state_dict())


def test_fine_tuning_changes_only_what_comes_after_the_codebooks(tmp_path: Path) -> None:
    codec, before = tiny_networks()[0], tiny_networks()[0]
    tuned = finetune_vqvae(codec, clips(), clips()[:1], options(tmp_path, 4, learning_rate=1e-2))
    features = torch.from_numpy(representation.encode(stepping(4.0, 100.0, 20.0)))[None]
    codes = before.encode(features)
    assert torch.equal(tuned.encode(features), codes)  # a decoder that was trained before still fits
    assert not torch.allclose(tuned.decode(codes), before.decode(codes))
    assert {"val_mm", "val_coarse_mm"} <= set(log(tmp_path)[-1])


def test_replaced_codes_are_near_and_only_windows_without_fine_levels_have_them() -> None:
    torch.manual_seed(0)
    book, coarse, near = torch.randn(3, 32, 8), 2, 4
    codes = torch.randint(1, 32, (64, 30, 3))
    found = corrupted(codes, nearest_codes(book, near), coarse)
    whole = (found == codes).all(-1).all(-1)
    assert 0.2 < whole.float().mean() < 0.8  # some windows are as they were
    assert not found[~whole][..., coarse:].any() and (found[~whole][..., :coarse] != codes[~whole][..., :coarse]).any()
    rank = torch.cdist(book, book).argsort(-1).argsort(-1)
    for level in range(coarse):
        assert rank[level][codes[..., level], found[..., level]].max() == near
    assert nearest_codes(book, 99).shape == (3, 32, 31)


def test_a_run_that_was_killed_resumes_to_the_same_weights(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = STAGES[stage](options(tmp_path / "whole", 10))

    torch.manual_seed(99)  # the process that resumes has another random state
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill_at_step(patch, 7)  # three steps after the save at four
        STAGES[stage](options(tmp_path / "parts", 10))
    assert state(tmp_path / "parts")["step"] == 4
    torch.manual_seed(123)
    resumed = STAGES[stage](options(tmp_path / "parts", 10))
    assert equal(whole.state_dict(), resumed.state_dict())
    one, two = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert one["step"] == two["step"] == 10
    assert equal(one["model"], two["model"]) and equal(one["averaged"], two["averaged"])


def test_a_finished_run_is_left_alone(stage: str, tmp_path: Path) -> None:
    first = STAGES[stage](options(tmp_path, 4))
    again = STAGES[stage](options(tmp_path, 4))
    assert equal(first.state_dict(), again.state_dict())


def test_the_seed_decides(stage: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    one, two, other = (STAGES[stage](options(tmp_path / str(i), 2, seed=seed)) for i, seed in enumerate((7, 7, 8)))
    assert equal(one.state_dict(), two.state_dict())
    assert not equal(one.state_dict(), other.state_dict())


def test_the_loss_falls_and_is_logged(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    STAGES[stage](options(tmp_path, 40, report_every=10, validate_every=20, save_every=20, batch=8, learning_rate=5e-3))
    lines = log(tmp_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 4 and losses[-1] < 0.8 * losses[0]
    assert all(line["seconds_per_step"] > 0 for line in lines if "loss" in line)
    checked = [line for line in lines if any(name.startswith("val_") for name in line)]
    assert [line["step"] for line in checked] == [20, 40]
    assert all(np.isfinite(value) for line in checked for value in line.values())
    assert "step 40" in capsys.readouterr().out


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("damage", ["empty", "half", "text", "pickle", "another run", "a list", "no optimizer"])
def test_a_damaged_state_is_refused(stage: str, tmp_path: Path, damage: str) -> None:
    STAGES[stage](options(tmp_path, 2))
    file = tmp_path / "state.pt"
    content = {
        "empty": b"",
        "half": file.read_bytes()[: file.stat().st_size // 2],
        "text": b"not a state\n" * 40,
        "pickle": pickle.dumps(Trap(tmp_path / "trapped")),
    }.get(damage)
    if content is not None:
        file.write_bytes(content)
    elif damage == "another run":
        torch.save({**state(tmp_path), "model": {"other": torch.zeros(3)}}, file)
    elif damage == "a list":
        torch.save([1, 2], file)
    else:
        torch.save({**state(tmp_path), "optimizer": {"state": {}, "param_groups": []}}, file)
    before = file.read_bytes()
    with pytest.raises(DataError, match="damaged or does not fit") as caught:
        STAGES[stage](options(tmp_path, 4))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert file.read_bytes() == before and not (tmp_path / "trapped").exists()


def test_learning_rate_rises_and_falls() -> None:
    settings = TrainOptions(Path(), 1000, 1e-3, batch=1)
    rates = [learning_rate(settings, step) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5) and max(rates) == pytest.approx(1e-3)
    assert np.all(np.diff(rates[:100]) > 0) and np.all(np.diff(rates[101:]) < 0)
    assert rates[-1] == pytest.approx(5e-5, rel=0.01)


def test_styles_are_sampled_more_evenly_than_their_lengths() -> None:
    weights = style_weights(["waltz", "waltz", "salsa"], [300, 100, 100])
    assert weights.sum() == pytest.approx(1)
    assert weights[0] == pytest.approx(3 * weights[1])  # within a style by length
    share = weights[:2].sum() / weights[2]
    assert share == pytest.approx(4**0.4)


def test_locks_leave_something_free_and_come_in_all_kinds() -> None:
    generator = np.random.default_rng(0)
    locks = [random_locks(generator, 128) for _ in range(300)]
    assert all(lock.shape == (128,) and not lock.all() for lock in locks)
    free = [lock for lock in locks if not lock.any()]
    gaps = [lock for lock in locks if lock[0] and lock[-1] and not lock.all()]
    assert 0.25 < len(free) / 300 < 0.6 and len(gaps) > 60
    for count in (1, 2, 5):
        assert all(len(random_locks(generator, count)) == count for _ in range(50))


def test_a_batch_of_short_and_silent_pairs() -> None:
    short = [
        Pair(pair.codes[:41], None if pair.music is None else pair.music[:82], pair.style, pair.kind)
        for pair in pairs()
    ]
    batch = PairWindows(short, SMALL_DECODER).batch(np.random.default_rng(0), 16)
    assert batch.real.sum(1).tolist() == [41] * 16
    assert not (batch.locked & ~batch.real).any()
    for row in range(16):
        assert bool(batch.has_music[row]) == bool(batch.music[row].any())
        assert not batch.music[row, 82:].any()


def test_an_unknown_past_is_a_beginning_and_is_like_the_place_before_the_first_position() -> None:
    batch = PairWindows(pairs(), SMALL_DECODER).batch(np.random.default_rng(0), 24)
    unknown = (batch.history < 0).all(2)
    assert (unknown == (batch.history < 0).any(2)).all()
    assert (unknown == unknown.cumprod(1).bool()).all()  # nothing is unknown after something known
    assert 6 <= int(unknown[:, 0].sum()) <= 18
    network = new_decoder(pairs(), SMALL_DECODER, 0).eval()
    torch.nn.init.normal_(network.start)
    given = (batch.music, batch.locked, batch.style, batch.has_music)
    nothing = network(batch.codes, torch.full_like(batch.history, -1), *given)[0]
    known = network(batch.codes, torch.zeros_like(batch.history), *given)[0]
    torch.testing.assert_close(nothing[:, 0], known[:, 0])  # what is before the first position is unknown anyway
    assert (nothing[:, 1:] - known[:, 1:]).abs().amax(2).min() > 1e-4  # the first code is not the unknown one


def test_a_decoder_of_other_styles_with_energy_starts_as_the_one_it_is_made_from() -> None:
    """With the same codec it predicts the same in the styles that both know and with none given; new styles differ, and
    so does energy from the beginning: what begins near zero is not learned beside the music."""
    codec, old = tiny_networks()
    styles, known = ["jazz", "salsa", "pop"], ["rumba", "salsa", "waltz"]
    model = MotionDecoder(replace(SMALL_DECODER, energy=True)).eval()
    codes = torch.randint(SMALL_CODEC.codes, (4000, SMALL_DECODER.levels))
    start_decoder(model, old, (styles, known), (codec.config, codec.config), (codes, codes))
    given, music = codes[:60].reshape(2, 30, -1), torch.randn(2, 60, SMALL_DECODER.music_features)
    free, heard, energy = torch.zeros(2, 30, dtype=torch.bool), torch.ones(2, dtype=torch.bool), torch.randn(2, 30)
    for style, other in ((1, 1), (3, 3)):
        ours = model(given, given, music, free, torch.full((2,), style), heard)
        theirs = old(given, given, music, free, torch.full((2,), other), heard)
        for one, two in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, two, atol=1e-2, rtol=1e-2)
        asked = model(given, given, music, free, torch.full((2,), style), heard, energy)
        assert float((asked[0] - ours[0]).abs().max()) > 0.05
    rows = model.context.style.weight.detach()
    far = [float((rows[style] - rows[3]).norm()) for style in (0, 2)]
    assert far == pytest.approx(2 * [float((old.context.style.weight.detach()[:3] - rows[3]).norm(dim=1).mean())])
    assert float((rows[0] - rows[2]).norm()) > far[0]


def test_a_decoder_is_carried_over_to_renamed_codes_and_levels_of_another_codec() -> None:
    codec, old = tiny_networks()
    quick = replace(SMALL_CODEC, levels=4, coarse=3, quick=2)  # shared, quick, shared, quick
    model = MotionDecoder(replace(SMALL_DECODER, levels=3)).eval()
    codes = torch.randint(SMALL_CODEC.codes, (4000, 2))
    renamed = torch.randperm(SMALL_CODEC.codes)[codes]
    new = torch.stack([renamed[:, 0], torch.zeros(4000, dtype=torch.int64), renamed[:, 1]], 1)
    start_decoder(model, old, (["a", "b", "c"], ["a", "b", "c"]), (quick, codec.config), (new, codes))
    torch.testing.assert_close(model.embed(new[:50]), old.embed(codes[:50]), atol=1e-2, rtol=1e-2)
    state = torch.randn(50, SMALL_DECODER.width)
    torch.testing.assert_close(model.heads[0](state)[:, renamed[:50, 0]], old.heads[0](state)[:, codes[:50, 0]])
    torch.testing.assert_close(model.heads[2](state)[:, renamed[:50, 1]], old.heads[1](state)[:, codes[:50, 1]])
    with pytest.raises(DataError, match="another width"):
        start_decoder(MotionDecoder(replace(SMALL_DECODER, width=16)), old, ([], []), (quick, quick), (new, codes))


def test_pairs_and_a_prepared_run_come_back_from_their_files(tmp_path: Path) -> None:
    mirrored = replace(pairs()[0], codes=31 - pairs()[0].codes, joins=(3, 70))
    written, start = [*pairs(), mirrored], tiny_networks()[1]
    write_run(tmp_path, PreparedRun(start, written, written[:1], {"data": "here"}))
    found = read_run(tmp_path)
    for one, two in zip([*found.pairs, *found.held_out], [*written, written[0]], strict=True):
        assert (one.style, one.kind, one.joins) == (two.style, two.kind, two.joins)
        for name in ("codes", "music", "energy"):
            ours, theirs = getattr(one, name), getattr(two, name)
            assert (ours is None) == (theirs is None)
            assert ours is None or np.allclose(ours, theirs, atol=1e-3)
    assert found.pairs[0].music is found.pairs[3].music  # kept once
    assert found.made_with == {"data": "here"} and found.model.config == SMALL_DECODER
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, start.state_dict()[name], atol=1e-3, rtol=1e-3)
    (tmp_path / "pairs.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="holds no training pairs"):
        read_run(tmp_path)


def test_no_pairs_and_no_music_are_errors() -> None:
    with pytest.raises(DataError, match="no pairs"):
        PairWindows([], SMALL_DECODER)
    with pytest.raises(DataError, match="paired with music"):
        PairWindows(pairs()[1:2], SMALL_DECODER).music_statistics()


# -- the commands ---------------------------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_from_a_data_folder_to_a_dance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for config in (SMALL_CODEC, SMALL_DECODER):  # the commands' sizes are the defaults
        monkeypatch.setattr(type(config).__init__, "__defaults__", tuple(asdict(config).values()))
    data, codec, decoder, made = own_folder(tmp_path / "data"), tmp_path / "vq", tmp_path / "dec", tmp_path / "mine"
    few = ["--steps", 2, "--batch", 2, "--device", "cpu"]
    levels = ["--levels", 4, "--coarse", 2, "--quick", 2]
    assert run("train-vqvae", "--data", data, "--out", codec, *levels, *few) == 0
    first, codec = codec, tmp_path / "tuned"
    assert run("finetune-vqvae", "--data", data, "--vqvae", first, "--out", codec, *few) == 0
    assert run("train-decoder", "--out", decoder, *few) == 1
    assert "Give --data and --vqvae" in capsys.readouterr().err
    made_with = ["--data", data, "--vqvae", codec]
    assert run("train-decoder", *made_with, "--out", decoder, "--rhythm-pairs", 1, "--only-prepare") == 0
    assert not (decoder / "state.pt").exists()
    assert run("train-decoder", "--out", decoder, *few) == 0
    assert run("train-decoder", "--data", data, "--vqvae", first, "--out", decoder, *few) == 1
    assert f"made with --vqvae {codec}, not {first}" in capsys.readouterr().err
    assert json.loads((decoder / "styles.json").read_text())["styles"] == ["rumba", "salsa"]
    assert run("pack", "--vqvae", codec, "--decoder", decoder, "-o", made, "--description", "two steps") == 0
    assert "MB" in capsys.readouterr().out
    about = json.loads((made / "config.json").read_text())
    assert about["licence"] == "research" and [each["licence"] for each in about["sources"]] == ["not stated"]
    assert "## Sources" in (made / "MODEL_CARD.md").read_text()

    song, dance = data / "wavs" / "r2.wav", tmp_path / "dance.npz"
    assert run("generate", song, "-o", dance, "--checkpoint", made, "--seconds", 4, "--device", "cpu") == 0
    with np.load(dance) as arrays:
        assert arrays["poses"].shape == (80, 72) and arrays["checkpoint"] == "mine"
    assert run("tokenize", data / "motions" / "r2.npz", "--checkpoint", made, "-o", tmp_path / "t.npz") == 0
    assert run("decode", tmp_path / "t.npz", "--checkpoint", made, "-o", tmp_path / "back.npz") == 0
    capsys.readouterr()

    assert run("evaluate", "--checkpoint", made, "--data", data, "--seeds", 1, "--device", "cpu") == 0
    table = capsys.readouterr().out
    assert "| ours | rumba | 1 |" in table and "nan" not in table
    assert run("evaluate", "--checkpoint", made, "--data", data, "--split", "val") == 1
    assert "val" in capsys.readouterr().err

    finer = tmp_path / "finer"
    assert run("train-vqvae", "--data", data, "--out", finer, *levels, "--start-from", first, *few) == 0
    second, start = tmp_path / "second", ["--rhythm-pairs", 1, "--start-from", made]
    assert run("train-decoder", "--data", data, "--vqvae", finer, "--out", second, *start, *few) == 0
    assert run("train-decoder", "--data", data, "--vqvae", finer, "--out", second, "--start-from", "gone", *few) == 1
    assert "gone" in capsys.readouterr().err

    learned, again = tmp_path / "learned", tmp_path / "again"
    assert run("train-decoder", "--data", data, "--vqvae", made, "--out", learned, *start, *few) == 0
    assert run("pack", "--vqvae", made, "--decoder", learned, "-o", again, "--version", 2) == 0
    old, new = (load_file(folder / "model.safetensors") for folder in (made, again))
    assert all(torch.equal(old[name], new[name]) for name in old if name.startswith("vqvae."))
    assert any(not torch.equal(old[name], new[name]) for name in old if name.startswith("decoder."))
    shutil.rmtree(again)
    capsys.readouterr()

    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(tmp_path))
    run("doctor", "--json")
    found = json.loads(capsys.readouterr().out)["checkpoints"]
    entry = next(entry for entry in found if entry["name"] == "mine")
    assert entry["styles"] == ["rumba", "salsa"] and "error" not in entry


def test_a_checkpoint_learns_its_styles_from_a_folder_of_songs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Songs that may not be used for what the checkpoint is for are left out, and styles without songs are as told."""
    checkpoint, songs, table = tmp_path / "mine", tmp_path / "songs", tmp_path / "styles.json"
    (songs / "wavs").mkdir(parents=True)
    tracks = []
    for name, style, commercial in (("one", "pop", True), ("two", "salsa", True), ("three", "hip-hop", False)):
        write_demo_song(songs / "wavs" / f"{name}.wav", "cha-cha" if style == "pop" else "salsa", 12.0)
        more = {"title": name, "author": "us", "licence": "free", "source": "made", "commercial": commercial}
        tracks.append({"name": name, "style": style, **more})
    (songs / "index.json").write_text(json.dumps({"tracks": tracks}))
    styles = ["hip-hop", "modern", "pop", "salsa"]
    checkpoint.mkdir()
    kept = {"licence": "commercial", "family": "magma"}
    (checkpoint / "config.json").write_text(json.dumps({"styles": styles, "style_titles": {"pop": "Pop"}, **kept}))
    music = {"modern": {"prior": 2}, "pop": {"tempo": 118}, "waltz": {"tempo": 87}, "salsa": {"tempo": 175}}
    told = {"styles": list(music), "style_music": music, "style_titles": {"modern": "Modern Dance"}}
    table.write_text(json.dumps(told))
    assert run("style-patterns", "--checkpoint", checkpoint, "--styles", table, "--songs", songs) == 0
    printed = capsys.readouterr().out
    assert "pop: 1 songs (made)" in printed and "hip-hop: no songs" in printed
    config = json.loads((checkpoint / "config.json").read_text())
    learned = config["style_music"]
    assert list(learned) == config["styles"] == styles and config["licence"] == "commercial"
    assert [style for style in styles if learned[style].get("pattern")] == ["pop", "salsa"]
    assert learned["pop"]["tempo"] == 118 and learned["modern"]["prior"] == 2
    assert config["style_titles"] == {"modern": "Modern Dance", "pop": "Pop"}

    del tracks[0]["style"]
    (songs / "index.json").write_text(json.dumps({"tracks": tracks}))
    assert run("style-patterns", "--checkpoint", checkpoint, "--songs", songs) == 1
    assert "Add `style` to every track" in capsys.readouterr().err


def aist_folder(folder: Path) -> Path:
    (folder / "motions").mkdir(parents=True)
    for index in range(2):
        motion = stepping(5.0, 110.0 + 10 * index, 60.0)
        poses = motion.poses.astype(np.float64)
        turn = BODY_TO_WORLD.T.astype(np.float64)
        poses[:, :3] = rot.matrix_to_axis_angle(turn @ rot.axis_angle_to_matrix(poses[:, :3]))
        content = {
            "smpl_poses": poses,
            "smpl_trans": motion.trans.astype(np.float64) @ turn.T * 94,
            "smpl_scaling": np.array([94.0]),
        }
        (folder / "motions" / f"gBR_sBM_cAll_d04_mBR{index}_ch01.pkl").write_bytes(pickle.dumps(content))
    return folder


def bvh_folder(folder: Path) -> Path:
    (folder / "salsa").mkdir(parents=True)
    for index in range(2):
        write_bvh(folder / "salsa" / f"{index}.bvh", stepping(5.0, 160.0 + 10 * index))
    return folder


@pytest.mark.parametrize("make", [aist_folder, bvh_folder])
def test_the_codec_learns_from_other_layouts(tmp_path: Path, make: object) -> None:
    folder = make(tmp_path / "data")  # type: ignore[operator]
    few = ["--steps", 2, "--batch", 2, "--device", "cpu"]
    assert run("train-vqvae", "--data", folder, "--out", tmp_path / "vq", *few) == 0
    assert state(tmp_path / "vq")["step"] == 2
    figures = [line for line in log(tmp_path / "vq") if "val_mm" in line]
    assert len(figures) == 1 and figures[0]["val_mm"] > 0


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith(".")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train-vqvae", "--data", "gone", "--out", "OUT"], "no such folder"),
        (["train-vqvae", "--data", "EMPTY", "--out", "OUT"], "holds no dances"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--steps", 0], "at least 1"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--levels", 0], "--levels is 0"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--coarse", 13], "--coarse 13"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--quick", 1], "--quick is 1"),
        (["train-vqvae", "--data", "SHORT", "--out", "OUT", "--steps", 2], "long"),
        (["train-decoder", "--data", "DATA", "--vqvae", "EMPTY", "--out", "OUT"], "train-vqvae"),
        (["pack", "--vqvae", "EMPTY", "--decoder", "EMPTY", "-o", "OUT"], "train-vqvae"),
        (["evaluate", "--data", "gone"], "no such folder"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[object], words: str
) -> None:
    places = {name: tmp_path / name.lower() for name in ("OUT", "EMPTY", "DATA", "SHORT")}
    places["EMPTY"].mkdir()
    own_folder(places["DATA"], 2.0)
    own_folder(places["SHORT"], 1.0)
    assert run(*[places.get(str(argument), argument) for argument in arguments]) == 1
    assert words in one_error(capsys)
    assert not (places["OUT"] / "state.pt").exists()


def test_damaged_runs_are_not_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.pt").write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
    assert run("pack", "--vqvae", tmp_path, "--decoder", tmp_path, "-o", tmp_path / "out") == 1
    assert "train-vqvae" in one_error(capsys)
    assert not (tmp_path / "trapped").exists() and not (tmp_path / "out").exists()
