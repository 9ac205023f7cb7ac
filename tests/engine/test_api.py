"""The engine for Python programs: song in, dance out, the same dance as on the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_layers import HEAVY
from tiny_engine import STYLE_MUSIC, STYLES, tiny_networks

import engine
from engine import Dance, Operation, edit, generate, load_checkpoint, open_dance
from engine.choreography import Correction
from engine.errors import ChoreographyError, EngineError, RequestError
from engine.models import loading
from engine.models.own.config import Sampling
from engine.models.torch.checkpoint import save_checkpoint
from engine.motion.files.bvh_read import read_bvh
from engine.service.cli import main
from smpl_rig.motion import Motion, load_npz

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dance(song: Path, tiny: Path) -> Dance:
    return generate(song, tiny, seed=4, seconds=6.0, style="rumba", device="cpu")


def arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as data:
        return dict(data)


def same(one: Path, other: Path) -> bool:
    first, second = arrays(one), arrays(other)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, engine\n"
        "assert set(engine.__all__) <= set(dir(engine))\n"
        "assert not {'numpy', 'torch', 'smpl_rig'} & set(sys.modules)\n"
        f"for name in {sorted(HEAVY)}: sys.modules[name] = None\n"
        "from engine import generate, edit, load_checkpoint, open_dance\n"
        "assert 'numpy' in sys.modules and load_checkpoint().styles\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]


def test_every_name_is_there_and_no_other() -> None:
    typed = re.findall(r" as (\w+)$", (ROOT / "engine" / "__init__.pyi").read_text(encoding="utf-8"), re.MULTILINE)
    assert {*typed, "VERSION"} == set(engine.__all__)
    assert all(getattr(engine, name) is not None and name in dir(engine) for name in engine.__all__)
    with pytest.raises(AttributeError, match="dance_me"):
        engine.dance_me  # type: ignore[attr-defined]  # noqa: B018


def test_it_is_the_dance_of_the_command_line(dance: Dance, song: Path, tiny: Path, tmp_path: Path) -> None:
    line = ["generate", str(song), "-o", str(tmp_path / "line.npz"), "--choreography", str(tmp_path / "line.json")]
    options = ["--checkpoint", str(tiny), "--seed", "4", "--seconds", "6", "--style", "rumba", "--device", "cpu"]
    assert main([*line, *options]) == 0
    assert same(dance.save(tmp_path / "own.npz"), tmp_path / "line.npz")
    assert open_dance(tmp_path / "line.json").choreography.spans == dance.spans


def test_its_edits_are_those_of_the_command_line(dance: Dance, tmp_path: Path) -> None:
    dance.save(tmp_path / "a.json")
    line = ["edit", str(tmp_path / "a.json"), "-o", str(tmp_path / "b.npz"), "--choreography", str(tmp_path / "b.json")]
    steps = ["--lock", "0s:2s", "--style", "4s:6s=salsa", "--mirror", "2s:3s", "--replace", "4s:6s", "--seed", "9"]
    assert main([*line, *steps, "--device", "cpu"]) == 0
    edited = edit(
        dance, lock=(0, 2), style={(4, 6): "salsa"}, mirror=[(2, 3)], regenerate=[(4, 6)], seed=9, device="cpu"
    )
    assert same(edited.save(tmp_path / "c.npz"), tmp_path / "b.npz")
    assert edited.spans == open_dance(tmp_path / "b.json").spans


def test_what_is_locked_stays_and_the_rest_is_new(dance: Dance) -> None:
    before = dance.poses.copy()
    edited = edit(dance, lock=(0, 2.5), regenerate=True, variants=2, device="cpu")
    kept = round(2.5 * dance.fps)
    assert np.array_equal(edited.poses[: kept + 1], dance.poses[: kept + 1])
    assert not np.allclose(edited.poses[kept + 5 :], dance.poses[kept + 5 :], atol=0.01)
    assert np.array_equal(dance.poses, before) and not any(span.locked for span in dance.spans)
    assert [(span.locked, len(span.variants)) for span in edited.spans] == [(True, 1), (False, 3)]
    free = edit(edited, unlock=(0, None), device="cpu")
    assert not any(span.locked for span in free.spans)


def test_style_and_energy_are_for_a_part_or_for_all(dance: Dance) -> None:
    part = edit(dance, style={(3, None): "waltz"}, device="cpu")
    assert [(span.start, span.style) for span in part.spans] == [(0, None), (30, "waltz")]
    assert [span.style for span in edit(dance, style="salsa", device="cpu").spans] == ["salsa"]
    with pytest.raises(RequestError, match="polka"):
        edit(dance, style="polka", device="cpu")


def test_any_operation_can_be_given(dance: Dance) -> None:
    edited = edit(dance, Operation("copy", 0, 10, to=40), lock=(0, 1), device="cpu")
    assert sum(span.danced.source == "copied" for span in edited.spans) == 1 and edited.spans[0].locked
    with pytest.raises(ChoreographyError):
        edit(dance, lock=(4, 2), device="cpu")


def test_what_a_dance_says_of_itself(dance: Dance, song: Path) -> None:
    frames = round(dance.seconds * dance.fps)
    assert dance.poses.shape == (frames, 72) and dance.trans.shape == (frames, 3)
    assert dance.joints.shape == (frames, 24, 3) and dance.contacts.shape == (frames, 4)
    assert dance.speed.shape == (frames,) and (dance.speed > 0).all()
    assert dance.tokens.shape[0] == len(dance.choreography) and dance.token_rate == 10
    assert np.allclose(np.diff(dance.beats), 60 / 92, atol=0.03) and set(dance.bars) < set(dance.beats)
    assert dance.song == song.resolve() and (dance.style, dance.seed) == ("rumba", 4)
    assert dance.report["device"] == "cpu"


def test_it_is_saved_and_opened(dance: Dance, tmp_path: Path) -> None:
    opened = open_dance(dance.save(tmp_path / "dance.json"))
    assert opened.choreography.spans == dance.spans and np.array_equal(opened.poses, dance.poses)
    assert np.array_equal(load_npz(dance.save(tmp_path / "motion.npz")).poses, dance.poses)
    assert len(read_bvh(dance.save(tmp_path / "motion.bvh"))) == len(dance.motion)
    with pytest.raises(EngineError, match=r"End the name with \.npz"):
        dance.save(tmp_path / "dance.fbx")
    with pytest.raises(EngineError, match=r"cannot be read"):
        open_dance(tmp_path / "other.json")


def test_a_checkpoint_is_loaded_once_and_encodes_and_decodes(dance: Dance, song: Path, tiny: Path) -> None:
    checkpoint = load_checkpoint(tiny, "cpu")
    assert load_checkpoint(tiny, "cpu") is checkpoint
    music = engine.encode_music(song, checkpoint, seconds=6.0)
    assert music.features.shape == (len(dance.choreography) * checkpoint.stride, checkpoint.music_width)
    assert music.style in checkpoint.styles and np.allclose(np.diff(music.beats.times), 60 / 92, atol=0.03)
    tokens = engine.encode(dance.motion, checkpoint)
    assert tokens.tokens.shape[1] == dance.tokens.shape[1] and tokens.error_mm > 0
    assert len(engine.decode(dance.tokens, checkpoint)) == len(dance.tokens) * checkpoint.stride
    with pytest.raises(EngineError, match="do not fit checkpoint"):
        engine.decode(dance.tokens + checkpoint.codes, checkpoint)


def test_frames_come_while_later_ones_are_generated(song: Path, tiny: Path) -> None:
    pieces: list[tuple[int, Motion]] = []
    told: list[str] = []
    made = generate(
        song, tiny, seconds=4.0, device="cpu", progress=lambda stage, *_: told.append(stage),
        on_frames=lambda first, motion: pieces.append((first, motion)),
    )  # fmt: skip
    assert [first for first, _ in pieces] == np.cumsum([0, *(len(motion) for _, motion in pieces[:-1])]).tolist()
    assert sum(len(motion) for _, motion in pieces) >= made.seconds * pieces[0][1].fps
    assert told[0] == "load" and told[-1] == "done"


def test_candidates_and_what_a_person_says_of_the_rhythm(song: Path, tiny: Path) -> None:
    best = generate(song, tiny, seconds=4.0, candidates=3, device="cpu")
    assert len(best.report["candidates"]) == 3 and best.seed == best.report["candidates"][0]["seed"]
    slower = generate(song, tiny, seconds=4.0, rhythm=Correction(tempo=46.0), device="cpu")
    assert np.allclose(np.diff(slower.beats), 60 / 46, atol=0.05)


def test_the_pages_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/python.md, one after the other as in one program, with tiny networks as the default."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 3 and sum(map(bool, blocks[0].splitlines())) == 5
    code = "\n".join(blocks)
    named = set(re.findall(r"^from engine import (.+)$", code, re.MULTILINE))
    listed = {name for line in named for name in line.split(", ")}
    assert listed <= set(engine.__all__)
    tiny = tmp_path / "tiny"
    networks = tiny_networks(energy=True)
    save_checkpoint(tiny, *networks, {"styles": STYLES, "style_music": STYLE_MUSIC}, Sampling(), 20.0)
    monkeypatch.setattr(loading, "list_checkpoints", lambda: [{"name": "default", "path": str(tiny)}])
    monkeypatch.chdir(tmp_path)
    engine.compose_song("song.wav", "rumba", 10.0)
    exec(code, {})
    assert (tmp_path / "dance.npz").is_file()
