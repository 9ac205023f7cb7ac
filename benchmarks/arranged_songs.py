"""Arranged songs: accompaniments in the grooves of MMA (Musical MIDI Accompaniment), on General MIDI instruments.

Their metre and tempo are known, as those of `benchmarks.composed_songs` are, but other people arranged them and other
instruments play them: to learn listening from. Needs Debian's mma, fluidsynth and timgm6mb-soundfont. The same number
gives the same song.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RATE = 22_050
SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
_LIBRARY = Path("/usr/share/mma/lib")
_PARTIAL = re.compile(r"intro|end|fill|metronome|sus$|solo|break|count", re.IGNORECASE)
"""Grooves for a bar or two, or without music."""
_USUAL_TEMPI = (
    (re.compile(r"ballad|slow|hymn|lullaby|bolero|serenade|ambient", re.IGNORECASE), (56.0, 96.0)),
    (re.compile(r"hip-?hop|reggae|trip|r\+b|rb|rnb|crunk|soul|blues", re.IGNORECASE), (68.0, 120.0)),
    (
        re.compile(
            r"fast|quick|polka|march|techno|trance|house|rave|dance|samba|salsa|mambo|merengue|jive|charleston|bebop"
            r"|dixie|ragtime|ska|punk|metal|bluegrass|twist|calypso|foxtrot|waltz",
            re.IGNORECASE,
        ),
        (104.0, 190.0),
    ),
)
"""Beats/min between which grooves of such names are played; others between `_OTHER_TEMPI`."""
_OTHER_TEMPI = (72.0, 156.0)
_SONG = 44.0
"""Seconds of music, about."""
_TAIL = 1.5
"""Seconds in which the last notes die away."""
_PROGRESSIONS = (
    ("C", "Am", "F", "G7"),
    ("C", "F", "C", "G7"),
    ("Am", "F", "C", "G"),
    ("C", "G", "Am", "F"),
    ("Dm7", "G7", "CM7", "CM7"),
    ("Am", "Dm", "E7", "Am"),
    ("C", "C", "F", "G7"),
    ("Am", "G", "F", "E7"),
    ("C7", "F7", "C7", "G7"),
    ("C", "Em", "F", "Fm"),
)
_SCALE = ("c", "d", "e", "g", "a", "c+", "d+", "e+")
_LEADS = (
    "Violin", "ChoirAahs", "VoiceOohs", "AltoSax", "Flute", "Trumpet", "Harmonica", "SawWave", "OverdriveGuitar",
    "Piano1", "Clarinet",
)  # fmt: skip
_RIFFS = {
    2: (("2",), ("4", "4"), ("4", "8", "8"), ("4.", "8")),
    3: (("2.",), ("2", "4"), ("4", "4", "4"), ("4.", "8", "4"), ("4", "8", "8", "4")),
    4: (
        ("1",), ("2", "2"), ("4", "4", "2"), ("4.", "4.", "4"), ("8", "8", "4", "4", "4"),
        ("4", "8", "8", "8", "8", "4"), ("8", "4", "4", "4", "8"), ("2.", "8", "8"),
    ),
    6: (("1.",), ("2.", "2."), ("2", "4", "2", "4"), ("4", "4", "4", "2."), ("2.", "4", "4", "4")),
}  # fmt: skip
"""Rhythms of a bar of melody by MMA's beats in a bar."""


@dataclass(frozen=True)
class ArrangedSong:
    """samples: (n,) at `RATE`. beats_per_bar: None where what MMA says leaves it open. name: of the groove's file, from
    which other songs may be, too."""

    samples: FloatArray
    beats_per_bar: int | None
    tempo: float
    name: str


@dataclass(frozen=True)
class _Groove:
    """quarters: MMA's beats in a bar. compound: they are thirds of a beat."""

    names: tuple[str, ...]
    file: str
    quarters: int
    compound: bool


def arranged_song(number: int) -> ArrangedSong:
    """The song of a number from 0 on; as many as there are files of grooves are of different ones."""
    files = _grooves()
    groove = files[number % len(files)]
    random = np.random.default_rng([23, number])
    names = [groove.names[int(k)] for k in random.permutation(len(groove.names))[:2]]
    slowest, fastest = next((tempi for name, tempi in _USUAL_TEMPI if name.search(groove.file)), _OTHER_TEMPI)
    tempo = float(np.exp(random.uniform(np.log(slowest), np.log(fastest))))
    if groove.compound:
        tempo = min(tempo, 110.0)
    per_bar = groove.quarters // 3 if groove.compound else groove.quarters
    bars = max(round(_SONG * tempo / 60 / per_bar / 4) * 4, 8)
    told = tempo * 3 if groove.compound else tempo
    score = _score(names, groove, told, bars, random)
    with tempfile.TemporaryDirectory() as folder:
        samples = _played(score, Path(folder), random)
    silence = np.zeros(round(float(random.uniform(0.0, 0.5)) * RATE))
    samples = np.concatenate([silence, samples[: round((bars * per_bar * 60 / tempo + _TAIL) * RATE)]])
    beats_per_bar = {2: 2 if groove.compound else None, 3: 3, 4: 4}.get(per_bar)
    return ArrangedSong(recorded(samples, random), beats_per_bar, tempo, groove.file)


