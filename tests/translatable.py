"""Every text of the add-on that is to be there in each language, found in the sources.

python tests/translatable.py            what is missing, and what nobody says any more
python tests/translatable.py --add      writes what is missing into the languages' files, with empty translations
python tests/translatable.py --drop     takes out what nobody says any more
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import test_troubleshooting as said

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magma_blender.translations.languages import LANGUAGES, file_of, read  # noqa: E402
from magma_blender.translations.sentences import names_in  # noqa: E402
from smpl_rig.retarget.roles import BODY_ROLES, FINGER_ROLES, NECK, ROLES, SPINE, words  # noqa: E402

NOT_IN_THE_WINDOW = {
    "magma_blender/batch.py": "the command line",
    "engine/__init__.py": "Python programs",
    "engine/__main__.py": "the command line",
    "engine/service/report_command.py": "the command line",
    "engine/service/cli.py": "the command line",
    "engine/service/edit_commands.py": "the command line",
    "engine/service/listen_command.py": "the command line",
    "engine/service/output_files.py": "the command line",
    "engine/service/server.py": "answers to what the add-on never sends",
    "engine/service/json_values.py": "answers to what the add-on never sends",
    "engine/protocol.py": "the two processes among themselves; what they make of it is said elsewhere",
    "engine/choreography/beats_file.py": "the command line",
    "engine/editing/dance_files.py": "the command line",
    "engine/pipeline/tokenize.py": "the command line",
    "engine/models/original/clip/clip_text.py": "the command line, which makes style vectors",
    "engine/models/original/clip/clip_tokens.py": "the command line, which makes style vectors",
    "engine/models/original/clip/torchscript.py": "the command line, which makes style vectors",
    "magma_blender/scene/load_character.py": "the command line",
}
"""Modules whose sentences stay English, and why."""
SAME_EVERYWHERE = {
    "MAGMA", "SMPL", "IK", "BVH", "USD", "AMASS", "EnCodec", "librosa", "VQ-VAE", "Std", "½ ×", "2 ×", "1", "2", "3",
}  # fmt: skip
"""Names and signs that are the same in all languages."""
SAYING = said.SAYING | {
    "translated", "in_window", "draw_lines", ".start_task", ".begin_job", "progress", ".progress",
    "advance", "Step", "Notice", "check_torch", ".check_torch", ".check_online",
}  # fmt: skip
"""Functions, and methods with a dot, that are given what is shown."""
ROOMS_THAT_SAY = ("magma_blender/operators/", "magma_blender/ui/", "magma_blender/scene/")
"""Where texts of two words and a full stop are sentences, too."""
PARTS = {
    "Generate", "Earlier Edits", "Your Keyframes", "before", "after", "before the edit", "after the edit",
    "Changed: {places}.",
    "Checking {name}", "Writing {folder}", "Finishing {name}", "Checking the numbers", "Reading {name}", "Done",
    "Editing: {operation}", "Decoding the song", "Waiting for the engine", "the GPU ran out of memory",
    "Continuing on the CPU: the GPU ran out of memory", "Starting the engine",
    "{start} to {stop} s", "ticked spans", "preview range", "selected markers", "span under the playhead",
    "For {places} ({where})", "bar {first}–{last}", "{variant} of {variants}", "As the Dance ({style})", "Calm",
    "Usual", "Lively", "Wild", "seed {seed}, {label}", "{tokens} tokens, {seconds} s, to \"{strip}\"",
    "Follow {moved} Moved Markers", "Follow Moved Marker", "Locked {places}.", "Unlocked {places}.",
    "Merged {places}.", "Copied {places}.",
    "{start} to {stop} s: best of {candidates}, moved by {distance} cm to connect", "is", "is muted",
    'is inside "{name}", which is muted', "; often the computer has run out of memory", "Use {tapped}",
    "{seconds} left", "MAGMA: {progress}   ESC: cancel", "MAGMA: Keying", "Cancelling", "Dance {title}: {music}",
    "learned with its own songs", "learned from dances without songs, set to the beat of others", "Installed",
    "Preparing", "Human skeleton", "no human bones", "{family}, {have} of {whole} bones, {fingers} fingers",
    "{family}, {have} of {whole} bones, {fingers} fingers, no {missing}", "{names} bones, as chosen below", "no",
    "{name} and no {name2}", "{listed} and {count} more", "Missing: {missing}.", "Joining: {name}, {name2}",
    "Dancing to \"{name}\"", "Importing \"{name}\"", "Export \"{name}\"", "2 Beats a Bar", "3 Beats a Bar",
    "4 Beats a Bar", "6 Beats a Bar",
}  # fmt: skip
"""Parts of what is shown that the sources show no other way to find."""
TEXTS = {"text", "confirm_text", "title"}
"""Arguments of Blender's functions that are texts."""
LABELLING = {
    "Entry": (1,), "Submenu": (1,), "sub_panels": (0,), "_menu": (1, 2), "_labelled": (1,), "Preset": (2, 3),
}  # fmt: skip
"""Our functions that are given labels, and which of their arguments these are."""


