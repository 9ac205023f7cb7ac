"""Songs: their rhythm, and one to try things with."""

from __future__ import annotations

from pathlib import Path

from engine.api.checkpoints import DEFAULT
from engine.audio.composing.demo_song import write_demo_song
from engine.models.base import Checkpoint
from engine.pipeline.listen import ListenRequest, SongRhythm, song_rhythm
from engine.runtime.device import AUTO
from engine.service.output_files import complete


def compose_song(file: str | Path, style: str = "waltz", seconds: float = 20.0) -> Path:
    """Write a short piece of dance music with known beats as .wav, and return the file. style: waltz, rumba, cha-cha or
    salsa. The same arguments give the same bytes. Raises ValueError for another style, OSError."""
    with complete(Path(file)) as partial:
        write_demo_song(partial, style, seconds)
    return Path(file)


def listen(song: str | Path, checkpoint: Checkpoint | str | Path = DEFAULT, device: str = AUTO) -> SongRhythm:
    """The rhythm of a whole song: tempo, beats, bars, how sure they are, and the styles of a checkpoint that fit it.
    Raises EngineError."""
    request = ListenRequest(str(song), folder_of(checkpoint), device)
    return song_rhythm(request, lambda *_: None, lambda: False)


def folder_of(checkpoint: Checkpoint | str | Path) -> str:
    """How a request names a checkpoint."""
    return str(checkpoint) if isinstance(checkpoint, str | Path) else str(checkpoint.folder)
