"""Body models and the restricted unpickler, on files made by the tests."""

from __future__ import annotations

import collections
import os
import pickle
import sys
import tracemalloc
import types

import numpy as np
import pytest
from scipy import sparse

from smpl_rig import body_model, pickles
from smpl_rig.skeleton import CROWN_ABOVE_HEAD, JOINT_COUNT, JOINT_INDEX, MIRROR, PARENTS, SOLE_BELOW_FOOT, rest_joints

RNG = np.random.default_rng(0)


def model_arrays(vertices: int = 60) -> dict:
    """A small artificial body: points around our joints, each bound to its joint; the regressor averages them."""
    owner = np.arange(vertices) % JOINT_COUNT
    weights = np.eye(JOINT_COUNT)[owner]
    regressor = weights.T / weights.sum(axis=0)[:, None]
    return {
        "v_template": rest_joints()[owner] + RNG.normal(0, 0.02, (vertices, 3)),
        "f": RNG.integers(0, vertices, (100, 3)).astype(np.uint32),
        "weights": weights,
        "J_regressor": regressor,
        "kintree_table": np.stack([np.array(PARENTS).astype(np.int64), np.arange(JOINT_COUNT)]),
    }


class FakeCh:
    """A stand-in that pickles like chumpy's arrays: an instance of chumpy.ch.Ch with its value in the attribute x."""

    def __init__(self, x):
        self.x, self._dirty_vars = x, set()


FakeCh.__module__, FakeCh.__qualname__ = "chumpy.ch", "Ch"


@pytest.fixture
def chumpy_like(monkeypatch):
    """A module chumpy.ch that FakeCh can be pickled from; the reader never imports it."""
    module = types.ModuleType("chumpy.ch")
    module.Ch = FakeCh
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_and_arrays_survive(tmp_path, protocol):
    content = {
        "smpl_poses": RNG.normal(size=(7, 72)),
        "fortran": np.asfortranarray(RNG.normal(size=(3, 4)).astype(np.float32)),
        "big_endian": np.arange(5, dtype=">i4"),
        "empty": np.zeros((0, 3), np.uint8),
        "flags": np.array([True, False]),
        "names": np.array(["pelvis", "L_hip"]),
        "scalar": np.float32(2.5),
        "nested": [1, (2.5, "three", None), {4: b"five"}, {6}],
        "ordered": collections.OrderedDict(a=1),
    }
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = pickles.load(path)
    assert read.keys() == content.keys()
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            assert read[key].dtype == value.dtype and np.array_equal(read[key], value), key
        else:
            assert read[key] == value, key


@pytest.mark.parametrize("protocol", range(6))
def test_sparse_and_chumpy_objects_become_arrays(tmp_path, chumpy_like, protocol):
    dense = RNG.normal(size=(24, 50)) * (RNG.random((24, 50)) < 0.1)
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps({"J": sparse.csc_matrix(dense), "v": FakeCh(np.arange(6.0))}, protocol))
    read = pickles.load(path)
    assert np.array_equal(read["J"], dense) and np.array_equal(read["v"], np.arange(6.0))


def test_a_python_2_model_pickle_is_read(tmp_path):
    """Python 2's cPickle stores the bytes of arrays as old strings at protocol 2."""
    raw = np.arange(3, dtype="<f8").tobytes()
    stream = b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    stream += b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
    stream += b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(raw)]) + raw + b"tbs."
    path = tmp_path / "old.pkl"
    path.write_bytes(stream)
    assert np.array_equal(pickles.load(path)["a"], np.arange(3.0))


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_code_in_a_pickle_does_not_run(tmp_path, protocol):
    witness = tmp_path / "witness"
    path = tmp_path / "bad.pkl"
    for attack in (
        Malicious(os.mkdir, str(witness)),
        Malicious(eval, f"__import__('os').mkdir({str(witness)!r})"),
        Malicious(np.save, str(witness), [1]),
        Malicious(np.ndarray, (1 << 40,)),
        Malicious(np.dtype, "O"),
    ):
        path.write_bytes(pickle.dumps({"v_template": attack}, protocol))
        with pytest.raises(pickles.PickleError) as caught:
            pickles.load(path)
        assert str(path) in str(caught.value)
        assert not list(tmp_path.glob("witness*"))


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"not a pickle",
        b"cnumpy\nndarray\n.",
        b"cnumpy\nndarray\n}U\x01aK\x01sb.",
        b"c__builtin__\nset\n}U\x01aK\x01sb.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
        b"ccopy_reg\n_reconstructor\n(cposix\nsystem\nc__builtin__\nobject\nNtR.",
        b"P0\n.",
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a memo of 2 billion entries
        b"\x80\x05\x96\x00\x00\x00\x00\x10\x00\x00\x00abc.",  # claims 64 GiB, has 3 bytes
        pickle.dumps(np.arange(100.0))[:-300],
        pickle.dumps(np.array([object()], object).astype(object)[:0]),
    ],
)
def test_damaged_or_odd_pickles_are_refused(tmp_path, stream):
    path = tmp_path / "odd.pkl"
    path.write_bytes(stream)
    with pytest.raises(pickles.PickleError):
        pickles.load(path)


