"""An evaluation as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.evaluation.codec import CodecReport
from engine.evaluation.measure import BORDER
from engine.evaluation.metrics.bands import BANDS
from engine.evaluation.metrics.bands import SECONDS as BAND_SECONDS
from engine.evaluation.metrics.novelty import SECONDS
from engine.evaluation.metrics.style_classifier import ACCEPTED
from engine.evaluation.summary import Figure, Group, Summary
from engine.motion.measures import FROZEN_SPEED

NOTHING = "–"
_BANDS = [f"{low:g}–{high:g} Hz" for low, high in BANDS]


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a checkpoint on a split.

    songs: number of songs that the song match compares. reject_mm: distance from the nearest training window beyond
    which a window is in no style; None if no window is rejected.
    """

    checkpoint: str
    split: str
    seeds: int
    songs: int
    reject_mm: float | None
    rows: Summary
    codec: dict[str, CodecReport]


Cell = Callable[[Group], str]


def _number(name: str, digits: int = 2, sign: bool = False) -> Cell:
    def cell(group: Group) -> str:
        figure = group.figures.get(name)
        return NOTHING if figure is None else _formatted(figure, digits, sign)

    return cell


def _beat(name: str) -> Cell:
    def cell(group: Group) -> str:
        if name not in group.figures:
            return NOTHING
        score, shifted, gain = (group.figures[name + part] for part in ("", "_shifted", "_gain"))
        return f"{score.mean:.3f} ({shifted.mean:.3f}, {_formatted(gain, 3, sign=True)})"

    return cell


def _formatted(figure: Figure, digits: int, sign: bool = False) -> str:
    mean = f"{figure.mean:{'+' if sign else ''}.{digits}f}"
    return mean if figure.spread is None else f"{mean} ± {figure.spread:.{digits}f}"


def _windows(group: Group) -> str:
    return str(group.windows)


_BEATS: dict[str, Cell] = {
    "feet, music→dance (shifted, gain)": _beat("feet_m2d"),
    "feet, dance→music (shifted, gain)": _beat("feet_d2m"),
    "body, music→dance (shifted, gain)": _beat("body_m2d"),
    "body, dance→music (shifted, gain)": _beat("body_d2m"),
}
_SONGS: dict[str, Cell] = {
    "gain on its own song": _number("own_song", 3, sign=True),
    "gain on the other songs": _number("other_songs", 3, sign=True),
    "own song above their mean": _number("leads"),
    "own song above each": _number("leads_all"),
}
_SETS: dict[str, Cell] = {
    "windows": _windows,
    "FID_k": _number("kinetic_to_split", 1),
    "FID_k, reference": _number("kinetic_reference_to_split", 1),
    "FID_g": _number("geometric_to_split", 1),
    "rms Fréchet": _number("statistics_to_split", 1),
    "FID_k to train": _number("kinetic_to_train", 1),
    "FID_g to train": _number("geometric_to_train", 1),
    "rms Fréchet to train": _number("statistics_to_train", 1),
    "Div_k": _number("kinetic_diversity"),
    "Div_g": _number("geometric_diversity"),
}
_BODY: dict[str, Cell] = {
    "PFC": _number("pfc"),
    "skate": _number("skate", 3),
    "below floor mm": _number("sink_mm"),
    "worst mm": _number("sink_worst_mm", 1),
    "jerk m/s³": _number("jerk", 0),
    f"jerk every {BORDER} frames": _number("jerk_border", 0),
    "jerk elsewhere": _number("jerk_elsewhere", 0),
    "speed m/s": _number("speed"),
    "frozen": _number("frozen", 3),
    "farthest m": _number("farthest", 1),
    "drift m/min": _number("drift", 1),
}
_STYLE: dict[str, Cell] = {
    "style right": _number("style_right"),
    "in no style": _number("style_rejected"),
    "nearest training window, mm": _number("novelty_mm", 0),
    "told from real ones": _number("told_apart"),
    "by all joints": _number("told_apart_all"),
}


