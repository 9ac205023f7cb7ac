"""What a report is about where there is only a motion file, and perhaps a song."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.motion.files.read import read_motion
from engine.pipeline.song import hear_song
from engine.reporting.report import Subject
from engine.reporting.sound import sound_of_file


def subject_of_motion(file: Path, song: Path | None) -> Subject:
    """A motion file, and a song that begins with it; without one the page is silent and has no beats. Raises DataError
    and AudioError."""
    motion = read_motion(file)
    facts = {"Motion": file.name}
    if song is None:
        return Subject(file.stem, motion, np.zeros(0), np.zeros(0), facts=facts)
    rhythm = hear_song(song).rhythm
    sound = sound_of_file(song, motion.seconds)
    facts["Song"] = song.name
    return Subject(file.stem, motion, rhythm.times, rhythm.times[rhythm.bars], sound, facts=facts)
