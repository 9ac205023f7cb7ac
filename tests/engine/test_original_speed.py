"""Float16 and int8 weights: how they are chosen, how close they are to float32, and that nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import original_reference as reference
import pytest
import torch
from original_files import VARIANTS, save
from safetensors.torch import load_file

from engine.errors import CheckpointError
from engine.models.loading import load_checkpoint
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import OriginalSampling
from engine.models.original.importing.importer import import_magma
from engine.models.original.kv_cache import OriginalDecoderCache
from engine.models.original.sampling import generate_tokens

CODES = 32
Pairs = dict[str, tuple[OriginalCheckpoint, OriginalCheckpoint]]


def load(folder: Path) -> OriginalCheckpoint:
    checkpoint = load_checkpoint(str(folder))
    assert isinstance(checkpoint, OriginalCheckpoint)
    return checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speed")


@pytest.fixture(scope="module")
def pairs(folder: Path) -> Pairs:
    """The same files imported twice: in float32 and in int8."""
    vqvae = save(folder / "vq.pt", reference.random_vqvae(depth=(1, 1)))
    found = {}
    for variant in VARIANTS:
        decoder = save(folder / f"{variant}.pt", reference.random_decoder(variant))
        exact, rounded = folder / f"{variant}-float32", folder / f"{variant}-int8"
        import_magma(vqvae, decoder, variant, exact)
        import_magma(vqvae, decoder, variant, rounded, precision="int8")
        found[variant] = load(exact), load(rounded)
    return found


def conditions(variant: str, frames: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(frames)
    music = torch.randn(frames, reference.MUSIC[variant], generator=generator)
    return music, torch.randn(512, generator=generator) if variant == "encodec_style" else None


def logits(checkpoint: OriginalCheckpoint, tokens: torch.Tensor) -> torch.Tensor:
    music, style = conditions(checkpoint.decoder.config.variant, tokens.shape[1])
    return checkpoint.decoder(tokens, music[None], None if style is None else style[None])


@pytest.mark.parametrize("variant", VARIANTS)
def test_int8_logits_are_close_to_those_of_float32(pairs: Pairs, variant: str) -> None:
    exact, rounded = pairs[variant]
    tokens = torch.randint(0, CODES, (2, 40), generator=torch.Generator().manual_seed(1))
    expected, found = logits(exact, tokens), logits(rounded, tokens)
    assert 0 < (found - expected).norm() / expected.norm() < 0.2
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() > 0.8


def test_an_import_is_in_float32_by_default(pairs: Pairs) -> None:
    exact, rounded = pairs["encodec"]
    assert (exact.precision, rounded.precision) == ("float32", "int8")


def test_an_int8_import_stores_the_originals_numbers(pairs: Pairs) -> None:
    stored = [load_file(checkpoint.folder / "model.safetensors") for checkpoint in pairs["librosa"]]
    assert stored[0].keys() == stored[1].keys()
    assert all(torch.equal(stored[0][name], stored[1][name]) for name in stored[0])


def test_int8_changes_neither_codec_nor_music(pairs: Pairs) -> None:
    exact, rounded = pairs["encodec"]
    tokens = torch.arange(12)[None]
    assert torch.equal(exact.vqvae.decode(tokens), rounded.vqvae.decode(tokens))
    music = conditions("encodec", 9)[0][None]
    pairs_by_layer = zip(exact.decoder.music_keys_values(music), rounded.decoder.music_keys_values(music), strict=True)
    assert all(torch.equal(a, b) for one, other in pairs_by_layer for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def half(folder: Path, pairs: Pairs) -> dict[str, OriginalCheckpoint]:
    """The same files imported in float16."""
    for variant in VARIANTS:
        import_magma(
            folder / "vq.pt", folder / f"{variant}.pt", variant, folder / f"{variant}-half", precision="float16"
        )
    return {variant: load(folder / f"{variant}-half") for variant in VARIANTS}


@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_logits_are_very_close_to_those_of_float32(
    pairs: Pairs, half: dict[str, OriginalCheckpoint], variant: str
) -> None:
    tokens = torch.randint(0, CODES, (2, 40), generator=torch.Generator().manual_seed(1))
    expected, found = logits(pairs[variant][0], tokens), logits(half[variant], tokens)
    assert half[variant].precision == "float16"
    assert 0 < (found - expected).norm() / expected.norm() < 5e-3
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() > 0.97


@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_step_by_step_equals_float16_at_once(half: dict[str, OriginalCheckpoint], variant: str) -> None:
    tokens = torch.randint(0, CODES, (1, 25), generator=torch.Generator().manual_seed(2))
    music, style = conditions(variant, 25)
    cache = OriginalDecoderCache(half[variant].decoder, music[None], None if style is None else style[None], 25)
    stepped = torch.cat([cache.extend(tokens[:, n : n + 1]) for n in range(25)], 1)
    whole = logits(half[variant], tokens)
    assert (stepped - whole).norm() / whole.norm() < 5e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_int8_step_by_step_is_close_to_int8_at_once(pairs: Pairs, variant: str) -> None:
    """Close and not equal: positions that are run together share the scale of their rounding."""
    checkpoint, length = pairs[variant][1], 25
    tokens = torch.randint(0, CODES, (1, length), generator=torch.Generator().manual_seed(2))
    music, style = conditions(variant, length)
    cache = OriginalDecoderCache(checkpoint.decoder, music[None], None if style is None else style[None], length)
    stepped = torch.cat([cache.extend(tokens[:, n : n + 1]) for n in range(length)], 1)
    whole = logits(checkpoint, tokens)
    assert (stepped - whole).norm() / whole.norm() < 0.2


def test_int8_generates_the_same_tokens_for_the_same_seed(pairs: Pairs) -> None:
    decoder = pairs["encodec"][1].decoder
    music = conditions("encodec", 50)[0]
    settings = OriginalSampling(top_k=8, window=20, overlap=5)

    def sample(seed: int) -> torch.Tensor:
        return torch.cat(list(generate_tokens(decoder, music, None, 50, settings, seed, lambda: False)))

    assert torch.equal(sample(3), sample(3))
    assert not torch.equal(sample(3), sample(4))


def test_an_unknown_precision_is_refused(folder: Path, pairs: Pairs) -> None:
    with pytest.raises(CheckpointError, match=r"int4.*float32, float16, int8"):
        import_magma(folder / "vq.pt", folder / "encodec.pt", "encodec", folder / "other", precision="int4")
    assert not (folder / "other").exists()


def test_an_unknown_precision_in_a_config_is_refused(folder: Path, pairs: Pairs) -> None:
    config = folder / "librosa-int8" / "config.json"
    before = config.read_text()
    config.write_text(json.dumps(json.loads(before) | {"precision": ["int8"]}))
    with pytest.raises(CheckpointError, match="precision"):
        load(folder / "librosa-int8")
    config.write_text(before)


def test_an_import_without_a_precision_is_in_float32(folder: Path, pairs: Pairs) -> None:
    config = folder / "encodec-int8" / "config.json"
    before = config.read_text()
    config.write_text(json.dumps({k: v for k, v in json.loads(before).items() if k != "precision"}))
    assert load(folder / "encodec-int8").precision == "float32"
    config.write_text(before)


def test_the_error_says_where_int8_is_not_available(
    folder: Path, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(torch.backends.quantized), "engine", "none")
    with pytest.raises(CheckpointError, match="--precision float16"):
        load(folder / "librosa-int8")
