"""Importing the original's files: exact numbers, every wrong tensor named, nothing in a file ever run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import original_reference as reference
import pytest
import torch
from original_files import save
from safetensors.torch import load_file

from engine.checkpoint_index import list_checkpoints
from engine.errors import CheckpointError
from engine.models.loading import load_checkpoint
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import OriginalDecoderConfig, OriginalVQVAEConfig
from engine.models.original.importing.importer import import_magma
from engine.models.original.importing.keys import decoder_keys, vqvae_keys
from engine.service.cli import main


@pytest.fixture
def vqvae() -> reference.Weights:
    return reference.random_vqvae(depth=(1, 2))


@pytest.fixture
def decoder() -> reference.Weights:
    return reference.random_decoder("encodec", depth=1)


class Files:
    def __init__(self, folder: Path, vqvae: reference.Weights, decoder: reference.Weights):
        self.vqvae, self.decoder = save(folder / "vq.pt", vqvae), save(folder / "seq.pt", decoder)
        self.folder = folder / "imported"

    def run(self, variant: str = "encodec", **statistics: Path) -> None:
        import_magma(self.vqvae, self.decoder, variant, self.folder, **statistics)

    def refused(self, variant: str = "encodec", **statistics: Path) -> str:
        with pytest.raises(CheckpointError) as caught:
            self.run(variant, **statistics)
        assert not self.folder.exists()
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights) -> Files:
    return Files(tmp_path, vqvae, decoder)


def test_numbers_are_imported_exactly(files: Files, vqvae: reference.Weights, decoder: reference.Weights) -> None:
    files.run()
    stored = load_file(files.folder / "model.safetensors")
    checkpoint = load_checkpoint(str(files.folder))
    assert isinstance(checkpoint, OriginalCheckpoint)
    assert checkpoint.vqvae.config == OriginalVQVAEConfig(263, 32, 16, 8, 24, 1, 2)
    assert checkpoint.decoder.config == OriginalDecoderConfig("encodec", 32, 16, 8, 24, 1)
    pairs = [
        (vqvae, "vqvae", vqvae_keys(checkpoint.vqvae.config), checkpoint.vqvae),
        (decoder, "decoder", decoder_keys(checkpoint.decoder.config), checkpoint.decoder),
    ]
    for weights, prefix, keys, network in pairs:
        state = network.state_dict()
        assert set(keys.values()) == set(state)
        for theirs, ours in keys.items():
            assert stored[f"{prefix}.{ours}"].dtype == torch.float32
            assert stored[f"{prefix}.{ours}"].numpy().tobytes() == weights[theirs].tobytes()
            assert state[ours].numpy().tobytes() == weights[theirs].tobytes()
    left_out = {"vq._codebook.inited", "vq._codebook.cluster_size", "vq._codebook.embed_avg"}
    assert set(vqvae) - set(pairs[0][2]) == left_out


def test_the_folder_names_its_sources(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.run()
    card = (files.folder / "MODEL_CARD.md").read_text()
    digest = json.loads((files.folder / "config.json").read_text())["sources"]["motionseq"]["sha256"]
    assert "vq.pt" in card and "seq.pt" in card and digest in card and "`encodec`" in card
    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(files.folder.parent))
    entry = next(entry for entry in list_checkpoints() if entry["name"] == "imported")
    assert "error" not in entry and entry["token_rate"] == 20 and "encodec" in entry["description"]


def test_statistics_are_imported(files: Files, tmp_path: Path) -> None:
    random = np.random.RandomState(1)
    mean, std = random.standard_normal(263), random.uniform(0.1, 2, 263)
    np.save(tmp_path / "mean.npy", mean)
    np.save(tmp_path / "std.npy", std)
    files.run(mean=tmp_path / "mean.npy", std=tmp_path / "std.npy")
    checkpoint = load_checkpoint(str(files.folder))
    assert isinstance(checkpoint, OriginalCheckpoint) and checkpoint.normalised
    np.testing.assert_array_equal(checkpoint.mean, mean.astype(np.float32))
    np.testing.assert_array_equal(checkpoint.std, std.astype(np.float32))


def test_unusable_statistics_are_refused(files: Files, tmp_path: Path) -> None:
    good, short, zero, pickled = (tmp_path / f"{name}.npy" for name in ("good", "short", "zero", "pickled"))
    np.save(good, np.ones(263))
    np.save(short, np.ones(262))
    np.save(zero, np.zeros(263))
    np.save(pickled, np.array([Bomb(tmp_path / "ran")], object), allow_pickle=True)
    torn, boastful = tmp_path / "torn.npy", tmp_path / "boastful.npy"
    torn.write_bytes(b"PK\x03\x04" + bytes(100))
    boastful.write_bytes(good.read_bytes().replace(b"(263,), }         ", b"(263000000000,), }"))
    assert "Only one" in files.refused(mean=good)
    assert "short.npy" in files.refused(mean=short, std=good)
    assert "positive" in files.refused(mean=good, std=zero)
    for bad in (pickled, torn, boastful):
        assert bad.name in files.refused(mean=good, std=bad)
    assert not (tmp_path / "ran").exists()


def test_a_missing_tensor_is_named(tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights) -> None:
    name = "motionDecoder.attn_layers.layers.3.1.ff.3.bias"
    del vqvae[name]
    message = Files(tmp_path, vqvae, decoder).refused()
    assert f"1 missing: {name}" in message and "unexpected" not in message and "vq.pt" in message


@pytest.mark.parametrize("name", ["motionEncoder.token_emb.emb.weight", "vq._codebook.embed"])
def test_only_the_missing_tensor_is_named_where_it_determines_a_size(
    tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights, name: str
) -> None:
    del vqvae[name]
    message = Files(tmp_path, vqvae, decoder).refused()
    assert f"1 missing: {name}" in message and "wrong size" not in message


def test_a_renamed_tensor_is_named_as_missing_and_unexpected(
    tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights
) -> None:
    decoder["motionDecoder.to_logit.weight"] = decoder.pop("motionDecoder.to_logits.weight")
    message = Files(tmp_path, vqvae, decoder).refused()
    assert "1 missing: motionDecoder.to_logits.weight" in message
    assert "1 unexpected: motionDecoder.to_logit.weight" in message


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("motionDecoder.token_emb.emb.weight", (34, 16)),
        ("motionDecoder.attn_layers.layers.0.1.to_q.weight", (512, 15)),
        ("motionDecoder.norm.weight", (17,)),
        ("motionDecoder.to_logits.bias", (35, 1)),
    ],
)
def test_only_the_tensor_of_the_wrong_size_is_named(
    tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights, name: str, shape: tuple[int, ...]
) -> None:
    right = list(decoder[name].shape)
    decoder[name] = np.zeros(shape, np.float32)
    message = Files(tmp_path, vqvae, decoder).refused()
    assert f"1 of the wrong size: {name} is {list(shape)}, not {right}" in message


def test_many_wrong_tensors_are_counted(tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights) -> None:
    kept = {name: value for name, value in vqvae.items() if not name.startswith("motionEncoder.attn")}
    message = Files(tmp_path, kept, decoder).refused()
    assert "and" in message and "more" in message and len(message) < 700


@pytest.mark.parametrize("actual", ["librosa", "encodec_sine", "encodec_style"])
def test_another_variant_is_recognised(tmp_path: Path, vqvae: reference.Weights, actual: str) -> None:
    message = Files(tmp_path, vqvae, reference.random_decoder(actual)).refused("encodec")
    assert f"--variant {actual}" in message


def test_swapped_files_are_recognised(files: Files) -> None:
    files.vqvae, files.decoder = files.decoder, files.vqvae
    assert "--vqvae" in files.refused()


def test_files_of_different_trainings_are_refused(tmp_path: Path, vqvae: reference.Weights) -> None:
    other = Files(tmp_path, vqvae, reference.random_decoder("encodec", codes=40))
    assert "40 codes" in other.refused() and "32" in other.refused()


def test_numbers_that_are_not_finite_are_refused(
    tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights
) -> None:
    decoder["motionDecoder.norm.bias"][3] = np.nan
    assert "motionDecoder.norm.bias" in Files(tmp_path, vqvae, decoder).refused()


class Bomb:
    """An object that creates a file when it is unpickled."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("where", ["model", "beside", "all", "legacy", "pickle"])
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(files: Files, tmp_path: Path, where: str) -> None:
    bomb, model = Bomb(tmp_path / "ran"), torch.load(files.vqvae, weights_only=False)["model"]
    content = {"model": {**model, "x": bomb}} if where == "model" else {"model": model, "optim": bomb}
    if where == "all":
        torch.save(bomb, files.vqvae)
    elif where == "pickle":
        files.vqvae.write_bytes(pickle.dumps(bomb))
    else:
        torch.save(content, files.vqvae, _use_new_zipfile_serialization=where != "legacy")
    message = files.refused()
    assert message.startswith("vq.pt: ") and "weights_only" not in message
    assert where in ("legacy", "pickle") or "system" in message
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused(files: Files, tmp_path: Path) -> None:
    whole = files.vqvae.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    with zipfile.ZipFile(tmp_path / "zip.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    contents = {
        "text": b"this is no checkpoint\n",
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "zip": (tmp_path / "zip.zip").read_bytes(),
    }
    for name, content in contents.items():
        files.vqvae.write_bytes(content)
        message = files.refused()
        assert message.startswith("vq.pt: ") and message.endswith("."), name
    files.vqvae.unlink()
    assert "No such file" in files.refused()


