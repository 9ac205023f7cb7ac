"""The add-on in other languages: all that is drawn and all that Blender looks up is translated, and it goes when the
add-on goes."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_choreography_panel import Layout
from test_addon_drawing import draw_everything
from test_found_and_explained import in_menus, operators

NAMES = {"MAGMA", "SMPL", "IK", "BVH", "USD", "AMASS", "EnCodec", "librosa", "VQ-VAE", "Std", "½ ×", "2 ×"}
"""The same everywhere."""
HAS_LANGUAGES = "this Blender was built without languages"


def known():
    """The texts that have translations."""
    from magma_blender.translations import languages  # here, since it is loaded again with the add-on

    return languages.read("de_DE")


def needs_none(text):
    return not re.search("[A-Za-z]{2}", text) or text in NAMES


@pytest.fixture
def texts(magma):
    """The module that shows texts."""
    from magma_blender.translations import texts

    return texts


@pytest.fixture
def marked(texts, monkeypatch):
    """A language in which every text that is known begins with a mark."""
    monkeypatch.setattr(texts, "_lookup", lambda: lambda text: f"✓{text}" if text in known() else text)


def strings(kind):
    """All that Blender shows of a class's properties."""
    for each in kind.properties:
        if each.identifier in ("rna_type", "name", "bl_idname") or each.is_hidden or not each.description:
            continue
        yield each.name
        yield each.description
        for item in getattr(each, "enum_items", ()):
            yield item.name
            yield item.description


def test_blender_finds_all_names_and_tooltips(magma, texts):
    from magma_blender import registration
    from magma_blender.exports.export_settings import MagmaExportSettings
    from magma_blender.operators.import_checkpoint import MagmaOriginal
    from magma_blender.scene.character_fields import MagmaCharacter
    from magma_blender.scene.scene_settings import MagmaSettings
    from magma_blender.scene.span_list import MagmaSpan

    found = set()
    for name in operators():
        kind = getattr(bpy.ops.magma, name.removeprefix("magma.")).get_rna_type()
        found |= {kind.name, kind.description, *strings(kind)}
        assert kind.translation_context in texts.CONTEXTS
    for kind in (MagmaExportSettings, MagmaOriginal, MagmaCharacter, MagmaSettings, MagmaSpan, type(magma)):
        found |= set(strings(kind.bl_rna))
    for kind in registration.CLASSES:
        if issubclass(kind, (bpy.types.Panel, bpy.types.Menu)):
            found |= {kind.bl_label, kind.bl_rna.description if issubclass(kind, bpy.types.Menu) else ""}
    # of the classes that Blender's own names are inherited from
    found -= {"Name", "File Path", "Operator", "Name of the preset, used to make the path name", ""}
    missing = sorted(text for text in found if text not in known() and not needs_none(text))
    assert len(found) > 250 and not missing


class Labels(Layout):
    """A layout that notes what would be drawn, as Blender translates it."""

    def _part(self, **_):
        return type(self)(self.context, self.seen)

    row = column = box = split = _part

    def label(self, text="", icon="NONE", translate=True, icon_value=0):
        super().label(f"✓{text}" if translate and text in known() else text if translate else f"={text}", icon)


@pytest.mark.made_up
def test_all_that_is_drawn_is_translated(dancer, magma, marked, monkeypatch):
    from magma_blender.engine_host.notices import Notice
    from magma_blender.engine_host.session import session

    monkeypatch.setattr("test_addon_drawing.Layout", Labels)
    bpy.context.view_layer.objects.active = dancer
    try:
        for target in (dancer, None):
            bpy.context.scene.magma.target = target
            session.notice = Notice("The engine works.", details=("Nothing of anybody's: x",))
            seen = draw_everything(magma, 5000)
            plain = [text for text in seen if text[:1] not in "✓=" and not needs_none(text)]
            assert not plain, plain
            assert "=✓The engine works." in seen and len(seen) > 30
            # what is cut into lines, or a name, was translated before, and is not looked up again
            names = {f"={dancer.name}", "=Nothing of anybody's: x"}
            names |= {f"={version.made}" for version in dancer.magma_history.versions}
            rest = [text for text in seen if text[:1] == "=" and "✓" not in text and text not in names]
            assert all(needs_none(text[1:]) or text[1:].startswith("/") for text in rest), rest
    finally:
        session.notice = None


