"""The original's networks: equal to a slow reference, cached equal to uncached, one row equal to a batch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import original_reference as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from original_files import VARIANTS, inputs, make, relative

from engine.errors import RequestError
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import OriginalDecoderConfig, OriginalVQVAEConfig
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.kv_cache import OriginalCodecStream, OriginalDecoderCache
from engine.models.original.layers import alibi_slopes
from engine.models.original.vqvae import OriginalVQVAE

RECORDINGS = Path(__file__).parent / "original_recordings"
PARAMETERS = {
    "encodec": 96_152_323,
    "librosa": 96_080_899,
    "encodec_style": 96_564_739,
    "encodec_sine": 96_152_324,  # one more than encodec: the sinusoid's scale
}
Checkpoints = dict[str, OriginalCheckpoint]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    folder = tmp_path_factory.mktemp("original")
    vqvae = reference.random_vqvae()
    return {variant: make(folder / variant, variant, vqvae, reference.random_decoder(variant)) for variant in VARIANTS}


def tensors(variant: str, **sizes: int) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in inputs(variant, 32, **sizes).items()}


def style_of(variant: str, data: dict[str, torch.Tensor]) -> torch.Tensor | None:
    return data["style"] if variant == "encodec_style" else None


def record(variant: str) -> dict[str, np.ndarray]:
    """The reference's results, as stored in `original_recordings`."""
    vqvae, decoder, data = reference.random_vqvae(), reference.random_decoder(variant), inputs(variant, 32)
    codes = np.stack([reference.vq_encode(vqvae, row) for row in data["motion"]])
    motion = np.stack([reference.vq_decode(vqvae, row) for row in data["tokens"]])
    styles = data["style"] if variant == "encodec_style" else [None] * len(codes)
    rows = zip(data["tokens"], data["music"], styles, strict=True)
    logits = np.stack([reference.decode_logits(decoder, variant, *row) for row in rows])
    return {"codes": codes.astype(np.int16), "motion": motion.astype(np.float32), "logits": logits.astype(np.float32)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_networks_equal_the_recorded_tensors(checkpoints: Checkpoints, variant: str) -> None:
    checkpoint, data = checkpoints[variant], tensors(variant)
    with np.load(RECORDINGS / f"{variant}.npz") as recorded:
        assert len(np.unique(recorded["codes"])) > 5
        np.testing.assert_array_equal(checkpoint.vqvae.encode(data["motion"]), recorded["codes"])
        assert relative(checkpoint.vqvae.decode(data["tokens"]).numpy(), recorded["motion"]) < 1e-5
        logits = checkpoint.decoder(data["tokens"], data["music"], style_of(variant, data)).numpy()
        assert logits.shape == (2, 30, 35)
        assert relative(logits, recorded["logits"]) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_recordings_equal_the_reference(variant: str) -> None:
    made = record(variant)
    with np.load(RECORDINGS / f"{variant}.npz") as recorded:
        np.testing.assert_array_equal(made["codes"], recorded["codes"])
        assert relative(made["motion"], recorded["motion"]) < 1e-6
        assert relative(made["logits"], recorded["logits"]) < 1e-6


@pytest.mark.parametrize(("heads", "width", "depth", "codes"), [(4, 24, 1, 20), (2, 8, 3, 64), (8, 40, 2, 17)])
def test_other_sizes_equal_the_reference(tmp_path: Path, heads: int, width: int, depth: int, codes: int) -> None:
    vqvae = reference.random_vqvae(3, width + 8, 30, (depth, depth + 1), codes, 70, heads)
    decoder = reference.random_decoder("encodec", 4, width, 20, depth, codes, heads)
    checkpoint = make(tmp_path, "encodec", vqvae, decoder)
    data = inputs("encodec", codes, rows=1)
    motion = data["motion"][:, :, :70]
    codes_found = checkpoint.vqvae.encode(torch.from_numpy(motion))[0].numpy()
    np.testing.assert_array_equal(codes_found, reference.vq_encode(vqvae, motion[0]))
    decoded = checkpoint.vqvae.decode(torch.from_numpy(data["tokens"]))[0].numpy()
    assert relative(decoded, reference.vq_decode(vqvae, data["tokens"][0])) < 1e-5
    logits = checkpoint.decoder(torch.from_numpy(data["tokens"]), torch.from_numpy(data["music"]))[0].numpy()
    expected = reference.decode_logits(decoder, "encodec", data["tokens"][0], data["music"][0], None)
    assert relative(logits, expected) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_sizes_have_the_published_number_of_parameters(variant: str) -> None:
    with torch.device("meta"):
        vqvae, decoder = OriginalVQVAE(OriginalVQVAEConfig()), OriginalDecoder(OriginalDecoderConfig(variant))
    assert sum(p.numel() for p in vqvae.parameters()) == 151_567_368
    assert sum(p.numel() for p in decoder.parameters()) == PARAMETERS[variant]
    assert vqvae.codebook.shape == (1024, 768)


def test_alibi_has_the_published_slopes() -> None:
    assert alibi_slopes(8).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256, 0, 0, 0, 0]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("view", ["whole", "prefix"])
