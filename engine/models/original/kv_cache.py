"""The networks run from left to right with key/value caches: a few positions at a time, nothing computed twice.

What is remembered is bounded by a window. With a window at least as long as the sequence the results equal those of
the whole networks (tested); a shorter one makes every layer forget positions that are `window` ago.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from engine.models.original.config import HEAD_WIDTH
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.layers import KeysValues, Remember, distance_bias
from engine.models.original.vqvae import OriginalVQVAE

BLOCK = 64
"""Most positions that are run at once; longer inputs are split."""


class OriginalKVCache:
    """A ring of the last positions' keys and values of every layer, (layers, 2, B, H, slots, 64).

    A slot is overwritten only when none of the positions being run needs it, so that new positions are written first
    and attention reads the ring as it lies: no copies, and the order of slots does not matter to attention.
    """

    def __init__(self, layers: int, rows: int, heads: int, window: int, block: int, like: Tensor):
        self.window, self.position = window, 0
        slots = window + block - 1
        self.kept = like.new_zeros((layers, 2, rows, heads, slots, HEAD_WIDTH))
        self.written_at = torch.full((slots,), -1, dtype=torch.int64, device=like.device)
        self.free = torch.arange(block, device=like.device)
        self.used = 0
        self.slot = self.free

    def place(self, count: int) -> Tensor:
        """Make room for `count` new positions, at most `block`. Returns how long ago each used slot was written, as
        each new position sees it: (count, used)."""
        slots = len(self.written_at)
        positions = self.free[:count] + self.position
        self.slot = positions % slots
        self.written_at[self.slot] = positions
        self.position += count
        self.used = min(self.position, slots)
        return positions[:, None] - self.written_at[: self.used]

    def remember(self, layer: int, keys: Tensor, values: Tensor) -> KeysValues:
        """Write the new positions' (B, H, count, 64) and return all that is kept, (B, H, used, 64)."""
        kept_keys, kept_values = self.kept[layer, 0], self.kept[layer, 1]
        kept_keys.index_copy_(2, self.slot, keys)
        kept_values.index_copy_(2, self.slot, values)
        return kept_keys[:, :, : self.used], kept_values[:, :, : self.used]

    def hooks(self) -> list[Remember]:
        """`remember`, by layer."""
        return [partial(self.remember, layer) for layer in range(len(self.kept))]

    def choose(self, rows: Tensor) -> None:
        """Go on with these rows (R,) of the batch, any of them several times or never."""
        self.kept = self.kept[:, :, rows]

    def forget(self) -> None:
        """Back to position 0."""
        self.position = self.used = 0
        self.written_at.fill_(-1)


class OriginalDecoderCache:
    """One left-to-right pass of the motion decoder.

    music: (1 or B, M, C), all of it; which of its frames are seen is said with `look`. style: (1 or B, 512) or None.
    window: positions remembered. music_view: "whole" (all frames that are looked at) or "prefix" (those up to the
    position's own; frames must begin at or before the positions).
    """

    def __init__(
        self,
        decoder: OriginalDecoder,
        music: Tensor,
        style: Tensor | None,
        window: int,
        rows: int = 1,
        music_view: str = "whole",
    ):
        c = decoder.config
        self.decoder, self.music, self.music_view = decoder, music, music_view
        self.gain = decoder.style_gain(style)
        self.memory = OriginalKVCache(c.depth, rows, c.heads, window, min(BLOCK, window), music)
        self.hooks = self.memory.hooks()
        self.slopes = decoder.slopes(music.device)
        self.first = self.last = 0  # frames of music that are looked at
        self.heard: list[KeysValues] = []
        self.start = 0  # the position of the memory's first, in the song
        self.look(0, min(music.shape[1], window))

    @property
    def position(self) -> int:
        """The next position, in the song."""
        return self.start + self.memory.position

    def look(self, first: int, last: int) -> None:
        """See the music frames first..last from now on. Keys and values that are there already are kept."""
        if (first, last) == (self.first, self.last):
            return
        if self.first <= first < self.last <= last:
            new = self.decoder.hear(self.music[:, self.last : last])
            shift = first - self.first
            self.heard = [
                (torch.cat([keys[:, :, shift:], k], 2), torch.cat([values[:, :, shift:], v], 2))
                for (keys, values), (k, v) in zip(self.heard, new, strict=True)
            ]
        else:
            self.heard = self.decoder.hear(self.music[:, first:last])
        self.first, self.last = first, last

    def restart(self, position: int) -> None:
        """Forget all that was run; the next token is at `position` of the song, which counts as 0 for a sinusoid."""
        self.memory.forget()
        self.start = position

    def extend(self, tokens: Tensor) -> Tensor:
        """Run the next tokens (B, n), n >= 1. Returns their logits (B, n, codes + 3)."""
        parts = [self._extend(part) for part in torch.split(tokens, len(self.memory.free), 1)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def choose(self, rows: Tensor) -> None:
        """Go on with these rows (R,) of the batch."""
        self.memory.choose(rows)

    def _extend(self, tokens: Tensor) -> Tensor:
        count = tokens.shape[1]
        positions = self.memory.free[:count] + self.memory.position
        x = self.decoder.enter(tokens, positions)
        age = self.memory.place(count)
        bias = distance_bias(age, self.slopes, self.memory.window).to(x.dtype)
        music_bias = None
        if self.music_view == "prefix":
            frames = torch.arange(self.first, self.last, device=x.device)
            music_bias = distance_bias((positions + self.start)[:, None] - frames, None).to(x.dtype)
        return self.decoder.run(x, self.heard, bias, music_bias, self.gain, self.hooks)


class OriginalCodecStream:
    """The VQ-VAE's decoder, fed tokens as they are written; equals decoding them whole up to `window` frames.

    Beyond, a frame sees the `window` frames before it in every layer.
    """

    def __init__(self, vqvae: OriginalVQVAE, window: int, rows: int = 1):
        c = vqvae.config
        self.vqvae = vqvae
        self.memory = OriginalKVCache(c.decoder_depth, rows, c.heads, window, min(BLOCK, window), vqvae.codebook)
        self.hooks = self.memory.hooks()

    def extend(self, tokens: Tensor) -> Tensor:
        """The next tokens (B, n), n >= 1 -> their frames of normalised motion (B, n, F)."""
        return torch.cat([self._extend(part) for part in torch.split(tokens, len(self.memory.free), 1)], 1)

    def _extend(self, tokens: Tensor) -> Tensor:
        x = self.vqvae.vectors(tokens)
        bias = distance_bias(self.memory.place(tokens.shape[1]), None, self.memory.window).to(x.dtype)
        layers: nn.ModuleList = self.vqvae.decoder.layers
        for layer, remember in zip(layers, self.hooks, strict=True):
            x = layer(x, bias, remember=remember)
        return self.vqvae.decoder.to_motion(x)
