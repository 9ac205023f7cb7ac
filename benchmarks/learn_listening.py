"""Learns the weights with which tempo, metre and bars are heard (`engine/audio/listening/weights.json`).

    python -m benchmarks.learn_listening --keep FOLDER [--songs 240] [--arranged 450] [--packages FOLDER]
        [--dances DATA] [--folds 4]

From composed songs whose seeds are in neither half of the benchmark; from arranged songs (`benchmarks.arranged_songs`);
from songs of Debian packages whose authors wrote down the tempo (`benchmarks.authored_songs`); and from the songs of
dance data, with their tempi and the metres of their styles. Never from the free music and the loops that
`benchmarks.listening` reports. Bars are learned from the composed songs alone.

--keep keeps what is heard of all but the dance data's songs, which takes long. --folds measures instead: how many songs
are heard right by weights that were learned without them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.arranged_songs import RATE as RATE_OF_ARRANGED
from benchmarks.arranged_songs import arranged_song
from benchmarks.authored_songs import authored_songs
from benchmarks.composed_songs import FIRST_TO_LEARN_FROM, composed_song, write_song
from engine.audio.beats import UNKNOWN_TEMPO
from engine.audio.files.decode import load_audio
from engine.audio.listening import listen as listening
from engine.audio.listening.bar_profile import FEATURES, bar_profile, features_around
from engine.audio.listening.evidence import RATE, Evidence, evidence_of
from engine.audio.listening.pulse import METRES, TEMPI, descriptors, harmony_pulse, pulses
from engine.audio.rates import SAMPLE_RATE
from engine.audio.resampling import resampled
from engine.checkpoint_index import CONFIG_FILE, ROOT
from engine.data.dataset import DanceDataset
from engine.data.style_patterns import songs_of
from engine.data.styles import read_styles

Array = NDArray[np.float64]

NEAR = 0.025
"""Share by which a tempo of the grid may be off the true one and be right."""
STRETCHES = (24, 12)
"""Seconds of stretches of each song that are learned from, beside the whole."""
TEMPO_DECAY, BAR_DECAY = 0.006, 0.03
"""Weight of the squares of the weights."""
PLAYED = 5.0
"""How many composed or arranged songs a recording counts for, or a dance's song."""
PLAYED_BY_MIDI = 3.0
"""And a song that was written in MIDI."""
SLOW, FAST = 76.0, 150.0
"""Beats/min beyond which people hear a song in one octave or in another."""
DIGITS = 4


@dataclass(frozen=True)
class Lesson:
    """What is heard of a song, and what is true.

    tempi: any of which is right. beats_per_bar: None where unknown. beats: (B,) of a composed song, from the first of a
    bar on. group: songs that are alike share it. kind: where it is from. weight: by which it counts.
    """

    evidence: Evidence
    tempi: tuple[float, ...]
    beats_per_bar: int | None
    beats: Array | None
    group: str
    kind: str
    weight: float = 1.0


