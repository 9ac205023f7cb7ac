"""Checkpoints: a saved one loads as it was; a damaged folder is refused in a sentence and nothing in it is run."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_engine import SMALL_CODEC, STYLE_MUSIC, STYLES, tiny_networks

from engine.checkpoint_index import HANDS, list_checkpoints
from engine.errors import CheckpointError
from engine.models.loading import load_checkpoint, load_own_checkpoint
from engine.models.own.config import Sampling
from engine.models.torch.checkpoint import save_checkpoint
from engine.models.torch.vqvae import MotionVQVAE
from smpl_rig.retarget.fingers import BENDS


def test_a_style_may_have_its_own_sampling_settings(tmp_path: Path) -> None:
    bold = Sampling(temperature=1.3)
    description = {
        "name": "m",
        "styles": STYLES,
        "style_music": STYLE_MUSIC,
        "description": "",
        "style_sampling": {"salsa": asdict(bold)},
    }
    save_checkpoint(tmp_path, *tiny_networks(), description, Sampling(), 20.0)
    back = load_own_checkpoint(str(tmp_path))
    assert [back.sampling_of(style) for style in ("salsa", "waltz", None)] == [bold, Sampling(), Sampling()]


@pytest.mark.parametrize("wrong", [{"tango": asdict(Sampling())}, {"salsa": {"temperature": 1.0}}, ["salsa"]])
def test_invalid_settings_of_a_style_are_refused(tmp_path: Path, wrong: object) -> None:
    description = {
        "name": "m",
        "styles": STYLES,
        "style_music": STYLE_MUSIC,
        "description": "",
        "style_sampling": wrong,
    }
    save_checkpoint(tmp_path, *tiny_networks(), description, Sampling(), 20.0)
    with pytest.raises(CheckpointError, match=r"style_sampling|salsa"):
        load_checkpoint(str(tmp_path))


def test_a_saved_checkpoint_loads_as_it_was(tmp_path: Path) -> None:
    codec, decoder = tiny_networks()
    settings = Sampling(temperature=0.7, top_k=0, top_p=0.9, guidance=3.0, style_guidance=1.0)
    save_checkpoint(
        tmp_path / "mine",
        codec,
        decoder,
        {"name": "Mine", "styles": STYLES, "style_music": STYLE_MUSIC, "description": "d"},
        settings,
        20.0,
    )
    back = load_own_checkpoint(str(tmp_path / "mine"))
    assert (back.name, back.styles, back.sampling, back.token_rate) == ("Mine", tuple(STYLES), settings, 10)
    assert back.codec.config == codec.config and back.decoder.config == decoder.config
    for network, loaded in ((codec, back.vqvae), (decoder, back.network)):
        expected = network.state_dict()
        for name, value in loaded.state_dict().items():
            if not name.endswith(("usage", "total")):  # only needed for training, not stored
                assert value.dtype == expected[name].dtype and not value.is_meta
                torch.testing.assert_close(value, expected[name], atol=1e-3, rtol=1e-3)
        assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_weights_are_stored_in_half_precision_and_no_other_file_is_left(tiny: Path) -> None:
    assert {file.name for file in tiny.iterdir()} == {"config.json", "model.safetensors"}
    stored = load_file(tiny / "model.safetensors")
    assert all(value.dtype == torch.float16 for value in stored.values() if value.ndim >= 2)


def test_a_checkpoint_is_found_by_name(known_tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / known_tiny).mkdir()  # another folder of that name is ignored
    assert load_checkpoint(known_tiny).name == "tiny"
    entry = next(entry for entry in list_checkpoints() if entry["name"] == "tiny")
    assert entry["styles"] == STYLES and entry["token_rate"] == 10 and "error" not in entry
    with pytest.raises(CheckpointError, match=r"'other'.*tiny"):
        load_checkpoint("other")


def test_the_file_may_be_overwritten_while_the_checkpoint_is_in_use(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    numpy, torchs = load_checkpoint(str(folder)), load_own_checkpoint(str(folder))
    tokens = np.random.default_rng(0).integers(SMALL_CODEC.codes, size=(20, SMALL_CODEC.levels))
    before = [checkpoint.decode(tokens).poses for checkpoint in (numpy, torchs)]
    file = folder / "model.safetensors"
    with file.open("r+b") as out:  # in place, as `cp` does
        out.write(bytes(file.stat().st_size))
    for checkpoint, poses in zip((numpy, torchs), before, strict=True):
        assert np.array_equal(checkpoint.decode(tokens).poses, poses)


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def rewrite(folder: Path, change: Callable[[dict], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def shorten(folder: Path, part: float) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * part)])


def header(folder: Path, content: bytes, length: int | None = None) -> None:
    """Replace the header of the weights; `length` is the one that it claims."""
    file = folder / "model.safetensors"
    data = file.read_bytes()
    rest = data[8 + int.from_bytes(data[:8], "little") :]
    file.write_bytes((len(content) if length is None else length).to_bytes(8, "little") + content + rest)


def entry(folder: Path, **changes: object) -> None:
    """Change what the header of the weights says of one tensor."""
    data = (folder / "model.safetensors").read_bytes()
    content = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    content[HEAD].update(changes)
    header(folder, json.dumps(content).encode())


def setting(section: str, name: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder, lambda config: config[section].update({name: value}))


def top(name: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder, lambda config: config.update({name: value}))


HEAD = "decoder.heads.0.logits.weight"
DAMAGES: dict[str, Callable[[Path], object]] = {
    "no folder": shutil.rmtree,
    "no config": lambda f: (f / "config.json").unlink(),
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "cut in half": lambda f: shorten(f, 0.5),
    "cut in its header": lambda f: shorten(f, 0.001),
    "empty": lambda f: shorten(f, 0),
    "weights of noise": lambda f: (f / "model.safetensors").write_bytes(np.random.default_rng(0).bytes(5_000)),
    "a pickle": lambda f: (f / "model.safetensors").write_bytes(pickle.dumps(Trap(f / "trapped"))),
    "torch's pickle": lambda f: torch.save({"a": torch.zeros(3)}, f / "model.safetensors"),
    "a missing tensor": lambda f: rewrite(f, lambda w: w.pop(HEAD)),
    "an unknown tensor": lambda f: rewrite(f, lambda w: w.update({"decoder.more": torch.zeros(3)})),
    "a wrong shape": lambda f: rewrite(f, lambda w: w.update({HEAD: torch.zeros(3, 3)})),
    "a NaN": lambda f: rewrite(f, lambda w: w[HEAD][0, 0].fill_(float("nan"))),
    "a header of a terabyte": lambda f: header(f, b"{}", 2**40),
    "a header that is no JSON": lambda f: header(f, b"{{"),
    "a header that is too deep": lambda f: header(f, b"[" * 100_000),
    "a header that lists nothing": lambda f: header(f, b"[1]"),
    "a tensor of a terabyte": lambda f: entry(f, shape=[2**20, 2**20], data_offsets=[0, 2**42]),
    "a tensor beyond the end": lambda f: entry(f, data_offsets=[0, 2**40]),
    "a tensor before the beginning": lambda f: entry(f, data_offsets=[-8, 0]),
    "a tensor that ends before it begins": lambda f: entry(f, data_offsets=[8, 0]),
    "too few numbers": lambda f: entry(f, data_offsets=[0, 8]),
    "numbers of 8 bits": lambda f: entry(f, dtype="F8_E5M2"),
    "numbers of an unknown type": lambda f: entry(f, dtype=["F16"]),
    "negative axes": lambda f: entry(f, shape=[-32, -32]),
    "a shape of words": lambda f: entry(f, shape=["32", "32"]),
    "a tensor that is a number": lambda f: header(f, json.dumps({HEAD: 3}).encode()),
    "config no JSON": lambda f: (f / "config.json").write_text("{"),
    "config no text": lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00\x80"),
    "config a list": lambda f: (f / "config.json").write_text("[1]"),
    "config too deep": lambda f: (f / "config.json").write_text("[" * 100_000),
    "format of the future": top("format", 2),
    "no format": top("format", None),
    "no sizes": top("decoder", None),
    "sizes in a list": top("vqvae", [1, 2]),
    "a size too many": setting("vqvae", "colour", 3),
    "huge width": setting("decoder", "width", 10**9),
    "large width": setting("decoder", "width", 16_000),
    "huge window": setting("decoder", "past", 10**6),
    "many layers": setting("decoder", "decoder_layers", 10_000),
    "huge codebook": setting("vqvae", "codes", 10**12),
    "negative": setting("decoder", "around", -1),
    "zero": setting("vqvae", "stride", 0),
    "text": setting("decoder", "heads", "8"),
    "a truth": setting("decoder", "heads", True),
    "a fraction": setting("decoder", "width", 32.5),
    "float for a count": setting("decoder", "width", 32.0),
    "heads that do not divide": setting("decoder", "heads", 5),
    "dropout 2": setting("decoder", "dropout", 2.0),
    "NaN dropout": setting("decoder", "dropout", float("nan")),
    "quick levels that its weights lack": setting("vqvae", "quick", 2),
    "other strides": setting("decoder", "music_stride", 4),
    "other music": setting("decoder", "music_features", 35),
    "other codes": setting("vqvae", "codes", 16),
    "other motion": setting("vqvae", "features", 263),
    "infinite temperature": setting("sampling", "temperature", float("inf")),
    "negative guidance": setting("sampling", "guidance", -1.0),
    "too few styles": top("styles", ["waltz"]),
    "styles no names": top("styles", [1, 2, 3]),
    "no styles": top("styles", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_a_sentence(tiny: Path, tmp_path: Path, damage: str) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "damaged"))
    DAMAGES[damage](folder)
    with pytest.raises(CheckpointError, match="damaged") as caught:
        load_checkpoint(str(folder))
    with pytest.raises(CheckpointError, match="damaged"):
        load_own_checkpoint(str(folder))
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 400
    assert not (tmp_path / "damaged" / "trapped").exists()


@pytest.mark.parametrize("damage", ["no config", "no weights", "config no JSON", "config a list", "config too deep"])
def test_the_list_for_the_panel_says_what_is_wrong(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    DAMAGES[damage](Path(shutil.copytree(tiny, tmp_path / "damaged")))
    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(tmp_path))
    entry = next(entry for entry in list_checkpoints() if entry["name"] == "damaged")
    assert entry["error"].endswith(".")


def test_hands_and_titles_of_styles_are_the_checkpoints(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    style, *others = config["styles"]
    cases = (
        ("style_hands", {style: "long"}, "hands", {style: "long", **dict.fromkeys(others, "relaxed")}),
        ("style_hands", {"tango": "long"}, "error", "must name its styles"),
        ("style_hands", {style: 3}, "error", f"hands of '{style}' are 3"),
        ("style_titles", {style: "Rumba Bolero"}, "style_titles", {style: "Rumba Bolero"} | _titles(others)),
        ("style_titles", {"tango": "Tango"}, "error", "must name its styles"),
        ("style_titles", {style: " "}, "error", f"title of '{style}' is ' '"),
    )
    for entry, values, told, expected in cases:
        (folder / "config.json").write_text(json.dumps({**config, entry: values}))
        (found,) = list_checkpoints([tmp_path])
        assert expected in found[told] if told == "error" else expected == found[told]
    assert set(HANDS) == set(BENDS)


def _titles(styles: list[str]) -> dict[str, str]:
    return {style: style.title() for style in styles}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tango": {}}, "must name its styles"),
        ({"waltz": {"bpm": 87}}, "style_music of 'waltz' has the unknown entry 'bpm'"),
        ({"waltz": {"spread": 0}}, "the spread of 'waltz' is 0"),
        ({"waltz": {"prior": "much"}}, "the prior of 'waltz' is 'much'"),
        ({"waltz": {"pattern": [[1, 2], [3]]}}, "the pattern of 'waltz' is no table of numbers"),
        ({"waltz": {"pattern": 3}}, "the pattern of 'waltz' is no table of numbers"),
        ({"waltz": {"tempo": "fast"}}, "the tempo of 'waltz' is 'fast'"),
        ({"waltz": {"beats_per_bar": 0}}, "'waltz' has 0 beats a bar"),
        ({"waltz": {"songs": 3}}, "songs of 'waltz' is 3, neither true nor false"),
    ],
)
def test_music_of_a_style_that_makes_no_sense_is_refused(tiny: Path, tmp_path: Path, wrong: object, words: str) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "style_music": wrong}))
    (entry,) = list_checkpoints([tmp_path])
    assert words in entry["error"]
    with pytest.raises(CheckpointError, match=words):
        load_own_checkpoint(str(folder))


def test_a_checkpoint_without_fine_levels_generates_the_same_dance_as_before(tmp_path: Path) -> None:
    _, decoder = tiny_networks()
    codec = MotionVQVAE(replace(SMALL_CODEC, levels=SMALL_CODEC.coarse)).eval()
    codec.quantizer.codebook.normal_()
    save_checkpoint(
        tmp_path,
        codec,
        decoder,
        {"name": "older", "styles": STYLES, "style_music": STYLE_MUSIC, "description": ""},
        Sampling(),
        20.0,
    )
    config, file = json.loads((tmp_path / "config.json").read_text()), tmp_path / "model.safetensors"
    del config["vqvae"]["coarse"], config["vqvae"]["quick"], config["sampling"]["cooling"], config["style_music"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({**load_file(file), "vqvae.quantizer.started": torch.tensor(True)}, file)
    older = load_own_checkpoint(str(tmp_path))
    assert older.sampling.cooling == 1.0
    assert {style: asdict(music) for style, music in older.style_music.items()} == STYLE_MUSIC
    assert older.codec.config.coarse == older.codec.config.levels == older.decoder.config.levels
    codes = torch.randint(SMALL_CODEC.codes, (1, 9, SMALL_CODEC.coarse))
    torch.testing.assert_close(older.vqvae.decode(codes), codec.decode(codes), atol=1e-2, rtol=1e-2)
