"""EnCodec's features: the same codes as the real package's, in blocks; weights are downloaded and checked."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from encodec_fake_weights import fake_audio, fake_state, save_fake

from engine.audio.original import encodec_features as features
from engine.audio.original import encodec_weights as weights
from engine.audio.original.encodec_model import EnCodec, load_encodec
from engine.errors import CheckpointError
from engine.service import cli

RECORDED = Path(__file__).with_name("encodec_recorded_codes.json")
"""Codes of the package `encodec` 0.1.1 for `fake_audio` of these lengths with `fake_state`."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_fake(tmp_path_factory.mktemp("encodec") / weights.FILE_NAME)


@pytest.fixture(scope="module")
def model(file: Path) -> EnCodec:
    return load_encodec(file)


@pytest.fixture
def pinned(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and test weights in the place of the official ones."""
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "SIZE", file.stat().st_size)
    return file


def codes_of(model: EnCodec, audio: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return model.codes(torch.from_numpy(audio)[None, None])[0]


def test_codes_are_those_recorded_from_the_package(model: EnCodec) -> None:
    for samples, recorded in json.loads(RECORDED.read_text()).items():
        assert codes_of(model, fake_audio(int(samples))).tolist() == recorded


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The package `encodec`. It imports torchaudio, which there is none of for our PyTorch, for files and resampling
    only, so that an empty module does."""
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    return pytest.importorskip("encodec")


@pytest.mark.filterwarnings("ignore:.torch.nn.utils.weight_norm:FutureWarning")
def test_codes_and_features_are_those_of_the_package(model: EnCodec, package: types.ModuleType) -> None:
    reference = package.EncodecModel.encodec_model_24khz(pretrained=False).eval()
    reference.load_state_dict(fake_state(), strict=False)
    reference.set_target_bandwidth(6.0)
    for samples in (1, 2, 319, 320, 1000, 6400, 12_345):
        audio = fake_audio(samples, seed=samples)
        with torch.inference_mode():
            codes = reference.encode(torch.from_numpy(audio)[None, None])[0][0]
            expected = reference.quantizer.decode(codes.transpose(0, 1))[0].T.numpy()
        assert codes_of(model, audio).equal(codes[0])
        np.testing.assert_array_equal(features.encode(model, audio), expected)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 6400, 6401])
