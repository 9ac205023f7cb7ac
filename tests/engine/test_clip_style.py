"""CLIP's text vectors: tokens, the encoder against a plain reference, both naming schemes, refused files."""

from __future__ import annotations

import gzip
import importlib.util
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.errors import CheckpointError, RequestError
from engine.models.original.clip import clip_style, clip_text, clip_tokens
from engine.service import cli

EXCERPT = Path(__file__).with_name("clip_merges_excerpt.json")
"""The rank of every merge in CLIP's list that can apply within the words of the genres' names."""

WIDTH, HEADS, LAYERS = 128, 2, 2


def excerpt_merges() -> list[tuple[str, str]]:
    """A list as long as CLIP's, with the genres' merges at their ranks and merges that never apply at all others."""
    merges = [("\0", str(rank)) for rank in range(clip_tokens.MERGES)]
    for pair, rank in json.loads(EXCERPT.read_text(encoding="utf-8")).items():
        left, right = pair.split()
        merges[rank] = (left, right)
    return merges


def merges_text() -> str:
    return "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in excerpt_merges()) + "\n"


def real_merges() -> Path | None:
    return clip_tokens.find_merges(Path("nowhere/weights.pt"))


def fake_clip(seed: int = 0) -> dict[str, torch.Tensor]:
    """The text encoder of a small CLIP with OpenAI's names, and the first visual layer of ViT-B/32."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    state = {
        "token_embedding.weight": random(49_408, WIDTH),
        "positional_embedding": random(77, WIDTH, scale=0.3),
        "ln_final.weight": 1 + random(WIDTH, scale=0.2),
        "ln_final.bias": random(WIDTH, scale=0.2),
        "text_projection": random(WIDTH, 512, scale=0.1),
        "logit_scale": random(1)[0],
        "visual.conv1.weight": random(4, 3, 32, 32),
    }
    for layer in range(LAYERS):
        block = f"transformer.resblocks.{layer}"
        for name, rows, columns in (
            ("attn.in_proj_", 3 * WIDTH, WIDTH),
            ("attn.out_proj.", WIDTH, WIDTH),
            ("mlp.c_fc.", 4 * WIDTH, WIDTH),
            ("mlp.c_proj.", WIDTH, 4 * WIDTH),
        ):
            state[f"{block}.{name}weight"] = random(rows, columns, scale=1.5 * columns**-0.5)
            state[f"{block}.{name}bias"] = random(rows, scale=0.3)
        for norm in ("ln_1", "ln_2"):
            state[f"{block}.{norm}.weight"] = 1 + random(WIDTH, scale=0.2)
            state[f"{block}.{norm}.bias"] = random(WIDTH, scale=0.2)
    return state


def hugging_face(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under the names of openai/clip-vit-base-patch32."""
    result = {
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "text_model.embeddings.position_ids": torch.arange(77)[None],
        "text_model.final_layer_norm.weight": state["ln_final.weight"],
        "text_model.final_layer_norm.bias": state["ln_final.bias"],
        "text_projection.weight": state["text_projection"].T,
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
    }
    for layer in range(LAYERS):
        theirs, block = f"text_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            for part, values in zip("qkv", state[f"{block}.attn.in_proj_{kind}"].chunk(3), strict=True):
                result[f"{theirs}.self_attn.{part}_proj.{kind}"] = values
            result[f"{theirs}.self_attn.out_proj.{kind}"] = state[f"{block}.attn.out_proj.{kind}"]
            result[f"{theirs}.layer_norm1.{kind}"] = state[f"{block}.ln_1.{kind}"]
            result[f"{theirs}.layer_norm2.{kind}"] = state[f"{block}.ln_2.{kind}"]
            result[f"{theirs}.mlp.fc1.{kind}"] = state[f"{block}.mlp.c_fc.{kind}"]
            result[f"{theirs}.mlp.fc2.{kind}"] = state[f"{block}.mlp.c_proj.{kind}"]
    return {key: value.clone(memory_format=torch.contiguous_format) for key, value in result.items()}


