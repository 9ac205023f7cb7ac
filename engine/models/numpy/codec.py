"""The motion VQ-VAE in numpy; `engine.models.torch.vqvae` describes the network and trains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.models.numpy.layers import Convolution, Weights, convolution, gelu
from engine.models.own.config import VQVAEConfig, dilation
from engine.models.own.networks import Codes, Floats

_PIECE = 1024
"""Token positions that are decoded or encoded at once, with their surroundings: what bounds the memory."""


@dataclass(frozen=True)
class ResidualBlock:
    """gain: (C,) of the norm over the channels of a frame."""

    gain: Floats
    wide: Convolution
    mix: Convolution

    def __call__(self, x: Floats) -> Floats:
        """(B, T, C) -> (B, T, C)."""
        return x + self.mix(gelu(self.wide(gelu(channel_norm(x, self.gain)))))


def channel_norm(x: Floats, gain: Floats) -> Floats:
    """Root-mean-square norm over the channels of each frame (..., C)."""
    squares = np.add.reduce(x * x, -1, keepdims=True)
    squares /= np.float32(x.shape[-1])
    squares += np.float32(1e-6)
    np.sqrt(squares, out=squares)
    y = x * gain
    y /= squares
    return y


class NumpyCodec:
    """Encoder, residual quantiser and decoder; implements `engine.models.own.networks.Codec`."""

    def __init__(self, config: VQVAEConfig, weights: Weights):
        self.config = config
        self.mean, self.std = weights["mean"], weights["std"]
        self.codebook = weights["quantizer.codebook"]
        self.lengths = np.square(self.codebook).sum(-1)
        c = config
        self.frames_in = convolution(weights, "encoder.0")
        self.frame_side = _blocks(weights, "encoder.1", c.frame_blocks)
        self.joined, self.joined_bias = _joining(weights["encoder.2.weight"]), weights["encoder.2.bias"]
        self.token_side = _blocks(weights, "encoder.3", c.token_blocks)
        self.latent_gain, self.latent_out = weights["encoder.4.gain"][:, 0], convolution(weights, "encoder.5")
        self.latent_in = convolution(weights, "decoder.0")
        self.decoder_token_side = _blocks(weights, "decoder.1", c.token_blocks)
        self.parted = np.ascontiguousarray(weights["decoder.2.weight"].swapaxes(1, 2)).reshape(c.token_width, -1)
        self.parted_bias = weights["decoder.2.bias"]
        self.decoder_frame_side = _blocks(weights, "decoder.3", c.frame_blocks)
        self.frame_gain, self.frames_out = weights["decoder.4.gain"][:, 0], convolution(weights, "decoder.5")

    def encode(self, features: Floats) -> Codes:
        stride = self.config.stride
        parts = []
        for first, begin, end, last in self._pieces(features.shape[1] // stride):
            latent = self._latent(features[:, first * stride : last * stride])
            parts.append(self._quantized(latent[:, begin - first : end - first]))
        return np.concatenate(parts, 1)

    def decode(self, codes: Codes, begin: int = 0, end: int | None = None) -> Floats:
        parts = []
        for first, start, stop, last in self._pieces(codes.shape[1], begin, end):
            parts.append(self._synthesized(codes[:, first:last], (start - first, last - stop)))
        return np.concatenate(parts, 1)

    def _pieces(self, count: int, begin: int = 0, end: int | None = None) -> list[tuple[int, int, int, int]]:
        """Pieces of begin..end of `count` positions, and the positions before and after each that it depends on."""
        reach, end = self.config.reach, count if end is None else end
        pieces = ((start, min(start + _PIECE, end)) for start in range(begin, max(end, begin + 1), _PIECE))
        return [(max(0, start - reach), start, stop, min(stop + reach, count)) for start, stop in pieces]

    def _latent(self, features: Floats) -> Floats:
        """The latent (B, N, D) before quantisation."""
        x = _through(self.frame_side, self.frames_in((features - self.mean) / self.std))
        x = x.reshape(len(x), -1, len(self.joined)) @ self.joined + self.joined_bias
        return self.latent_out(channel_norm(_through(self.token_side, x), self.latent_gain))

    def _quantized(self, latent: Floats) -> Codes:
        """The nearest codes, level by level: each quantises what the ones before left over."""
        residual = latent.reshape(-1, latent.shape[-1])
        codes = np.empty((len(residual), self.config.levels), np.int64)
        for level, book in enumerate(self.codebook):
            codes[:, level] = (self.lengths[level] - 2 * (residual @ book.T)).argmin(1)
            residual = residual - book[codes[:, level]]
        return codes.reshape(*latent.shape[:2], -1)

    def _synthesized(self, codes: Codes, spare: tuple[int, int]) -> Floats:
        """Features of codes (B, n, k), without those of the `spare` positions at both ends. Every layer computes only
        what those after it depend on."""
        c = self.config
        frame_reach = sum(block.wide.dilation for block in self.decoder_frame_side) + 1
        reach = sum(block.wide.dilation for block in self.decoder_token_side) + -(-frame_reach // c.stride)
        latent = np.zeros((*codes.shape[:2], c.code_dim), np.float32)
        for level in range(codes.shape[2]):
            latent += self.codebook[level][codes[..., level]]
        latent, spare = _narrowed(latent, spare, reach + 1)
        x, spare = _narrowed(self.latent_in(latent), spare, reach)
        for block in self.decoder_token_side:
            reach -= block.wide.dilation
            x, spare = _narrowed(block(x), spare, reach)
        x = (x @ self.parted).reshape(len(x), -1, c.frame_width) + self.parted_bias
        x, spare = _narrowed(x, (spare[0] * c.stride, spare[1] * c.stride), frame_reach)
        for block in self.decoder_frame_side:
            frame_reach -= block.wide.dilation
            x, spare = _narrowed(block(x), spare, frame_reach)
        x, _ = _narrowed(self.frames_out(channel_norm(x, self.frame_gain)), spare, 0)
        return x * self.std + self.mean


def _narrowed(x: Floats, spare: tuple[int, int], reach: int) -> tuple[Floats, tuple[int, int]]:
    """x (B, T, C) without those of the `spare` at both ends that are further than `reach` from what is wanted; and how
    many are spare then."""
    first, last = (max(0, end - reach) for end in spare)
    return x[:, first : x.shape[1] - last], (spare[0] - first, spare[1] - last)


def _blocks(weights: Weights, name: str, count: int) -> list[ResidualBlock]:
    return [
        ResidualBlock(
            weights[f"{name}.{index}.norm.gain"][:, 0],
            convolution(weights, f"{name}.{index}.wide", dilation(index)),
            convolution(weights, f"{name}.{index}.mix"),
        )
        for index in range(count)
    ]


def _through(blocks: Sequence[ResidualBlock], x: Floats) -> Floats:
    for block in blocks:
        x = block(x)
    return x


def _joining(weight: Floats) -> Floats:
    """The matrix (stride * in, out) that joins the frames of a position, of a convolution (out, in, stride)."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0)).reshape(-1, len(weight))
