"""Generates dances to long music unlike anything in the training data, and measures whether quality lasts.

    python -m benchmarks.long_music [SONG ...] [--checkpoint default] [--seconds 300] [--seed 1]

Without songs, those of `SONGS` are used that are on this machine (Debian: fretsonfire-songs-muldjord,
fretsonfire-songs-sectoid, singularity-music, hyperrogue-music). A song shorter than `--seconds` is repeated. The table
gives, where two values are separated by a slash, those of the first and the last minute:

- away: largest distance of the pelvis from where it began, with the default room and without one, metres
- frozen: share of seconds without movement
- jerk: mean over joints, m/s^3; skate: share of frames with a foot sliding on the floor
- beat gain: of foot beats, music to dance / dance to music, over the whole dance
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.audio.files.decode import load_audio
from engine.motion.foot_beats import foot_beats, score_beats
from engine.motion.measures import drift, foot_skate, freezing, jerk
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest

SONGS = {
    "metal (Muldjord, Chaos God)": "/usr/share/games/fretsonfire/data/songs/muldjord/chaos_god/song.ogg",
    "metal (Sectoid, Metal Madness)": "/usr/share/games/fretsonfire/data/songs/sectoid/Metal madness/song.ogg",
    "ambient (Singularity, Nebula)": "/usr/share/games/singularity/music/Nebula.ogg",
    "game (HyperRogue, Caves)": "/usr/share/hyperrogue/music/hr3-caves.ogg",
}
RATE = 44_100
MINUTE = 60


def main() -> None:
    """Generate, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("songs", nargs="*", type=Path)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    songs = {song.name: song for song in options.songs} or {name: Path(path) for name, path in SONGS.items()}
    there = {name: song for name, song in songs.items() if song.is_file()}
    if not there:
        parser.error("none of the songs is on this machine; name some")
    print("| music | style | away m | without room | frozen | jerk | skate | beat gain |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, song in there.items():
            path = Path(folder) / "song.wav"
            audio = load_audio(song, RATE)
            soundfile.write(path, np.resize(audio, round(options.seconds * RATE)), RATE)
            request = GenerateRequest(str(path), seed=options.seed, checkpoint=options.checkpoint)
            print(f"| {name} | {row(request)} |", flush=True)


def row(request: GenerateRequest) -> str:
    """The cells of a song after its name."""
    dance = generate(request, lambda *_: None, lambda: False)
    free = generate(
        GenerateRequest(request.audio, seed=request.seed, checkpoint=request.checkpoint, room=0.0),
        lambda *_: None,
        lambda: False,
    )
    motion = dance.motion
    joints, fps = motion.joints(), motion.fps

    def ends(figure: Callable[[NDArray[np.floating], float], float], places: int) -> str:
        count = round(MINUTE * fps)
        return " / ".join(f"{figure(part, fps):.{places}f}" for part in (joints[:count], joints[-count:]))

    score = score_beats(foot_beats(joints, fps), np.array(dance.report["beats"]))
    return " | ".join(
        [
            dance.style,
            f"{drift(joints, fps).farthest:.1f}",
            f"{drift(free.motion.joints(), free.motion.fps).farthest:.1f}",
            ends(freezing, 2),
            ends(jerk, 0),
            ends(foot_skate, 3),
            f"{score.gain_music_to_motion:+.3f} / {score.gain_motion_to_music:+.3f}",
        ]
    )


if __name__ == "__main__":
    main()
