"""A folder of dance data: its clips, their songs and splits.

Three layouts are known: ours (`index.json`, `splits/`, `motions/*.npz`, `wavs/`), AIST++ (`motions/*.pkl`, `wavs/` or
`music/`), and a folder of BVH files, with or without songs of the same names beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from engine.data.aist import AIST_GENRES, load_aist
from engine.data.sources import LICENCES, RESEARCH, UNKNOWN_PROVENANCE, Provenance, preprocessed
from engine.errors import DataError
from engine.motion.files.bvh_read import read_bvh_recording
from engine.motion.files.npz_read import read_npz_recording
from smpl_rig.motion import Motion

SPLITS = ("train", "val", "test")
UNKNOWN_STYLE = "unknown"

_SONG_ENDINGS = (".ogg", ".wav", ".flac", ".mp3", ".m4a")
_AIST_NAME = re.compile(r"^g(?P<genre>[A-Z]{2})_s\w+_c\w+_d\w+_(?P<song>m[A-Z]{2}\d)_ch\d+$")


@dataclass(frozen=True)
class Clip:
    """A motion file and, if it has one, its song file. Both start at the same moment.

    style: in lower case, `UNKNOWN_STYLE` if the data does not say. split: "train", "val" or "test". bpm: the song's
    tempo if the data says it. substyle: a finer name, as of one choreography. floor_work: whether hands or back carry
    the dancer in parts of it.
    """

    name: str
    style: str
    split: str
    motion_path: Path
    audio_path: Path | None
    bpm: float | None = None
    substyle: str = ""
    floor_work: bool = False
    provenance: Provenance = UNKNOWN_PROVENANCE

    def motion(self) -> Motion:
        """The motion: metres, Z up; repaired as its source needs it. Raises DataError."""
        read = _READERS[self.motion_path.suffix.lower()]
        return preprocessed(read(self.motion_path), self.provenance.source)


class DanceDataset:
    """The clips of a folder, sorted by name. names: a pattern such as "cmu_*" that clip names must match. licence: one
    of `LICENCES`; clips that may not be used for it are left out.

    Raises DataError if there are none, or if the folder's index does not fit its files.
    """

    def __init__(self, folder: str | Path, names: str = "*", licence: str = RESEARCH) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder. Give the folder of the dance data.")
        if (self.folder / "index.json").is_file():
            clips = _read_index(self.folder)
        elif any((self.folder / "motions").glob("*.pkl")):
            clips = _read_aist(self.folder)
        elif any(_files(self.folder, ".bvh")):
            clips = _read_bvh_folder(self.folder)
        else:
            raise DataError(
                f"{self.folder}: holds no dances. Give a folder with index.json and motions/*.npz, "
                "with motions/*.pkl of AIST++, or with .bvh files."
            )
        chosen = [clip for clip in clips if fnmatchcase(clip.name, names)]
        if not chosen:
            raise DataError(f"{self.folder}: none of its {len(clips)} clips matches {names!r}. Change the pattern.")
        chosen = [clip for clip in chosen if clip.provenance.may_be_used_for(licence)]
        if not chosen:
            raise DataError(
                f"{self.folder}: none of its clips is marked {licence!r} in index.json. Use other data, or another "
                "--licence."
            )
        self.clips: tuple[Clip, ...] = tuple(sorted(chosen, key=lambda clip: clip.name))

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(sorted({clip.style for clip in self.clips}))

    def split(self, name: str) -> tuple[Clip, ...]:
        """The clips of "train", "val" or "test"; may be empty. Raises DataError for another name."""
        if name not in SPLITS:
            raise DataError(f"There is no split {name!r}. Choose one of {', '.join(SPLITS)}.")
        return tuple(clip for clip in self.clips if clip.split == name)


def _read_index(folder: Path) -> list[Clip]:
    index = folder / "index.json"
    try:
        entries: list[dict[str, Any]] = json.loads(index.read_text(encoding="utf-8"))["clips"]
        listed = _read_splits(folder)
        clips = []
        for entry in entries:
            name = str(entry["name"])
            if Path(name).name != name:
                raise DataError(f"{index}: the clip name {name!r} leads out of the folder. Repair the index.")
            motion = folder / "motions" / f"{name}.npz"
            if not motion.is_file():
                raise DataError(f"{index}: lists {name}, but {motion} is missing. Copy the data again.")
            song = _song(name, (folder / "wavs",))
            if song is None and entry.get("has_music"):
                raise DataError(f"{index}: says {name} has music, but wavs/ holds none. Copy the data again.")
            split = listed.get(name, entry.get("split", "train"))
            clips.append(
                Clip(
                    name,
                    str(entry["style"]).lower(),
                    split,
                    motion,
                    song,
                    entry.get("bpm"),
                    str(entry.get("substyle", "")),
                    bool(entry.get("floor_work", False)),
                    _provenance(entry),
                )
            )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(f"{index}: is not a usable index ({type(error).__name__}: {error}). Copy it again.") from error
    if not clips:
        raise DataError(f"{index}: lists no clips. Copy it again.")
    return clips


def _provenance(entry: dict[str, Any]) -> Provenance:
    licence = entry.get("licence")
    if licence is not None and licence not in LICENCES:
        raise ValueError(f"licence {licence!r} is neither {' nor '.join(map(repr, LICENCES))}")
    texts = (str(entry.get(key, "")) for key in ("source", "licence_detail", "attribution"))
    source, detail, attribution = texts
    return Provenance(source, licence, detail, attribution)


def _read_aist(folder: Path) -> list[Clip]:
    """The clips of an AIST++ folder. File names give genre and song: gBR_sBM_cAll_d04_mBR0_ch01 is break, to mBR0."""
    songs = tuple(folder / name for name in ("wavs", "music", "mp3"))
    listed = _read_splits(folder)
    clips = []
    for path in (folder / "motions").glob("*.pkl"):
        match = _AIST_NAME.match(path.stem)
        style = AIST_GENRES.get(match["genre"], UNKNOWN_STYLE) if match else UNKNOWN_STYLE
        # songs cut to a clip have the clip's name; songs as published have their own
        song = _song(path.stem, songs) or (_song(match["song"], songs) if match else None)
        clips.append(Clip(path.stem, style, listed.get(path.stem, "train"), path, song))
    return clips


def _read_bvh_folder(folder: Path) -> list[Clip]:
    """The clips of a folder of BVH files. Sub-folders name styles; a file directly in the folder has none."""
    listed = _read_splits(folder)
    clips = []
    for path in _files(folder, ".bvh"):
        inner = path.relative_to(folder)
        name = inner.with_suffix("").as_posix()
        style = inner.parts[0].lower() if len(inner.parts) > 1 else UNKNOWN_STYLE
        song = _song(path.stem, (path.parent, folder / "wavs"))
        clips.append(Clip(name, style, listed.get(name, "train"), path, song))
    return clips


def _read_splits(folder: Path) -> dict[str, str]:
    """Clip name -> split, from those of splits/{train,val,test}.txt that exist. Clips not listed are for training."""
    listed: dict[str, str] = {}
    for split in SPLITS:
        path = folder / "splits" / f"{split}.txt"
        if not path.is_file():
            continue
        for name in path.read_text(encoding="utf-8").split():
            if listed.setdefault(name, split) != split:
                raise DataError(f"{path}: {name} is also in {listed[name]}.txt. A clip belongs to one split.")
    return listed


def _song(stem: str, folders: tuple[Path, ...]) -> Path | None:
    places = (folder / f"{stem}{ending}" for folder in folders for ending in _SONG_ENDINGS)
    return next((place for place in places if place.is_file()), None)


def _files(folder: Path, ending: str) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() == ending and path.is_file())


_READERS: dict[str, Callable[[Path], Motion]] = {
    ".npz": lambda path: read_npz_recording(path).in_time(),
    ".pkl": load_aist,
    ".bvh": lambda path: read_bvh_recording(path).in_time(),
}
