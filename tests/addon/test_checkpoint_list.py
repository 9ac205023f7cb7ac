"""The list of checkpoints that the panel offers."""

from __future__ import annotations

import json

from magma_blender import checkpoints


def write(folder, name, text):
    (folder / name).mkdir(parents=True)
    (folder / name / "config.json").write_text(text)


def test_default_first_and_the_shipped_one_wins(tmp_path):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    write(shipped, "default", json.dumps({"styles": ["waltz"], "description": "shipped"}))
    write(own, "default", json.dumps({"styles": [], "description": "own"}))
    write(own, "alpha", json.dumps({"styles": ["salsa"]}))
    found = checkpoints.find([shipped, own, tmp_path / "absent"])
    assert [(info.name, info.description, info.styles) for info in found] == [
        ("default", "shipped", ("waltz",)),
        ("alpha", "", ("salsa",)),
    ]


def test_a_damaged_one_is_listed_with_its_problem(tmp_path):
    for number, text in enumerate(["{", "[]", '{"styles": 3}', '{"styles": [1]}', '{"styles": null}']):
        write(tmp_path, f"bad{number}", text)
    found = checkpoints.find([tmp_path])
    assert len(found) == 5 and all("cannot be read" in info.problem for info in found)