def markdown(evaluation: Evaluation) -> str:
    """All tables, as Markdown."""
    chance = f"{1 / evaluation.songs:.2f}" if evaluation.songs else NOTHING
    parts = [
        f"# {evaluation.checkpoint} on the {evaluation.split} split",
        f"Seeds: {evaluation.seeds}. ± is the standard deviation of the seeds' means. Motion at 20 frames/s.",
        "## Beats",
        "Score, score on shifted music, and their difference, the gain, which is what counts.",
        _table(evaluation.rows, _BEATS),
        "## Its own song against the other songs",
        f"By the gain of the feet, mean of both directions, {evaluation.songs} songs. A dance that ignores its music "
        f"is above the mean of the others about half of the time, and above each of them in a share of {chance}.",
        _table(evaluation.rows, _SONGS),
        "## Sets of dances",
        "Fréchet distances of 4 s windows to real dances, standardised by the real set: those of the split, then those "
        "of the training split in the same styles. The distance of the real dances to the training split is the "
        "control. With fewer windows than features (72, 32, 48) a distance depends mostly on the size of the sample: "
        "compare rows of one style only.",
        _table(evaluation.rows, _SETS),
        "## Body",
        f"frozen: share of seconds with a mean joint speed below {FROZEN_SPEED:g} m/s.",
        _table(evaluation.rows, _BODY),
        "## Style and novelty",
        f"Windows of {SECONDS:g} s. The style is that of the nearest training window; {_rejection(evaluation)} The "
        f"distance to it is the median. Told from real ones: share of windows of {BAND_SECONDS:g} s that a logistic "
        "regression tells from the real dances of the same clips, held out by clip, by the joints without legs and by "
        "all; real dances from each other, in halves. 0.5 is chance.",
        _table(evaluation.rows, _STYLE),
        "## Codec",
        f"Power of joint velocities of the upper body and the pelvis, decoded over real, in windows of "
        f"{BAND_SECONDS:g} s; and their coherence: 1 is the same movement at the same moment. Told apart: share of "
        "such windows that a logistic regression, held out by clip, tells from real ones; 0.5 is chance.",
        codec_tables(evaluation.codec),
    ]
    return "\n\n".join(parts)


def _rejection(evaluation: Evaluation) -> str:
    if evaluation.reject_mm is None:
        return "with a single training clip no window is rejected."
    return (
        f"windows farther than {evaluation.reject_mm:.0f} mm, like {1 - ACCEPTED:.0%} of held-out training windows, "
        "are in no style."
    )


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The whole evaluation for `json.dumps`, figures as {"mean", "spread"}."""
    return asdict(evaluation)


def _table(rows: Summary, cells: Mapping[str, Cell]) -> str:
    lines = _head(["dances", "style", "clips", *cells])
    for row, groups in rows.items():
        for style, group in groups.items():
            values = [cell(group) for cell in cells.values()]
            if set(values) - {NOTHING}:
                lines.append(_row([row, style, str(group.clips), *values]))
    return "\n".join(lines)


def codec_tables(reports: Mapping[str, CodecReport]) -> str:
    """The figures of a codec by style, as Markdown."""
    figures = ["mm over frames", "of coarse levels", "mm over clips", "speed kept", "perplexity of levels"]
    errors = _head(["style", "clips", "frames", *figures])
    bands = _head(["style", "levels", *(f"power {band}, coherence" for band in _BANDS), "told apart", "by all joints"])
    for style, report in reports.items():
        cells = [
            style,
            str(report.clips),
            str(report.frames),
            f"{report.mm_over_frames:.1f}",
            f"{report.coarse_mm_over_frames:.1f}",
            f"{report.mm_over_clips:.1f}",
            f"{report.speed_kept:.1%}",
            " ".join(f"{level:.0f}" for level in report.perplexity),
        ]
        errors.append(_row(cells))
        told = [NOTHING if share is None else f"{share:.2f}" for share in (report.told_apart, report.told_apart_all)]
        for levels, power, coherence, shares in (
            ("all", report.power, report.coherence, told),
            ("coarse", report.coarse_power, report.coarse_coherence, [NOTHING, NOTHING]),
        ):
            pairs = [f"{p:.2f}, {c:.2f}" for p, c in zip(power, coherence, strict=True)]
            bands.append(_row([style, levels, *pairs, *shares]))
    return "\n".join([*errors, "", *bands])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(titles: Sequence[str]) -> list[str]:
    return [_row(titles), "|" + "---|" * len(titles)]
