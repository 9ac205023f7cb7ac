"""Drawing never raises and says little, whatever a .blend, the engine or an installation holds."""

from __future__ import annotations

import contextlib
import sys
import types

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_choreography_panel import Layout

HOSTILE = "no\tw \u202eevil\u202c \x07 " + "QUJD" * 50_000
MOST_LABELS = 100
"""Of the whole panel; a message has eight of them."""


def context_for(width=400):
    return types.SimpleNamespace(
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)),
        region=types.SimpleNamespace(width=width),
        space_data=None,
        window_manager=bpy.context.window_manager,
    )


def draw_everything(preferences, width=400):
    """The labels of all panels of the viewport, and of the preferences."""
    from magma_blender import registration
    from magma_blender.ui import choreography_panel
    from magma_blender.ui import preferences as page

    context = context_for(width)
    layout = Layout(context)
    for kind in registration.CLASSES:
        if kind.__name__.startswith("MAGMA_PT_viewport") and ("poll" not in vars(kind) or kind.poll(context)):
            kind.draw(types.SimpleNamespace(layout=layout), context)
    choreography_panel.MAGMA_MT_span_style.draw(types.SimpleNamespace(layout=layout), context)
    page.draw_preferences(layout, context, preferences)
    return layout.seen


def message(layout_labels, start):
    """The labels of the message that starts like this, to the button below it."""
    first = next(number for number, text in enumerate(layout_labels) if text.startswith(start))
    last = next(n for n, text in enumerate(layout_labels) if n > first and text in ("Copy Message", "Open Log"))
    return layout_labels[first:last]


@pytest.fixture
def session(magma):
    from magma_blender.engine_host.session import session

    yield session
    session.job = session.task = session.installation = session.notice = None


@pytest.mark.parametrize("width", [1, 150, 400, 5000])
def test_a_message_of_a_megabyte_is_eight_lines_and_can_be_copied(magma, session, width):
    """A refused edit once filled the sidebar with 1,860 labels of base64."""
    from magma_blender.engine_host.notices import Notice

    session.notice = Notice(f"Refused: {HOSTILE}", is_error=True, details=(HOSTILE,) * 500)
    seen = draw_everything(magma, width)
    shown = message(seen, "Refused")
    assert len(shown) <= 8 and shown[-1].endswith("…")
    assert seen.count("Copy Message") == 2 and seen.count("Open Log") == 3  # in the panel and the preferences
    assert bpy.ops.magma.copy_message() == {"FINISHED"}
    session.notice = Notice("Refused: no.", is_error=True)
    assert "Copy Message" not in draw_everything(magma, width)


def test_what_is_going_on_is_a_few_lines(magma, session):
    from magma_blender.engine_host.answers import read_progress
    from magma_blender.engine_host.client_request import Request
    from magma_blender.engine_host.session import EngineTask

    request = Request(1, "doctor", {})
    params = {"stage": HOSTILE, "message": HOSTILE, "fraction": 0.5, "seconds_left": 10**300}
    request.progress = read_progress(params)
    session.task = EngineTask(HOSTILE, request, lambda answer: None)
    assert len(draw_everything(magma)) < MOST_LABELS
    session.task = None
    session.installation = types.SimpleNamespace(stage="Downloading", fraction=0.5, lines=[HOSTILE] * 200)
    assert len(draw_everything(magma)) < MOST_LABELS


@pytest.mark.parametrize(
    "value",
    [
        5,
        "text",
        b"\xff\xfe",
        [1.0, 2.0],
        {},
        {"seed": "text", "style": "text", "checkpoint": "text", "target": "text", "body_file": 5, "room": "x"},
        {
            "seed": -5,
            "style": 77,
            "checkpoint": -1,
            "target": 5,
            "body_file": HOSTILE,
            "candidates": 10**6,
            "room": 1e30,
        },
        {
            "body_file": b"\xff\xfe",
            "length": float("nan"),
            "guidance": float("inf"),
            "use_body": 7,
            "live_preview": "x",
        },
        {name: {"a": [{}]} for name in ("seed", "style", "checkpoint", "target", "body_file", "music_view", "length")},
    ],
)
def test_damaged_settings_of_a_scene_are_drawn(magma, value):
    """Properties of a .blend that another program, or an attacker, wrote."""
    if "magma" in bpy.context.scene:
        del bpy.context.scene["magma"]
    bpy.context.scene["magma"] = value
    assert len(draw_everything(magma)) < MOST_LABELS


