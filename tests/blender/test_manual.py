"""F1 on every button and setting opens its place in the manual that came with the add-on; the reference is current."""

from __future__ import annotations

import re
import sys
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("bpy")
import blenders
import bpy
import installed

LEAD = re.compile(r'url=\.\./([^"#]+)#([^"]+)"')


@pytest.fixture
def pages(addon, monkeypatch):
    """What Blender opens for the name that it has for a button or setting; None where it knows nothing."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    def page(name):
        opened.clear()
        bpy.ops.wm.doc_view_manual(doc_id=name)
        return opened[0] if opened else None

    return page


def explained():
    """The names that Blender has for our operators, and for the settings that have a description."""
    operators = [f"magma.{name}" for name in dir(bpy.ops.magma)]
    settings = []
    for base in (bpy.types.PropertyGroup, bpy.types.AddonPreferences):
        inherited = set(base.bl_rna.properties.keys())
        for kind in base.__subclasses__():
            if kind.__module__.startswith(f"{installed.NAME}.") and "bl_rna" in vars(kind):
                own = [each for each in kind.bl_rna.properties if each.identifier not in inherited]
                visible = [each for each in own if each.description and not (each.is_hidden or each.is_readonly)]
                settings += [f"{kind.bl_rna.identifier}.{each.identifier}" for each in visible]
    assert len(operators) > 40 and len(settings) > 80
    return [*operators, *settings]


def test_every_operator_and_setting_has_a_place_in_the_manual_of_the_zip(pages):
    reference = (installed.FOLDER / "manual" / "reference.html").read_text(encoding="utf-8")
    places = set(re.findall(r'id="([^"]+)"', reference))
    without = []
    for name in explained():
        url = urlsplit(pages(name) or "")
        file = Path(unquote(url.path))
        lead = LEAD.search(file.read_text(encoding="utf-8")) if url.scheme == "file" and file.is_file() else None
        if lead is None or lead[1] != "reference.html" or lead[2] not in places or lead[2] != name.lower():
            without.append(name)
    assert not without


def test_blenders_own_settings_keep_blenders_manual(pages):
    assert pages("magma.generate_dance").startswith("file://")
    assert pages("RenderSettings.fps").startswith("https://docs.blender.org/")
    installed.disable()
    assert all("magma" not in pattern for _, pages in bpy.utils.manual_map() for pattern, _ in pages)
    installed.enable()


def test_the_reference_is_as_the_code_is(addon):
    sys.modules.pop("manual.reference", None)  # it may know the modules of an add-on that was disabled since
    from manual import reference

    written = (blenders.ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert reference.page().splitlines() == written.splitlines(), "run `make reference`"
