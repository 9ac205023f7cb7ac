"""Decoding of codes while they are generated: frames are returned once no later code can change them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.torch.vqvae import MotionVQVAE


class CodecStream:
    """A dance decoded in pieces, which together equal decoding it whole (tested)."""

    def __init__(self, vqvae: MotionVQVAE):
        self.vqvae = vqvae
        self.done = 0  # positions whose frames have been returned

    @torch.inference_mode()
    def extend(self, codes: Tensor, ended: bool) -> Tensor:
        """The motion features (T, 128) of the frames that are new and final, given all codes (n, K) so far, n >= 1.

        ended: no code will follow, so that everything is final. T may be 0.
        """
        reach, stride = self.vqvae.config.reach, self.vqvae.config.stride
        begin, stop = self.done, len(codes) if ended else len(codes) - reach
        if stop <= begin:
            return codes.new_zeros((0, self.vqvae.config.features), dtype=torch.float32)
        self.done = stop
        first = max(0, begin - reach)
        features = self.vqvae.decode(codes[None, first:])[0]
        return features[(begin - first) * stride : (stop - first) * stride]
