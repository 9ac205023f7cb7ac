"""Maps from the original's tensor names to ours."""

from __future__ import annotations

from engine.models.original.config import OriginalDecoderConfig, OriginalVQVAEConfig

_ATTENTION = {f"1.to_{part}.weight": f"attention.to_{part}.weight" for part in ("q", "k", "v", "out")}
_FEED_FORWARD = {
    f"1.ff.{theirs}.{kind}": f"feed_forward.{ours}.{kind}"
    for theirs, ours in (("0.0", "into"), ("3", "out"))
    for kind in ("weight", "bias")
}

TRAINING_ONLY = ("vq._codebook.inited", "vq._codebook.cluster_size", "vq._codebook.embed_avg")
"""Tensors that were only needed to train the codebook; checked, but not kept."""


def vqvae_keys(config: OriginalVQVAEConfig) -> dict[str, str]:
    """Our name, in `vqvae.OriginalVQVAE`, by the name in the original's VQ-VAE file."""
    keys = {
        "motionEncoder.token_emb.emb.weight": "encoder.embed.weight",
        "motionEncoder.token_emb.emb.bias": "encoder.embed.bias",
        "motionEncoder.pos_emb.scale": "encoder.position_scale",
        "motionEncoder.norm.weight": "encoder.norm.weight",
        "motionEncoder.norm.bias": "encoder.norm.bias",
        "vq._codebook.embed": "codebook",
        "motionDecoder.to_logit.weight": "decoder.to_motion.weight",
        "motionDecoder.to_logit.bias": "decoder.to_motion.bias",
    }
    keys |= _stack("motionEncoder", "encoder.", config.encoder_depth, ("self", "forward"))
    return keys | _stack("motionDecoder", "decoder.", config.decoder_depth, ("self", "forward"))


def decoder_keys(config: OriginalDecoderConfig) -> dict[str, str]:
    """Our name, in `decoder.OriginalDecoder`, by the name in the original's motion decoder file."""
    pairs = {"project_cond_emb": "project_music", "norm": "norm", "to_logits": "to_logits"}
    if config.styled:
        pairs["project_style_cond_emb"] = "project_style"
    keys = {f"motionDecoder.{t}.{kind}": f"{ours}.{kind}" for t, ours in pairs.items() for kind in ("weight", "bias")}
    keys["motionDecoder.token_emb.emb.weight"] = "embed.weight"
    if config.sinusoid:
        keys["motionDecoder.pos_emb.scale"] = "position_scale"
    return keys | _stack("motionDecoder", "", config.depth, sublayers(config.styled))


def sublayers(styled: bool) -> tuple[str, ...]:
    """The sublayers of one of the decoder's blocks; the original numbers each as a layer."""
    return ("self", "cross", "style", "forward") if styled else ("self", "cross", "forward")


def _stack(theirs: str, ours: str, depth: int, kinds: tuple[str, ...]) -> dict[str, str]:
    """The names in a stack of layers: the original numbers every sublayer, ours numbers blocks of them."""
    keys: dict[str, str] = {}
    for index in range(depth * len(kinds)):
        block, kind = f"{ours}layers.{index // len(kinds)}", kinds[index % len(kinds)]
        names = {f"0.0.{part}": f"{kind}_norm.{part}" for part in ("weight", "bias")}
        if kind == "forward":
            names |= _FEED_FORWARD
        elif kind != "style":
            names |= {name: f"{kind}_{rest}" for name, rest in _ATTENTION.items()}
        keys |= {f"{theirs}.attn_layers.layers.{index}.{t}": f"{block}.{o}" for t, o in names.items()}
    return keys
