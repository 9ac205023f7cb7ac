"""Streaming: frames are sent while later tokens are still being generated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_engine import SMALL_CODEC, stepping, tiny_networks, weights_of

from engine import protocol
from engine.errors import RequestError
from engine.models.loading import load_checkpoint
from engine.models.numpy.codec import NumpyCodec
from engine.models.own.codec_stream import CodecStream
from engine.motion import representation
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from engine.service.jobs import run_generate
from smpl_rig.dance_motion import read_motion
from smpl_rig.motion import Motion

CODEC = NumpyCodec(SMALL_CODEC, weights_of(tiny_networks()[0]))


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_frames_decoded_in_pieces_equal_those_decoded_whole(pieces: list[int]) -> None:
    count = sum(pieces)
    codes = np.random.default_rng(count).integers(SMALL_CODEC.codes, size=(count, SMALL_CODEC.levels))
    stream, ends = CodecStream(CODEC), np.cumsum(pieces)
    parts = [stream.extend(codes[:end], ended=end == count) for end in ends]
    np.testing.assert_allclose(np.concatenate(parts), CODEC.decode(codes[None])[0], atol=1e-4, rtol=1e-4)
    # and as early as possible: only frames that later codes can still change are held back
    given_out = sum(map(len, parts[:-1]))
    assert given_out == max(0, (ends[-2] if len(ends) > 1 else 0) - SMALL_CODEC.reach) * SMALL_CODEC.stride


@pytest.mark.parametrize("size", [1, 7, 30, 80])
def test_motion_continues_where_the_frames_before_ended(size: int) -> None:
    motion = stepping(4.0, 100.0, 20.0)
    turning = motion.poses.copy()
    turning[:, 2] += 0.02 * np.arange(len(motion))
    features = representation.encode(replace(motion, poses=turning))
    running = representation.RunningDecoder(20.0)
    parts = [running.extend(features[first : first + size]) for first in range(0, len(features), size)]
    whole = representation.decode(features, 20.0)
    joints = np.concatenate([part.joints() for part in parts])
    np.testing.assert_allclose(joints, whole.joints(), atol=1e-4)


@pytest.fixture
def request_(song: Path, tiny: Path) -> GenerateRequest:
    return GenerateRequest(str(song), seconds=6.0, style="rumba", checkpoint=str(tiny), device="cpu", seed=3)


def watched(request: GenerateRequest) -> tuple[list[tuple[int, Motion]], list[float], np.ndarray, dict]:
    """The frames shown, the fraction done each time, the dance's tokens and its report."""
    shown: list[tuple[int, Motion]] = []
    parts: list[float] = []
    reached = [0.0]

    def progress(_stage: str, fraction: float, _message: str) -> None:
        reached[0] = fraction

    def show(first: int, motion: Motion) -> None:
        shown.append((first, motion))
        parts.append(reached[0])

    dance = generate(request, progress, lambda: False, show)
    return shown, parts, dance.tokens, dance.report


def test_a_dance_is_shown_while_it_is_generated(request_: GenerateRequest, tiny: Path) -> None:
    shown, parts, tokens, report = watched(request_)
    assert len(shown) > 2 and parts[0] < 0.6 and parts == sorted(parts)
    assert [first for first, _ in shown] == list(np.cumsum([0, *(len(motion) for _, motion in shown)])[:-1])
    decoded = load_checkpoint(str(tiny)).decode(tokens)
    joints = np.concatenate([motion.joints() for _, motion in shown])
    np.testing.assert_allclose(joints, decoded.joints(), atol=1e-3)
    assert report["first_motion_seconds"] > 0


def test_a_preview_does_not_change_the_dance(request_: GenerateRequest) -> None:
    plain = generate(request_, lambda *_: None, lambda: False)
    seen = generate(request_, lambda *_: None, lambda: False, lambda *_: None)
    assert plain.to_npz() == seen.to_npz()
    assert "first_motion_seconds" not in plain.report


class Reporter:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict]] = []

    def __call__(self, *_: object) -> None:
        pass

    def notify(self, method: str, params: dict) -> None:
        self.sent.append((method, params))


@pytest.mark.parametrize("stream", [True, False])
def test_frames_are_sent_if_asked_for(request_: GenerateRequest, stream: bool) -> None:
    reporter = Reporter()
    params = {"audio": request_.audio, "seconds": 4.0, "checkpoint": request_.checkpoint, "device": "cpu"}
    answer = run_generate({**params, "style": "rumba", "stream": stream}, reporter, lambda: False)
    dance = read_motion(protocol.unpack_bytes(answer["npz"]))
    assert {method for method, _ in reporter.sent} == ({protocol.MOTION} if stream else set())
    if stream:
        arrays = [protocol.unpack_arrays(params["npz"]) for _, params in reporter.sent]
        assert (
            sum(len(part["poses"]) for part in arrays) >= len(dance) * 20 / dance.fps
            and arrays[0]["trans"].shape[1] == 3
        )
        assert reporter.sent[0][1]["first_frame"] == 0 and reporter.sent[0][1]["frame_rate"] == 20


def test_stream_must_be_true_or_false(request_: GenerateRequest) -> None:
    with pytest.raises(RequestError, match="stream"):
        run_generate({"audio": request_.audio, "stream": "yes"}, Reporter(), lambda: False)
