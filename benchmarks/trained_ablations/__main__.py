"""Trains and compares them: `python -m benchmarks.trained_ablations --data DATA --out RUNS [--steps 1000] [--seeds 3]`.

The decoders are small and generate only the coarsest level of the checkpoint's codes. They are measured on the
validation split, and on long music that none was trained on (the songs of `benchmarks.long_music` that are on this
machine). An interrupted run is continued. Three tables:

- what was learned: nats per code on the re-timed validation dances, given the true past; and the increase when the
  music is half a second late, and when it is another window's
- dances to the validation songs, as `benchmarks.ablations` measures them
- dances of 10, 60 and 180 s to the same 180 s of each song of the long music: beat gain of the feet (music to dance /
  dance to music), mean jerk in m/s^3, share of seconds without movement
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ablations import dance_table
from benchmarks.long_music import SONGS
from benchmarks.trained_ablations.learning import (
    OURS,
    SINUSOIDS,
    Variant,
    small,
    train,
    training_pairs,
    validation_pairs,
)
from benchmarks.trained_ablations.networks import generate_codes
from engine.audio.files.decode import load_audio
from engine.audio.listening.listen import listen
from engine.audio.listening.rhythm import beats_in_style
from engine.audio.listening.song_styles import likely_styles
from engine.audio.music_features import music_features
from engine.audio.rates import FRAME_RATE, SAMPLE_RATE
from engine.data.dataset import DanceDataset
from engine.data.styles import StyleTable
from engine.evaluation.dances import REAL, EvaluatedDance, Subject
from engine.evaluation.evaluate import subjects_of
from engine.models.loading import load_own_checkpoint
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.models.torch.decoder import MotionDecoder
from engine.motion.foot_beats import foot_beats, score_beats
from engine.motion.measures import freezing, jerk
from engine.motion.room_bounds import keep_in_room
from engine.pipeline.request import ROOM
from engine.training.decoder import Batch, PairWindows, decoder_losses
from engine.training.pairs import Pair
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion

WINDOWS = 128
"""Validation windows, of which those without music are left out."""
LENGTHS = (10, 60, 180)
"""Seconds of the dances to long music; a training window has 12.8."""

Networks = Mapping[Variant, MotionDecoder]


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trained_ablations", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder of dance data")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the runs; unfinished ones are continued")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3, help="dances per song of the split")
    options = parser.parse_args()
    data, checkpoint = DanceDataset(options.data), load_own_checkpoint("default")
    held_out = validation_pairs(data, checkpoint, options.out)
    pairs = training_pairs(data, checkpoint, options.out)
    books = checkpoint.vqvae.quantizer.codebook
    networks = train(pairs, held_out, small(checkpoint), books, options.out, options.steps)
    print(f"\n{learned_table(networks, held_out)}", flush=True)

    styles = StyleTable(checkpoint.style_music)
    subjects = [subject.danceable() for subject in subjects_of(data.split("val"), styles)]
    rows = (row for s in subjects if s.song is not None for row in dances(checkpoint, networks, s, options.seeds))
    print(f"\n{dance_table(subjects, subjects_of(data.split('train'), styles), rows)}", flush=True)
    print(f"\n{length_table(checkpoint, {v: networks[v] for v in (OURS, SINUSOIDS)})}")


def learned_table(networks: Networks, held_out: Sequence[Pair]) -> str:
    """A Markdown table of nats per code, and of their increase with other music."""
    lines = ["| decoder | nats a code | half a second late | another window's music |", "|---|---|---|---|"]
    for variant, network in networks.items():
        right, late, other = nats(network, held_out)
        lines.append(f"| {variant.name} | {right:.3f} | {late - right:+.3f} | {other - right:+.3f} |")
    return "\n".join(lines)


@torch.inference_mode()
def nats(network: MotionDecoder, held_out: Sequence[Pair]) -> list[float]:
    """Nats per code with its own music, with that half a second late, with another window's; nothing is locked."""
    batch = PairWindows(held_out, network.config).batch(np.random.default_rng(0), WINDOWS)
    batch = Batch(*(getattr(batch, field.name)[batch.has_music] for field in fields(Batch)))
    batch = replace(batch, history=batch.codes, locked=torch.zeros_like(batch.locked))
    musics = batch.music, batch.music.roll(FRAME_RATE // 2, dims=1), batch.music.roll(1, dims=0)
    return [decoder_losses(network, replace(batch, music=music))["loss"].item() for music in musics]


def dances(checkpoint: TorchCheckpoint, networks: Networks, subject: Subject, seeds: int) -> Iterator[EvaluatedDance]:
    """The real dance to a song of the split and those of every network."""
    yield EvaluatedDance(REAL, subject, 0, subject.motion)
    assert subject.song is not None
    music = subject.song.music(subject.style)[0]
    for variant, network in networks.items():
        for seed, motion in enumerate(danced(checkpoint, network, music, subject.style, seeds)):
            yield EvaluatedDance(variant.name, subject, seed, motion)


def danced(
    checkpoint: TorchCheckpoint, network: MotionDecoder, music: NDArray[np.float32], style: str, seeds: int
) -> list[Motion]:
    """A dance per seed to music (M, C), sampled with the checkpoint's settings, in the default room, feet locked."""
    stride = network.config.music_stride
    whole = music[: len(music) // stride * stride]
    codes = generate_codes(network, whole, checkpoint.styles.index(style), checkpoint.sampling, range(seeds))
    return [lock_feet(keep_in_room(checkpoint.decode(each), ROOM)) for each in codes]


def length_table(checkpoint: TorchCheckpoint, networks: Networks) -> str:
    """A Markdown table of dances of several lengths to the same music, the shorter ones to its parts."""
    longest = max(LENGTHS)
    figures: dict[tuple[str, int], list[list[float]]] = {}
    for path in SONGS.values():
        if not Path(path).is_file():
            continue
        audio = np.resize(load_audio(path, SAMPLE_RATE), longest * SAMPLE_RATE)
        heard = listen(audio)
        style = likely_styles(heard.evidence, heard.rhythm, checkpoint.style_music)[0][0]
        track = beats_in_style(heard.rhythm, checkpoint.style_music[style].tempo)
        music = music_features(audio, track)
        for variant, network in networks.items():
            for seconds in LENGTHS:
                for start in range(0, longest, seconds):
                    part = music[start * FRAME_RATE : (start + seconds) * FRAME_RATE]
                    beats = track.times[(track.times >= start) & (track.times < start + seconds)] - start
                    motion = danced(checkpoint, network, part, style, 1)[0]
                    figures.setdefault((variant.name, seconds), []).append(measured(motion, beats))
    lines = ["| decoder | seconds | beat gain | jerk | frozen |", "|---|---|---|---|---|"]
    for (name, seconds), rows in figures.items():
        to_dance, to_music, jerks, frozen = np.mean(rows, axis=0)
        lines.append(f"| {name} | {seconds} | {to_dance:+.3f} / {to_music:+.3f} | {jerks:.0f} | {frozen:.3f} |")
    return "\n".join(lines)


def measured(motion: Motion, beats: NDArray[np.float64]) -> list[float]:
    """Beat gain of the feet both ways, jerk and share of frozen seconds of a dance; beats: seconds."""
    joints = motion.joints()
    score = score_beats(foot_beats(joints, motion.fps), beats)
    return [
        score.gain_music_to_motion,
        score.gain_motion_to_music,
        jerk(joints, motion.fps),
        freezing(joints, motion.fps),
    ]


if __name__ == "__main__":
    main()