@settings(max_examples=15)
@given(data=st.data())
def test_cached_equals_uncached(checkpoints: Checkpoints, variant: str, view: str, data: st.DataObject) -> None:
    decoder, length = checkpoints[variant].decoder, 30
    cuts = sorted(data.draw(st.sets(st.integers(1, length - 1), max_size=length - 1)))
    window = data.draw(st.integers(length, length + 9))
    given_ = tensors(variant, frames=length)
    style = style_of(variant, given_)
    whole = decoder(given_["tokens"], given_["music"], style, view)
    cache = OriginalDecoderCache(decoder, given_["music"], style, window, 2, view)
    parts = [cache.extend(given_["tokens"][:, a:b]) for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=5e-5, rtol=1e-4)
    assert cache.position == length


@settings(max_examples=20)
@given(cuts=st.sets(st.integers(1, 199), max_size=30))
def test_incremental_motion_equals_whole(checkpoints: Checkpoints, cuts: set[int]) -> None:
    vqvae = checkpoints["encodec"].vqvae
    tokens = torch.randint(32, (2, 200), generator=torch.Generator().manual_seed(len(cuts)))
    stream = OriginalCodecStream(vqvae, 200, rows=2)
    borders = [0, *sorted(cuts), 200]
    parts = [stream.extend(tokens[:, a:b]) for a, b in pairwise(borders)]
    whole = vqvae.decode(tokens)
    # for values of about 1, sums in another order differ by about 1e-5, a lost position by far more
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=5e-5, rtol=1e-4)


