"""Composes a song: form, harmony, melody, and who plays which note on which beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.composed_songs.grooves import FIFTH, NEXT_ROOT, OCTAVE, THIRD, VELOCITIES, Groove, grooves
from benchmarks.composed_songs.plan import Plan

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_PROGRESSIONS = {
    False: ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 0, 3, 4), (1, 4, 0, 0)),
    True: ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 6, 2), (0, 0, 3, 4), (0, 5, 3, 4)),
}
"""Steps of the scale, a chord each, by whether it is minor."""
_MOTIFS: dict[int, tuple[tuple[tuple[float, float], ...], ...]] = {
    2: (
        ((0, 1), (1, 1)),
        ((0, 2 / 3), (2 / 3, 1 / 3), (1, 1)),
        ((0, 1 / 3), (1 / 3, 1 / 3), (2 / 3, 1 / 3), (1, 1)),
        ((0, 2),),
    ),
    3: (
        ((0, 2), (2, 1)),
        ((0, 1), (1, 1), (2, 1)),
        ((0, 1.5), (1.5, 0.5), (2, 1)),
        ((0, 1), (1, 0.5), (1.5, 0.5), (2, 1)),
        ((0, 3),),
    ),
    4: (
        ((0, 1), (1, 1), (2, 2)),
        ((0, 1.5), (1.5, 0.5), (2, 1), (3, 1)),
        ((0.5, 0.5), (1, 0.5), (1.5, 1.5), (3, 1)),
        ((0, 0.5), (0.5, 0.5), (1, 1), (2.5, 0.5), (3, 1)),
        ((0, 1.5), (1.5, 1.5), (3, 1)),
        ((0, 3), (3, 0.5), (3.5, 0.5)),
    ),
}
"""Rhythms of a bar of melody, by beats in a bar: beat and length of each note."""
_FORMS = (
    ("intro", "verse", "chorus", "break", "chorus"),
    ("drum intro", "verse", "chorus", "bridge", "verse", "chorus"),
    ("verse", "chorus", "break", "verse", "chorus"),
    ("intro", "verse", "bridge", "chorus"),
)
_LAYERS = {
    "intro": {"chords"},
    "drum intro": {"light"},
    "verse": {"drums", "bass", "chords", "melody"},
    "chorus": {"drums", "bass", "chords", "melody", "pad"},
    "break": {"chords", "melody"},
    "bridge": {"drums", "bass", "chords"},
}
"""Who plays in a section. light: the small drums only."""
_SHORT = ("intro", "drum intro", "break", "bridge")


@dataclass(frozen=True)
class Note:
    """A note, or a stroke of a drum (pitch None). beat: from the song's first on. length: beats. gain: 0..1."""

    sound: str
    beat: float
    length: float
    gain: float
    pitch: int | None = None


@dataclass(frozen=True)
class Composition:
    """notes of a song, bars of which each begins with a "one", and whether it ends by fading out."""

    notes: list[Note]
    bars: int
    fades: bool


def composition(plan: Plan, bars: int, random: np.random.Generator) -> Composition:
    """A song of so many bars, and the first beat of one more, unless it fades out."""
    kind = plan.kind
    choices = grooves(kind.style, kind.beats_per_bar, kind.swing, plan.tempo)
    groove = choices[int(random.integers(len(choices)))]
    composer = _Composer(plan, groove, random)
    sections = _sections(bars, 4 if kind.beats_per_bar * 60 / plan.tempo > 1.6 else 8, random)
    first = 0
    for name, length in sections:
        composer.section(name, first, length)
        first += length
    fades = bool(random.random() < 0.4)
    if not fades:
        composer.end(bars)
    return Composition(composer.notes, bars, fades)


def _sections(bars: int, usual: int, random: np.random.Generator) -> list[tuple[str, int]]:
    """Name and bars of each section: four or eight, what is left over in the last."""
    form = _FORMS[int(random.integers(len(_FORMS)))]
    sections: list[tuple[str, int]] = []
    left = bars
    while left > 0:
        name = form[len(sections) % len(form)]
        length = min(4 if name in _SHORT else usual, left)
        if left - length < 2:
            length = left
        sections.append((name, length))
        left -= length
    return sections


