"""The networks of our family in PyTorch, as `engine.models.own.networks` describes them."""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.own.config import DecoderConfig, VQVAEConfig
from engine.models.own.networks import Codes, Floats
from engine.models.torch.decoder import LevelHead, MotionDecoder
from engine.models.torch.kv_cache import DecoderCache
from engine.models.torch.vqvae import MotionVQVAE
from engine.runtime.threads import one_thread


class TorchCodec:
    """A codec; implements `engine.models.own.networks.Codec`."""

    def __init__(self, network: MotionVQVAE):
        self.network = network
        self.device = next(network.parameters()).device

    @property
    def config(self) -> VQVAEConfig:
        return self.network.config

    @torch.inference_mode()
    def encode(self, features: Floats) -> Codes:
        return self.network.encode(torch.from_numpy(features).to(self.device)).cpu().numpy()

    @torch.inference_mode()
    def decode(self, codes: Codes, begin: int = 0, end: int | None = None) -> Floats:
        reach, stride = self.config.reach, self.config.stride
        end = codes.shape[1] if end is None else end
        first = max(0, begin - reach)
        features = self.network.decode(torch.from_numpy(codes[:, first : end + reach]).to(self.device))
        return features[:, (begin - first) * stride : (end - first) * stride].cpu().numpy()


class TorchDecoder:
    """A motion decoder; implements `engine.models.own.networks.Decoder`."""

    def __init__(self, network: MotionDecoder):
        self.network = network
        self.device = next(network.parameters()).device

    @property
    def config(self) -> DecoderConfig:
        return self.network.config

    @property
    def reach(self) -> int:
        return self.network.context.reach

    @property
    def threads(self) -> int:
        return 1

    @torch.inference_mode()
    def memory(
        self,
        music: Floats,
        codes: Codes,
        locked: NDArray[np.bool_],
        style: Codes,
        has_music: NDArray[np.bool_],
        energy: Floats | None = None,
    ) -> Floats:
        arrays = [music, codes, locked, style, has_music, *([] if energy is None else [energy])]
        return self.network.memory(*(torch.from_numpy(array).to(self.device) for array in arrays)).cpu().numpy()

    def writer(self, memory: Floats, position: int = 0) -> TorchWriter:
        return TorchWriter(self.network, torch.from_numpy(memory).to(self.device), position)

    @torch.inference_mode()
    def logits(self, state: Floats, coarser: Codes) -> Floats:
        known, codes = torch.from_numpy(state).to(self.device), torch.from_numpy(coarser).to(self.device)
        level = coarser.shape[-1]
        with one_thread():
            for index in range(level):
                known = known + self.network.coarser[index](codes[..., index])
            head = self.network.heads[level]
            assert isinstance(head, LevelHead)
            return head(known).float().cpu().numpy()


class TorchWriter:
    """A left-to-right pass; implements `engine.models.own.networks.Writer`."""

    @torch.inference_mode()
    def __init__(self, network: MotionDecoder, memory: Tensor, position: int):
        self.cache = DecoderCache(network, memory, position)

    @torch.inference_mode()
    def step(self, before: Codes | None) -> Floats:
        codes = None if before is None else torch.from_numpy(before).to(self.cache.memory.device)
        with one_thread():
            return self.cache.step(codes).cpu().numpy()

    @torch.inference_mode()
    def prefill(self, before: Codes, begins: bool = False, last: int | None = None) -> Floats:
        states = self.cache.prefill(torch.from_numpy(before).to(self.cache.memory.device), begins)
        return states[:, 0 if last is None else max(0, states.shape[1] - last) :].cpu().numpy()

    @torch.inference_mode()
    def repeated(self, times: int) -> TorchWriter:
        many = copy(self)
        many.cache = self.cache.repeated(times)
        return many
