""".npz files of anybody: read like numpy reads them, and never with more memory than a motion needs."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from smpl_rig import npz
from smpl_rig.motion import MotionFileError, load_npz
from smpl_rig.npz import NpzError, read_arrays

DTYPES = st.sampled_from(["<f4", "<f8", ">f4", "<i8", "<u1", "?", "<f2", "<U5", "S3"])


@given(
    arrays_of.arrays(DTYPES, arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0)), st.booleans(), st.booleans()
)
@settings(max_examples=60)
def test_arrays_are_read_as_numpy_wrote_them(array: Any, fortran: bool, compressed: bool) -> None:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, a=np.asarray(array, order="F" if fortran else "C"), b=1)
    read = read_arrays(file, ("a", "gone"))["a"]
    assert read.dtype == array.dtype and read.shape == array.shape and read.tobytes() == array.tobytes()
    assert read.flags.writeable


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(f"{name}.npy", content)
    return path


def header(text: str, version: int = 1, length: int | None = None) -> bytes:
    encoded = text.encode()
    size = len(encoded) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<L", size) + encoded


def described(shape: str, code: str = "'<f4'") -> str:
    return f"{{'descr': {code}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing",
        header(described("(100000000000, 72)")),
        header(described("(100000000000, 72)")) + bytes(100),
        header(described("(-1, 72)")),
        header(described("(2, 3)")) + bytes(23),
        header(described("(2, 3)")) + bytes(25),
        header(described("(0, 99999999999999999999999)")),
        header(described("[2, 3]")),
        header(described("(True, 3)")),
        header(described("2")),
        header(described("(" + "1," * 40 + ")")),
        header(described("(1,)", "'|O'")) + bytes(8),
        header(described("(1,)", "[('a', '<f4')]")) + bytes(4),
        header(described("(1,)", "'<U999999999'")),
        header(described("(1,)", "5")),
        header("{}"),
        header("[" * 5000),
        header("__import__('os')"),
        header(described("(1,)"), version=2, length=4_000_000_000),
        header(described("(1,)"), version=3, length=20_000),
    ],
)
def test_hostile_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    path = zipped(tmp_path / "bad.npz", ("poses", content))
    with pytest.raises(NpzError, match=r"bad\.npz: cannot be read as an \.npz file \(.*Export or copy it again"):
        read_arrays(path, ("poses",))


def peak_of_refusing(path: Path, reason: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(MotionFileError, match=reason):
            load_npz(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bombs_are_refused_before_they_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What decompresses to gigabytes, alone or together, and lists of members that are gigabytes themselves."""
    monkeypatch.setattr(npz, "MAX_ARRAY_BYTES", 1 << 24)
    monkeypatch.setattr(npz, "_MAX_DIRECTORY_BYTES", 1 << 16)
    big = header(described("(1000000, 72)")) + bytes(72 * 4_000_000 // 10)
    large = header(described("(15000, 72)", "'<f8'")) + bytes(72 * 8 * 15_000)
    many = [(f"clip_{number}", b"") for number in range(3000)]
    short = header(described("(4000000,)", "'|u1'")) + bytes(4_000_000)  # its numbers would be eight times as long
    bombs = {
        "one": ([("poses", big)], "'poses' would need 27 MB of memory"),
        "two": ([("poses", large), ("trans", large)], "'trans' would need 8 MB of memory"),
        "many": (many, "list of arrays is larger"),
        "u1": ([("poses", short)], "'poses' has 4,000,000 values"),
    }
    for name, (members, reason) in bombs.items():
        path = zipped(tmp_path / f"{name}.npz", *members)
        assert peak_of_refusing(path, reason) < 3 << 24, name


def test_a_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    content = header(described("(1000, 72)")) + bytes(288_000)
    path = zipped(tmp_path / "lies.npz", ("poses", content))
    raw = bytearray(path.read_bytes())
    true, said = struct.pack("<L", len(content)), struct.pack("<L", len(header(described("(10, 72)"))) + 2880)
    path.write_bytes(bytes(raw).replace(true, said))
    with pytest.raises(NpzError):
        read_arrays(path, ("poses",))


def test_a_hidden_second_directory_is_refused(tmp_path: Path) -> None:
    """`zipfile` believes the ZIP64 locator before the end record, whatever size the end record names."""
    raw = zipped(tmp_path / "a.npz", ("poses", b"x")).read_bytes()
    place = raw.rindex(b"PK\x05\x06")
    (tmp_path / "a.npz").write_bytes(raw[:place] + b"PK\x06\x07" + bytes(16) + raw[place:])
    with pytest.raises(NpzError, match="list of arrays"):
        read_arrays(tmp_path / "a.npz", ("poses",))


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.arange(1000.0))
    raw = bytearray((tmp_path / "a.npz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "a.npz").write_bytes(raw)
    with pytest.raises(NpzError):
        read_arrays(tmp_path / "a.npz", ("poses",))