class _Composer:
    def __init__(self, plan: Plan, groove: Groove, random: np.random.Generator) -> None:
        self.notes: list[Note] = []
        self._plan, self._kind, self._groove, self._random = plan, plan.kind, groove, random
        self._scale = _MINOR if plan.minor else _MAJOR
        options = _PROGRESSIONS[plan.minor]
        self._progressions = [options[int(k)] for k in random.permutation(len(options))[:2]]
        self._bars_per_chord = 2 if random.random() < (0.5 if self._kind.beats_per_bar == 2 else 0.2) else 1
        alone = self._kind.band if self._kind.band in ("piano", "guitar", "strings") else None
        self._chord_sound = alone or _one(groove.chord_sounds, random)
        self._lead = alone or _one(groove.lead_sounds, random)
        self._bass = {"piano": "piano", "guitar": "guitar", "strings": "upright bass"}.get(
            alone or "", _one(groove.bass_sounds, random)
        )
        self._chord_pattern = _one(groove.chords, random)
        motifs = _MOTIFS[self._kind.beats_per_bar]
        self._motifs = [motifs[int(k)] for k in random.permutation(len(motifs))[:3]]
        self._dropped = set()
        if len(groove.drums) > 4:  # not every band has everything
            self._dropped = {_one(tuple(name for name in groove.drums if name not in groove.light), random)}
        self._gains = {name: float(random.uniform(0.8, 1.2)) for name in ("drums", "bass", "chords", "melody", "pad")}
        self._gains["drums"] *= 1.7 if self._kind.style in ("hip-hop", "house", "break") else 1.15

    def section(self, name: str, first: int, length: int) -> None:
        """Compose the bars `first`..`first + length` (half-open)."""
        layers = set(_LAYERS[name])
        if self._kind.band == "drums":
            layers = {"light"} if "intro" in name or name == "break" else {"drums"}
        elif not self._kind.drums:
            layers = (layers - {"drums", "light", "pad"}) | {"chords"} | ({"bass"} if name != "break" else set())
        elif "drums" not in layers and self._chord_pattern.startswith("."):
            layers = layers | {"light"}  # chords off the beat alone would be heard on it
        progression = self._progressions[name == "chorus"]
        phrase = self._phrase()
        for bar in range(length):
            chord = progression[bar // self._bars_per_chord % len(progression)]
            following = progression[(bar + 1) // self._bars_per_chord % len(progression)]
            begin = (first + bar) * self._kind.beats_per_bar
            fill = bar == length - 1 and length >= 4 and "drums" in layers
            if "drums" in layers or "light" in layers:
                self._drums(begin, first + bar, "light" in layers, fill)
            if bar == 0 and name == "chorus" and "drums" in layers:
                self._add("crash", begin, 1, 0.35)
            if "bass" in layers:
                self._bass_line(begin, bar, chord, following)
            if "chords" in layers:
                self._chords(begin, first + bar, chord)
            if "pad" in layers:
                self._pad(begin, chord)
            if "melody" in layers:
                self._melody(begin, bar, chord, phrase, last=bar == length - 1)

    def end(self, bar: int) -> None:
        """The last beat, on which all play."""
        begin = bar * self._kind.beats_per_bar
        if self._kind.drums:
            self._add("kick", begin, 1, 0.9)
            self._add("crash", begin, 1, 0.4)
        if self._kind.band != "drums":
            self._add(self._bass, begin, 2, 0.5, self._low(0))
            for pitch in self._voicing(0):
                self._add(self._chord_sound, begin, 2, 0.3, pitch)

    def _add(self, sound: str, beat: float, length: float, gain: float, pitch: int | None = None) -> None:
        self.notes.append(Note(sound, beat, length, gain, pitch))

    def _drums(self, begin: int, bar: int, light: bool, fill: bool) -> None:
        groove, beats = self._groove, self._kind.beats_per_bar
        filled = beats - min(2 if beats == 4 else 1, beats - 1) if fill else beats
        for name, pattern in groove.drums.items():
            if name in self._dropped or (light and name not in groove.light):
                continue
            for position, velocity in _strokes(pattern, groove.steps, beats, bar):
                if position < filled or name == "kick":
                    self._add(name, begin + position, 1, _LOUDNESS.get(name, 0.3) * velocity * self._gains["drums"])
        if fill:
            steps = groove.steps
            for k in range((beats - filled) * steps):
                if self._random.random() < 0.8:
                    loudness = 0.3 + 0.3 * k / ((beats - filled) * steps)
                    self._add(groove.fill, begin + filled + k / steps, 1, loudness)

    def _bass_line(self, begin: int, bar: int, chord: int, following: int) -> None:
        line = self._groove.basses[bar % len(self._groove.basses)]
        if bar == 0 and not any(position == 0 for position, _, _ in line):
            self._add(self._bass, begin, 1, 0.5 * self._gains["bass"], self._low(chord))  # where a section begins
        for position, what, length in line:
            pitch = self._low(following if what == NEXT_ROOT else chord)
            if what in (THIRD, FIFTH):
                pitch += (self._step(chord + 2 * (1 if what == THIRD else 2)) - self._step(chord)) % 12
            elif what == OCTAVE:
                pitch += 12
            self._add(self._bass, begin + position, length, 0.5 * self._gains["bass"], pitch)

    def _chords(self, begin: int, bar: int, chord: int) -> None:
        pitches = self._voicing(chord)
        steps, beats = self._groove.steps, self._kind.beats_per_bar
        gain = 0.2 * self._gains["chords"] * (1.0 if self._kind.drums else 1.6)
        short = 0.35 if self._kind.band == "strings" else None  # bowed long, they have no beat that one hears
        strokes = _characters(self._chord_pattern, steps, beats, bar)
        ends = [position for position, _ in strokes[1:]] + [float(beats)]
        for (position, character), following in zip(strokes, ends, strict=True):
            length = short or min(0.95 * (following - position), self._groove.held)
            if character.isdigit():
                pitch = [*pitches, pitches[0] + 12][int(character)]
                self._add(self._chord_sound, begin + position, short or 0.9, 1.4 * gain * _accent(position), pitch)
                continue
            for number, pitch in enumerate(pitches):
                # a guitar is strummed
                late = 0.008 * number if self._chord_sound == "guitar" else 0.0
                self._add(self._chord_sound, begin + position + late, length, gain * VELOCITIES[character], pitch)

    def _pad(self, begin: int, chord: int) -> None:
        sound = "strings" if self._chord_sound != "strings" else "organ"
        for pitch in self._voicing(chord):
            self._add(sound, begin, self._kind.beats_per_bar, 0.07 * self._gains["pad"], pitch)

    def _phrase(self) -> list[tuple[tuple[float, float], ...]]:
        """The rhythm of four bars: two alike, one that answers."""
        first, second, _ = (self._motifs * 3)[:3]
        return [first, second, first, self._motifs[-1]]

    def _melody(
        self, begin: int, bar: int, chord: int, phrase: list[tuple[tuple[float, float], ...]], last: bool
    ) -> None:
        beats = self._kind.beats_per_bar
        rhythm = ((0.0, beats - 1.0),) if last or bar % 8 == 7 else phrase[bar % 4]
        # the same each time that the section comes
        contour = np.random.default_rng([self._plan.seed, bar % 8, chord]).integers(-2, 3, len(rhythm))
        degree = chord + 2 * ((bar + chord) % 3)
        for (position, length), step in zip(rhythm, contour, strict=True):
            if position > 0:
                degree += int(step)
            degree = degree - 7 if degree > 9 else degree + 7 if degree < -1 else degree
            gain = 0.25 * _accent(position) * self._gains["melody"]
            self._add(self._lead, begin + position, 0.92 * length, gain, self._step(degree) + 12)

    def _step(self, degree: int) -> int:
        """MIDI pitch of a step of the scale."""
        return self._plan.tonic + 12 * (degree // 7) + self._scale[degree % 7]

    def _low(self, degree: int) -> int:
        """The step as a bass plays it."""
        return 33 + (self._step(degree) - 33) % 12

    def _voicing(self, chord: int) -> list[int]:
        """A triad whose notes lie close to the tonic, whatever the chord."""
        low = self._plan.tonic - 5
        return sorted(low + (self._step(chord + k) - low) % 12 for k in (0, 2, 4))


_LOUDNESS = {
    "kick": 0.9, "snare": 0.5, "clap": 0.45, "brush": 0.3, "hat": 0.16, "open hat": 0.18, "ride": 0.17, "shaker": 0.12,
    "maracas": 0.15, "guiro": 0.2, "short guiro": 0.17, "slap": 0.35, "conga": 0.4, "mute": 0.2, "bongo": 0.25,
    "tom": 0.4, "timbale": 0.35, "clave": 0.22, "cowbell": 0.2, "rim": 0.25,
}  # fmt: skip


def _accent(position: float) -> float:
    """How loud a player plays a note at a beat of the bar."""
    return 1.15 if position == 0 else 1.0 if position == int(position) else 0.75


def _characters(pattern: str, steps: int, beats: int, bar: int) -> list[tuple[float, str]]:
    """Beat and character of what a pattern has in a bar."""
    size = steps * beats
    bars = max(len(pattern) // size, 1)
    part = pattern[bar % bars * size :][:size]
    return [(k / steps, character) for k, character in enumerate(part) if character != "."]


def _strokes(pattern: str, steps: int, beats: int, bar: int) -> list[tuple[float, float]]:
    return [(position, VELOCITIES[character]) for position, character in _characters(pattern, steps, beats, bar)]


def _one(options: tuple[str, ...], random: np.random.Generator) -> str:
    return options[int(random.integers(len(options)))]
