"""Decoding of codes while they are generated: frames are returned once no later code can change them."""

from __future__ import annotations

import numpy as np

from engine.models.own.networks import Codec, Codes, Floats


class CodecStream:
    """A dance decoded in pieces, which together equal decoding it whole (tested)."""

    def __init__(self, codec: Codec):
        self.codec = codec
        self.done = 0  # positions whose frames have been returned

    def extend(self, codes: Codes, ended: bool) -> Floats:
        """The motion features (T, F) of the frames that are new and final, given all codes (n, K) so far, n >= 1.

        ended: no code will follow, so that everything is final. T may be 0.
        """
        config, begin = self.codec.config, self.done
        stop = len(codes) if ended else len(codes) - config.reach
        if stop <= begin:
            return np.zeros((0, config.features), np.float32)
        self.done = stop
        return self.codec.decode(codes[None], begin, stop)[0]
