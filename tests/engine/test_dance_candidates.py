"""Ranking of dance candidates: the scores tell sliding feet, repeated moves and likely codes; the best comes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_metrics import FPS, standing
from tiny_engine import stepping, tiny_networks, weights_of

from engine.models.numpy.decoder import NumpyDecoder
from engine.models.own.likelihood import whole_likelihood
from engine.models.own.sampling import Conditions
from engine.models.torch.networks import TorchDecoder
from engine.pipeline.dance_candidates import SPREAD, DanceScores, best_first, sliding, variety
from smpl_rig.skeleton import JOINT_INDEX

FOOT = JOINT_INDEX["L_foot"]


def test_sliding_is_the_share_of_the_path_on_the_floor() -> None:
    joints = standing(2.0)
    assert sliding(joints) == 0  # nothing moves
    along = np.linspace(0, 1, len(joints))
    joints[:, FOOT, 0] += along
    assert sliding(joints) == pytest.approx(1)
    joints[len(joints) // 2 :, FOOT, 2] += 0.2
    assert sliding(joints) == pytest.approx(0.5, abs=0.01)


def test_repeated_phrases_have_no_variety() -> None:
    dance = stepping(6.4, 100.0, FPS).joints()
    wild = (
        dance
        + np.random.default_rng(0).normal(size=(4, 1, 1, 1)).repeat(len(dance) // 4, 0).reshape(-1, 1, 1)[: len(dance)]
        * np.linspace(-1, 1, dance.shape[1])[:, None]
    )
    part = wild[: len(wild) // 2]
    assert variety(wild, FPS) > 0.05
    assert variety(np.concatenate([part, part]), FPS) == pytest.approx(0, abs=1e-6)
    assert variety(part[:10], FPS) == 0


def test_a_whole_dance_is_as_likely_as_its_codes_are_in_training() -> None:
    network = tiny_networks()[1]
    c = network.config
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(c.codes, (70, c.levels), generator=generator)
    music = torch.randn(70 * c.music_stride, c.music_features, generator=generator)
    free = torch.zeros(70, dtype=torch.bool)
    with torch.inference_mode():
        logits = network(codes[None], codes[None], music[None], free[None], torch.tensor([1]), torch.tensor([True]))
    rows = torch.stack([level[0].log_softmax(-1) for level in logits], 1)
    expected = float(rows.gather(-1, codes[..., None]).mean())
    dance = Conditions(music.numpy(), 1, np.zeros(codes.shape, np.int64), free.numpy())
    for decoder in (TorchDecoder(network), NumpyDecoder(c, weights_of(network))):
        assert whole_likelihood(decoder, dance, codes.numpy()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("figure", "better"), [("likelihood", 1), ("beats", 1), ("sliding", -1), ("variety", 1)])
def test_the_better_of_two_comes_first(figure: str, better: int) -> None:
    usual = DanceScores(likelihood=-2.0, beats=0.1, sliding=0.5, variety=0.1)
    other = replace(usual, **{figure: getattr(usual, figure) + better * getattr(SPREAD, figure)})
    assert best_first([usual, other, usual]) == [1, 0, 2]