def main() -> None:
    """Learn and write, or measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--songs", type=int, default=240)
    parser.add_argument("--arranged", type=int, default=0)
    parser.add_argument("--packages", type=Path, metavar="FOLDER")
    parser.add_argument("--dances", type=Path, metavar="DATA")
    parser.add_argument("--folds", type=int, default=0)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    lessons = list(composed_lessons(options.songs, options.keep))
    lessons += arranged_lessons(options.arranged, options.keep)
    lessons += authored_lessons(options.packages, options.keep) if options.packages else []
    lessons += dance_lessons(options.dances) if options.dances else []
    if options.folds:
        measure(lessons, options.folds)
        return
    stored = {"tempo": learn_tempo(lessons).round(DIGITS).tolist(), "bars": {}}
    for beats in METRES:
        stored["bars"][str(beats)] = learn_bars(lessons, beats).round(DIGITS).tolist()
    listening._WEIGHTS.write_text(as_text(stored), encoding="utf-8")


def composed_lessons(count: int, keep: Path) -> Iterator[Lesson]:
    """Composed songs of seeds from `FIRST_TO_LEARN_FROM` on."""
    for seed in range(FIRST_TO_LEARN_FROM, FIRST_TO_LEARN_FROM + count):
        place = keep / f"composed {seed}.npz"
        if not place.is_file():
            song = composed_song(seed)
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "song.wav"
                write_song(file, song)
                heard = heard_in(file)
            store(place, heard, tempi=song.tempi, beats_per_bar=song.kind.beats_per_bar, beats=song.beats)
        evidence, kept = stored_in(place)
        tempi = tuple(kept["tempi"].tolist())
        yield Lesson(evidence, tempi, int(kept["beats_per_bar"]), kept["beats"], place.stem, "composed")


def arranged_lessons(count: int, keep: Path) -> Iterator[Lesson]:
    """Arranged songs. Their tempo was drawn, so that of a very slow or fast one may be heard in another octave."""
    for number in range(count):
        place = keep / f"arranged {number}.npz"
        if not place.is_file():
            song = arranged_song(number)
            samples = resampled(song.samples.astype(np.float32), RATE_OF_ARRANGED, SAMPLE_RATE)
            heard = evidence_of(samples, lambda _: None)
            store(place, heard, tempi=song.tempo, beats_per_bar=song.beats_per_bar or 0, name=song.name)
        evidence, kept = stored_in(place)
        tempi = either_octave(float(kept["tempi"]))
        yield Lesson(evidence, tempi, int(kept["beats_per_bar"]) or None, None, str(kept["name"]), "arranged")


def authored_lessons(packages: Path, keep: Path) -> Iterator[Lesson]:
    """Songs whose authors wrote down their tempo, who count as they like."""
    if not any(keep.glob("authored *.npz")):
        for song in authored_songs(packages):
            heard = evidence_of(song.samples, lambda _: None)
            place = keep / f"authored {song.name}.npz"
            store(place, heard, tempi=song.tempo, beats_per_bar=3 if song.in_threes else 0, played=song.played)
    for place in sorted(keep.glob("authored *.npz")):
        evidence, kept = stored_in(place)
        tempi, weight = either_octave(float(kept["tempi"])), PLAYED if kept["played"] else PLAYED_BY_MIDI
        yield Lesson(evidence, tempi, int(kept["beats_per_bar"]) or None, None, place.stem, "authored", weight)


def either_octave(tempo: float) -> tuple[float, ...]:
    """A tempo as it is given, and the octave in which most people would hear it."""
    if tempo > FAST:
        return tempo, tempo / 2
    return (tempo, 2 * tempo) if tempo < SLOW else (tempo,)


def store(place: Path, heard: Evidence, **known: object) -> None:
    """Keep what is heard of a song, and what is known of it."""
    everything: dict[str, Any] = {"onset": heard.onset, "harmony": heard.harmony, "loudness": heard.loudness, **known}
    np.savez(place, **everything)


def stored_in(place: Path) -> tuple[Evidence, dict[str, NDArray[Any]]]:
    """What `store` kept."""
    with np.load(place) as kept:
        values = dict(kept)
    return Evidence(values.pop("onset"), values.pop("harmony"), values.pop("loudness")), values


def dance_lessons(data: Path) -> list[Lesson]:
    """The songs of dance data."""
    styles = read_styles(ROOT / "checkpoints" / "default" / CONFIG_FILE)
    clips = [clip for clip in DanceDataset(data) if clip.audio_path is not None and clip.bpm is not None]
    return [
        Lesson(
            heard_in(song.file),
            (clip.bpm or UNKNOWN_TEMPO,),
            styles.music_of(song.style).beats_per_bar,
            None,
            song.song,
            "dance data",
            PLAYED,
        )
        for clip, song in zip(clips, songs_of(clips), strict=True)
    ]


def heard_in(file: Path) -> Evidence:
    """The evidence of a file."""
    return evidence_of(load_audio(file, SAMPLE_RATE), lambda _: None)


def learn_tempo(lessons: Sequence[Lesson]) -> Array:
    """Weights (1 + D, METRES) of `engine.audio.listening.pulse.likelihoods`: of a softmax over all tempi and metres."""
    examples = [(stretch, right(lesson), lesson.weight) for lesson in lessons for stretch in stretches(lesson)]
    every = np.concatenate([stretch for stretch, _, _ in examples])
    together = sum(weight for _, _, weight in examples)
    mean, spread = every.mean(axis=0), every.std(axis=0) + 1e-9
    scaled = [
        (np.column_stack([np.ones(len(TEMPI)), (stretch - mean) / spread]), good, weight / together)
        for stretch, good, weight in examples
    ]
    shape = (1 + len(mean), len(METRES))

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        total, slope = 0.0, np.zeros(shape)
        for stretch, good, share in scaled:
            scores = stretch @ weights
            likely = np.exp(scores - scores.max())
            likely /= likely.sum()
            hit = likely * good
            total -= share * np.log(hit.sum() + 1e-300)
            slope -= share * stretch.T @ (hit / (hit.sum() + 1e-300) - likely)
        decay = TEMPO_DECAY * np.square(weights).sum()
        return total + decay, (slope + 2 * TEMPO_DECAY * weights).ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights = found.x.reshape(shape)
    weights[1:] /= spread[:, None]
    weights[0] -= mean @ weights[1:]
    return np.asarray(weights)


def right(lesson: Lesson) -> NDArray[np.bool_]:
    """Which tempi and metres (tempi, METRES) are right."""
    near = np.any([np.abs(np.log(TEMPI / tempo)) < NEAR for tempo in lesson.tempi], axis=0)
    metres = [lesson.beats_per_bar in (None, beats) for beats in METRES]
    return np.outer(near, metres)


def stretches(lesson: Lesson) -> list[Array]:
    """The evidence (tempi, D) of the whole song and of stretches of it."""
    pulse = np.column_stack([pulses(lesson.evidence.onset), harmony_pulse(lesson.evidence)])
    random = np.random.default_rng(len(pulse))
    parts = [pulse]
    for seconds in STRETCHES:
        start = int(random.integers(max(len(pulse) - seconds * RATE, 0) + 1))
        parts.append(pulse[start : start + seconds * RATE])
    return [descriptors(part) for part in parts]


def learn_bars(lessons: Sequence[Lesson], beats_per_bar: int) -> Array:
    """Weights (slots of a bar, FEATURES) of `engine.audio.listening.bar_profile.likeness_of_one`: of a softmax over all
    slots in which a bar may begin."""
    profiles = [
        profile_of(lesson.evidence, lesson.beats, beats_per_bar)
        for lesson in lessons
        if lesson.beats is not None and lesson.beats_per_bar == beats_per_bar
    ]
    shifts = [np.stack([np.roll(each, -shift, axis=0).ravel() for shift in range(len(each))]) for each in profiles]

    def loss(weights: Array) -> tuple[float, Array]:
        total, slope = 0.0, np.zeros_like(weights)
        for shifted in shifts:
            likely = np.exp(shifted @ weights - (shifted @ weights).max())
            likely /= likely.sum()
            total -= np.log(likely[0] + 1e-300)
            slope -= shifted[0] - likely @ shifted
        decay = BAR_DECAY * float(np.square(weights).sum())
        return total / len(shifts) + decay, slope / len(shifts) + 2 * BAR_DECAY * weights

    found = minimize(loss, np.zeros(shifts[0].shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x.reshape(-1, FEATURES))


def profile_of(evidence: Evidence, beats: Array, beats_per_bar: int) -> Array:
    """The bar of a song whose beats are known."""
    pulse = pulses(evidence.onset)
    middles = (beats[1:] + beats[:-1]) / 2
    tempi = np.interp(np.arange(len(pulse)) / RATE, middles, 60.0 / np.diff(beats))
    ones = np.arange(0, len(beats), beats_per_bar)
    return bar_profile(features_around(evidence, pulse, tempi), beats, ones, beats_per_bar)


def measure(lessons: Sequence[Lesson], folds: int) -> None:
    """Print how many songs have the right tempo, and which are wrong, by weights learned without them."""
    groups = sorted({lesson.group for lesson in lessons})
    fold = dict(zip(groups, np.random.default_rng(0).permutation(len(groups)) % folds, strict=True))
    counts: dict[str, list[bool]] = {}
    for number in range(folds):
        weights = learn_tempo([lesson for lesson in lessons if fold[lesson.group] != number])
        for lesson in lessons:
            if fold[lesson.group] == number:
                scores = stretches(lesson)[0] @ weights[1:] + weights[0]
                tempo, metre = np.unravel_index(int(scores.argmax()), scores.shape)
                good = bool(right(lesson)[tempo, metre])
                counts.setdefault(lesson.kind, []).append(good)
                if not good:
                    print(f"{lesson.group}: {lesson.tempi} heard as {TEMPI[tempo]:.1f} in {METRES[metre]}", flush=True)
    for name, good_ones in counts.items():
        print(f"{name}: {sum(good_ones)} of {len(good_ones)}")


def as_text(stored: dict[str, Any]) -> str:
    """JSON with a row of numbers in a line."""
    rows = partial(json.dumps, separators=(",", ":"))

    def table(lines: Sequence[Sequence[float]]) -> str:
        return "[\n" + ",\n".join(f"  {rows(line)}" for line in lines) + "\n ]"

    bars = ",\n ".join(f'"{beats}": {table(lines)}' for beats, lines in stored["bars"].items())
    return f'{{"tempo": {table(stored["tempo"])},\n "bars": {{{bars}}}}}\n'


if __name__ == "__main__":
    main()