def test_a_sparse_matrix_that_claims_more_than_it_contains_is_refused(tmp_path):
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indptr[1] = 2_000_000_000
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(matrix))
    with pytest.raises(pickles.PickleError, match="do not match"):
        pickles.load(tmp_path / "bad.pkl")


def test_a_model_reads_the_same_from_npz_and_pkl(tmp_path, chumpy_like):
    arrays = model_arrays()
    np.savez(tmp_path / "model.npz", **arrays)
    as_smpl = {
        **arrays,
        "J_regressor": sparse.csc_matrix(arrays["J_regressor"]),
        "shapedirs": FakeCh(np.zeros((60, 3, 10))),
        "bs_type": "lrotmin",
    }
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(as_smpl, 2))
    first, second = (body_model.load(tmp_path / name) for name in ("model.npz", "model.pkl"))
    for model in (first, second):
        assert np.allclose(model.vertices, arrays["v_template"], atol=1e-6)
        assert np.array_equal(model.faces, arrays["f"])
        assert np.allclose(model.joints, arrays["J_regressor"] @ arrays["v_template"], atol=1e-6)
        assert np.allclose(model.weights.sum(axis=1), 1)


def test_root_parent_may_be_written_as_unsigned_minus_one(tmp_path):
    arrays = model_arrays()
    arrays["kintree_table"] = arrays["kintree_table"].astype(np.uint32)
    np.savez(tmp_path / "model.npz", **arrays)
    assert body_model.load(tmp_path / "model.npz").joints.shape == (24, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": None}, "no weights"),
        ({"J_regressor": None}, "no J_regressor"),
        ({"weights": np.full((60, 52), 1 / 52)}, "SMPL-H"),
        ({"weights": np.full((60, 55), 1 / 55)}, "SMPL-X"),
        ({"weights": np.zeros((60, 24))}, "add up"),
        ({"f": np.full((4, 3), 60)}, "vertex 60 of 60"),
        ({"v_template": np.full((60, 3), np.nan)}, "NaN"),
        ({"v_template": np.zeros((60, 2))}, "do not match"),
        ({"kintree_table": np.zeros((2, 24), int)}, "order"),
        ({"v_template": np.array(["a"])}, "cannot be used"),
    ],
)
def test_the_error_says_why_a_model_cannot_be_used(tmp_path, change, words):
    arrays = {key: value for key, value in {**model_arrays(), **change}.items() if value is not None}
    path = tmp_path / "model.npz"
    np.savez(path, **arrays)
    with pytest.raises(body_model.BodyModelError, match=words) as caught:
        body_model.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "name", ["missing.npz", "missing.pkl", "text.npz", "text.pkl", "list.pkl", "objects.npz", "array.npz"]
)
def test_files_that_are_not_models_are_refused(tmp_path, name):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.pkl").write_text("hello")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    np.savez(tmp_path / "objects.npz", v_template=np.array([{}], object), f=np.zeros((1, 3)))
    with pytest.raises(body_model.BodyModelError, match=name):
        body_model.load(tmp_path / name)


def test_fitting_moves_every_vertex_with_its_joint():
    mannequin = body_model.mannequin()
    shift = RNG.normal(0, 0.02, (24, 3)).astype(np.float32)
    moved = mannequin.fitted(mannequin.joints + shift) - mannequin.vertices
    head = mannequin.weights[:, JOINT_INDEX["head"]] == 1
    assert head.sum() > 50 and np.allclose(moved[head], shift[JOINT_INDEX["head"]], atol=1e-6)


