"""docs/reference.md: every button and setting of the add-on, from what Blender knows of them.

    .venv-bpy-4.5.15/bin/python -m manual.reference      (`make reference`)

A part of the page has the name that Blender looks pages of the manual up with: `magma.lock_spans` for an operator,
`magmasettings.seed` for a setting.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import bpy

from magma_blender import registration
from magma_blender.ui import menus
from magma_blender.ui.shortcuts import SHORTCUTS

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
HEAD = """\
<!-- Made from the code by `make reference`: change the code, not this page. -->

# Reference

Every button, then every setting. Put the mouse over one in Blender and press F1 to come here.

- *Where* is the place in Blender's menus, which its search (F3) looks through. The menu *Dance* is in *Object >
  Animation* and *Pose > Animation* of the 3D viewport and in *Strip* of the sequencer.
- A keyboard shortcut does nothing until you turn it on in the add-on's preferences, under *Shortcuts*.
- A button's options are in the box *Adjust Last Operation*, and arguments where a script calls it.
"""


@dataclass(frozen=True)
class Section:
    """A part of the reference. about: a sentence, which may have links."""

    title: str
    about: str


BUTTONS = {
    "first_steps": Section("First steps", "See [First dance](first-dance.md)."),
    "generate": Section("Generate", "See [First dance](first-dance.md)."),
    "presets": Section("Presets of settings", "See [Presets](first-dance.md#presets)."),
    "rhythm": Section("The song's rhythm", "See [The rhythm of a song](rhythm.md)."),
    "spans": Section("Moves: lock, divide, style", "See [Edit](editing.md) and [Choreograph](choreography.md)."),
    "moves": Section("Moves: replace, mirror, join", "See [Edit](editing.md) and [Choreograph](choreography.md)."),
    "insert_motion": Section("Motion of your own", "See [Choreograph](choreography.md#a-move-of-your-own)."),
    "relink_song": Section("The song of a dance", "See [The song](editing.md#the-song)."),
    "character": Section("Character", "See [Your character](characters.md)."),
    "transfer_dance": Section("More dancers", "See [Choreograph](choreography.md#more-dancers)."),
    "export_dance": Section("Export", "See [Exports](exports.md)."),
    "engine": Section("Engine", "See [Install](install.md) and [Troubleshooting](troubleshooting.md)."),
    "import_checkpoint": Section(
        "The original's checkpoints", "See [Checkpoints](checkpoints.md#the-originals-checkpoints)."
    ),
}
"""By the module of the operators, in the order of the page; those of other modules come after them."""
SETTINGS = {
    "MagmaSettings": Section(
        "Settings of the next dance",
        "In the tab *MAGMA*, its panel and the sub-panels *Music*, *Motion*, *Room*, *Checkpoint*, *Preview*, and "
        "*Character* for a new body. In scripts they are in `scene.magma`. See [First dance](first-dance.md#settings).",
    ),
    "MagmaCharacter": Section(
        "Settings of a character",
        "In the sub-panels *Character* and *Fingers*. In scripts they are in `scene.magma_character`. A chain, such as "
        "the spine, has its first bone and, after *to*, its last one. See [Your character](characters.md).",
    ),
    "MagmaExportSettings": Section(
        "Settings of exports",
        "In the sub-panel *Export*. In scripts they are in `scene.magma_export`. See [Exports](exports.md).",
    ),
    "MagmaSpans": Section("The list of moves", "In the sub-panel *Choreography*. See [Edit](editing.md)."),
    "MagmaSpan": Section("A span in the list", "In the sub-panel *Choreography*. See [Edit](editing.md)."),
    "MagmaPreferences": Section(
        "Preferences", "On the add-on's page in *Edit > Preferences*. See [Install](install.md)."
    ),
    "MagmaOriginal": Section(
        "Preferences: the original's checkpoints",
        "In the box *Original MAGMA* there. See [Checkpoints](checkpoints.md#the-originals-checkpoints).",
    ),
}
"""By the group of settings, in the order of the page; other groups come after them."""
UNITS = {"DISTANCE": " m", "TIME_ABSOLUTE": " s"}
"""After a number, by the subtype of its setting."""
LISTS = {"MAGMA_MT_span_style": "magma.style_spans", "MAGMA_MT_character_presets": "magma.load_character"}
"""The operators of menus that list what there is, which may be nothing."""
FEW = 2
"""Entries of one operator in a menu that are all named."""
ENDLESS = 2.0**31 - 1
"""A limit so large is none."""


def page() -> str:
    """The page, from the add-on that is enabled in this Blender."""
    return "\n".join([HEAD, *_buttons(), *_settings()])


def operators() -> dict[str, list[type[bpy.types.Operator]]]:
    """The add-on's operators by their modules, in the order in which they are registered."""
    found: dict[str, list[type[bpy.types.Operator]]] = {}
    for kind in registration.CLASSES:
        if issubclass(kind, bpy.types.Operator):
            operator = cast("type[bpy.types.Operator]", kind)
            found.setdefault(kind.__module__.rpartition(".")[2], []).append(operator)
    return found


