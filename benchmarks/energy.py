"""What a checkpoint's *energy* does: how fast it dances when asked to, and whether a dance follows its song.

    python -m benchmarks.energy SONGS [--checkpoint default] [--style STYLE]... [--seeds 3] [--seconds 60] [--songs 4]

SONGS: a folder of songs. Those whose loudness and onset density differ most between their parts are taken.

- asked: mean joint speed at energies 0.7, 1 and 1.3 over that at 1, the same songs and seeds, not following the song;
  with the share of dances in which it rises from each to the next, and the beat gain (music to dance / dance to music)
- following: correlation of joint speed with the song's energy over windows of 4 s of one dance, mean over dances, where
  the dance follows the song not at all (what is usual without it), half (as by default) and fully
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.files.decode import load_audio
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import beats_in_style
from engine.audio.music_features import music_features
from engine.audio.rates import FRAME_RATE as MUSIC_RATE
from engine.audio.rates import SAMPLE_RATE
from engine.data.clips import FRAME_RATE
from engine.data.song_folder import songs_in
from engine.data.sources import RESEARCH
from engine.models.loading import load_checkpoint
from engine.models.own.asked_energy import song_energy
from engine.motion.foot_beats import foot_beats, score_beats
from engine.pipeline.generate import Dance, generate
from engine.pipeline.request import GenerateRequest

ASKED = (0.7, 1.0, 1.3)
FOLLOWED = (0.0, 0.5, 1.0)
WINDOW = 4.0
"""Seconds."""
FEWEST = 6
"""Windows of a song."""


@dataclass(frozen=True)
class LivelySong:
    """energy: (W,) of the song in windows of `WINDOW` seconds. spread: its standard deviation."""

    path: Path
    energy: NDArray[np.float64]

    @property
    def spread(self) -> float:
        return float(self.energy.std())


def main() -> None:
    """Generate, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="SONGS")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--style", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--songs", type=int, default=4)
    options = parser.parse_args()
    found = [lively(path, options.seconds) for path, _ in songs_in(options.folder, RESEARCH)]
    songs = sorted((song for song in found if len(song.energy) >= FEWEST), key=lambda song: -song.spread)
    songs = songs[: options.songs]
    for song in songs:
        print(f"{song.path.stem}: energy differs by {song.spread:.2f}", flush=True)
    print("| style | " + " | ".join(f"speed at {ratio}" for ratio in ASKED) + " | rises | beat gain at each |", end="")
    print(" " + " | ".join(f"follows {follow}" for follow in FOLLOWED) + " |")
    print(f"|{'---|' * (len(ASKED) + len(FOLLOWED) + 3)}")
    for style in options.style or load_checkpoint(options.checkpoint).styles:
        print(f"| {style} | {row(songs, style, options)} |", flush=True)


def lively(path: Path, seconds: float) -> LivelySong:
    """A song with the energy of its windows."""
    features = music_features(
        load_audio(path, SAMPLE_RATE, 0.0, seconds), beats_in_style(heard_song(path).rhythm, None)
    )
    return LivelySong(path, windows(song_energy(features).astype(np.float64), MUSIC_RATE))


def row(songs: Sequence[LivelySong], style: str, options: argparse.Namespace) -> str:
    """The cells of a style."""
    speeds, gains = [], []
    followed: list[list[float]] = []
    for song in songs:
        for seed in range(options.seeds):
            request = GenerateRequest(
                str(song.path),
                seconds=options.seconds,
                style=style,
                seed=seed,
                checkpoint=options.checkpoint,
                fps=FRAME_RATE,
            )
            dances = [danced(request, ratio, 0.0) for ratio in ASKED]
            speeds.append([float(joint_speed(dance).mean()) for dance in dances])
            gains.append([gain(dance) for dance in dances])
            followed.append([correlation(danced(request, 1.0, follow), song) for follow in FOLLOWED])
    ratios = np.array(speeds) / np.array(speeds)[:, [1]]
    rises = (np.diff(ratios, axis=1) > 0).all(axis=1).mean()
    ways = [" / ".join(f"{way:+.2f}" for way in each) for each in np.array(gains).mean(axis=0)]
    cells = [*(f"{ratio:.2f}" for ratio in ratios.mean(axis=0)), f"{rises:.2f}", ", ".join(ways)]
    return " | ".join([*cells, *(f"{each:+.2f}" for each in np.array(followed).mean(axis=0))])


def danced(request: GenerateRequest, energy: float, follow: float) -> Dance:
    """The request's dance at an energy."""
    return generate(replace(request, energy=energy, song_energy=follow), lambda *_: None, lambda: False)


def joint_speed(dance: Dance) -> NDArray[np.float64]:
    """(T - 1,) the mean speed of all joints, m/s."""
    steps = np.diff(dance.motion.joints().astype(np.float64), axis=0)
    return np.asarray(np.linalg.norm(steps, axis=-1).mean(-1) * dance.motion.fps)


def gain(dance: Dance) -> tuple[float, float]:
    """The beat gain of the feet."""
    joints, fps = dance.motion.joints(), dance.motion.fps
    score = score_beats(foot_beats(joints, fps), np.array(dance.report["beats"]))
    return score.gain_music_to_motion, score.gain_motion_to_music


def correlation(dance: Dance, song: LivelySong) -> float:
    """Of a dance's speed with its song's energy, over windows."""
    speed = windows(joint_speed(dance), dance.motion.fps)
    count = min(len(speed), len(song.energy))
    return float(np.corrcoef(speed[:count], song.energy[:count])[0, 1])


def windows(values: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """(W,) means of values (T,) over consecutive windows of `WINDOW` seconds."""
    size = round(WINDOW * rate)
    return values[: len(values) // size * size].reshape(-1, size).mean(axis=1)


if __name__ == "__main__":
    main()