def test_the_mannequin_fits_the_skeleton():
    body = body_model.mannequin()
    joints = rest_joints()
    assert np.array_equal(body.joints, joints)
    assert np.allclose(body.weights.sum(axis=1), 1, atol=1e-5) and (np.count_nonzero(body.weights, axis=1) <= 4).all()
    assert (body.weights.sum(axis=0) > 0).all()
    assert body.faces.max() < len(body.vertices) and len(body.material) == len(body.faces)
    assert set(np.unique(body.material)) == set(range(len(body.materials)))
    sole = joints[JOINT_INDEX["L_foot"], 1] - SOLE_BELOW_FOOT
    assert body.vertices[:, 1].min() == pytest.approx(sole, abs=1e-3)
    crown = joints[JOINT_INDEX["head"], 1] + CROWN_ABOVE_HEAD
    assert body.vertices[:, 1].max() == pytest.approx(crown, abs=0.03)
    # each joint is inside its part of the body
    for joint in range(JOINT_COUNT):
        own = body.vertices[body.weights[:, joint] > 0.3]
        assert (own.min(axis=0) - 0.03 < joints[joint]).all() and (joints[joint] < own.max(axis=0) + 0.03).all(), joint


def test_the_mannequin_is_mirrored_and_faces_outwards():
    body = body_model.mannequin()
    size = np.ptp(body.vertices, axis=0)
    assert abs(body.vertices[:, 0].max() + body.vertices[:, 0].min()) < 0.01 * size[0]
    triangles = np.concatenate([body.faces[:, :3], body.faces[:, [0, 2, 3]]])  # of which some have no area
    volumes = np.einsum(
        "fi,fi->f", body.vertices[triangles[:, 0]], np.cross(*body.vertices[triangles[:, 1:]].swapaxes(0, 1))
    )
    assert volumes.sum() / 6 == pytest.approx(0.07, abs=0.03)  # cubic metres, positive when faces turn outwards
    shares = body.weights.sum(axis=0)
    # a light mesh has not the same vertices on both sides
    assert np.allclose(shares, shares[list(MIRROR)], rtol=0.08)


def written(path, **change):
    arrays = {**model_arrays(), **change}
    np.savez(path, **arrays)
    return arrays