def sources() -> dict[str, ast.Module]:
    """Modules that a user's texts are in, by their path."""
    files = [file for room in said.ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    names = {file: file.relative_to(ROOT).as_posix() for file in files}
    return {name: ast.parse(file.read_text(encoding="utf-8")) for file, name in names.items()}


def texts(node: ast.expr | None) -> Iterator[str]:
    """The constant texts that an expression can be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from (*texts(node.body), *texts(node.orelse))
        case ast.BoolOp():
            yield from (text for part in node.values for text in texts(part))


def labels(trees: dict[str, ast.Module]) -> dict[str, str]:
    """Text that Blender looks up itself -> where it stands."""
    found: dict[str, str] = {}
    for name, tree in trees.items():
        if name.startswith("magma_blender/") and name not in NOT_IN_THE_WINDOW:
            for node in ast.walk(tree):
                for text in _labels_of(node):
                    found.setdefault(text, f"{name}:{getattr(node, 'lineno', 0)}")
    for role in (*BODY_ROLES, *FINGER_ROLES):
        about = f"The bone that is the {words(role)}"
        place = "magma_blender/scene/character_fields.py"
        found |= {words(role).capitalize(): place, about: place}
        found[words(re.sub("^[LR]_", "", role)).capitalize()] = place
        if role in (SPINE, NECK, *FINGER_ROLES):
            found[f"{about}, the last one of several"] = place
    for file in sorted((ROOT / "checkpoints").glob("*/config.json")):
        config = json.loads(file.read_text(encoding="utf-8"))
        place = file.relative_to(ROOT).as_posix()
        titles = {style: style.title() for style in config["styles"]} | config.get("style_titles", {})
        found |= dict.fromkeys([*titles.values(), config["description"], file.parent.name.title()], place)
    return {text: place for text, place in found.items() if re.search("[A-Za-z]", text) and text not in SAME_EVERYWHERE}


def _labels_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield from _labels_of_class(node)
    elif isinstance(node, ast.Call):
        called = said.called(node)
        if called.endswith("Property"):
            wanted, at = {"name", "description"}, ()
        else:
            wanted, at = (TEXTS if called.startswith(".") else set()), LABELLING.get(called, ())
        for keyword in node.keywords:
            if keyword.arg in wanted:
                yield from texts(keyword.value)
            elif keyword.arg == "items":
                yield from _items(keyword.value)
        for number in at:
            yield from texts(node.args[number] if number < len(node.args) else None)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from _items(node.value)


def _labels_of_class(node: ast.ClassDef) -> Iterator[str]:
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    names = {
        part.targets[0].id: part.value
        for part in node.body
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
    }
    yield from texts(names.get("bl_label"))
    yield from texts(names.get("bl_description"))
    about = ast.get_docstring(node)
    if (
        about
        and "bl_description" not in names
        and node.name.startswith(("MAGMA_OT_", "MAGMA_MT_"))
        and "Panel" not in bases
    ):
        yield inspect.cleandoc(about)


def _items(node: ast.expr | None) -> Iterator[str]:
    """Names and descriptions of a table of (identifier, name, description)."""
    if isinstance(node, ast.Tuple | ast.List):
        for row in node.elts:
            if isinstance(row, ast.Tuple) and len(row.elts) == 3 and all(list(texts(each)) for each in row.elts[1:]):
                yield from (text for each in row.elts[1:] for text in texts(each))


def sentences(trees: dict[str, ast.Module]) -> dict[str, str]:
    """Template of a sentence, or of a part of one -> where it stands."""
    shared = {name: text for tree in trees.values() for name, text in said.named(tree).items() if name in said.SHARED}
    found: dict[str, str] = {}
    for name, tree in trees.items():
        if name.startswith((*said.UNSEEN, *NOT_IN_THE_WINDOW)):
            continue
        fewest = 2 if name.startswith(ROOMS_THAT_SAY) else said.FEWEST_WORDS
        names = said.constants(tree, shared)
        for line, text in [*said.said(tree, names, SAYING, fewest), *titles(tree, names)]:
            found.setdefault(unique(text), f"{name}:{line}")
    found |= dict.fromkeys(PARTS, "tests/translatable.py")
    for role in ROLES:
        found.setdefault(words(role), "smpl_rig/retarget/roles.py")
    unmeant = {text for text, why in said.UNMEANT.items() if "model card" in why or "found whole" in why}
    return {text: place for text, place in found.items() if said.plain(text) not in unmeant and said.words(text)}


def titles(tree: ast.Module, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    """(line, text) of what is said while an edit goes on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and said.called(node) == "start_edit" and len(node.args) > 2:
            text = said.template(node.args[2], names)
            if text is not None:
                yield node.lineno, text + ": {dancer}"


def unique(template: str) -> str:
    """The template with another name for each of its values."""
    used: dict[str, int] = {}

    def named(match: re.Match[str]) -> str:
        name = match[0][1:-1]
        used[name] = used.get(name, 0) + 1
        return match[0] if used[name] == 1 else f"{{{name}{used[name]}}}"

    return said.VALUE.sub(named, template)


def needed() -> dict[str, str]:
    """All texts -> where they stand."""
    trees = sources()
    return labels(trees) | sentences(trees)


def missing(language: str, wanted: dict[str, str]) -> list[str]:
    """Texts without a translation, each with its place."""
    have = read(language)
    return [f"{place}: {text}" for text, place in wanted.items() if not have.get(text)]


def stale(language: str, wanted: dict[str, str]) -> list[str]:
    """Translations of what nobody says any more."""
    return sorted(set(read(language)) - set(wanted))


def wrong_values(language: str) -> list[str]:
    """Translations that have other values than their English text."""
    return [text for text, other in read(language).items() if sorted(names_in(text)) != sorted(names_in(other))]


def main() -> int:
    """The command line."""
    wanted, problems = needed(), 0
    for language in LANGUAGES:
        lists = {
            "without a translation": missing(language, wanted),
            "with other values than in English": wrong_values(language),
            "that nobody says any more": stale(language, wanted),
        }
        for what, listed in lists.items():
            if listed:
                print(f"{language}: {len(listed)} {what}", *listed, sep="\n  ")
        problems += sum(map(len, lists.values()))
        kept = dict(read(language))
        if "--add" in sys.argv:
            kept = dict.fromkeys(wanted, "") | kept
        if "--drop" in sys.argv:
            kept = {text: other for text, other in kept.items() if text in wanted}
        if kept != read(language):
            file_of(language).write_text(
                json.dumps(dict(sorted(kept.items())), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
