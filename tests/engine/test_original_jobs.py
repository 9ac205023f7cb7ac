"""The add-on's requests for imported checkpoints, `import` and `fetch_encodec`, and the files they leave."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import numpy as np
import original_reference as reference
import pytest
from original_files import save

from engine.audio.original import encodec_weights
from engine.checkpoint_index import list_checkpoints
from engine.errors import CancelledError, CheckpointError, RequestError
from engine.models.original.clip import clip_style
from engine.service.failures import describe_error
from engine.service.jobs import run_fetch_encodec, run_import


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def params(tmp_path: Path) -> dict[str, str]:
    vqvae = save(tmp_path / "vq.pt", reference.random_vqvae(depth=(1, 1)))
    motionseq = save(tmp_path / "seq.pt", reference.random_decoder("librosa", depth=1))
    folder = tmp_path / "own" / "imported"
    return {"vqvae": str(vqvae), "motionseq": str(motionseq), "variant": "librosa", "folder": str(folder)}


def run(params: dict[str, str], stop_at: float = 2.0) -> tuple[dict, list[float]]:
    """The import's answer and the fractions it reported; cancelled at the first fraction from `stop_at` on."""
    fractions: list[float] = []

    def progress(stage: str, fraction: float, message: str) -> None:
        fractions.append(fraction)
        if fraction >= stop_at:
            raise CancelledError

    return run_import(params, progress, lambda: False), fractions


def own(tmp_path: Path) -> list[str]:
    """The names in the folder of checkpoints."""
    folder = tmp_path / "own"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_import_reports_progress_and_what_is_missing(params: dict[str, str], tmp_path: Path) -> None:
    answer, fractions = run(params)
    assert fractions == sorted(fractions) and fractions[0] == 0 and 0.8 < fractions[-1] < 1
    assert answer["folder"] == params["folder"] and answer["variant"] == "librosa" and answer["parameters"] > 1000
    assert ["mean and std" in warning for warning in answer["warnings"]] == [True]
    assert json.loads(json.dumps(answer)) == answer
    (entry,) = list_checkpoints([tmp_path / "own"])
    assert (entry["name"], entry["family"], entry["token_rate"]) == ("imported", "original", 20)
    assert own(tmp_path) == ["imported"]


def test_encodecs_weights_are_requested_until_they_are_present(
    params: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    save(tmp_path / "seq.pt", reference.random_decoder("encodec", depth=1))
    params["variant"] = "encodec"
    assert "EnCodec" in run(params)[0]["warnings"][-1]
    cache.mkdir()
    (cache / encodec_weights.FILE_NAME).write_bytes(b"weights")
    assert not any("EnCodec" in warning for warning in run(params)[0]["warnings"])


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.6, 0.8])
def test_a_cancelled_import_leaves_nothing(params: dict[str, str], tmp_path: Path, part: float) -> None:
    with pytest.raises(CancelledError):
        run(params, stop_at=part)
    assert own(tmp_path) == []


def test_a_cancelled_second_import_keeps_the_first(params: dict[str, str], tmp_path: Path) -> None:
    run(params)
    before = {path.name: path.read_bytes() for path in (tmp_path / "own" / "imported").iterdir()}
    save(tmp_path / "seq.pt", reference.random_decoder("librosa", depth=1, seed=9))
    with pytest.raises(CancelledError):
        run(params, stop_at=0.8)
    assert {path.name: path.read_bytes() for path in (tmp_path / "own" / "imported").iterdir()} == before
    assert own(tmp_path) == ["imported"]


def test_wrong_parameters_are_named(params: dict[str, str]) -> None:
    for wrong, words in [({"variant": 3}, "'variant'"), ({"mean": 1}, "'mean'"), ({"shell": "x"}, "'shell'")]:
        with pytest.raises(RequestError, match=words):
            run(params | wrong)
    with pytest.raises(CheckpointError, match="Unknown variant 'mp3'"):
        run(params | {"variant": "mp3"})
    with pytest.raises(RequestError, match="'url'"):
        run_fetch_encodec({"url": "https://example.org"}, lambda *_: None, lambda: False)


def test_a_full_disk_is_one_sentence(params: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "seq")

    monkeypatch.setattr("engine.models.original.importing.importer.save_file", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        run(params)
    assert own(tmp_path) == []
    monkeypatch.setattr("engine.models.original.importing.importer.file_sha256", full)
    with pytest.raises(OSError, match="seq") as caught:
        run(params)
    assert describe_error(caught.value)[1].startswith("seq: there is no space left on the disk.")


def test_encodecs_weights_are_copied_from_a_file_or_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.th"
    file.write_bytes(b"official")
    with pytest.raises(CheckpointError, match=r"mine\.th is not EnCodec's official file"):
        run_fetch_encodec({"file": str(file)}, lambda *_: None, lambda: False)
    assert not cache.exists()
    monkeypatch.setattr(encodec_weights, "SHA256", hashlib.sha256(b"official").hexdigest())
    answer = run_fetch_encodec({"file": str(file)}, lambda *_: None, lambda: False)
    assert Path(answer["path"]).read_bytes() == b"official" and Path(answer["path"]).parent == cache


def test_a_download_reports_and_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(on_progress: object) -> Path:
        assert callable(on_progress)
        for step in range(4):
            on_progress(step / 4)
        return Path("there")

    monkeypatch.setattr(encodec_weights, "download", download)
    fractions: list[float] = []
    answer = run_fetch_encodec({}, lambda _, fraction, __: fractions.append(fraction), lambda: False)
    assert answer == {"path": "there"}
    assert fractions == [0.0, 0.0, 0.25, 0.5, 0.75]

    def cancel(*_: object) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        run_fetch_encodec({}, cancel, lambda: False)


def test_styles_are_listed_for_the_add_on_and_kept_by_another_import(params: dict[str, str], tmp_path: Path) -> None:
    save(tmp_path / "seq.pt", reference.random_decoder("encodec_style", depth=1))
    params["variant"] = "encodec_style"
    run(params)
    folder = Path(params["folder"])
    before = json.loads((folder / "config.json").read_text())
    assert before["styles"] == []
    vector = np.ones(512, np.float32)
    assert clip_style.write_vectors(folder, {"krump": vector, "House": vector}) == ["House", "krump"]
    assert clip_style.write_vectors(folder, {"ballet": vector}) == ["ballet", "House", "krump"]
    config = json.loads((folder / "config.json").read_text())
    assert config == before | {"styles": ["ballet", "House", "krump"]}
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".md", ".safetensors", ".safetensors"]
    run(params)
    assert sorted(list_checkpoints([tmp_path / "own"])[0]["styles"]) == ["House", "ballet", "krump"]
    save(tmp_path / "seq.pt", reference.random_decoder("librosa", depth=1))
    run(params | {"variant": "librosa"})
    assert list_checkpoints([tmp_path / "own"])[0]["styles"] == []
