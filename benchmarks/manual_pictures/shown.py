"""What of the interface each picture of the manual shows, as a hash: so a picture older than that is found out.

A picture is as old as the interface when the modules that draw what it shows have the same words and the same layout
as when it was taken: every text in them and every button, setting and menu with its label, icon and place. What else
is in the code may change.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ADDON = ROOT / "magma_blender"
IMAGES = ROOT / "docs" / "images"
INDEX = "pictures.json"
"""Beside the pictures: {picture: hash of what it shows}."""

SIDEBAR = ("panels", "sub_panel", "draw")
PICTURES = {
    "first_steps.png": SIDEBAR,
    "panel.png": SIDEBAR,
    "editing.png": (*SIDEBAR, "choreography_panel", "review_panel", "timeline_band"),
    "character_panel.png": (*SIDEBAR, "character_panel"),
}
"""The modules of magma_blender/ui that draw what is seen in a picture."""
DRAWING = {
    "label", "operator", "operator_menu_enum", "prop", "prop_search", "menu", "popover", "template_list",
    "template_icon", "separator", "split", "row", "column", "box", "grid_flow", "draw_lines", "sub_panels", "progress",
}  # fmt: skip
"""Functions that put something into a layout."""


def hash_of(picture: str) -> str:
    """A hash of what a picture shows, as the code is."""
    labels = labels_of_operators()
    found = [part for name in PICTURES[picture] for part in drawn_by(ADDON / "ui" / f"{name}.py", labels)]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]


def known(folder: Path) -> dict[str, str]:
    """{picture: hash of what it showed when it was taken}."""
    index = folder / INDEX
    found: dict[str, str] = json.loads(index.read_text()) if index.is_file() else {}
    return found


def note(folder: Path, pictures: Iterable[str]) -> None:
    """Note that these pictures show what the code draws."""
    found = known(folder) | {name: hash_of(name) for name in pictures}
    (folder / INDEX).write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


def outdated() -> list[str]:
    """The pictures that show another interface than the code's, or none at all."""
    taken = known(IMAGES)
    return [name for name in PICTURES if taken.get(name) != hash_of(name) or not (IMAGES / name).is_file()]


def labels_of_operators() -> dict[str, str]:
    """{name: label} of the add-on's operators."""
    found = {}
    for file in sorted((ADDON / "operators").rglob("*.py")):
        for kind in ast.walk(ast.parse(file.read_text())):
            if isinstance(kind, ast.ClassDef):
                texts = dict(_texts_of_class(kind))
                if "bl_idname" in texts and "bl_label" in texts:
                    found[texts["bl_idname"]] = texts["bl_label"]
    return found


def _texts_of_class(kind: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for part in kind.body:
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str):
            for target in part.targets:
                if isinstance(target, ast.Name):
                    yield target.id, part.value.value


def drawn_by(file: Path, labels: dict[str, str]) -> list[str]:
    """What a module of panels draws, in its order: calls that put something into a layout, and all other texts."""
    tree = ast.parse(file.read_text())
    for part in ast.walk(tree):
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef):
            _drop_docstrings(part)
    found = []
    for part in _in_order(tree):
        if isinstance(part, ast.Call) and _name_of(part.func) in DRAWING:
            named = [ast.unparse(each.value) for each in part.keywords]
            first = part.args[0] if part.args else None
            text = str(first.value) if isinstance(first, ast.Constant) else ""
            found.append(f"{_name_of(part.func)} {text} {labels.get(text, '')} {named}")
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.append(part.value)
    return found


def _drop_docstrings(part: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
    part.body = [
        line for line in part.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ] or [ast.Pass()]


def _in_order(part: ast.AST) -> Iterator[ast.AST]:
    """What is below in a syntax tree, as it is read; annotations are no part of what is drawn."""
    for name, value in ast.iter_fields(part):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _in_order(child)


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
