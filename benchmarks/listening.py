"""Measures what the engine hears of songs: tempo, beats, ones, metre and style.

    python -m benchmarks.listening [--half dev|reported] [--music MUSIC] [--dances DATA] [--excerpts] [--list]

The songs are those of `benchmarks.composed_songs`, whose rhythm is known; of a folder of free music (wavs/ and
index.json) those with a stated tempo (`bpm_stated`) or an exact one (repeated loops); and the songs of dance data, with
the tempo that the data states. Develop on the half "dev"; "reported" is only measured, not listed song by song.

- tempo: share of songs within 4 % of the truth or of its style's own octave; the columns after it count what is wrong
- in style: the same, and the beats, as a dance hears them once its style is known
- beats, ones: F within 70 ms (mir_eval), mean over songs; ones where more than drums says where a bar begins
- style: share of songs for which Automatic chooses their style, of those with a usual tempo
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.composed_songs import HALVES, ComposedSong, composed_song, write_song
from benchmarks.rhythm_scores import (
    Heard,
    Reference,
    beats_f,
    fitted_beats,
    mean,
    ones_f,
    same_tempo,
    tempo_error,
)
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import Rhythm, at_octave
from engine.audio.listening.song_styles import likely_styles
from engine.checkpoint_index import CONFIG_FILE, ROOT, StyleMusic, style_music
from engine.data.dataset import DanceDataset
from engine.errors import AudioError

EXCERPTS = (12.0, 20.0, 30.0)
"""Seconds."""
_WRONG = ("3:2", "4:3", "octave", "3:1", "other")
_HEAD = (
    "songs", "tempo", *_WRONG, "tempo in style", "beats F", "in style", "least", "ones F", "metre", "style",
)  # fmt: skip


@dataclass(frozen=True)
class Song:
    """A song's file. kinds: the groups of the table that it belongs to, one of each sort. fits: its tempo is exact, but
    the phase of its beats is unknown."""

    path: Path
    name: str
    kinds: tuple[str, ...]
    reference: Reference
    style: str | None = None
    fits: bool = False


@dataclass(frozen=True)
class Hearing:
    """What is heard of a file: without a style, in its own style, and the style that Automatic chooses."""

    alone: Heard
    in_style: Heard
    style: str


@dataclass
class Result:
    """A song and what was heard of it. hearing: None of a file that was refused. excerpts: what is heard of excerpts,
    by their seconds, with what is true of each."""

    song: Song
    hearing: Hearing | None
    excerpts: list[tuple[float, Reference, Hearing | None]] = field(default_factory=list)


def hear(path: Path, usual: float | None) -> Hearing | None:
    """What the engine hears of a file. usual: tempo of its style. None where it refuses the file."""
    try:
        heard = heard_song(path)
    except AudioError:
        return None
    return Hearing(
        _heard(heard.rhythm),
        _heard(at_octave(heard.rhythm, usual)),
        likely_styles(heard.evidence, heard.rhythm, default_styles())[0][0],
    )


@cache
def default_styles() -> dict[str, StyleMusic]:
    """The styles between which Automatic chooses with the default checkpoint."""
    config = ROOT / "checkpoints" / "default" / CONFIG_FILE
    return style_music(json.loads(config.read_text(encoding="utf-8")))


def _heard(rhythm: Rhythm) -> Heard:
    return Heard(rhythm.tempo, rhythm.times, rhythm.times[rhythm.bars], rhythm.beats_per_bar)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=list(HALVES), default="dev", help="of the composed songs")
    parser.add_argument("--music", type=Path, metavar="FOLDER", help="free music with stated tempi and loops")
    parser.add_argument("--dances", type=Path, metavar="DATA", help="dance data with songs")
    parser.add_argument("--excerpts", action="store_true", help="also hear 12, 20 and 30 s of each song")
    parser.add_argument("--list", action="store_true", help="every song of the half dev in a line")
    options = parser.parse_args()
    if options.list and options.half != "dev":
        parser.error("the half that is reported is not looked at song by song; use --half dev")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sets: dict[str, Iterator[Song]] = {f"Composed songs, half {options.half}": _composed(options.half, folder)}
        if options.music:
            sets["Free music"] = _free_music(options.music)
        if options.dances:
            sets["Songs of the dance data"] = _dance_songs(options.dances)
        for title, songs in sets.items():
            print(f"\n### {title}\n")
            results: list[Result] = []
            minutes = spent = 0.0
            for song in songs:
                began = time.process_time()
                result = Result(song, hear(song.path, song.reference.usual))
                spent += time.process_time() - began
                minutes += soundfile.info(song.path).duration / 60
                if options.excerpts:
                    result.excerpts = list(_excerpts(song, folder, len(results)))
                results.append(result)
                if options.list:
                    print(_line(result), flush=True)
            _print_table(results)
            print(f"\n{minutes:.0f} minutes, heard at {60 * minutes / spent:.0f} times their speed (processor time).")
            if options.excerpts:
                _print_excerpts(results)


def _composed(half: str, folder: Path) -> Iterator[Song]:
    for seed in HALVES[half]:
        song = composed_song(seed)
        path = folder / f"{half}_{seed}.wav"
        write_song(path, song)
        kind = song.kind
        drums = "drums" if kind.drums else "no drums"
        swing = "swing" if kind.swing else "even"
        kinds = (kind.style, kind.metre, drums, swing, kind.condition)
        yield Song(path, f"{seed} {' '.join(kinds)}", kinds, _reference(song), kind.style)
        path.unlink()


def _reference(song: ComposedSong) -> Reference:
    per_bar = song.kind.beats_per_bar
    return Reference(
        song.tempi,
        default_styles().get(song.kind.style, StyleMusic()).tempo,
        song.beats,
        song.ones if song.has_bars else None,
        (2, 4, 6) if per_bar == 2 else (per_bar,),
    )


def _free_music(folder: Path) -> Iterator[Song]:
    for track in json.loads((folder / "index.json").read_text(encoding="utf-8"))["tracks"]:
        path = folder / "wavs" / f"{track['name']}.ogg"
        if track["name"].startswith("loop_"):
            yield Song(path, track["name"], ("loops",), Reference((float(track["bpm"]),)), fits=True)
        elif track.get("bpm_stated"):
            yield Song(path, track["name"], ("stated tempo",), Reference((float(track["bpm_stated"]),)))


def _dance_songs(folder: Path) -> Iterator[Song]:
    for clip in DanceDataset(folder):
        if clip.audio_path is None or clip.bpm is None:
            continue
        music = default_styles().get(clip.style, StyleMusic())
        reference = Reference((clip.bpm,), music.tempo, metres=(music.beats_per_bar,))
        yield Song(clip.audio_path, clip.name, (clip.style,), reference, clip.style)


def _excerpts(song: Song, folder: Path, number: int) -> Iterator[tuple[float, Reference, Hearing | None]]:
    """A stretch of each length anywhere in the music, as a file of its own."""
    samples, rate = soundfile.read(song.path, dtype="float32", always_2d=True)
    random = np.random.default_rng([17, number])
    beats = song.reference.beats
    first, last = (0.0, len(samples) / rate) if beats is None else (beats[0], beats[-1])
    path = folder / "excerpt.wav"
    for seconds in EXCERPTS:
        start = float(random.uniform(first, max(last - seconds, first)))
        part = samples[round(start * rate) : round((start + seconds) * rate)]
        soundfile.write(path, part, rate, format="WAVEX", subtype="PCM_16")
        reference = song.reference
        if beats is not None and len(reference.tempi) > 1:
            periods = np.diff(beats[(beats >= start) & (beats <= start + seconds)])
            reference = replace(reference, tempi=(60.0 / float(periods.max()), 60.0 / float(periods.min())))
        yield seconds, reference, hear(path, reference.usual)


def _print_table(results: list[Result]) -> None:
    print(f"| kind | {' | '.join(_HEAD)} |\n|---|{'---|' * len(_HEAD)}")
    columns = zip(*(result.song.kinds for result in results), strict=True)
    kinds = [kind for column in columns for kind in dict.fromkeys(column)]
    for kind in kinds:
        print(_row(kind, [result for result in results if kind in result.song.kinds]))
    if len(kinds) > 1:
        print(_row("all", results))


def _row(name: str, results: list[Result]) -> str:
    errors = [_error(result, lambda hearing: hearing.alone) for result in results]
    in_style = [_error(result, lambda hearing: hearing.in_style) == "right" for result in results]
    alone = [_beats_f(result, lambda hearing: hearing.alone) for result in results if _has_beats(result)]
    styled = [_beats_f(result, lambda hearing: hearing.in_style) for result in results if _has_beats(result)]
    ones = [
        ones_f(result.hearing.alone.ones, result.song.reference) if result.hearing else 0.0
        for result in results
        if result.song.reference.ones is not None
    ]
    metres = [
        result.hearing is not None and result.hearing.alone.beats_per_bar in result.song.reference.metres
        for result in results
        if result.song.reference.metres
    ]
    styles = [
        result.hearing is not None and result.hearing.style == result.song.style
        for result in results
        if result.song.style in default_styles()
    ]
    cells = [
        str(len(results)),
        _number(mean([error == "right" for error in errors])),
        *(str(errors.count(wrong) or "") for wrong in _WRONG),
        _number(mean(in_style)),
        _number(mean(alone)),
        _number(mean(styled)),
        _number(min(alone, default=float("nan"))),
        *(_number(mean(values)) for values in (ones, metres, styles)),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _print_excerpts(results: list[Result]) -> None:
    print("\n| excerpt | excerpts | tempo | 3:2 | tempo as of the whole | metre | metre as of the whole | style as |")
    print("|---|---|---|---|---|---|---|---|")
    for seconds in EXCERPTS:
        heard = [
            (result, reference, hearing)
            for result in results
            for length, reference, hearing in result.excerpts
            if length == seconds
        ]
        errors = [tempo_error(part.alone.tempo, reference) if part else "other" for _, reference, part in heard]
        metres = [
            part is not None and part.alone.beats_per_bar in reference.metres
            for _, reference, part in heard
            if reference.metres
        ]
        both = [(result.hearing, part) for result, _, part in heard if len(result.song.reference.tempi) == 1]
        same = [
            (
                same_tempo(whole.alone.tempo, part.alone.tempo),
                whole.alone.beats_per_bar == part.alone.beats_per_bar,
                whole.style == part.style,
            )
            if whole and part
            else (False, False, False)
            for whole, part in both
        ]
        tempo, metre, style = (_number(mean([each[k] for each in same])) for k in range(3))
        print(
            f"| {seconds:.0f} s | {len(heard)} | {_number(mean([error == 'right' for error in errors]))} | "
            f"{errors.count('3:2') or ''} | {tempo} | {_number(mean(metres))} | {metre} | {style} |"
        )


def _line(result: Result) -> str:
    """A song in a line, for whoever improves the listening."""
    reference, hearing = result.song.reference, result.hearing
    true = "/".join(f"{tempo:.1f}" for tempo in reference.tempi)
    if hearing is None:
        return f"{result.song.name}: {true} beats/min, refused"
    heard = hearing.alone
    parts = [f"{result.song.name}: {true} heard as {heard.tempo:.1f} ({_error(result, lambda each: each.alone)})"]
    if _has_beats(result):
        parts.append(f"beats {_beats_f(result, lambda each: each.alone):.2f}")
    if reference.ones is not None:
        parts.append(f"ones {ones_f(heard.ones, reference):.2f}")
    return ", ".join([*parts, f"in {heard.beats_per_bar}", hearing.style])


def _error(result: Result, which: Callable[[Hearing], Heard]) -> str:
    return tempo_error(which(result.hearing).tempo, result.song.reference) if result.hearing else "other"


def _has_beats(result: Result) -> bool:
    return result.song.fits or result.song.reference.beats is not None


def _beats_f(result: Result, which: Callable[[Hearing], Heard]) -> float:
    if result.hearing is None:
        return 0.0
    heard, reference = which(result.hearing).beats, result.song.reference
    if result.song.fits:
        seconds = soundfile.info(result.song.path).duration
        reference = replace(reference, beats=fitted_beats(reference.tempi[0], seconds, heard))
    return beats_f(heard, reference)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
