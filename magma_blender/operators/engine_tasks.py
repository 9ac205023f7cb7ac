"""What the engine is asked for besides dances: to report on itself, import a checkpoint, fetch EnCodec's weights."""

from __future__ import annotations

import re
from pathlib import Path

from engine.protocol import DOCTOR, FETCH_ENCODEC, IMPORT

from .. import paths
from ..engine_host import engine_setup
from ..engine_host.answers import read_check, read_fetched, read_import
from ..engine_host.checkpoint_list import known_checkpoints
from ..engine_host.notices import Notice, describe
from ..engine_host.session import session
from ..errors import SetupError

LONGEST_NAME = 64


def check() -> None:
    """Ask what works on this computer. Raises MagmaError."""
    session.start_task("Checking the engine", DOCTOR, {}, _tell_check)


def _tell_check(answer: object) -> Notice:
    checked = read_check(answer)
    text = f"The engine runs, but: {checked.problems[0]}" if checked.problems else "The engine works."
    return Notice(text, is_error=bool(checked.problems), details=tuple(describe(checked.report)))


def import_checkpoint(
    name: str, vqvae: str, motionseq: str, variant: str, precision: str, mean: str = "", std: str = ""
) -> None:
    """Ask for a checkpoint of that name made of the original's files. Raises MagmaError.

    vqvae, motionseq, mean, std: paths, of which the last two may both be empty.
    """
    if not vqvae or not motionseq:
        raise SetupError("Choose both files of the original: its VQ-VAE and its motion decoder.")
    if bool(mean) != bool(std):
        raise SetupError("Choose both Mean and Std, or neither: one without the other cannot be used.")
    engine_setup.check_torch(session.setup(), "Importing a checkpoint")
    folder = _own_folder(name)
    files = {"vqvae": vqvae, "motionseq": motionseq, "mean": mean, "std": std}
    given = {what: paths.absolute(path) for what, path in files.items() if path}

    def tell(answer: object) -> Notice:
        text = f'"{name}" is imported: choose it as the checkpoint in the MAGMA panel.'
        return Notice(text, details=read_import(answer))

    params: dict[str, object] = {**given, "variant": variant, "precision": precision, "folder": str(folder)}
    session.start_task(f'Importing "{name}"', IMPORT, params, tell)


def _own_folder(name: str) -> Path:
    """The folder of a new checkpoint among the user's own. Raises SetupError for a name that is none, or that another
    checkpoint has."""
    if len(name) > LONGEST_NAME or not re.fullmatch(r"\w([\w .-]*\w)?", name):
        raise SetupError(
            f"{name!r} cannot be the name of a checkpoint: give up to {LONGEST_NAME} letters, digits, spaces, dots, "
            "dashes and underscores, with a letter or digit at both ends."
        )
    folder = paths.imports_folder(engine_setup.data_folder()) / name
    for entry in known_checkpoints():
        if entry.name.casefold() == name.casefold() and Path(entry.path) != folder:
            raise SetupError(f'There is already a checkpoint "{entry.name}" ({entry.path}): give another name.')
    return folder


def fetch_encodec(file: str = "") -> None:
    """Ask for EnCodec's weights: downloaded, or copied from a file. Raises MagmaError."""
    engine_setup.check_torch(session.setup(), "A checkpoint that hears with EnCodec")
    if not file:
        engine_setup.check_online("Fetching EnCodec's weights downloads 93 MB", "Fetch EnCodec Weights")
    params: dict[str, object] = {"file": paths.absolute(file)} if file else {}
    session.start_task("Fetching EnCodec's weights", FETCH_ENCODEC, params, _tell_fetched)


def _tell_fetched(answer: object) -> Notice:
    return Notice("EnCodec's weights are ready.", details=(read_fetched(answer),))
