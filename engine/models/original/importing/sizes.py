"""The sizes of the original's networks, read off their tensors, and the tensors that do not fit them.

Where several tensors determine a size the majority decides, so that a single wrong tensor is reported as such.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from engine.models.original.config import HEAD_WIDTH, SPECIAL_TOKENS, OriginalDecoderConfig, OriginalVQVAEConfig
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.importing.keys import TRAINING_ONLY, decoder_keys, sublayers, vqvae_keys
from engine.models.original.vqvae import OriginalVQVAE
from engine.runtime.module_shapes import shapes_only

State = Mapping[str, Tensor]
"""Tensors by the original's names."""
Size = tuple[int, ...]

_NAMED = 5
"""Tensors named in a message; the others are counted."""


def _vote(sizes: Iterable[int | None], default: int) -> int:
    """The most frequent size; `default` where there is none."""
    counted = Counter(size for size in sizes if size)
    return counted.most_common(1)[0][0] if counted else default


def _sizes(state: State, pattern: str, axis: int) -> list[int | None]:
    """Sizes along `axis` of all tensors with a name that matches the whole `pattern`."""
    return [t.shape[axis] if axis < t.ndim else None for name, t in state.items() if re.fullmatch(pattern, name)]


def _depth(state: State, stack: str, kinds: int) -> int:
    """The number of blocks of `kinds` sublayers, from the highest layer number."""
    pattern = re.compile(rf"{stack}\.attn_layers\.layers\.(\d{{1,3}})\..*")
    numbers = [int(found[1]) for name in state if (found := pattern.fullmatch(name))]
    return -(-(max(numbers) + 1) // kinds) if numbers else 12


def _stack_sizes(state: State) -> dict[str, int]:
    layer = r".*\.attn_layers\.layers\.\d+"
    inner = _vote(_sizes(state, rf"{layer}\.1\.to_[qkv]\.weight", 0), 8 * HEAD_WIDTH)
    return {
        "width": _vote(_sizes(state, rf"{layer}\.0\.0\.weight", 0), 768),
        "heads": max(1, inner // HEAD_WIDTH),
        "forward_width": _vote(_sizes(state, rf"{layer}\.1\.ff\.0\.0\.(weight|bias)", 0), 3072),
    }


def vqvae_config(state: State) -> OriginalVQVAEConfig:
    """The sizes of a VQ-VAE; the published ones where no tensor determines them."""
    features = _sizes(state, r"motionDecoder\.to_logit\.(weight|bias)", 0)
    features += _sizes(state, r"motionEncoder\.token_emb\.emb\.weight", 1)
    return OriginalVQVAEConfig(
        motion_features=_vote(features, 263),
        codes=_vote(_sizes(state, r"vq\._codebook\.(cluster_size|embed|embed_avg)", 0), 1024),
        encoder_depth=_depth(state, "motionEncoder", 2),
        decoder_depth=_depth(state, "motionDecoder", 2),
        **_stack_sizes(state),
    )


def decoder_config(state: State, variant: str) -> OriginalDecoderConfig:
    """The sizes of a motion decoder of the given variant; the published ones where no tensor determines them."""
    vocabulary = _sizes(state, r"motionDecoder\.(token_emb\.emb\.weight|to_logits\.weight|to_logits\.bias)", 0)
    styled = OriginalDecoderConfig(variant).styled
    return OriginalDecoderConfig(
        variant=variant,
        codes=max(1, _vote(vocabulary, 1024 + SPECIAL_TOKENS) - SPECIAL_TOKENS),
        depth=_depth(state, "motionDecoder", len(sublayers(styled))),
        **_stack_sizes(state),
    )


def _expected(network: nn.Module, keys: Mapping[str, str]) -> dict[str, Size]:
    """Tensor shapes by the original's names."""
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return {theirs: ours[name] for theirs, name in keys.items()}


def vqvae_problems(state: State, config: OriginalVQVAEConfig) -> list[str]:
    """Sentences about tensors that are missing, unexpected or of the wrong size; empty where all fit."""
    with shapes_only():
        network = OriginalVQVAE(config)
    expected = _expected(network, vqvae_keys(config))
    expected |= dict(zip(TRAINING_ONLY, ((1,), (config.codes,), (config.codes, config.width)), strict=True))
    return _problems(state, expected)


def decoder_problems(state: State, config: OriginalDecoderConfig) -> list[str]:
    """Sentences about tensors that are missing, unexpected or of the wrong size; empty where all fit."""
    with shapes_only():
        network = OriginalDecoder(config)
    problems = _problems(state, _expected(network, decoder_keys(config)))
    if not config.sinusoid and config.heads not in (2, 4, 8, 16):
        problems.append(f"{config.heads} attention heads of {HEAD_WIDTH}, for which ALiBi's slopes are not known")
    return problems


def _problems(state: State, expected: Mapping[str, Size]) -> list[str]:
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    wrong = [
        f"{name} is {list(state[name].shape)}, not {list(size)}"
        for name, size in expected.items()
        if name in state and tuple(state[name].shape) != size
    ]
    found = {"missing": missing, "unexpected": unexpected, "of the wrong size": wrong}
    return [f"{len(names)} {what}: {_list(names)}" for what, names in found.items() if names]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
