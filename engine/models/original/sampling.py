"""Sampling of tokens with the original's decoder, for long songs in windows, and for gaps between locked tokens.

Long songs are generated in windows of as many positions as the network was trained on. A window shares `overlap`
positions with the one before. With ALiBi the KV cache simply continues and the music window moves; with a sinusoid,
whose positions start again at 0, the shared tokens are run again at once.

This family generates from left to right and cannot be given a locked future. So for a gap before locked tokens several
candidates are generated, and the one after which the locked tokens are the most likely is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from engine.errors import CancelledError, RequestError
from engine.models.original.config import OriginalSampling
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.kv_cache import OriginalDecoderCache
from engine.runtime.threads import one_thread

STREAM_BLOCK = 20
"""Tokens (a second) returned at a time while later ones are still to be generated."""
CANDIDATES = 8
HORIZON = 40
"""Locked tokens (two seconds) after a gap; their likelihood ranks its candidates."""

Cancelled = Callable[[], bool]


class SongPass:
    """One left-to-right pass over a song of `length` positions: the tokens so far, and the logits of the next.

    music: (M, C), M at least `length`. style: (512,) or None. Rows of the batch are candidates for the same song.
    Raises RequestError for too little music.
    """

    def __init__(
        self, decoder: OriginalDecoder, music: Tensor, style: Tensor | None, length: int, settings: OriginalSampling
    ):
        if len(music) < length:
            raise RequestError(f"{length} tokens need as many music frames, not {len(music)}. Pad the music.")
        self.decoder, self.settings, self.length = decoder, settings, length
        self.window = min(settings.window, length)
        self.hop = max(1, self.window - settings.overlap)
        styles = None if style is None else style[None]
        self.cache = OriginalDecoderCache(decoder, music[None], styles, self.window, 1, settings.music_view)
        self.tokens = torch.zeros((1, length), dtype=torch.int64, device=music.device)
        self.position = 0
        self.logits: Tensor | None = None  # (B, codes + 3) of `position`; None at the first and after the last

    def draw(self, noise: Tensor) -> None:
        """Sample the next token of every row. noise: (B, codes), Gumbel's. The song's first token is uniform."""
        before = self.logits
        tokens = noise.argmax(-1) if before is None else choose_tokens(before, noise, self.settings)
        self._run(tokens[:, None])

    def append(self, tokens: Tensor) -> Tensor:
        """Append given tokens (n,), n >= 1, to every row. Returns their log-likelihood (B,), nats, after each row."""
        rows, before = tokens.expand(len(self.tokens), -1), self.logits
        logits = self._run(rows)[:, : len(tokens) - 1]
        if before is not None:
            logits = torch.cat([before[:, None], logits], 1)
        predicted = rows[:, len(tokens) - logits.shape[1] :, None]  # nothing predicts the song's first token
        return logits.float().log_softmax(-1).gather(-1, predicted)[..., 0].sum(-1)

    def choose(self, rows: list[int]) -> None:
        """Continue with these rows of the batch, any of them several times."""
        index = torch.tensor(rows, device=self.tokens.device)
        self.cache.choose(index)
        self.tokens = self.tokens[index]
        self.logits = None if self.logits is None else self.logits[index]

    def _run(self, tokens: Tensor) -> Tensor:
        """Run tokens (B, n) at `position`. Returns the logits (B, n, codes + 3) of the positions after each; the song's
        last token is not run, since nothing follows it."""
        begin, self.position = self.position, self.position + tokens.shape[1]
        self.tokens[:, begin : self.position] = tokens
        parts = []
        while begin < min(self.position, self.length - 1):
            first, stop = self._enter_window(begin + 1)
            stop = min(stop - 1, self.position, self.length - 1)
            if self.decoder.config.sinusoid and self.cache.start != first:
                self.cache.restart(first)
                if first < begin:
                    self.cache.extend(self.tokens[:, first:begin])
            parts.append(self.cache.extend(self.tokens[:, begin:stop]))
            begin = stop
        if not parts:
            self.logits = None
            return tokens.new_zeros((len(tokens), 0, self.decoder.config.vocabulary), dtype=torch.float32)
        logits = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        self.logits = logits[:, -1] if self.position < self.length else None
        return logits

    def _enter_window(self, target: int) -> tuple[int, int]:
        """Move the music window to the window that generates position `target`. Returns that window (first, stop)."""
        late = target - self.window  # how far beyond the first window
        first = 0 if late < 0 else min((late // self.hop + 1) * self.hop, self.length - self.window)
        self.cache.set_music_window(first, first + self.window)
        return first, first + self.window


def choose_tokens(logits: Tensor, noise: Tensor, settings: OriginalSampling) -> Tensor:
    """Motion tokens (B,) sampled from logits (B, codes + 3) with Gumbel noise (B, codes).

    As in the original, they are among the `top_k` best of the whole vocabulary. The argmax of logits plus Gumbel noise
    is a sample of the softmax (Maddison et al. 2014) and needs no transfer from the GPU to the CPU.
    """
    motion = logits[:, : noise.shape[1]].float()
    best = motion.max(-1, keepdim=True).values
    if settings.temperature <= 0:
        return motion.argmax(-1)
    if 0 < settings.top_k < logits.shape[1]:
        least = logits.float().topk(settings.top_k, -1).values[:, -1:]
        motion = motion.masked_fill(motion < torch.minimum(least, best), -torch.inf)
    return ((motion - best) / max(settings.temperature, 1e-6) + noise).argmax(-1)


@torch.inference_mode()
def generate_tokens(
    decoder: OriginalDecoder,
    music: Tensor,
    style: Tensor | None,
    length: int,
    settings: OriginalSampling,
    seed: int,
    cancelled: Cancelled,
) -> Iterator[Tensor]:
    """Yield `length` tokens in blocks (n,) of up to a second, each as soon as it is generated.

    music: (M, C) at 20 Hz, M >= length. style: (512,) or None. Same seed and settings, same tokens on the same device.
    Raises CancelledError between two tokens once `cancelled()` is true.
    """
    song = SongPass(decoder, music, style, length, settings)
    noise = _Noise(decoder, seed)
    for begin in range(0, length, STREAM_BLOCK):
        stop = min(begin + STREAM_BLOCK, length)
        with one_thread():
            for row in noise.rows(stop - begin, 1):
                _check(cancelled)
                song.draw(row)
        yield song.tokens[0, begin:stop]


@torch.inference_mode()
def fill(
    decoder: OriginalDecoder,
    music: Tensor,
    style: Tensor | None,
    tokens: Tensor,
    locked: Tensor,
    settings: OriginalSampling,
    seed: int,
    cancelled: Cancelled,
    candidates: int = CANDIDATES,
) -> Tensor:
    """Tokens (N,): those of `tokens` where `locked` (N,) is true, sampled ones elsewhere.

    For every gap before locked tokens, `candidates` are generated at once; the one after which the next `HORIZON`
    locked tokens are the most likely is kept. Raises CancelledError between two tokens once `cancelled()` is true.
    """
    song = SongPass(decoder, music, style, len(tokens), settings)
    noise = _Noise(decoder, seed)
    for begin, stop in _runs(locked.tolist()):
        if locked[begin]:
            horizon = min(begin + HORIZON, stop)
            likelihood = song.append(tokens[begin:horizon])
            song.choose([int(likelihood.argmax())])
            if horizon < stop:
                song.append(tokens[horizon:stop])
            continue
        rows = candidates if stop < len(tokens) else 1
        song.choose([0] * rows)
        for row in noise.rows(stop - begin, rows):
            _check(cancelled)
            song.draw(row)
    return song.tokens[0]


class _Noise:
    """Gumbel noise, drawn on the CPU so that it does not depend on the device."""

    def __init__(self, decoder: OriginalDecoder, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.codes, self.device = decoder.config.codes, decoder.embed.weight.device

    def rows(self, positions: int, rows: int) -> Iterator[Tensor]:
        """Noise (rows, codes) for each of the next positions, generated a second at a time."""
        for begin in range(0, positions, STREAM_BLOCK):
            shape = (min(STREAM_BLOCK, positions - begin), rows, self.codes)
            noise = torch.empty(shape).exponential_(generator=self.generator).clamp_(min=1e-30).log_().neg_()
            yield from noise.to(self.device)


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """The half-open ranges of equal flags, true or false."""
    borders = [0, *(n for n in range(1, len(flags)) if flags[n] != flags[n - 1]), len(flags)]
    return list(pairwise(borders)) if flags else []


def _check(cancelled: Cancelled) -> None:
    if cancelled():
        raise CancelledError("Cancelled.")