@pytest.mark.parametrize(
    "value",
    [
        5,
        "text",
        {},
        {"spans": 5, "active": "x"},
        {"spans": [{}] * 3, "active": -7, "frame_start": "x", "frames_per_position": float("nan")},
        {"spans": [{"name": HOSTILE, "bars": HOSTILE, "style": HOSTILE, "variants": 9, "variant": -3, "start": 10**9}]},
        {"spans": [{"name": 5, "style": 5, "locked": "x", "variants": "x", "selected": {}, "start": "x", "stop": {}}]},
    ],
)
def test_a_damaged_list_of_spans_is_drawn(dancer, magma, value):
    from magma_blender.ui import timeline_band

    bpy.context.view_layer.objects.active = dancer
    if "magma_spans" in dancer:
        del dancer["magma_spans"]  # Blender 4.5 does not let a group become something else
    dancer["magma_spans"] = value
    assert len(draw_everything(magma)) < MOST_LABELS
    for bar in timeline_band.bars(dancer, lambda frame: frame):
        assert len(bar.text) < 200


@contextlib.contextmanager
def few_steps(most=100_000):
    """Code in it may execute so many lines, each turn of a loop being one."""

    class TooMany(BaseException):  # nothing catches it on the way, as drawing does with exceptions
        pass

    steps = 0

    def count(frame, event, argument):
        nonlocal steps
        steps += 1
        if steps > most:
            raise TooMany(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)


def test_a_selected_span_of_two_thousand_million_positions_costs_a_look(dancer, magma):
    """The panel once went through such a span position by position."""
    from magma_blender.scene.span_list import selected_ranges

    bpy.context.view_layer.objects.active = dancer
    huge = {"start": 0, "stop": 2**31 - 1, "selected": True}
    turned = {"start": 2**31 - 1, "stop": -(2**31), "selected": True}
    if "magma_spans" in dancer:
        del dancer["magma_spans"]
    dancer["magma_spans"] = {"spans": [huge, turned, {"start": -5, "stop": 3, "selected": True}]}
    with few_steps():
        draw_everything(magma)
        assert selected_ranges(dancer) in ([(0, 2**31 - 1)], [])  # Blender 5.0 keeps such properties apart


def test_a_list_of_more_spans_than_a_dance_can_have_is_drawn_in_part(dancer, monkeypatch):
    from magma_blender.scene.span_list import selected_ranges
    from magma_blender.ui import timeline_band

    monkeypatch.setattr("magma_blender.scene.span_list.MOST_POSITIONS", 20)
    if "magma_spans" in dancer:
        del dancer["magma_spans"]
    dancer["magma_spans"] = {"spans": [{"start": 2 * n, "stop": 2 * n + 1, "selected": True} for n in range(50)]}
    assert len(timeline_band.bars(dancer, lambda frame: frame)) <= 20 and len(selected_ranges(dancer)) <= 20


def test_names_of_a_file_are_cut(dancer, magma):
    dancer.name = "a" * 63
    bpy.context.view_layer.objects.active = dancer
    assert any("a" * 50 in text for text in draw_everything(magma))


def test_what_nobody_thought_of_is_a_line_and_one_traceback(capsys):
    from magma_blender.ui.draw import never_raises

    said = []
    layout = types.SimpleNamespace(label=lambda text, icon: said.append(text))
    for _ in range(3):
        with never_raises(layout):
            raise ZeroDivisionError("by the file")
    assert said == ["MAGMA cannot show this (ZeroDivisionError): see the console"] * 3
    assert capsys.readouterr().err.count("ZeroDivisionError: by the file") == 1


@pytest.mark.parametrize("chosen", ["file", "long", "read-only", "weird"])
def test_a_data_folder_that_cannot_be_used_is_a_sentence_when_it_is_needed(magma, tmp_path, chosen, monkeypatch):
    """The panel is drawn, and a dance is made all the same: only the log is missing."""
    from test_addon_generate import add_song

    from magma_blender.engine_host import engine_setup
    from magma_blender.engine_host.session import session

    monkeypatch.setattr(engine_setup, "check_online", lambda *_: None)
    (tmp_path / "file").write_text("in the way")
    magma.data_folder = {
        "file": str(tmp_path / "file"),
        "long": str(tmp_path.joinpath(*["x" * 100] * 9)),
        "read-only": "/proc/magma",
        "weird": str(tmp_path / "Ünï 日本 'x' 5%"),
    }[chosen]
    session.stop_engine()
    assert len(draw_everything(magma)) < MOST_LABELS
    add_song(tmp_path)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    if chosen in ("file", "read-only"):
        with pytest.raises(RuntimeError, match=r"The data folder .* cannot be used"):
            bpy.ops.magma.install_pytorch()


def test_a_checkpoint_that_describes_itself_at_length_has_a_few_lines(magma, tmp_path):
    import json
    from pathlib import Path

    folder = Path(magma.data_folder) / "checkpoints" / "wordy"
    folder.mkdir(parents=True)
    config = {"styles": ["waltz", "x" * 10_000, "a\u202eb"], "description": HOSTILE}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"weights")
    bpy.context.scene.magma.checkpoint = "wordy"
    seen = draw_everything(magma)
    assert len(seen) < MOST_LABELS
    from magma_blender.engine_host.checkpoint_list import styles_of

    assert styles_of("wordy") == ("waltz",)
