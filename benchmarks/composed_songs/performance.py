"""Plays a composition: tempo, swing, human timing, instruments, a room, and what is unusual about its file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.composed_songs.composition import Composition, Note
from benchmarks.composed_songs.plan import Plan
from benchmarks.composed_songs.timbres import Timbres
from engine.audio.composing.instruments import RATE

FloatArray = NDArray[np.float64]

_DRY = ("kick", "bass guitar", "upright bass", "synth bass")
_PANS = {"hat": -0.25, "ride": 0.3, "shaker": 0.35, "conga": -0.3, "slap": -0.3, "cowbell": 0.2, "guitar": -0.35}
_RING = 1.6
"""Seconds from the last beat to the end of the file."""
_FADE = 5.0
_PEAK = 0.8
_QUIET = 10 ** (-50 / 20)


def beat_times(plan: Plan, beats: int) -> FloatArray:
    """Seconds (beats + 1,) of the beats 0..beats from beat 0 on."""
    tempi = np.full(beats, plan.tempo)
    if plan.later is not None:
        tempi[turn(plan, beats) :] = plan.later
    tempi *= 1 + plan.drift * np.arange(beats) / max(beats, 1)
    return np.concatenate([[0.0], np.cumsum(60.0 / tempi)])


def turn(plan: Plan, beats: int) -> int:
    """The beat, the first of a bar, at which a song of so many beats may change its tempo."""
    half = beats // 2
    return half - half % plan.kind.beats_per_bar


def performed(plan: Plan, piece: Composition, beats: FloatArray, random: np.random.Generator) -> FloatArray:
    """The song (samples, 2), peak 0.8. beats: seconds of each beat in it, and of the one after the last bar."""
    timbres = Timbres(random)
    end = beats[-1] + (0.0 if piece.fades else _RING)
    dry = np.zeros((round(end * RATE), 2))
    wet = np.zeros_like(dry)
    machine = plan.kind.style in ("house", "hip-hop", "break")
    loose = 0.0008 if machine else float(random.uniform(0.002, 0.005))
    leans: dict[str, float] = {}  # a player is a little early or late all the time
    count = np.arange(len(beats))
    period = float(np.median(np.diff(beats)))
    for note in piece.notes:
        lean = leans.setdefault(note.sound, 0.0 if machine else float(random.normal(0, 0.003)))
        moved = float(np.clip(random.normal(lean, loose), -0.015, 0.015))
        start = round((float(np.interp(_swung(note.beat, plan), count, beats)) + moved) * RATE)
        if start >= len(dry):
            continue
        sound = _sound(timbres, note, period)
        begin = max(-start, 0)
        piece_of_it = sound[begin : begin + len(dry) - max(start, 0), None]
        pan = _PANS.get(note.sound, 0.0)
        gain = note.gain * float(random.uniform(0.85, 1.1)) * np.array([1 - pan, 1 + pan])
        target = dry if note.sound in _DRY else wet
        target[max(start, 0) : max(start, 0) + len(piece_of_it)] += piece_of_it * gain
    mix = dry + wet + float(random.uniform(0.1, 0.3)) * _room(wet, random)
    mix += _loud(mix) * float(random.uniform(2e-4, 3e-3)) * random.standard_normal(mix.shape)  # no recording is clean
    mix = np.tanh(mix / (0.7 * _loud(mix)))  # as a compressor and a limiter would
    if piece.fades:
        fade = min(len(mix), round(_FADE * RATE))
        mix[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return mix * (_PEAK / max(float(np.abs(mix).max()), 1e-9))


def as_filed(plan: Plan, mix: FloatArray, random: np.random.Generator) -> tuple[FloatArray, float]:
    """The samples (n, C) of the file of a song (n, 2), and seconds by which it begins later."""
    condition = plan.kind.condition
    if condition == "silence":
        before = float(random.uniform(2.0, 9.0))
        parts = [np.zeros((round(before * RATE), 2)), mix, np.zeros((3 * RATE, 2))]
        return np.concatenate(parts), round(before * RATE) / RATE
    if condition == "quiet":
        return mix * (_QUIET / _PEAK), 0.0
    if condition == "offset":
        return 0.7 * mix + float(random.choice([-0.3, 0.2])), 0.0
    if condition == "inverted stereo":
        middle = mix.mean(axis=1)
        return np.stack([middle, -middle], axis=1), 0.0
    if condition == "inverted LFE":
        middle = mix.mean(axis=1)
        front, back = 0.3 * mix, 0.15 * mix
        low = -_low(front.sum(axis=1) + back.sum(axis=1) + 0.5 * middle)
        channels = np.column_stack([front, 0.5 * middle, low, back])
        return channels * (_PEAK / float(np.abs(channels).max())), 0.0
    return mix, 0.0


def _sound(timbres: Timbres, note: Note, period: float) -> FloatArray:
    return (
        timbres.drum(note.sound) if note.pitch is None else timbres.note(note.sound, note.pitch, note.length * period)
    )


def _swung(beat: float, plan: Plan) -> float:
    """Where a position is played in a swung rhythm: the second of each pair of eighths or sixteenths is late."""
    if not plan.kind.swing:
        return beat
    pair = 1.0 if plan.kind.swing == "8" else 0.5
    whole, part = divmod(beat, pair)
    share = part / pair
    late = 2 * share * plan.swing if share < 0.5 else plan.swing + (2 * share - 1) * (1 - plan.swing)
    return (whole + late) * pair


def _room(sound: FloatArray, random: np.random.Generator) -> FloatArray:
    """The echoes of a room."""
    time = np.arange(round(0.9 * RATE)) / RATE
    decay = np.exp(-time / random.uniform(0.08, 0.3))
    echoes = random.standard_normal((len(time), 2)) * decay[:, None]
    echoes[: round(0.008 * RATE)] = 0.0
    echoes /= np.sqrt(np.square(echoes).sum(axis=0))
    size = 1 << 16
    block = size - len(echoes)
    answer = np.fft.rfft(echoes, size, axis=0)
    out = np.zeros((len(sound) + size, 2))
    for start in range(0, len(sound), block):
        part = np.fft.irfft(np.fft.rfft(sound[start : start + block], size, axis=0) * answer, size, axis=0)
        out[start : start + size] += part
    return out[: len(sound)]


def _low(sound: FloatArray) -> FloatArray:
    """What a subwoofer plays: up to 120 Hz."""
    size = (len(sound) // RATE + 1) * RATE  # a length whose transform is quick
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    return np.fft.irfft(np.fft.rfft(sound, size) / (1 + (frequency / 120.0) ** 8), size)[: len(sound)]


def _loud(mix: FloatArray) -> float:
    return max(float(np.quantile(np.abs(mix[::16]), 0.998)), 1e-9)
