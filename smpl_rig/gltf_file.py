"""glTF 2.0 files as their JSON and one buffer: as much as animations need.

Format: Khronos, glTF 2.0 Specification, sections 3.6 (accessors) and 4 (GLB).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC, _VERSION = b"glTF", 2
_JSON, _BINARY = b"JSON", b"BIN\0"
_FLOAT = 5126
_KINDS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class GltfError(ValueError):
    """A file is no glTF file that can be used here; the message says why."""


@dataclass
class Gltf:
    """A file's JSON, and its first buffer."""

    json: dict[str, Any]
    binary: bytearray = field(default_factory=bytearray)

    def add(self, kind: str, values: NDArray[np.floating[Any]]) -> int:
        """Append an accessor with its own view of the buffer; returns its number. values: (N,) or (N, width)."""
        data = np.ascontiguousarray(values, "<f4")
        views, accessors = self.json.setdefault("bufferViews", []), self.json.setdefault("accessors", [])
        views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": data.nbytes})
        rows = data.reshape(len(data), -1)
        accessors.append(
            {
                "bufferView": len(views) - 1,
                "componentType": _FLOAT,
                "count": len(data),
                "type": kind,
                "min": rows.min(axis=0).tolist(),
                "max": rows.max(axis=0).tolist(),
            }
        )
        self.binary += data.tobytes()
        return len(accessors) - 1

    def values(self, accessor: int) -> NDArray[np.float32]:
        """The numbers (N, width) of an accessor of floats, which change with the buffer. Raises GltfError."""
        entry = self.json["accessors"][accessor]
        width = _KINDS.get(entry["type"], 0)
        view = self.json["bufferViews"][entry["bufferView"]]
        if entry["componentType"] != _FLOAT or not width or view.get("byteStride", 4 * width) != 4 * width:
            raise GltfError(f"its accessor {accessor} holds no packed floats")
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        return np.frombuffer(self.binary, "<f4", entry["count"] * width, start).reshape(-1, width)

    def name_animation(self, name: str, seconds: float) -> None:
        """Give the one animation its name, and let its last key be at `seconds`, the others in proportion."""
        (animation,) = self.json["animations"]
        animation["name"] = name
        inputs = sorted({sampler["input"] for sampler in animation["samplers"]})
        last = max(float(self.values(times).max()) for times in inputs)
        for times in inputs if last > 0 else ():
            values, entry = self.values(times), self.json["accessors"][times]
            values *= seconds / last
            entry["min"], entry["max"] = [float(values.min())], [float(values.max())]


def read_gltf(file: Path) -> Gltf:
    """A .glb file, or a .gltf file with its buffer beside it. Raises GltfError and OSError."""
    if file.suffix.lower() == ".gltf":
        document = json.loads(file.read_text(encoding="utf-8"))
        return Gltf(document, bytearray(_buffer_file(file, document).read_bytes()))
    data = file.read_bytes()
    if data[:4] != _MAGIC or len(data) < 20:
        raise GltfError(f"{file.name} is no .glb file")
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    rest = data[20 + length :]
    size = struct.unpack_from("<I", rest)[0] if len(rest) >= 8 else 0
    return Gltf(document, bytearray(rest[8 : 8 + size]))


def write_gltf(file: Path, gltf: Gltf) -> None:
    """Write a file as `read_gltf` reads it. Raises OSError."""
    if file.suffix.lower() == ".gltf":
        _buffer_file(file, gltf.json).write_bytes(gltf.binary)
        file.write_text(json.dumps(gltf.json, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        return
    binary = bytes(gltf.binary).ljust(-(-len(gltf.binary) // 4) * 4, b"\0")
    gltf.json["buffers"] = [{"byteLength": len(binary)}]
    text = json.dumps(gltf.json, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 4) * 4)
    chunks = b"".join(
        struct.pack("<I", len(chunk)) + kind + chunk for kind, chunk in ((_JSON, text), (_BINARY, binary))
    )
    file.write_bytes(_MAGIC + struct.pack("<II", _VERSION, 12 + len(chunks)) + chunks)


def _buffer_file(file: Path, document: dict[str, Any]) -> Path:
    uri = document["buffers"][0].get("uri", "")
    if not uri or ":" in uri:
        raise GltfError(f"{file.name} has no buffer in a file beside it")
    return file.with_name(uri)