def groups() -> dict[str, type[bpy.types.bpy_struct]]:
    """The add-on's groups of settings by their names."""
    # a class that was unregistered, as the tests do, has no `bl_rna` of its own any more
    kinds = [*bpy.types.PropertyGroup.__subclasses__(), *bpy.types.AddonPreferences.__subclasses__()]
    ours = [
        kind for kind in kinds if kind.__module__.startswith(f"{registration.__package__}.") and "bl_rna" in vars(kind)
    ]
    return {kind.__name__: kind for kind in sorted(ours, key=lambda kind: kind.__name__)}


def _about(operator: str) -> Any:
    return getattr(bpy.ops.magma, operator.partition(".")[2]).get_rna_type()  # type: ignore[attr-defined]  # ours


def _line(text: str) -> str:
    return " ".join(text.split())


def _ordered(names: list[str], sections: dict[str, Section]) -> Iterator[tuple[str, Section]]:
    for name in [*(name for name in sections if name in names), *(name for name in names if name not in sections)]:
        words = name.removeprefix("Magma").replace("_", " ").capitalize()
        yield name, sections.get(name, Section(words, ""))


def _buttons() -> Iterator[str]:
    found, places, keys = operators(), menu_places(), shortcuts()
    for module, section in _ordered(list(found), BUTTONS):
        yield f"## {section.title}\n\n{section.about}\n"
        for kind in found[module]:
            yield _button(kind.bl_idname, places.get(kind.bl_idname, []), keys.get(kind.bl_idname, []))


def _button(name: str, places: list[str], keys: list[str]) -> str:
    about = _about(name)
    lines = [f'### <a id="{name}"></a>{about.name}', "", f"{_line(about.description)}.", ""]
    if reason := menus.NOT_IN_MENUS.get(name):
        lines.append(f"- Where: in no menu, since it {reason}")
    else:
        lines.append("- Where: " + "; ".join(f"*{place}*" for place in places))
    if keys:
        lines.append("- Shortcut: " + ", ".join(keys))
    lines.append(f"- In scripts: `bpy.ops.{name}()`")
    rows = [_row(each) for each in shown(about)]
    return "\n".join([*lines, "", *(_table("option", rows) if rows else [])])


def _settings() -> Iterator[str]:
    found = {name: shown(kind.bl_rna) for name, kind in groups().items()}
    for name, section in _ordered([name for name, settings in found.items() if settings], SETTINGS):
        yield f"## {section.title}\n\n{section.about}\n"
        yield "\n".join(_table("setting", [_row(each, anchor(name, each)) for each in found[name]]))


def anchor(group: str, each: bpy.types.Property) -> str:
    """The name of a setting's place on the page. Blender looks settings up in small letters."""
    return f"{group}.{each.identifier}".lower()