def reference(state: dict[str, torch.Tensor], tokens: list[int]) -> np.ndarray:
    """The paper's text encoder in float64 over all 77 positions, head by head, without any of the engine's code."""
    weights = {name: value.numpy().astype(np.float64) for name, value in state.items()}
    padded = tokens + [0] * (77 - len(tokens))

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        separator = "_" if name.endswith("in_proj") else "."
        return x @ weights[f"{name}{separator}weight"].T + weights[f"{name}{separator}bias"]

    x = weights["token_embedding.weight"][padded] + weights["positional_embedding"]
    for layer in range(LAYERS):
        block = f"transformer.resblocks.{layer}"
        query, key, value = np.split(linear(norm(x, f"{block}.ln_1"), f"{block}.attn.in_proj"), 3, axis=-1)
        seen = np.zeros_like(x)
        for head in range(HEADS):
            part = slice(64 * head, 64 * (head + 1))
            scores = query[:, part] @ key[:, part].T / np.sqrt(64)
            scores[np.triu_indices(77, 1)] = -np.inf
            share = np.exp(scores - scores.max(axis=-1, keepdims=True))
            seen[:, part] = share / share.sum(axis=-1, keepdims=True) @ value[:, part]
        x = x + linear(seen, f"{block}.attn.out_proj")
        y = linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")
        x = x + linear(y / (1 + np.exp(-1.702 * y)), f"{block}.mlp.c_proj")
    return norm(x, "ln_final")[int(np.argmax(padded))] @ weights["text_projection"]


