"""The list of checkpoints that the panel offers."""

from __future__ import annotations

import json

from engine.checkpoint_index import files_state, list_checkpoints


def write(folder, name, text):
    (folder / name).mkdir(parents=True)
    (folder / name / "config.json").write_text(text)
    (folder / name / "model.safetensors").write_bytes(b"weights")


def test_the_shipped_one_wins(tmp_path):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    write(shipped, "default", json.dumps({"styles": ["waltz"], "description": "shipped"}))
    write(own, "default", json.dumps({"styles": [], "description": "own"}))
    write(own, "alpha", json.dumps({"styles": ["salsa"]}))
    found = list_checkpoints([shipped, own, tmp_path / "absent"])
    assert [(entry["name"], entry["description"], entry["styles"]) for entry in found] == [
        ("default", "shipped", ["waltz"]),
        ("alpha", "", ["salsa"]),
    ]


def test_a_damaged_one_is_listed_with_its_problem(tmp_path):
    for number, text in enumerate(["{", "[]", '{"styles": 3}', '{"styles": [1]}', '{"styles": null}']):
        write(tmp_path, f"bad{number}", text)
    found = list_checkpoints([tmp_path])
    assert len(found) == 5 and all("is damaged" in entry["error"] for entry in found)


def test_the_files_state_changes_with_every_change_of_the_list(tmp_path):
    folders = [tmp_path, tmp_path / "absent"]
    states = [files_state(folders)]
    write(tmp_path, "alpha", json.dumps({"styles": ["salsa"]}))
    states.append(files_state(folders))
    (tmp_path / "alpha" / "config.json").write_text(json.dumps({"styles": ["salsa", "jazz"]}))
    states.append(files_state(folders))
    (tmp_path / "alpha" / "model.safetensors").unlink()
    states.append(files_state(folders))
    (tmp_path / "alpha").rename(tmp_path / "beta")
    states.append(files_state(folders))
    assert len(set(states)) == 5 and files_state(folders) == states[-1]
