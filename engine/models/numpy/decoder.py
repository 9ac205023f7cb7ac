"""The motion decoder in numpy; `engine.models.torch.decoder` describes the network and trains it.

What is multiplied with the same vectors is one matrix (queries, keys and values of self-attention); gain and shift of a
norm are in the weights of the product that follows it, and so is the scale of the queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.models.numpy.attention import query, query_key_value
from engine.models.numpy.context import ContextEncoder
from engine.models.numpy.layers import (
    Linear,
    Weights,
    after_norm,
    feed_forward,
    gelu,
    linear,
    norm,
    normalized,
    transposed,
)
from engine.models.numpy.writer import CausalStack, DecoderLayer, NumpyWriter
from engine.models.own.config import DecoderConfig
from engine.models.own.networks import Codes, Floats


@dataclass(frozen=True)
class LevelHead:
    """Output head of one residual level. hidden: after a norm."""

    hidden: Linear
    logits: Linear

    def __call__(self, state: Floats) -> Floats:
        """Logits (..., codes) of states (..., W)."""
        return self.logits(state + gelu(self.hidden(normalized(state))))


class NumpyDecoder:
    """The whole network; implements `engine.models.own.networks.Decoder`."""

    def __init__(self, config: DecoderConfig, weights: Weights):
        self.config = config
        self.context = ContextEncoder(config, weights)
        self.stack = CausalStack(
            config,
            [weights[f"embeddings.{level}.weight"] for level in range(config.levels)],
            weights["start"],
            [_layer(weights, f"layers.{layer}", config.heads) for layer in range(config.decoder_layers)],
            norm(weights, "norm"),
        )
        self.coarser = [weights[f"coarser.{level}.weight"] for level in range(config.levels - 1)]
        self.heads = [_head(weights, f"heads.{level}") for level in range(config.levels)]

    @property
    def reach(self) -> int:
        return self.config.reach

    @property
    def threads(self) -> int:
        return 2

    def memory(
        self,
        music: Floats,
        codes: Codes,
        locked: NDArray[np.bool_],
        style: Codes,
        has_music: NDArray[np.bool_],
        energy: Floats | None = None,
    ) -> Floats:
        return self.context(music, locked, self.stack.embed(codes), style, has_music, energy)

    def writer(self, memory: Floats, position: int = 0) -> NumpyWriter:
        return NumpyWriter(self.stack, memory, position)

    def logits(self, state: Floats, coarser: Codes) -> Floats:
        level = coarser.shape[-1]
        for index in range(level):
            state = state + self.coarser[index][coarser[..., index]]
        return self.heads[level](state)


def _layer(weights: Weights, name: str, heads: int) -> DecoderLayer:
    own, cross = f"{name}.self_attention", f"{name}.cross_attention"
    return DecoderLayer(
        query_key_value(weights, f"{name}.self_norm", own, heads),
        transposed(weights[f"{own}.out.weight"]),
        query(weights, f"{name}.cross_norm", cross, heads),
        transposed(weights[f"{cross}.key_value.weight"]),
        transposed(weights[f"{cross}.out.weight"]),
        feed_forward(weights, name),
    )


def _head(weights: Weights, name: str) -> LevelHead:
    hidden = after_norm(norm(weights, f"{name}.norm"), linear(weights, f"{name}.hidden"))
    return LevelHead(hidden, linear(weights, f"{name}.logits"))