def shown(kind: Any) -> list[bpy.types.Property]:
    """The settings that a user can see of a group or an operator."""
    inherited = {*kind.base.properties.keys()} if kind.base is not None else set()
    return [
        each
        for each in kind.properties
        if each.identifier not in inherited and each.description and not (each.is_hidden or each.is_readonly)
    ]


def _table(what: str, rows: list[str]) -> list[str]:
    return [f"| {what} | what it is | values | at first | in scripts |", "|---|---|---|---|---|", *rows, ""]


def _row(each: bpy.types.Property, anchor: str = "") -> str:
    values, first = _values(each)
    name = f'<a id="{anchor}"></a>{each.name}' if anchor else each.name
    cells = [name, f"{_line(each.description)}.", values, first, f"`{each.identifier}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(each: Any) -> tuple[str, str]:
    """What a setting can be, and what it is at first."""
    if each.type == "BOOLEAN":
        return "on, off", "on" if each.default else "off"
    if each.type in ("INT", "FLOAT"):
        unit = UNITS.get(each.subtype, "")
        return _range(each.hard_min, each.hard_max, unit), f"{each.default:.6g}{unit}"
    if each.type == "ENUM" and not each.enum_items:
        return "what there is", ""
    if each.type == "ENUM":
        chosen = each.default_flag if each.is_enum_flag else {each.default}
        items = [f"*{item.name}*: {item.description}" for item in each.enum_items]
        return "<br>".join(items), ", ".join(item.name for item in each.enum_items if item.identifier in chosen)
    if each.type == "STRING":
        return {"FILE_PATH": "a file", "DIR_PATH": "a folder"}.get(each.subtype, "text"), each.default
    return f"an {each.fixed_type.name.lower()}", ""


def _range(low: float, high: float, unit: str) -> str:
    if abs(low) >= ENDLESS and abs(high) >= ENDLESS:
        return ""
    if abs(high) >= ENDLESS:
        return f"from {low:g}{unit}"
    return f"{low:g} to {high:g}{unit}"


def menu_places() -> dict[str, list[str]]:
    """Where operators are in the menus that the add-on adds to Blender's own, as paths of labels."""
    found: dict[tuple[str, str], list[str]] = {}
    for place, draw in menus._added:
        # the menu Dance is in several menus, and the page says so once
        path = "File > Export" if place == menus.EXPORTS else ""
        draw(cast("bpy.types.Menu", types.SimpleNamespace(layout=_Menu(found, path))), bpy.context)
    places: dict[str, list[str]] = {}
    for (name, path), labels in found.items():
        # a menu may have one operator with many values
        rows = [""] if len(set(labels)) > FEW else dict.fromkeys(labels)
        places.setdefault(name, []).extend(" > ".join(part for part in (path, row) if part) for row in rows)
    return places


class _Menu:
    """A layout that notes which operators a menu shows, and opens the menus in it. path: the labels of menus to it."""

    def __init__(self, found: dict[tuple[str, str], list[str]], path: str) -> None:
        self.found = found
        self.path = path

    def operator(self, name: str, text: str | None = None, **_: object) -> Any:
        if name.startswith("magma."):
            label = text or _about(name).name
            self.found.setdefault((name, self.path), []).append(label)
        return types.SimpleNamespace()

    def menu(self, name: str, text: str | None = None) -> None:
        kind = getattr(bpy.types, name)
        path = " > ".join(part for part in (self.path, text or kind.bl_label) if part)
        if name in LISTS:
            self.found[LISTS[name], path] = [""]
        else:
            drawn = types.SimpleNamespace(layout=_Menu(self.found, path), path_menu=lambda *_, **__: None)
            kind.draw(drawn, bpy.context)

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: self


def shortcuts() -> dict[str, list[str]]:
    """The keys of operators."""
    found: dict[str, list[str]] = {}
    for name, key, _ in SHORTCUTS:
        found.setdefault(name, []).append(f"Shift Alt {key.replace('_', ' ').title()}")
    return found


def main() -> None:
    """Write the page."""
    registration.register()
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
