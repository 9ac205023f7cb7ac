"""Names and shapes of a checkpoint's tensors, as its sizes say: those of PyTorch's modules, which training saves."""

from __future__ import annotations

from collections.abc import Iterator

from engine.models.own.config import BETWEEN, MUSIC_LAYERS, MUSIC_WINDOW, DecoderConfig, VQVAEConfig

Shape = tuple[int, ...]
UNUSED = ("quantizer.usage", "quantizer.total", "quantizer.started")
"""Tensors of the codec that only training needs. Early checkpoints have the last one."""


def codec_shapes(config: VQVAEConfig) -> dict[str, Shape]:
    """The codec's tensors."""
    return dict(_codec(config))


def decoder_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """The motion decoder's tensors."""
    return dict(_decoder(config))


def _codec(c: VQVAEConfig) -> Iterator[tuple[str, Shape]]:
    yield "mean", (c.features,)
    yield "std", (c.features,)
    yield "quantizer.codebook", (c.levels, c.codes, c.code_dim)
    yield from _convolution("encoder.0", c.features, c.frame_width, 3)
    yield from _blocks("encoder.1", c.frame_width, c.frame_blocks)
    yield from _convolution("encoder.2", c.frame_width, c.token_width, BETWEEN if c.quick else c.stride)
    yield from _blocks("encoder.3", c.token_width, c.token_blocks)
    yield "encoder.4.gain", (c.token_width, 1)
    yield from _convolution("encoder.5", c.token_width, c.code_dim, 1)
    yield from _convolution("decoder.0", c.code_dim, c.token_width, 3)
    yield from _blocks("decoder.1", c.token_width, c.token_blocks)
    if c.quick:
        yield from _convolution("decoder.2", c.token_width, c.frame_width, BETWEEN)
    else:
        yield "decoder.2.weight", (c.token_width, c.frame_width, c.stride)  # transposed: in, out, width
        yield "decoder.2.bias", (c.frame_width,)
    yield from _blocks("decoder.3", c.frame_width, c.frame_blocks)
    yield "decoder.4.gain", (c.frame_width, 1)
    yield from _convolution("decoder.5", c.frame_width, c.features, 3)


def _decoder(c: DecoderConfig) -> Iterator[tuple[str, Shape]]:
    w = c.width
    yield "start", (w,)
    for level in range(c.levels):
        yield f"embeddings.{level}.weight", (c.codes, w)
    yield "context.music_mean", (c.music_features,)
    yield "context.music_std", (c.music_features,)
    yield from _linear("context.music_in", c.music_features * c.music_stride, w)
    for layer in range(MUSIC_LAYERS):
        yield from _convolution(f"context.music_window.{layer}", w, w, MUSIC_WINDOW)
    yield "context.no_music", (w,)
    yield "context.free", (w,)
    yield "context.style.weight", (c.styles + 1, w)
    if c.energy:
        yield from _linear("context.energy", 1, w)
    for layer in range(c.encoder_layers):
        yield from _layer(f"context.layers.{layer}", ("attention",), w)
    yield from _norm("context.norm", w)
    for layer in range(c.decoder_layers):
        yield from _layer(f"layers.{layer}", ("self", "cross"), w)
    yield from _norm("norm", w)
    for level in range(c.levels - 1):
        yield f"coarser.{level}.weight", (c.codes, w)
    for level in range(c.levels):
        yield from _norm(f"heads.{level}.norm", w)
        yield from _linear(f"heads.{level}.hidden", w, w)
        yield from _linear(f"heads.{level}.logits", w, c.codes)


def _layer(name: str, attentions: tuple[str, ...], width: int) -> Iterator[tuple[str, Shape]]:
    for kind in attentions:
        attention = f"{name}.attention" if kind == "attention" else f"{name}.{kind}_attention"
        yield from _norm(f"{name}.{kind}_norm", width)
        yield f"{attention}.query.weight", (width, width)
        yield f"{attention}.key_value.weight", (2 * width, width)
        yield f"{attention}.out.weight", (width, width)
    yield from _norm(f"{name}.forward_norm", width)
    yield from _linear(f"{name}.feed_forward.0", width, 4 * width)
    yield from _linear(f"{name}.feed_forward.2", 4 * width, width)


def _blocks(name: str, channels: int, count: int) -> Iterator[tuple[str, Shape]]:
    for index in range(count):
        yield f"{name}.{index}.norm.gain", (channels, 1)
        yield from _convolution(f"{name}.{index}.wide", channels, channels, 3)
        yield from _convolution(f"{name}.{index}.mix", channels, channels, 1)


def _convolution(name: str, inputs: int, outputs: int, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs, width)
    yield f"{name}.bias", (outputs,)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