def test_menus_are_translated(dancer, marked, monkeypatch):
    seen = []
    monkeypatch.setattr(Layout, "label", lambda _self, text="", *_, **__: seen.append(text))
    in_menus()
    assert len(seen) > 40 and all(text in known() or text.startswith("✓") or needs_none(text) for text in seen)


def test_reports_are_english_in_background_where_scripts_read_them(dancer, texts, marked):
    bpy.context.view_layer.objects.active = dancer
    with pytest.raises(RuntimeError, match="No moves are copied: select some and press Copy Moves"):
        bpy.ops.magma.paste_moves()
    assert texts.in_window("The engine works.") == "The engine works."
    assert texts.translated("The engine works.") == "✓The engine works."


@pytest.fixture
def speak(magma):
    """Gives a function that switches Blender's language."""
    if not bpy.app.build_options.international:
        pytest.skip(HAS_LANGUAGES)
    view = bpy.context.preferences.view
    before = view.language, view.use_translate_interface, view.use_translate_tooltips

    def switch(language):
        view.language = language
        view.use_translate_interface = view.use_translate_tooltips = True

    yield switch
    view.language, view.use_translate_interface, view.use_translate_tooltips = before


def test_blender_speaks_the_language_that_is_chosen(texts, speak):
    chinese = "zh_HANS" if bpy.app.version >= (4, 0, 0) else "zh_CN"
    look = bpy.app.translations.pgettext_iface
    for language, label, sentence in (
        ("de_DE", "Tanz erzeugen", "Der Streifen „Left“ ist stumm: ihn hörbar machen oder einen anderen auswählen."),
        (
            "ja_JP",
            "ダンスを生成",
            "ストリップ「Left」はミュートされています。聞こえるようにするか、別のものを選択してください。",
        ),
        (chinese, "生成舞蹈", "片段“Left”被屏蔽：请让它可以听见，或选择其他片段。"),
    ):
        speak(language)
        assert look("Generate Dance", "Operator") == look("Generate Dance") == label
        assert bpy.app.translations.pgettext_tip("Choose it: no text of ours") == "Choose it: no text of ours"
        english = 'The strip "Left" is muted: make it audible, or select another one.'
        assert texts.translated(english) == sentence
    speak("en_US")
    assert look("Generate Dance") == "Generate Dance" and texts.translated(english) == english
    speak("fr_FR")
    assert look("Generate Dance") == "Generate Dance" and texts.translated(english) == english


def test_blenders_own_words_are_used(speak):
    """Of Blender's terms in our texts, as its own translators say them."""
    from magma_blender.translations import languages

    chinese = "zh_HANS" if bpy.app.version >= (4, 0, 0) else "zh_CN"
    for blenders, file in (("de_DE", "de_DE"), ("ja_JP", "ja_JP"), (chinese, "zh_HANS")):
        speak(blenders)
        ours = languages.read(file)
        look = bpy.app.translations.pgettext_iface
        for word, where in (
            ("Strip", "Seconds to dance at most; 0 is the whole strip"),
            ("Keyframe", "Restore Keyframes"),
            ("Armature", "Use Active Armature"),
            ("Presets", "Presets"),
            (
                "Preferences",
                "The preset {file} cannot be written ({strerror}): choose another data folder in the preferences.",
            ),
        ):
            term = look(word)
            sentence = ours[where]
            assert term.lower() in sentence.lower(), (blenders, word, term, sentence)


def test_registering_again_is_possible_and_nothing_stays(texts, speak):
    speak("de_DE")
    look = bpy.app.translations.pgettext_iface
    texts.unregister()
    try:
        assert look("Generate Dance") == "Generate Dance"
        texts.unregister()
    finally:
        texts.register()
    assert look("Generate Dance") == "Tanz erzeugen"
    texts.register()
    assert look("Generate Dance") == "Tanz erzeugen"
