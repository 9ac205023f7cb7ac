"""The motion VQ-VAE in numpy; `engine.models.torch.vqvae` describes the network and trains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.models.numpy.layers import Convolution, Weights, convolution, gelu
from engine.models.own.config import BETWEEN, VQVAEConfig, dilation
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
        self.inwards = convolution(weights, "encoder.2") if c.quick else _Joining(weights, "encoder.2")
        self.token_side = _blocks(weights, "encoder.3", c.token_blocks, c.latents)
        self.latent_gain, self.latent_out = weights["encoder.4.gain"][:, 0], convolution(weights, "encoder.5")
        self.latent_in = convolution(weights, "decoder.0", c.latents)
        self.decoder_token_side = _blocks(weights, "decoder.1", c.token_blocks, c.latents)
        self.outwards = convolution(weights, "decoder.2") if c.quick else _Parting(weights, "decoder.2")
        self.decoder_frame_side = _blocks(weights, "decoder.3", c.frame_blocks)
        self.frame_gain, self.frames_out = weights["decoder.4.gain"][:, 0], convolution(weights, "decoder.5")

    def encode(self, features: Floats) -> Codes:
        stride, each = self.config.stride, self.config.latents
        parts = []
        for first, begin, end, last in self._pieces(features.shape[1] // stride):
            latent = self._latent(features[:, first * stride : last * stride])
            parts.append(self._quantized(latent[:, (begin - first) * each : (end - first) * each]))
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
        """The latent (B, L, D) before quantisation; L / N vectors a position."""
        x = _through(self.frame_side, self.frames_in((features - self.mean) / self.std))
        return self.latent_out(channel_norm(_through(self.token_side, self.inwards(x)), self.latent_gain))

    def _quantized(self, latent: Floats) -> Codes:
        """The nearest codes (B, N, K), level by level: each quantises what the ones before left over."""
        c = self.config
        vectors = latent.reshape(-1, c.latents, c.code_dim)
        residuals = [vectors[:, 0]]
        if c.quick:
            first, second = vectors[:, 0], vectors[:, 1]
            residuals = [(first + second) * np.float32(0.5), (second - first) * np.float32(0.5)]
        codes = np.empty((len(vectors), c.levels), np.int64)
        for level, book in enumerate(self.codebook):
            part = c.is_quick(level)
            codes[:, level] = (self.lengths[level] - 2 * (residuals[part] @ book.T)).argmin(1)
            residuals[part] = residuals[part] - book[codes[:, level]]
        return codes.reshape(len(latent), -1, c.levels)

    def _dequantized(self, codes: Codes) -> Floats:
        """The latent (B, L, D) of codes (B, n, k), of all levels or of the first ones."""
        c = self.config
        parts = [np.zeros((*codes.shape[:2], c.code_dim), np.float32) for _ in range(c.latents)]
        for level in range(codes.shape[-1]):
            parts[c.is_quick(level)] += self.codebook[level][codes[..., level]]
        if not c.quick:
            return parts[0]
        mean, half = parts
        return np.stack([mean - half, mean + half], 2).reshape(len(codes), -1, c.code_dim)

    def _synthesized(self, codes: Codes, spare: tuple[int, int]) -> Floats:
        """Features of codes (B, n, k), without those of the `spare` positions at both ends. Every layer computes only
        what those after it depend on."""
        c = self.config
        frame_reach = sum(block.wide.dilation for block in self.decoder_frame_side) + 1
        between = BETWEEN // 2 if c.quick else 0
        to_frames = c.stride // c.latents
        reach = sum(block.wide.dilation for block in self.decoder_token_side) + -(-(frame_reach + between) // to_frames)
        latent, spare = self._dequantized(codes), (spare[0] * c.latents, spare[1] * c.latents)
        latent, spare = _narrowed(latent, spare, reach + self.latent_in.dilation)
        x, spare = _narrowed(self.latent_in(latent), spare, reach)
        for block in self.decoder_token_side:
            reach -= block.wide.dilation
            x, spare = _narrowed(block(x), spare, reach)
        x, spare = _narrowed(self.outwards(x), (spare[0] * to_frames, spare[1] * to_frames), frame_reach)
        for block in self.decoder_frame_side:
            frame_reach -= block.wide.dilation
            x, spare = _narrowed(block(x), spare, frame_reach)
        x, _ = _narrowed(self.frames_out(channel_norm(x, self.frame_gain)), spare, 0)
        return x * self.std + self.mean


class _Joining:
    """A convolution that joins the frames of a position: kernel and stride are one position."""

    def __init__(self, weights: Weights, name: str):
        weight = weights[f"{name}.weight"]  # (out, in, stride)
        self.matrix = np.ascontiguousarray(weight.transpose(2, 1, 0)).reshape(-1, len(weight))
        self.bias = weights[f"{name}.bias"]

    def __call__(self, x: Floats) -> Floats:
        """(B, N * stride, in) -> (B, N, out)."""
        return x.reshape(len(x), -1, len(self.matrix)) @ self.matrix + self.bias


class _Parting:
    """A transposed convolution that parts a position into its frames: kernel and stride are one position."""

    def __init__(self, weights: Weights, name: str):
        weight = weights[f"{name}.weight"]  # (in, out, stride)
        self.matrix = np.ascontiguousarray(weight.swapaxes(1, 2)).reshape(len(weight), -1)
        self.bias = weights[f"{name}.bias"]

    def __call__(self, x: Floats) -> Floats:
        """(B, N, in) -> (B, N * stride, out)."""
        return (x @ self.matrix).reshape(len(x), -1, len(self.bias)) + self.bias


def _narrowed(x: Floats, spare: tuple[int, int], reach: int) -> tuple[Floats, tuple[int, int]]:
    """x (B, T, C) without those of the `spare` at both ends that are further than `reach` from what is wanted; and how
    many are spare then."""
    first, last = (max(0, end - reach) for end in spare)
    return x[:, first : x.shape[1] - last], (spare[0] - first, spare[1] - last)


def _blocks(weights: Weights, name: str, count: int, spread: int = 1) -> list[ResidualBlock]:
    return [
        ResidualBlock(
            weights[f"{name}.{index}.norm.gain"][:, 0],
            convolution(weights, f"{name}.{index}.wide", spread * dilation(index)),
            convolution(weights, f"{name}.{index}.mix"),
        )
        for index in range(count)
    ]


def _through(blocks: Sequence[ResidualBlock], x: Floats) -> Floats:
    for block in blocks:
        x = block(x)
    return x
