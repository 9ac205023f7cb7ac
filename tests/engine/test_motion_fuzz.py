"""Hundreds of damaged motion and body files, made from good ones with a seed: a motion that is one, or a sentence."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from other_skeletons import bones_along_x, bvh_text, dance, joined, t_pose

from engine.data.aist import load_aist
from engine.errors import DataError
from engine.motion.files.read import read_motion
from smpl_rig import body_model
from smpl_rig.motion import Motion, MotionFileError, load_npz, pack_npz, save_npz
from smpl_rig.skeleton import JOINT_COUNT, PARENTS, rest_joints

COUNT = int(os.environ.get("MAGMA_FUZZ_FILES", "60"))
"""Damaged files of each kind; more are tried with the environment variable."""
WORDS = (
    b"nan", b"-1", b"0", b"1e999", b"1e-300", b"99999999999999999999", b"{", b"}", b"ROOT", b"JOINT x", b"End Site {",
    b"OFFSET 0 0 0", b"CHANNELS 6 Xposition", b"MOTION", b"Frames:", b"Frame Time:", b"\0", b"\xff\xfe", b",", b"#",
    b"Zrotation", b"HIERARCHY", b"\r", b" ", b"\n\n", b"; " * 60,
    b"MOTION # " * 60, b"MOTION" + b" " * 2000,
)  # fmt: skip
MOST_LINES = 400


def broken(content: bytes, chance: random.Random) -> bytes:
    """The content with one to four changes: bytes, words, parts that are lost, doubled or exchanged."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        stop = min(len(data), start + chance.choice((1, 4, 30, 300, 5000)))
        part = bytes(data[start:stop])
        change = chance.randrange(7)
        if change == 0:
            data[start:stop] = b""
        elif change == 1:
            data[start:start] = part * chance.choice((1, 2, 50))
        elif change == 2:
            data[start:start] = chance.choice(WORDS)
        elif change == 3:
            data[start:stop] = chance.choice(WORDS)
        elif change == 4:
            data[start:stop] = bytes(chance.randrange(256) for _ in part[:40])
        elif change == 5:
            del data[start:]
        else:
            data = data.replace(part[:6], chance.choice(WORDS), chance.choice((1, -1))) if part else data
    return bytes(data)


def broken_words(content: bytes, chance: random.Random) -> bytes:
    """A text with some of its words exchanged, so that it stays well-formed more often."""
    lines = content.split(b"\n")[:MOST_LINES]
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(lines))
        words = lines[place].split(b" ")
        kind = chance.randrange(5)
        if kind == 0:
            words[chance.randrange(len(words))] = chance.choice(WORDS)
        elif kind == 1:
            words[chance.randrange(len(words))] = str(chance.uniform(-1, 1) * 10 ** chance.randint(-3, 12)).encode()
        elif kind == 2:
            other = chance.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
            continue
        elif kind == 3:
            lines.insert(place, lines[place])
            continue
        else:
            del lines[place]
            continue
        lines[place] = b" ".join(words)
    return b"\n".join(lines)