def test_every_started_320_samples_give_a_frame(model: EnCodec, samples: int) -> None:
    result = features.encode(model, fake_audio(samples))
    assert result.shape == (-(-samples // 320), 128)
    assert result.dtype == np.float32


def test_silence_and_empty_audio_are_encoded(model: EnCodec) -> None:
    assert np.isfinite(features.encode(model, np.zeros(6400, np.float32))).all()
    assert features.encode(model, np.zeros(0, np.float32)).shape == (0, 128)


@pytest.mark.parametrize("block", [7, 20, 50])
def test_blocks_equal_the_whole(model: EnCodec, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    audio = fake_audio(6400 * 6 + 77)  # 121 frames, the last one incomplete
    signal = torch.from_numpy(audio)[None, None]
    with torch.inference_mode():
        whole, _ = model.encoder(signal, None)
        states, latents = None, []
        for piece in signal.split(block * 320, dim=-1):
            latent, states = model.encoder(piece, states)
            latents.append(latent)
    torch.testing.assert_close(torch.cat(latents, dim=-1), whole, rtol=0, atol=1e-4)

    expected = features.encode(model, audio)
    monkeypatch.setattr(features, "BLOCK", block)
    fractions: list[float] = []
    moved = np.abs(features.encode(model, audio, fractions.append) - expected).max(axis=1) > 0
    assert moved.sum() <= 2  # float rounding changes a code now and then; everything else is equal to the bit
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_the_frames_of_a_song_do_not_depend_on_what_follows(model: EnCodec) -> None:
    audio = fake_audio(6400 * 2)
    np.testing.assert_array_equal(features.encode(model, audio)[:20], features.encode(model, audio[:6400]))


def test_an_exception_in_progress_ends_the_work(model: EnCodec) -> None:
    def stop(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        features.encode(model, fake_audio(6400), stop)


def test_without_weights_the_error_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="python -m engine fetch-encodec"):
        features.encodec_features(fake_audio(6400))


def test_a_given_file_is_copied_into_the_cache_and_used(
    pinned: Path, model: EnCodec, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["fetch-encodec", "--file", str(pinned)]) == 0
    assert str(weights.weights_path()) in capsys.readouterr().out
    audio = fake_audio(6400)
    np.testing.assert_array_equal(features.encodec_features(audio), features.encode(model, audio))


def test_another_file_is_refused(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"not EnCodec's official file: its SHA-256 begins with .* not d7cc33bc"):
        weights.store_file(file)
    assert not weights.weights_path().exists()
    with pytest.raises(CheckpointError, match="No such file"):
        weights.store_file(tmp_path / "nowhere.th")


def test_a_cached_file_that_changed_is_refused(pinned: Path) -> None:
    path = weights.store_file(pinned)
    with path.open("r+b") as handle:
        handle.truncate(1000)
    with pytest.raises(CheckpointError, match=r"is damaged\. Delete it"):
        weights.require_weights()


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "w.th"
    path.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"w\.th: "):
        load_encodec(path)
    path.write_text("no weights")
    with pytest.raises(CheckpointError, match=r"w\.th: "):
        load_encodec(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="is not a plain state dict"):
        load_encodec(path)
    state = fake_state()
    shifted = {**state, "encoder.model.3.conv.conv.bias": torch.zeros(65)}
    with pytest.raises(CheckpointError, match=r"encoder\.model\.3\.conv\.conv\.bias is \(65,\), but \(64,\) is needed"):
        load_encodec(save_fake(path, shifted))
    del state["encoder.model.13.lstm.weight_hh_l1"]
    with pytest.raises(CheckpointError, match=r"1 of \d+ tensors are missing: encoder\.model\.13\.lstm\.weight_hh_l1"):
        load_encodec(save_fake(path, state))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_program_in_the_file_is_not_run(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "ran"

    class Program:
        def __reduce__(self) -> tuple:
            return Path.touch, (trace,)

    path = tmp_path / "evil.th"
    if zipped:
        torch.save({"encoder.model.0.conv.conv.bias": Program()}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Program()}, protocol=2))
    with pytest.raises(CheckpointError, match=r"evil\.th: .*nothing in it was run"):
        load_encodec(path)
    assert not trace.exists()


class Server(HTTPServer):
    """A server of `content`, with at most `limit` bytes an answer. `ranges` are those of the requests."""

    content: bytes
    limit: int | None = None
    redirect: str | None = None
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        body = self.server.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.limit])

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serving(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.content, server.ranges = content, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(weights, "URL", f"http://127.0.0.1:{server.server_port}/{weights.FILE_NAME}")
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_interrupted_download_is_continued(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pinned.read_bytes()
    with serving(content, monkeypatch) as server:
        server.limit = 1_000_000
        with pytest.raises(CheckpointError, match="try again: it continues"):
            weights.download(lambda fraction: None)
        assert not weights.weights_path().exists()
        server.limit = None
        fractions: list[float] = []
        path = weights.download(fractions.append)
        assert server.ranges == [None, "bytes=1000000-"]
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]
        assert fractions[-1] == 1.0
        weights.download(fractions.append)
        assert len(server.ranges) == 2  # the finished download is not fetched again


def test_a_replaced_download_is_refused_and_deleted(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"x" * weights.SIZE, monkeypatch), pytest.raises(CheckpointError, match="not EnCodec's official one"):
        weights.download(lambda fraction: None)
    assert list(weights.cache_folder().iterdir()) == []


def test_an_insecure_redirect_is_not_followed(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"", monkeypatch) as server:
        server.redirect = "http://127.0.0.1/elsewhere"
        with pytest.raises(CheckpointError, match="not secure"):
            weights.download(lambda fraction: None)


def test_without_a_connection_the_error_names_the_file_option(
    pinned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with serving(b"", monkeypatch):
        pass  # to get a port that is closed again
    assert cli.main(["fetch-encodec"]) == 1
    message = capsys.readouterr().err
    assert "could not be downloaded" in message
    assert "--file" in message


def test_the_official_file_is_pinned() -> None:
    assert weights.URL.startswith("https://")
    assert weights.FILE_NAME.split("-")[1].startswith(weights.SHA256[:8])


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path / "here"))
    assert weights.weights_path() == tmp_path / "here" / weights.FILE_NAME
    monkeypatch.delenv("MAGMA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.weights_path() == tmp_path / "magma-blender" / weights.FILE_NAME


def test_weights_that_an_earlier_version_fetched_on_a_mac_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAGMA_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert weights.weights_path() == tmp_path / "caches" / "magma-blender" / weights.FILE_NAME
    earlier = tmp_path / "Library" / "Caches" / "magma-blender" / weights.FILE_NAME
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    assert weights.weights_path() == earlier