class Nested(nn.Module):
    """A module tree with a `state_dict()` of given names, to be saved as TorchScript."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for child in sorted({name.split(".")[0] for name in tensors if "." in name}):
            inside = {name.removeprefix(f"{child}."): v for name, v in tensors.items() if name.startswith(f"{child}.")}
            self.add_module(child, Nested(inside))
        for name, value in tensors.items():
            if "." not in name:
                self.register_parameter(name, nn.Parameter(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


# TorchScript is deprecated, but OpenAI's file is in that format
torchscript = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def save_torchscript(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.jit.trace(Nested(state), torch.zeros(1)).save(str(path))


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return fake_clip()


@pytest.fixture(scope="module")
def openai_file(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "state.pt"
    torch.save(state, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"family": "original", "decoder": {"variant": "encodec_style"}}))
    return folder


def test_the_genres_tokens_agree_with_the_merges() -> None:
    tokenizer = clip_tokens.Tokenizer(excerpt_merges())
    tokens = clip_tokens.genre_tokens()
    assert len(tokens) == 20
    assert {text: tokenizer.encode(text) for text in tokens} == tokens
    assert tokens["Krump dance"] == [10609, 1246, 2724]


def test_the_excerpt_is_part_of_clips_own_list() -> None:
    path = real_merges()
    if path is None:
        pytest.skip("needs the package clip-anytorch or open-clip-torch for its list of merges")
    everything = clip_tokens._read_merges(path)
    for rank, pair in enumerate(excerpt_merges()):
        assert pair[0] == "\0" or everything[rank] == pair


def test_free_text_is_tokenised_as_clip_does() -> None:
    path = real_merges()
    if path is None:
        pytest.skip("needs the package clip-anytorch or open-clip-torch for its list of merges")
    encode = clip_tokens.load_tokenizer(path).encode
    assert encode("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert encode("  A  PHOTO of a\ncat ") == [320, 1125, 539, 320, 2368]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop!!", ["don", "'t", "stop", "!!"]),
        ("the 90's", ["the", "9", "0", "'s"]),
        ("!'s", ["!'", "s"]),
        ("la-style,ok", ["la", "-", "style", ",", "ok"]),
        ("café ½", ["café", "½"]),
        (" \t ", []),
    ],
)
def test_a_text_is_split_into_words(text: str, words: list[str]) -> None:
    assert clip_tokens.split_words(text) == words


@pytest.mark.parametrize("name", ["bpe_simple_vocab_16e6.txt.gz", "merges.txt", "tokenizer.json"])
def test_merges_are_found_beside_the_weights(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(merges_text().encode()))
    elif name.endswith(".txt"):
        path.write_text(merges_text(), encoding="utf-8")
    else:
        path.write_text(json.dumps({"model": {"merges": [" ".join(pair) for pair in excerpt_merges()]}}))
    found = clip_tokens.find_merges(tmp_path / "weights.pt")
    assert found == path
    assert clip_tokens.load_tokenizer(found).encode("Break") == [2568]


def test_other_merges_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "merges.txt"
    path.write_text("#version: 0.2\ni n\nt h\n")
    with pytest.raises(CheckpointError, match="is not the list of merges of CLIP's tokenizer"):
        clip_tokens.load_tokenizer(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CheckpointError, match=r"is not the list of merges|cannot be read as a list of merges"):
        clip_tokens.load_tokenizer(path)
    bad = tmp_path / "merges.gz"
    bad.write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(CheckpointError, match="cannot be read as a list of merges"):
        clip_tokens.load_tokenizer(bad)


@torchscript
@pytest.mark.parametrize("naming", ["openai", "half", "hugging face", "torchscript"])
def test_vectors_equal_a_plain_reference(tmp_path: Path, state: dict[str, torch.Tensor], naming: str) -> None:
    path = tmp_path / ("model.safetensors" if naming == "hugging face" else "model.pt")
    if naming == "hugging face":
        save_file(hugging_face(state), path)
    elif naming == "torchscript":
        save_torchscript(path, state)
    else:
        torch.save({key: value.half() for key, value in state.items()} if naming == "half" else state, path)
    vectors = clip_style.style_vectors(path)
    assert list(vectors) == list(clip_tokens.genre_tokens())
    tolerance = 0.02 if naming == "half" else 2e-5
    for text in ("Break", "LA style Hip-hop dance", "Krump"):
        tokens = [49_406, *clip_tokens.genre_tokens()[text], 49_407]
        expected = reference(state, tokens)
        assert vectors[text].shape == (512,)
        assert vectors[text].dtype == np.float32
        assert np.abs(vectors[text] - expected).max() < tolerance * np.abs(expected).max()
    # not normalised
    assert abs(np.linalg.norm(vectors["Break"]) - np.linalg.norm(vectors["Ballet Jazz"])) > 1e-3


def test_free_text_needs_merges(tmp_path: Path, openai_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"'slow krump'.*--merges"):
        clip_style.style_vectors(openai_file, ["slow krump"])
    merges = tmp_path / "merges.txt"
    merges.write_text(merges_text(), encoding="utf-8")
    vectors = clip_style.style_vectors(openai_file, ["street ballet"], merges)
    expected = reference(fake_clip(), [49_406, 2012, 10703, 49_407])
    np.testing.assert_allclose(vectors["street ballet"], expected, atol=2e-5 * np.abs(expected).max())
    with pytest.raises(RequestError, match="CLIP reads 75"):
        clip_style.style_vectors(openai_file, ["jazz " * 76], merges)
    with pytest.raises(RequestError, match="is empty"):
        clip_style.style_vectors(openai_file, [" "], merges)


def test_wrong_files_are_refused(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "model.pt"

    def refused(tensors: dict[str, torch.Tensor], message: str) -> None:
        torch.save(tensors, path)
        with pytest.raises(CheckpointError, match=message):
            clip_text.load_text_encoder(path)

    refused({"layer.weight": torch.zeros(2)}, "has no CLIP text encoder")
    refused({**state, "visual.conv1.weight": torch.zeros(4, 3, 16, 16)}, "another CLIP model")
    refused({**state, "text_projection": torch.zeros(128, 640)}, "another CLIP model")
    refused({**state, "positional_embedding": torch.zeros(76, WIDTH)}, r"positional_embedding is \(76, 128\)")
    refused({key: value for key, value in state.items() if key != "ln_final.bias"}, r"missing: ln_final\.bias")
    refused({**state, "ln_final.bias": torch.full((WIDTH,), torch.nan)}, r"ln_final\.bias holds NaN")
    refused({**state, "ln_final.bias": torch.zeros(WIDTH).to_sparse()}, "is not a plain state dict")
    with pytest.raises(CheckpointError, match="No such file"):
        clip_text.load_text_encoder(tmp_path / "nowhere.pt")


@torchscript
def test_no_program_in_a_file_is_run(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    trace = tmp_path / "ran"

    class Program:
        def __reduce__(self) -> tuple:
            return Path.touch, (trace,)

    plain = tmp_path / "plain.pt"
    torch.save({"text_projection": Program()}, plain)
    script = tmp_path / "script.pt"
    save_torchscript(script, {"text_projection": state["text_projection"]})
    evil = tmp_path / "evil.pt"
    with zipfile.ZipFile(script) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            tree = pickle.dumps(Program(), protocol=2) if name.endswith("/data.pkl") else source.read(name)
            target.writestr(name, tree)
    for path in (plain, evil):
        with pytest.raises(CheckpointError, match=r"nothing (in it )?was run"):
            clip_text.load_text_encoder(path)
    assert not trace.exists()


@torchscript
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95, 0.999])
def test_a_truncated_archive_is_refused(tmp_path: Path, state: dict[str, torch.Tensor], kept: float) -> None:
    path = tmp_path / "script.pt"
    save_torchscript(path, {"text_projection": state["text_projection"]})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CheckpointError):
        clip_text.load_text_encoder(path)


@torchscript
@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning", "ignore:.torch.load. received:UserWarning")
@pytest.mark.parametrize("kind", ["state dict", "torchscript"])
def test_damage_anywhere_is_reported_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.pt"
    tensors = {"text_projection": torch.zeros(2, 3), "ln_final.bias": torch.ones(4)}
    save_torchscript(path, tensors) if kind == "torchscript" else torch.save(tensors, path)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in random.integers(len(content), size=3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"^model\.pt: "):
            clip_text.load_text_encoder(path)


def test_the_command_writes_what_is_loaded(
    checkpoint: Path, openai_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["style-vectors", str(checkpoint), "--clip", str(openai_file)]) == 0
    assert "20 styles" in capsys.readouterr().out
    genres = clip_style.load_vectors(checkpoint)
    assert set(genres) == set(clip_tokens.genre_tokens())
    for text, vector in clip_style.style_vectors(openai_file).items():
        np.testing.assert_array_equal(genres[text], vector)
    merges = tmp_path / "merges.txt"
    merges.write_text(merges_text(), encoding="utf-8")
    added = ["--text", "street house", "--merges", str(merges)]
    assert cli.main(["style-vectors", str(checkpoint), "--clip", str(openai_file), *added]) == 0
    assert set(clip_style.load_vectors(checkpoint)) == {*genres, "street house"}
    assert cli.main(["style-vectors", str(checkpoint), "--clip", str(openai_file)]) == 0
    assert "street house" in clip_style.load_vectors(checkpoint)  # the earlier vectors are kept
    assert sorted(path.name for path in checkpoint.iterdir()) == ["config.json", "styles.safetensors"]


def test_a_folder_without_text_styles_is_refused(checkpoint: Path, openai_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no style vectors yet.*style-vectors"):
        clip_style.load_vectors(checkpoint)
    (checkpoint / "config.json").write_text(json.dumps({"family": "original", "decoder": {"variant": "librosa"}}))
    with pytest.raises(CheckpointError, match=r"its variant is librosa\).*encodec_style"):
        clip_style.check_folder(checkpoint)
    with pytest.raises(CheckpointError, match="is not a checkpoint folder"):
        clip_style.check_folder(tmp_path)


def test_damaged_vectors_are_refused(checkpoint: Path) -> None:
    file = checkpoint / clip_style.STYLES_FILE
    file.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="cannot be read"):
        clip_style.load_vectors(checkpoint)
    for vector in (torch.zeros(511), torch.zeros(512, dtype=torch.float64), torch.full((512,), torch.nan)):
        save_file({"Break": vector}, file)
        with pytest.raises(CheckpointError, match="the vector of 'Break' is damaged"):
            clip_style.load_vectors(checkpoint)