@settings(max_examples=20)
@given(window=st.integers(1, 20), cuts=st.sets(st.integers(1, 59), max_size=59))
def test_with_a_short_window_the_result_does_not_depend_on_the_blocks(
    checkpoints: Checkpoints, window: int, cuts: set[int]
) -> None:
    vqvae, decoder = checkpoints["librosa"].vqvae, checkpoints["librosa"].decoder
    tokens = torch.randint(32, (1, 60), generator=torch.Generator().manual_seed(1))
    music = tensors("librosa", rows=1, frames=60)["music"]
    borders = [0, *sorted(cuts), 60]
    one, many = OriginalCodecStream(vqvae, window), OriginalCodecStream(vqvae, window)
    slow, fast = OriginalDecoderCache(decoder, music, None, window), OriginalDecoderCache(decoder, music, None, window)
    single = [(one.extend(tokens[:, n : n + 1]), slow.extend(tokens[:, n : n + 1])) for n in range(60)]
    blocks = [(many.extend(tokens[:, a:b]), fast.extend(tokens[:, a:b])) for a, b in pairwise(borders)]
    for found, expected in zip(zip(*blocks, strict=True), zip(*single, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(found, 1), torch.cat(expected, 1), atol=5e-5, rtol=1e-4)
    assert many.kv_cache.kept.shape[4] <= 2 * window  # it does not grow
    if window == 1:  # nothing of the past is left
        torch.testing.assert_close(single[-1][0], vqvae.decode(tokens[:, -1:]), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_row_alone_equals_the_same_row_in_a_batch(checkpoints: Checkpoints, variant: str) -> None:
    checkpoint, data = checkpoints[variant], tensors(variant, rows=3)
    style = style_of(variant, data)
    logits = checkpoint.decoder(data["tokens"], data["music"], style)
    codes, motion = checkpoint.vqvae.encode(data["motion"]), checkpoint.vqvae.decode(data["tokens"])
    for n in range(3):
        row = {name: value[n : n + 1] for name, value in data.items()}
        alone = checkpoint.decoder(row["tokens"], row["music"], style_of(variant, row))
        torch.testing.assert_close(alone[0], logits[n], atol=1e-5, rtol=1e-4)
        assert torch.equal(checkpoint.vqvae.encode(row["motion"])[0], codes[n])
        torch.testing.assert_close(checkpoint.vqvae.decode(row["tokens"])[0], motion[n], atol=1e-5, rtol=1e-4)


def test_rows_of_a_cache_can_be_chosen(checkpoints: Checkpoints) -> None:
    decoder, data = checkpoints["encodec"].decoder, tensors("encodec", rows=1)
    tokens = tensors("encodec", rows=3)["tokens"]
    cache = OriginalDecoderCache(decoder, data["music"], None, 30, 3)
    cache.set_music_window(0, 34)
    cache.extend(tokens[:, :12])
    cache.choose(torch.tensor([2, 2]))
    after = cache.extend(tokens[2:, 12:].expand(2, -1))
    expected = decoder(tokens[2:], data["music"])[:, 12:]
    torch.testing.assert_close(after, expected.expand(2, -1, -1), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_depend_on_past_tokens_and_all_music(checkpoints: Checkpoints, variant: str) -> None:
    decoder, data = checkpoints[variant].decoder, tensors(variant, frames=30)
    style = style_of(variant, data)
    for view, used in (("whole", True), ("prefix", False)):
        before = decoder(data["tokens"], data["music"], style, view)
        tokens, music = data["tokens"].clone(), data["music"].clone()
        tokens[:, 20:] = (tokens[:, 20:] + 1) % 32
        music[:, 20:] += 1
        torch.testing.assert_close(decoder(tokens, data["music"], style, view)[:, :20], before[:, :20])
        changed = (decoder(data["tokens"], music, style, view)[:, :20] - before[:, :20]).abs().max()
        assert (changed > 1e-3) == used
    # music frames have no order
    turned = decoder(data["tokens"], data["music"].flip(1), style)
    torch.testing.assert_close(turned, decoder(data["tokens"], data["music"], style), atol=2e-5, rtol=1e-4)


def test_a_missing_style_and_one_that_is_not_supported_are_refused(checkpoints: Checkpoints) -> None:
    data = tensors("encodec_style")
    with pytest.raises(RequestError, match="needs a style"):
        checkpoints["encodec_style"].decoder(data["tokens"], data["music"])
    with pytest.raises(RequestError, match="no styles"):
        checkpoints["encodec"].decoder(data["tokens"], data["music"], data["style"])


PUBLISHED = {"width": 768, "forward": 3072, "codes": 1024, "fast": True}


@pytest.mark.slow
def test_the_codec_matches_at_the_published_size(tmp_path: Path) -> None:
    vqvae = reference.random_vqvae(depth=(12, 12), **PUBLISHED)
    checkpoint = make(tmp_path, "librosa", vqvae, reference.random_decoder("librosa", codes=1024))
    assert sum(p.numel() for p in checkpoint.vqvae.parameters()) == 151_567_368
    data = inputs("librosa", 1024, rows=1, length=12, frames=12)
    codes = checkpoint.vqvae.encode(torch.from_numpy(data["motion"]))[0].numpy()
    np.testing.assert_array_equal(codes, reference.vq_encode(vqvae, data["motion"][0]))
    motion = checkpoint.vqvae.decode(torch.from_numpy(data["tokens"]))[0].numpy()
    assert relative(motion, reference.vq_decode(vqvae, data["tokens"][0])) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_decoder_matches_at_the_published_size(variant: str, tmp_path: Path) -> None:
    decoder = reference.random_decoder(variant, depth=12, **PUBLISHED)
    checkpoint = make(tmp_path, variant, reference.random_vqvae(codes=1024), decoder)
    assert sum(p.numel() for p in checkpoint.decoder.parameters()) == PARAMETERS[variant]
    data = inputs(variant, 1024, rows=1, length=12, frames=12)
    given = {name: torch.from_numpy(value) for name, value in data.items()}
    style = style_of(variant, given)
    logits = checkpoint.decoder(given["tokens"], given["music"], style)[0].numpy()
    row = data["tokens"][0], data["music"][0], None if style is None else data["style"][0]
    assert relative(logits, reference.decode_logits(decoder, variant, *row)) < 1e-4