def broken_arrays(content: bytes, chance: random.Random) -> bytes:
    """An .npz whose arrays were changed, so that its checksums are right."""
    with np.load(io.BytesIO(content)) as data:
        arrays = dict(data)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(list(arrays))
        array = arrays[name]
        kind = chance.randrange(8)
        if kind == 0:
            del arrays[name]
        elif kind == 1:
            arrays[name] = array[..., : chance.randint(0, 80)] if array.ndim else array[None]
        elif kind == 2:
            arrays[name] = array[: chance.randint(0, 3)] if array.ndim else np.array(chance.choice(("x", -1, 1e300)))
        elif kind == 3 and array.dtype.kind == "f":
            arrays[name] = array * 10.0 ** chance.randint(-40, 40)
        elif kind == 4 and array.dtype.kind == "f" and array.size:
            changed = array.copy()
            changed.reshape(-1)[chance.randrange(array.size)] = chance.choice((np.nan, np.inf, 1e30, -5.0))
            arrays[name] = changed
        elif kind == 5:
            arrays[name] = array.reshape(-1)
        elif kind == 6:
            codes = ("S9", "U3", "i1", "?", "f2") if array.dtype.kind == "f" else ("S9", "U3")
            arrays[name] = array.astype(chance.choice(codes))
        else:
            arrays[chance.choice(("trans", "poses", "joints", "mocap_framerate", "trans_origin", "fps"))] = array
        if not arrays:
            break
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def broken_headers(content: bytes, chance: random.Random) -> bytes:
    """An .npz whose members were damaged before they were packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for info in old.infolist():
            raw = old.read(info)
            new.writestr(info.filename, broken(raw[:200], chance) + raw[200:] if chance.random() < 0.5 else raw)
    return file.getvalue()


def good_npz() -> bytes:
    file = io.BytesIO()
    save_npz(file, dance(120).cut(0, 20))
    return file.getvalue()


def good_body() -> dict[str, np.ndarray]:
    owner = np.arange(48) % JOINT_COUNT
    weights = np.eye(JOINT_COUNT)[owner]
    return {
        "v_template": rest_joints()[owner] * 1.01,
        "f": np.arange(48).reshape(16, 3).astype(np.uint32),
        "weights": weights,
        "J_regressor": weights.T / weights.sum(axis=0)[:, None],
        "kintree_table": np.stack([np.array(PARENTS), np.arange(JOINT_COUNT)]),
    }


def good_body_npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, **good_body())
    return file.getvalue()


def good_aist() -> bytes:
    motion = dance(120).cut(0, 20)
    content = {
        "smpl_poses": motion.poses,
        "smpl_trans": motion.trans,
        "smpl_scaling": np.array([94.0]),
        "more": [(1, {2})],
    }
    return pickle.dumps(content, 2)


def check_motion(motion: Motion) -> None:
    """A motion is finite, on a floor, and has a frame rate."""
    assert len(motion) > 0 and motion.poses.shape == (len(motion), 72) and motion.trans.shape == (len(motion), 3)
    assert motion.poses.dtype == motion.trans.dtype == np.float32
    assert np.isfinite(motion.joints()).all() and 1 <= motion.fps <= 1000
    assert np.median(motion.trans[:, 2]) < 2.1


def check_body(body: body_model.BodyModel) -> None:
    assert np.isfinite(body.vertices).all() and 0.4 < np.ptp(body.vertices[:, 1]) < 2.7
    assert body.faces.min() >= 0 and body.faces.max() < len(body.vertices)


def bvh(**change: object) -> bytes:
    return bvh_text(joined(t_pose(), dance(120).cut(0, 20)), **change).encode()  # type: ignore[arg-type]


CASES: dict[str, tuple[Callable[[], bytes], Callable[[bytes, random.Random], bytes], str]] = {
    "bvh": (bvh, broken, "a.bvh"),
    "bvh words": (bvh, broken_words, "a.bvh"),
    "bvh of any axes, words": (lambda: bvh(frames=bones_along_x(), everywhere=True), broken_words, "a.bvh"),
    "npz": (good_npz, broken, "a.npz"),
    "npz arrays": (good_npz, broken_arrays, "a.npz"),
    "npz for the add-on, arrays": (lambda: pack_npz(dance(120).cut(0, 20)), broken_arrays, "a.npz"),
    "npz headers": (good_npz, broken_headers, "a.npz"),
    "aist": (good_aist, broken, "a.pkl"),
    "body npz arrays": (good_body_npz, broken_arrays, "body.npz"),
    "body npz headers": (good_body_npz, broken_headers, "body.npz"),
    "body pkl": (lambda: pickle.dumps(good_body(), 2), broken, "body.pkl"),
}


def read(path: Path) -> bool:
    """Whether a file could be read, as what it is. Any error but the typed ones is the test's."""
    try:
        if path.stem == "body":
            check_body(body_model.load(path))
        elif path.suffix == ".pkl":
            check_motion(load_aist(path))
        else:
            check_motion(read_motion(path))
    except (DataError, body_model.BodyModelError) as error:
        assert str(error).rstrip().endswith((".", ")")) and len(str(error)) < 2000
        return False
    finally:
        if path.suffix == ".npz" and path.stem != "body":
            with contextlib.suppress(MotionFileError):
                load_npz(path)
    return True


@pytest.mark.parametrize("case", CASES)
def test_damaged_files_are_read_or_refused_by_a_sentence(tmp_path: Path, case: str) -> None:
    make, change, name = CASES[case]
    content = make()
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path)
    with np.errstate(all="ignore"):
        for seed in range(COUNT):
            path.write_bytes(change(content, random.Random(f"{case} {seed}")))
            try:
                read(path)
            except Exception as error:
                raise AssertionError(f"seed {seed} of {case}") from error
