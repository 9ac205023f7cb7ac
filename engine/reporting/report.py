"""The Quality Report: what it is about, and its page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.choreography import Choreography, Span, beats_of
from engine.errors import AudioError, DataError, UndecodedError
from engine.reporting.figures import FRAME_RATE, Figure, figures_of
from engine.reporting.plot import ShownSpan, plot
from engine.reporting.scene import LOUDNESS_RATE, Scene, dancer, expected_beats, look, loudness, scene_data
from engine.reporting.sound import Sound, as_data, sound_of
from smpl_rig.motion import Motion, resample

PLAYER = Path(__file__).parent / "player"
SCRIPTS = ("clip.js", "stage.js", "timeline.js", "player.js")
"""The player's files, in the order in which they use each other."""
SHOWN_RATE = 30.0
"""Most frames a second of the moving figure."""


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    beats, bars: seconds of the song's beats, and of those that begin a bar. spans: of the choreography; none where
    there is only a motion. facts: what else is said of the dance, by name. notices: sentences about what is missing.
    """

    name: str
    motion: Motion
    beats: NDArray[np.float64]
    bars: NDArray[np.float64]
    sound: Sound | None = None
    spans: Sequence[ShownSpan] = ()
    facts: Mapping[str, str] | None = None
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """html: the page, which needs nothing else. figures: by name, in the units of `engine.reporting.figures`."""

    html: str
    figures: dict[str, float]
    notices: Sequence[str] = ()


def subject_of(document: Choreography, motion: Motion, name: str) -> Subject:
    """A dance with its choreography, the songs' paths absolute. A song that is missing is told, and the page is silent.
    Raises UndecodedError where Blender must decode the song first."""
    rate = document.token_rate
    beats, ones = beats_of(document)
    sound, notices = None, []
    try:
        sound = sound_of(document, motion.seconds)
    except UndecodedError:
        raise
    except AudioError as error:
        notices.append(f"The page has no sound. {error}")
    songs = ", ".join(dict.fromkeys(audio.file_name for audio in document.audio))
    facts = {"Song": songs, "Style": document.style or "", "Seed": str(document.seed)}
    facts |= {"Checkpoint": document.checkpoint.label, "Tokens": f"{len(document)}, {rate:g} a second"}
    return Subject(
        name,
        motion,
        np.array(beats, np.float64),
        np.array([beats[one] for one in ones], np.float64),
        sound,
        [_shown(document, span) for span in document.spans],
        {title: text for title, text in facts.items() if text},
        notices,
    )


def _shown(document: Choreography, span: Span) -> ShownSpan:
    rate, style = document.token_rate, span.style or document.style or "dance"
    start, stop = span.start / rate, span.stop / rate
    energy = document.energy if span.energy is None else span.energy
    about = f"{start:.1f} to {stop:.1f} s: {style}, variant {span.chosen + 1} of {len(span.variants)}"
    about += f", {span.danced.source}, seed {span.danced.seed}, energy {energy:g}"
    return ShownSpan(start, stop, style, f"{about}, locked" if span.locked else about, span.locked)


def quality_report(subject: Subject) -> Report:
    """The report of a dance. Raises DataError for a motion that is too short, or farther away than a page can show."""
    if len(subject.motion) < 2:
        raise DataError(f"{subject.name}: has only one frame, of which no report can be made. Give a longer dance.")
    seconds = subject.motion.seconds
    beats = subject.beats[subject.beats < seconds]
    even = resample(subject.motion, FRAME_RATE)
    measured = dancer(subject.name, even, beats)
    shown = replace(measured, motion=resample(subject.motion, min(subject.motion.fps, SHOWN_RATE)))
    steps = max(round(seconds * LOUDNESS_RATE), 1)
    levels = loudness(subject.sound.samples, steps) if subject.sound else np.zeros(steps, np.float32)
    scene = Scene(seconds, levels, beats, expected_beats(beats), (shown,))
    figures = figures_of(even, measured)
    html = _page(subject, scene, figures)
    return Report(html, {figure.name: round(figure.value, 4) for figure in figures}, subject.notices)


def player_script() -> str:
    """The player as one script; `Player` shows a clip that `decodeClip` has read."""
    return "\n".join((PLAYER / name).read_text(encoding="utf-8") for name in SCRIPTS)


def player_part() -> str:
    """The elements that the player uses, for a page's body."""
    return (PLAYER / "player.html").read_text(encoding="utf-8")


def player_style() -> str:
    """The player's style sheet."""
    return (PLAYER / "player.css").read_text(encoding="utf-8")


def _page(subject: Subject, scene: Scene, figures: Sequence[Figure]) -> str:
    data = {"clip": scene_data(scene), "look": look(), "sound": as_data(subject.sound, scene.seconds)}
    facts = {"Length": f"{scene.seconds:.1f} s, {subject.motion.fps:g} frames a second", **(subject.facts or {})}
    parts = {
        "title": escape(subject.name),
        "style": player_style(),
        "facts": "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()),
        "notices": "".join(f"<p>{escape(notice)}</p>" for notice in subject.notices),
        "player": player_part(),
        "plot": plot(scene, subject.bars, subject.spans),
        "figures": "".join(_row(figure) for figure in figures),
        "spans": "".join(f"<li>{escape(span.about)}</li>" for span in subject.spans),
        "data": _as_script(data),
        "script": player_script(),
    }
    page = (PLAYER / "report.html").read_text(encoding="utf-8")
    before, *rest = page.split("{{")
    filled = [parts[name] + after for name, _, after in (part.partition("}}") for part in rest)]
    return before + "".join(filled)


def _row(figure: Figure) -> str:
    cells = figure.title, figure.text, figure.real, figure.about
    return f'<tr id="{figure.name}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _as_script(data: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