@cache
def _grooves() -> tuple[_Groove, ...]:
    """The grooves of every file of MMA's library, in order."""
    found = []
    for file in sorted(_LIBRARY.glob("*/*.mma")):
        names, quarters, eighths = [], 4, False
        for line in file.read_text(encoding="latin-1").splitlines():
            words = line.split()
            if len(words) > 1 and words[0].lower() == "time" and words[1][0].isdigit():
                quarters = int(words[1].split("/")[0])
            elif len(words) > 1 and words[0].lower() == "timesig":
                eighths = words[-1 if "/" in line else 2].endswith("8")
            elif len(words) > 1 and words[0].lower() == "defgroove" and not _PARTIAL.search(words[1]):
                names.append(words[1])
        compound = quarters in (6, 12)
        if names and quarters in _RIFFS and (compound or not eighths):
            place = f"{file.parent.name}/{file.stem}"
            found.append(_Groove(tuple(f"{place}:{name}" for name in names), place, quarters, compound))
    return tuple(found)


def _score(names: list[str], groove: _Groove, tempo: float, bars: int, random: np.random.Generator) -> str:
    """What MMA plays: two grooves of a file in turn, eight bars each, with chords and often a melody."""
    lines = [
        f"RndSeed {int(random.integers(1 << 30))}",
        f"Tempo {tempo:.4f}",
        "KeySig C",
        f"Transpose {int(random.integers(-5, 6))}",
    ]
    melody = random.random() < 0.65
    sung = random.random() < 0.5
    if melody:
        lines += [f"Solo Voice {_LEADS[int(random.integers(len(_LEADS)))]}", "Solo Octave 5", "Solo Articulate 95"]
    progressions = [_PROGRESSIONS[int(random.integers(len(_PROGRESSIONS)))] for _ in range(2)]
    riffs = [_RIFFS[groove.quarters][int(random.integers(len(_RIFFS[groove.quarters])))] for _ in range(4)]
    held = int(random.choice([1, 1, 1, 2]))
    for bar in range(bars):
        part = bar // 8 % 2
        if bar % 8 == 0:
            lines.append(f"Groove {names[part % len(names)]}")
        if melody and not (sung and part == 0 and bar < 8):
            notes = [f"{length}{_SCALE[int(random.integers(len(_SCALE)))]};" for length in riffs[bar % 4]]
            lines.append(f"Solo Riff {''.join(notes)}")
        chords = progressions[part]
        lines.append(f"{bar + 1} {chords[bar // held % 4]}")
    return "\n".join(lines) + "\n"


def _played(score: str, folder: Path, random: np.random.Generator) -> FloatArray:
    (folder / "song.mma").write_text(score, encoding="utf-8")
    subprocess.run(["mma", "song.mma"], cwd=folder, check=True, capture_output=True)
    return rendered(folder / "song.mid", random)


def rendered(file: Path, random: np.random.Generator) -> FloatArray:
    """The sound (n,) of a MIDI file at `RATE`."""
    room = "1" if random.random() < 0.6 else "0"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "song.wav"
        command = ["fluidsynth", "-ni", "-R", room, "-C", room, "-g", "0.5", "-r", str(RATE), "-F", str(out)]
        subprocess.run([*command, str(SOUND_FONT), str(file)], check=True, capture_output=True)
        samples, _ = soundfile.read(out, always_2d=True)
    return np.asarray(samples.mean(axis=1))


def recorded(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """A song as a recording of it might sound: driven, dull or thin, noisy, under a voice that keeps no time."""
    loud = max(float(np.quantile(np.abs(samples), 0.99)), 1e-6)
    mix = samples / loud
    if random.random() < 0.5:
        low = float(random.uniform(20, 160)) if random.random() < 0.6 else 0.0
        high = float(np.exp(random.uniform(np.log(1500), np.log(9000))))
        mix = _filtered(mix, low, high)
    if random.random() < 0.3:
        mix = mix + float(random.uniform(0.15, 0.5)) * _voice(len(mix), random)
    mix = mix + float(np.exp(random.uniform(np.log(1e-4), np.log(3e-2)))) * random.standard_normal(len(mix))
    drive = float(np.exp(random.uniform(np.log(0.3), np.log(6.0))))
    mix = np.tanh(drive * mix) / np.tanh(drive)
    return np.asarray(0.8 * mix / max(float(np.abs(mix).max()), 1e-9))


def _voice(count: int, random: np.random.Generator) -> FloatArray:
    """Syllables of a voice that speaks: tones with formants, at no tempo."""
    found = np.zeros(count)
    place = 0.0
    while place < count / RATE:
        seconds = float(random.uniform(0.08, 0.5))
        first = round(place * RATE)
        time = np.arange(min(round(seconds * RATE), count - first)) / RATE
        pitch = float(random.uniform(110, 330))
        numbers = np.arange(1, 12)[:, None]
        formant = float(random.uniform(400, 2200))
        gains = np.exp(-0.5 * np.square((numbers * pitch - formant) / 500)) + 0.3 / numbers
        tone = (gains * np.sin(2 * np.pi * pitch * numbers * time)).sum(axis=0)
        edge = np.minimum(np.minimum(time, seconds - time) / 0.02, 1)
        found[first : first + len(time)] += tone * np.clip(edge, 0, 1) * float(random.uniform(0.3, 1))
        place += seconds + float(random.exponential(0.12))
    return found / max(float(np.quantile(np.abs(found), 0.99)), 1e-6)


def _filtered(samples: FloatArray, low: float, high: float) -> FloatArray:
    """Without what is below and above (Hz), gently."""
    size = 1 << (len(samples) - 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    gain = 1 / (1 + (frequency / high) ** 4)
    if low:
        gain *= frequency**4 / (frequency**4 + low**4)
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)]