TURNS = {
    "lying, z up": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "upside down": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "facing back": [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
    "on its side": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
}


@pytest.mark.parametrize("unit", [1, 100, 1000, 1 / 0.0254], ids=["m", "cm", "mm", "inch"])
@pytest.mark.parametrize("turn", ["as smpl", *TURNS])
def test_a_body_in_another_unit_or_along_another_axis_stands_up(tmp_path, turn, unit):
    arrays = model_arrays()
    true = arrays["v_template"].copy()
    arrays["v_template"] = true @ np.array(TURNS.get(turn, np.eye(3))).T * unit
    np.savez(tmp_path / "body.npz", **arrays)
    body = body_model.load(tmp_path / "body.npz")
    assert np.allclose(body.vertices, true, atol=1e-5)
    assert np.allclose(body.joints, arrays["J_regressor"] @ true, atol=1e-5)
    assert np.array_equal(body.faces, arrays["f"])


def arms_hanging(vertices):
    """The vertices of the arms turned down about the shoulders."""
    hanging = vertices.copy()
    for number, joint in enumerate(np.arange(len(vertices)) % JOINT_COUNT):
        for shoulder, names in ((16, (18, 20, 22)), (17, (19, 21, 23))):
            if joint in names:
                away = rest_joints()[joint] - rest_joints()[shoulder]
                hanging[number] += [-away[0], -abs(away[0]), 0]
    return hanging


def test_a_body_that_is_no_person_in_a_t_pose_is_refused(tmp_path):
    v = model_arrays()["v_template"]
    leaning = v @ np.array([[0.7071, -0.7071, 0], [0.7071, 0.7071, 0], [0, 0, 1]])
    for change, words in (
        ({"v_template": v * [-1, 1, 1]}, "mirrored"),
        ({"v_template": v * 10}, "units tall, which is no person's height"),
        ({"v_template": v * 0.001}, "units tall, which is no person's height"),
        ({"v_template": v * 1e30}, "units tall"),
        ({"v_template": v * 0}, "along no axis"),
        ({"v_template": leaning}, "along no axis"),
        ({"v_template": arms_hanging(v)}, "T-pose"),
        ({"J": rest_joints() * 100}, "outside of its body"),
        ({"kintree_table": np.arange(24)}, "order|cannot be used"),
        ({"kintree_table": np.zeros((2, 0), int)}, "order|cannot be used"),
        ({"kintree_table": np.zeros((3, 24), int)}, "order|cannot be used"),
        ({"J_regressor": np.zeros((24, 5))}, "do not match"),
        ({"J_regressor": np.zeros((50_000, 1)), "v_template": np.zeros((1, 50_000))}, "do not match"),
        ({"f": np.array([["a"] * 3])}, "cannot be used"),
    ):
        written(tmp_path / "body.npz", **change)
        with pytest.raises(body_model.BodyModelError, match=words):
            body_model.load(tmp_path / "body.npz")


def test_pipes_devices_folders_and_empty_files_are_no_bodies(tmp_path):
    for ending in ("npz", "pkl"):
        os.mkfifo(tmp_path / f"pipe.{ending}")
        (tmp_path / f"zero.{ending}").symlink_to("/dev/zero")
        (tmp_path / f"empty.{ending}").touch()
        (tmp_path / f"folder.{ending}").mkdir()
        (tmp_path / f"huge.{ending}").touch()
        os.truncate(tmp_path / f"huge.{ending}", 1 << 40)
        for name, words in (
            ("pipe", "a pipe"), ("zero", "a device"), ("empty", "is empty"), ("folder", "is a folder"), ("huge", "MB")
        ):  # fmt: skip
            with pytest.raises(body_model.BodyModelError, match=words):
                body_model.load(tmp_path / f"{name}.{ending}")
        with pytest.raises(body_model.BodyModelError, match="is no path of a file"):
            body_model.load(tmp_path / f"null\0byte.{ending}")


def laughs(levels, opening, doubling):
    """A pickle whose object contains the one before twice, `levels` times."""
    stream = b"\x80\x02" + opening + b"q\x00"
    for level in range(levels):
        stream += doubling(bytes([level]), bytes([level + 1]))
    return stream


BOMBS = {
    "lists of lists": laughs(40, b"]", lambda old, new: b"]q" + new + b"(h" + old + b"h" + old + b"e") + b".",
    "tuples of tuples": laughs(40, b")", lambda old, new: b"h" + old + b"h" + old + b"\x86q" + new) + b".",
    "a tuple as key": b"\x80\x02})q\x000"
    + b"".join(b"h%ch%c\x86q%c0" % (level, level, level + 1) for level in range(40)) + b"h\x28K\x01s.",
    "an array many times": b"\x80\x02]q\x00(" + pickle.dumps(np.zeros(100_000), 2)[2:-1] + b"q\x0c"
    + b"h\x0c" * 10_000 + b"e.",
    "a text many times": b"\x80\x02]q\x00(c_codecs\nencode\nX" + (1_000_000).to_bytes(4, "little") + b"a" * 1_000_000
    + b"X\x06\x00\x00\x00latin1\x86Rq\x05" + b"h\x05" * 10_000 + b"e.",
    "deep lists": b"\x80\x02" + b"]" * 9_000 + b"a" * 8_999 + b".",
    "deep tuples": b"\x80\x02)" + b"\x85" * 9_000 + b".",
    "many steps": b"\x80\x02](" + b"N0" * 15_000 + b"e.",
    "itself": b"\x80\x02]q\x00h\x00a.",
    "a number far from those before": b"\x80\x02Nr\x00\x00\x40\x00.",  # all between take memory
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_pickles_that_explode_are_refused_before_they_do(tmp_path, monkeypatch, name):
    monkeypatch.setattr(pickles, "MAX_OBJECTS", 20_000)
    monkeypatch.setattr(pickles, "MAX_STEPS", 20_000)
    monkeypatch.setattr(pickles, "MAX_BYTES", 1 << 25)
    path = tmp_path / "bomb.pkl"
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    try:
        with pytest.raises(pickles.PickleError, match=r"bomb\.pkl.*(objects|steps|memory|recursion|BINPUT of)"):
            pickles.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_sparse_matrices_that_would_fill_memory_are_refused(tmp_path):
    def sparse_of(shape, **change):
        matrix = sparse.csc_matrix((np.zeros(0), np.zeros(0, int), np.zeros(shape[1] + 1, int)), shape=shape)
        for name, value in change.items():
            setattr(matrix, name, value)
        return matrix

    text = sparse_of((24, 24), data=np.array([], "U90000"))
    for content in (sparse_of((1 << 40, 2)), [sparse_of((1 << 23, 2)) for _ in range(9)], text):
        (tmp_path / "sparse.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(pickles.PickleError, match=r"sparse matrix|MB of memory"):
            pickles.load(tmp_path / "sparse.pkl")


def test_what_is_not_asked_for_costs_nothing(tmp_path, chumpy_like):
    """A body model with its shape and pose corrections, which are most of its file."""
    content = {**model_arrays(), "posedirs": FakeCh(object()), "shapedirs": FakeCh(np.zeros((60, 3, 10)))}
    del content["posedirs"]
    (tmp_path / "body.pkl").write_bytes(pickle.dumps({**content, "other": {1: [set(), {2}]}}, 2))
    assert set(pickles.load(tmp_path / "body.pkl", ("f", "weights", "gone"))) == {"f", "weights"}
    assert body_model.load(tmp_path / "body.pkl").vertices.shape == (60, 3)
