"""A slow and plain reference of the original's networks: numpy in float64 on tensors under the original's names.

Written from the published facts and independent of `models.original`: no torch, no caches, one row at a time. Also
makes random weights, from numpy's frozen RandomState, so that recordings stay comparable.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

Weights = dict[str, np.ndarray]
KINDS = {
    "vqvae": ["self", "ff"],
    "encodec": ["self", "cross", "ff"],
    "encodec_sine": ["self", "cross", "ff"],
    "librosa": ["self", "cross", "ff"],
    "encodec_style": ["self", "cross", "style", "ff"],
}
MUSIC = {"encodec": 128, "encodec_sine": 128, "encodec_style": 128, "librosa": 35}


# -- the networks ---------------------------------------------------------------------------------------------------


def linear(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    y = x @ w[f"{name}.weight"].T.astype(np.float64)
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def layer_norm(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return normed * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(w: Weights, name: str, x: np.ndarray, context: np.ndarray, causal: bool, alibi: bool) -> np.ndarray:
    q, k, v = linear(w, f"{name}.to_q", x), linear(w, f"{name}.to_k", context), linear(w, f"{name}.to_v", context)
    heads = q.shape[1] // 64
    distance = np.abs(np.arange(len(x))[:, None] - np.arange(len(context))[None])
    outs = []
    for h in range(heads):
        part = slice(64 * h, 64 * h + 64)
        scores = q[:, part] @ k[:, part].T / 8.0
        if alibi and h < heads // 2:
            scores = (
                scores - 4.0 ** -(h + 1) * distance
                if heads == 8
                else scores - 2.0 ** (-16 * (h + 1) / heads) * distance
            )
        if causal:
            scores = np.where(np.arange(len(context))[None] > np.arange(len(x))[:, None], -np.inf, scores)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        outs.append(weights / weights.sum(-1, keepdims=True) @ v[:, part])
    return linear(w, f"{name}.to_out", np.concatenate(outs, -1))


def stack(
    w: Weights,
    prefix: str,
    kinds: list[str],
    x: np.ndarray,
    causal: bool,
    alibi: bool = False,
    music: np.ndarray | None = None,
    style: np.ndarray | None = None,
) -> np.ndarray:
    index = 0
    while f"{prefix}.attn_layers.layers.{index}.0.0.weight" in w:
        name, kind = f"{prefix}.attn_layers.layers.{index}", kinds[index % len(kinds)]
        h = layer_norm(w, f"{name}.0.0", x)
        if kind == "self":
            out = attention(w, f"{name}.1", h, h, causal, alibi)
        elif kind == "cross":
            out = attention(w, f"{name}.1", h, music, False, False)
        elif kind == "style":
            out = h / np.maximum(np.sqrt((h**2).mean(-1, keepdims=True)), 1e-8) * style
        else:
            y = linear(w, f"{name}.1.ff.0.0", h)
            out = linear(w, f"{name}.1.ff.3", 0.5 * y * (1 + erf(y / math.sqrt(2))))
        x = x + out
        index += 1
    return x


def sinusoid(length: int, width: int) -> np.ndarray:
    table = np.zeros((length, width))
    for t in range(length):
        for i in range(width // 2):
            angle = t / 10000 ** (i / (width // 2))
            table[t, i], table[t, width // 2 + i] = math.sin(angle), math.cos(angle)
    return table


def vq_encode(w: Weights, motion: np.ndarray) -> np.ndarray:
    """(T, F) -> (T,) codes."""
    x = linear(w, "motionEncoder.token_emb.emb", motion.astype(np.float64))
    x = x + sinusoid(len(x), x.shape[1]) * w["motionEncoder.pos_emb.scale"]
    x = layer_norm(w, "motionEncoder.norm", stack(w, "motionEncoder", KINDS["vqvae"], x, causal=False))
    codebook = w["vq._codebook.embed"].astype(np.float64)
    return np.array([((codebook - row) ** 2).sum(-1).argmin() for row in x])


def vq_decode(w: Weights, tokens: np.ndarray) -> np.ndarray:
    """(T,) -> (T, F)."""
    x = w["vq._codebook.embed"].astype(np.float64)[tokens]
    return linear(w, "motionDecoder.to_logit", stack(w, "motionDecoder", KINDS["vqvae"], x, causal=True))


def decode_logits(
    w: Weights, variant: str, tokens: np.ndarray, music: np.ndarray, style: np.ndarray | None
) -> np.ndarray:
    """tokens (T,), music (M, C), style (512,) or None -> logits (T, codes + 3)."""
    x = w["motionDecoder.token_emb.emb.weight"].astype(np.float64)[tokens]
    if variant == "encodec_sine":
        x = x + sinusoid(len(x), x.shape[1]) * w["motionDecoder.pos_emb.scale"]
    context = linear(w, "motionDecoder.project_cond_emb", music.astype(np.float64))
    gain = linear(w, "motionDecoder.project_style_cond_emb", style.astype(np.float64)) if style is not None else None
    alibi = variant != "encodec_sine"
    x = stack(w, "motionDecoder", KINDS[variant], x, True, alibi, context, gain)
    return linear(w, "motionDecoder.to_logits", layer_norm(w, "motionDecoder.norm", x))


# -- random weights -------------------------------------------------------------------------------------------------


class Maker:
    """Random tensors, scaled so that signals keep their size through any depth."""

    def __init__(self, seed: int, fast: bool = False):
        self.w: Weights = {}
        self.random = np.random.default_rng(seed) if fast else np.random.RandomState(seed)
        self.fast = fast

    def normal(self, *shape: int) -> np.ndarray:
        if self.fast:
            return self.random.standard_normal(shape, np.float32)
        return self.random.standard_normal(shape).astype(np.float32)

    def linear(self, name: str, rows: int, columns: int, bias: bool = True) -> None:
        self.w[f"{name}.weight"] = self.normal(rows, columns) * np.float32(1.5 / math.sqrt(columns))
        if bias:
            self.w[f"{name}.bias"] = self.normal(rows) * np.float32(0.3)

    def norm(self, name: str, width: int) -> None:
        self.w[f"{name}.weight"] = 1 + self.normal(width) * np.float32(0.2)
        self.w[f"{name}.bias"] = self.normal(width) * np.float32(0.2)

    def stack(self, prefix: str, kinds: list[str], depth: int, width: int, forward: int, heads: int) -> None:
        for index in range(depth * len(kinds)):
            name, kind = f"{prefix}.attn_layers.layers.{index}", kinds[index % len(kinds)]
            self.norm(f"{name}.0.0", width)
            if kind == "ff":
                self.linear(f"{name}.1.ff.0.0", forward, width)
                self.linear(f"{name}.1.ff.3", width, forward)
            elif kind != "style":
                for part in ("to_q", "to_k", "to_v"):
                    self.linear(f"{name}.1.{part}", 64 * heads, width, bias=False)
                self.linear(f"{name}.1.to_out", width, 64 * heads, bias=False)


def random_vqvae(
    seed: int = 1,
    width: int = 16,
    forward: int = 24,
    depth: tuple[int, int] = (2, 2),
    codes: int = 32,
    features: int = 263,
    heads: int = 8,
    fast: bool = False,
) -> Weights:
    make = Maker(seed, fast)
    make.linear("motionEncoder.token_emb.emb", width, features)
    make.w["motionEncoder.pos_emb.scale"] = np.array([0.7], np.float32)
    make.stack("motionEncoder", KINDS["vqvae"], depth[0], width, forward, heads)
    make.norm("motionEncoder.norm", width)
    make.w["vq._codebook.inited"] = np.ones(1, np.float32)
    make.w["vq._codebook.cluster_size"] = np.ones(codes, np.float32)
    make.w["vq._codebook.embed"] = make.normal(codes, width)
    make.w["vq._codebook.embed_avg"] = make.w["vq._codebook.embed"].copy()
    make.stack("motionDecoder", KINDS["vqvae"], depth[1], width, forward, heads)
    make.linear("motionDecoder.to_logit", features, width)
    return make.w


def random_decoder(
    variant: str,
    seed: int = 2,
    width: int = 16,
    forward: int = 24,
    depth: int = 2,
    codes: int = 32,
    heads: int = 8,
    fast: bool = False,
) -> Weights:
    make = Maker(seed, fast)
    make.w["motionDecoder.token_emb.emb.weight"] = make.normal(codes + 3, width)
    make.linear("motionDecoder.project_cond_emb", width, MUSIC[variant])
    if variant == "encodec_sine":
        make.w["motionDecoder.pos_emb.scale"] = np.array([0.6], np.float32)
    if variant == "encodec_style":
        make.linear("motionDecoder.project_style_cond_emb", width, 512)
    make.stack("motionDecoder", KINDS[variant], depth, width, forward, heads)
    make.norm("motionDecoder.norm", width)
    make.linear("motionDecoder.to_logits", codes + 3, width)
    return make.w
