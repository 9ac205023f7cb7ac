"""Files of every kind that the engine reads, damaged: what can be read is right, all else is refused in a sentence."""

from __future__ import annotations

import dataclasses
import faulthandler
import hashlib
import json
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from engine.choreography import from_json, to_json
from engine.editing.dance_files import load_choreography
from engine.editing.operations import Operation
from engine.errors import EngineError
from engine.models.loading import load_checkpoint
from engine.motion.files.read import read_motion
from engine.pipeline.request import GenerateRequest, check_request
from engine.pipeline.song import read_song
from engine.protocol import unpack_bytes
from engine.service.jobs import ChainRequest, EditRequest, FetchRequest, ImportRequest
from engine.service.json_values import build_request

from .samples import Samples
from .values import anything, damaged, mutated, odd_arrays

HANGS = 120
"""Seconds after which reading a file counts as hanging; the process ends then."""
LONGEST = 1_500
"""Characters of an error's message."""


def _song(random: Random, samples: Samples, folder: Path) -> None:
    sample = random.choice(list(samples.songs.values()))
    path = folder / random.choice([sample.name, random.choice(list(samples.songs.values())).name])
    path.write_bytes(damaged(random, sample.read_bytes()))
    song = read_song(path, random.choice([0.0, 0.3, -1.0, 1.9, 50.0]), random.choice([None, 1.5, 0.1]), 1.0)
    assert np.isfinite(song.samples).all() and len(song.samples)


def _choreography(random: Random, samples: Samples, folder: Path) -> None:
    if random.random() < 0.7:
        text = json.dumps(mutated(random, json.loads(samples.document), random.choice([1, 1, 2, 5])))
    else:
        text = damaged(random, samples.document.encode()).decode(errors="replace")
    document = from_json(text)
    assert from_json(to_json(document)) == document


def _pair(random: Random, samples: Samples, folder: Path) -> None:
    document = json.loads(samples.document)
    data = unpack_bytes(samples.npz)
    data = random.choice([damaged, odd_arrays, odd_arrays, lambda _, whole: whole])(random, data)
    document["motion"] = {"name": "d.npz", "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "d.npz").write_bytes(data)
    text = json.dumps(mutated(random, document, random.choice([0, 1])))
    (folder / "d.json").write_text(text)
    load_choreography(folder / "d.json")


def _checkpoint(random: Random, samples: Samples, folder: Path) -> None:
    copy = folder / "checkpoint"
    shutil.copytree(samples.checkpoint, copy)
    if random.random() < 0.6:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(mutated(random, config, random.choice([1, 1, 3]))))
    else:
        weights = copy / "model.safetensors"
        weights.write_bytes(damaged(random, weights.read_bytes()))
    load_checkpoint(str(copy))


def _motion(random: Random, samples: Samples, folder: Path) -> None:
    ending = random.choice([*samples.motions, "pkl"])
    sample = samples.motions[ending if ending in samples.motions else "npz"]
    path = folder / f"motion.{ending}"
    damage = random.choice([damaged, odd_arrays]) if ending == "npz" else damaged
    path.write_bytes(damage(random, sample.read_bytes()))
    motion = read_motion(path)
    assert np.isfinite(motion.poses).all() and np.isfinite(motion.trans).all() and motion.fps > 0


def _requests(random: Random, samples: Samples, folder: Path) -> None:
    """Parameters of every method, fifty times: they are cheap."""
    for _ in range(50):
        kind = random.choice([GenerateRequest, EditRequest, ChainRequest, ImportRequest, FetchRequest, Operation])
        names = [field.name for field in dataclasses.fields(kind)]
        params = {name: anything(random) for name in names if random.random() < 0.7}
        try:
            request = build_request(kind, params)
            if isinstance(request, GenerateRequest):
                check_request(request)
        except EngineError as error:
            assert 0 < len(str(error)) < LONGEST


CASES: dict[str, Callable[[Random, Samples, Path], None]] = {
    "song": _song,
    "song again": _song,
    "choreography": _choreography,
    "pair": _pair,
    "checkpoint": _checkpoint,
    "motion": _motion,
    "requests": _requests,
}


def fuzz_files(count: int, seed: int, samples: Samples) -> list[str]:
    """Read `count` damaged files; what went wrong."""
    problems = []
    for number in range(count):
        name = list(CASES)[number % len(CASES)]
        folder = samples.folder / "case"
        folder.mkdir()
        print(f"file {number}: {name}", flush=True)
        faulthandler.dump_traceback_later(HANGS, exit=True)
        try:
            CASES[name](Random(f"{seed} file {number}"), samples, folder)
        except EngineError as error:
            if not 0 < len(str(error)) < LONGEST:
                problems.append(f"file {number} ({name}): a message of {len(str(error))} characters")
        except MemoryError:
            problems.append(f"file {number} ({name}): memory ran out")
        except Exception:
            problems.append(f"file {number} ({name}): {traceback.format_exc()[-2500:]}")
        finally:
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(folder)
    return problems