def test_files_without_a_model_are_refused(files: Files) -> None:
    torch.save({"state_dict": {}}, files.vqvae)
    assert "no 'model'" in files.refused() and "state_dict" in files.refused()
    torch.save({"model": {"a": 1}}, files.vqvae)
    assert "'a'" in files.refused()


def test_views_that_repeat_a_few_numbers_are_refused(
    tmp_path: Path, vqvae: reference.Weights, decoder: reference.Weights
) -> None:
    files = Files(tmp_path, vqvae, decoder)
    model = {name: torch.from_numpy(value) for name, value in decoder.items()}
    model["motionDecoder.to_logits.weight"] = torch.ones(1).expand(35, 16)
    torch.save({"model": model}, files.decoder)
    assert "motionDecoder.to_logits.weight" in files.refused()


def test_only_an_earlier_import_is_overwritten(files: Files) -> None:
    files.folder.mkdir()
    files.run()
    files.run()
    shutil.rmtree(files.folder)
    files.folder.mkdir()
    (files.folder / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="Choose another"):
        files.run()
    assert [file.name for file in files.folder.iterdir()] == ["thesis.txt"]


def test_a_full_disk_during_a_second_import_keeps_the_first(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.run()
    before = {file.name: file.read_bytes() for file in files.folder.iterdir()}
    write = Path.write_text

    def full(self: Path, text: str, **options: str) -> int:
        if "config.json" in self.name:
            write(self, text[:10], **options)
            raise OSError(28, "No space left on device", str(self))
        return write(self, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match="No space left"):
        files.run()
    assert {file.name: file.read_bytes() for file in files.folder.iterdir()} == before
    assert not list(files.folder.parent.glob(".*"))


def test_a_damaged_folder_is_refused(files: Files) -> None:
    files.run()
    config = json.loads((files.folder / "config.json").read_text())
    for change in (
        {"family": "alien"},
        {"vqvae": {}},
        {"vqvae": {**config["vqvae"], "width": 10**9}},
        {"vqvae": {**config["vqvae"], "width": 32}},
        {"decoder": {**config["decoder"], "variant": "mp3"}},
        {"sampling": {**config["sampling"], "music_view": "future"}},
        {"sampling": {**config["sampling"], "overlap": 300}},
    ):
        (files.folder / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match="imported"):
            load_checkpoint(str(files.folder))


def test_the_command_imports_or_says_why_not(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "import-magma",
        "--vqvae",
        str(files.vqvae),
        "--motionseq",
        str(files.decoder),
        "-o",
        str(files.folder),
    ]
    assert main([*arguments, "--variant", "librosa"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: seq.pt") and "--variant encodec" in error
    assert main([*arguments, "--variant", "encodec"]) == 0
    shown = capsys.readouterr()
    assert "encodec" in shown.out and "no mean and std" in shown.err.lower()
