"""Starting a decoder from one of another codec, of other styles, or without energy.

The layers between codes and codes are copied. What belongs to single codes is carried over by what the codes of both
codecs stand for: the motions of the data are encoded by both, so each position is described twice.

- Embeddings: the decoder is given the sum of a position's embeddings. Those of the new codes are the least-squares ones
  whose sums are the sums of the old codes' embeddings.
- Logits, and what finer levels are told of coarser codes: a new code has the mean of the old codes that stand in its
  place in the data. A level's counterpart is the level of the same kind (shared or quick) and rank.

Codes that never occur, and levels without a counterpart, stay as the model has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from engine.data.clips import StyledMotion, at_rate
from engine.errors import DataError
from engine.models.own.config import DecoderConfig, VQVAEConfig
from engine.models.torch.decoder import LevelHead, MotionDecoder
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep

RIDGE = 1e-3
"""Of the least-squares embeddings, in occurrences: holds the many that leave the sums alone near zero."""
ENERGY_SIZE = 12.0
"""Norm of the vector of one unit of energy where it is new. In a trained decoder the music's has a norm of 50 beside
it: an energy that began at zero was never told from none in 3700 steps."""
_OF_CODES_AND_CONDITIONS = {"codes", "levels", "styles", "energy", "dropout"}
_SIZES = [field.name for field in fields(DecoderConfig) if field.name not in _OF_CODES_AND_CONDITIONS]
_PER_CODE = ("embeddings.", "coarser.", "heads.", "context.style.")


@torch.no_grad()
def position_codes(codec: MotionVQVAE, clips: Sequence[StyledMotion]) -> Tensor:
    """(N, K) codes of all token positions of clips and of their mirror images."""
    found = []
    for clip in clips:
        features = rep.encode(at_rate(clip.motion))
        features = features[: len(features) // codec.config.stride * codec.config.stride]
        if len(features):
            found.append(codec.encode(torch.from_numpy(np.stack([features, rep.mirror(features)]))).flatten(0, 1))
    return torch.cat(found)


@torch.no_grad()
def start_decoder(
    model: MotionDecoder,
    start: MotionDecoder,
    styles: tuple[Sequence[str], Sequence[str]],
    codecs: tuple[VQVAEConfig, VQVAEConfig],
    codes: tuple[Tensor, Tensor],
) -> None:
    """Give `model` what `start` has learned.

    styles: the names of both, of `model` first, as in all pairs here. codecs: the sizes of their codecs. codes: of the
    same positions by both codecs, (N, K) each, as many levels as each decoder has.

    Raises DataError for networks of other sizes.
    """
    unlike = [name for name in _SIZES if getattr(model.config, name) != getattr(start.config, name)]
    if unlike:
        raise DataError(
            f"The decoder to start from has another {unlike[0]} ({getattr(start.config, unlike[0])}, not "
            f"{getattr(model.config, unlike[0])}). Leave out --start-from."
        )
    own, learned = model.state_dict(), start.state_dict()
    own |= {name: value for name, value in learned.items() if name in own and not name.startswith(_PER_CODE)}
    if "context.energy.weight" in own and "context.energy.weight" not in learned:
        own["context.energy.weight"].mul_(ENERGY_SIZE / own["context.energy.weight"].norm())
        own["context.energy.bias"].zero_()
    model.load_state_dict(own)
    _start_styles(model.context.style.weight, start.context.style.weight, *styles)
    new, old = codes
    _start_embeddings(model, new, start.embed(old))
    for level in range(model.config.levels):
        counterpart = _counterpart(level, *codecs)
        if counterpart is None or counterpart >= start.config.levels:
            continue
        together = _together(new[:, level], old[:, counterpart], model.config.codes, start.config.codes)
        head, other = model.heads[level], start.heads[counterpart]
        assert isinstance(head, LevelHead) and isinstance(other, LevelHead)
        for name in ("norm", "hidden"):
            getattr(head, name).load_state_dict(getattr(other, name).state_dict())
        _carry(head.logits.weight, together, other.logits.weight)
        _carry(head.logits.bias, together, other.logits.bias)
        if level < len(model.coarser) and counterpart < len(start.coarser):
            _carry(_table(model.coarser[level]), together, _table(start.coarser[counterpart]))


def _start_styles(rows: Tensor, learned: Tensor, styles: Sequence[str], known: Sequence[str]) -> None:
    """Rows of styles by name; the last one is "no style given". A new style starts in a random direction, as far from
    it as learned styles are in the mean: all from one place, they took thousands of steps to become different."""
    none = learned[-1]
    far = (learned[:-1] - none).norm(dim=1).mean() if len(learned) > 1 else 0.0
    for row, style in zip(rows, [*styles, None], strict=True):
        if style is None or style in known:
            row.copy_(none if style is None else learned[known.index(style)])
        else:
            row.copy_(none + far * row / row.norm())


def _start_embeddings(model: MotionDecoder, codes: Tensor, sums: Tensor) -> None:
    """Least-squares embeddings whose sums for `codes` (N, K) are `sums` (N, W)."""
    size, levels = model.config.codes, model.config.levels
    both, totals = torch.zeros(size * levels, size * levels), torch.zeros(size * levels, sums.shape[1])
    parts = [slice(level * size, (level + 1) * size) for level in range(levels)]
    for level, part in enumerate(parts):
        totals[part].index_add_(0, codes[:, level], sums)
        for other, other_part in enumerate(parts):
            both[part, other_part] = _together(codes[:, level], codes[:, other], size, size)
    found = torch.linalg.solve(both + RIDGE * torch.eye(len(both)), totals)
    seen = both.diagonal() > 0
    for part, table in zip(parts, model.embeddings, strict=True):
        weight = _table(table)
        weight.copy_(torch.where(seen[part, None], found[part], weight))


def _counterpart(level: int, new: VQVAEConfig, old: VQVAEConfig) -> int | None:
    """The level of the old codec that is of the same kind and rank as a level of the new one, None if there is none."""
    rank = sum(new.is_quick(other) == new.is_quick(level) for other in range(level))
    alike = [other for other in range(old.levels) if old.is_quick(other) == new.is_quick(level)]
    return alike[rank] if rank < len(alike) else None


def _together(one: Tensor, two: Tensor, one_size: int, two_size: int) -> Tensor:
    """(codes, codes) in how many positions each of the codes `one` (N,) meets each of `two`."""
    counts = torch.bincount(one * two_size + two, minlength=one_size * two_size)
    return counts.reshape(one_size, two_size).float()


def _carry(values: Tensor, together: Tensor, learned: Tensor) -> None:
    """Replace the values (codes, ...) of all codes that occur by the mean of the `learned` ones that they meet."""
    counts = together.sum(1)
    occurs = counts > 0
    values[occurs] = (together[occurs] / counts[occurs, None]) @ learned


def _table(layer: torch.nn.Module) -> Tensor:
    assert isinstance(layer, torch.nn.Embedding)
    return layer.weight
