"""EnCodec's official weights in the cache folder: downloaded on the user's command, or copied from a file.

Only the official file is accepted, recognised by its SHA-256. An interrupted download is continued; a file is moved to
its final place only when it is complete.
"""

from __future__ import annotations

import http.client
import os
import shutil
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import platformdirs

from engine.checks import shown_path
from engine.errors import CheckpointError
from engine.file_hash import file_sha256

FILE_NAME = "encodec_24khz-d7cc33bc.th"
URL = f"https://dl.fbaipublicfiles.com/encodec/v0/{FILE_NAME}"
SHA256 = "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf"
"""The file's authors publish only its first 8 digits, in the file's name; several independent projects that use the
file state all of them."""
SIZE = 93_171_529

_APPLICATION = "magma-blender"
_CHUNK = 1 << 18
_TIMEOUT = 30.0
"""Seconds without an answer after which the connection counts as lost."""


def cache_folder() -> Path:
    """The folder for downloaded files: the environment variable MAGMA_CACHE, or the platform's cache folder."""
    chosen = os.environ.get("MAGMA_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path(_APPLICATION, appauthor=False)


def weights_path() -> Path:
    """The path of the weights once they have been fetched."""
    path = cache_folder() / FILE_NAME
    if sys.platform == "darwin" and not os.environ.get("MAGMA_CACHE") and not path.is_file():
        # earlier versions put them here, also where XDG_CACHE_HOME names another folder for caches
        earlier = Path.home() / "Library" / "Caches" / _APPLICATION / FILE_NAME
        return earlier if earlier.is_file() else path
    return path


def require_weights() -> Path:
    """The path of the weights, checked. Raises CheckpointError where they are missing or have changed."""
    path = weights_path()
    if not path.is_file():
        raise CheckpointError(
            "This checkpoint needs music features from EnCodec, and EnCodec's weights are not on this computer. Press "
            "Fetch EnCodec Weights in the add-on's preferences, or run `python -m engine fetch-encodec`, once (93 MB)."
        )
    if file_sha256(path) != SHA256:
        raise CheckpointError(f"{path} is damaged. Delete it and run `python -m engine fetch-encodec` again.")
    return path


def store_file(source: Path) -> Path:
    """Copy a file that the user already has into the cache; returns the copy's path.

    Raises CheckpointError if it is not the official file.
    """
    try:
        found = file_sha256(source)
    except OSError as error:
        raise CheckpointError(
            f"{shown_path(source)}: cannot be read ({error.strerror}). Give the path of {FILE_NAME}."
        ) from error
    if found != SHA256:
        raise CheckpointError(
            f"{source.name} is not EnCodec's official file: its SHA-256 begins with {found[:8]}, not {SHA256[:8]}. "
            f"Download {URL} again."
        )
    target = weights_path()
    if target.exists() and source.samefile(target):
        return target
    part = _part()
    shutil.copyfile(source, part)
    return _finish(part)


def download(on_progress: Callable[[float], None]) -> Path:
    """Download the weights into the cache, continuing an interrupted download; returns their path.

    `on_progress` is called with the fraction done; an exception in it stops the download. Raises CheckpointError
    without a connection and for a file that is not the official one.
    """
    try:
        return require_weights()
    except CheckpointError:
        part = _part()
    try:
        _receive(part, on_progress)
    except (HTTPError, URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise CheckpointError(
            f"EnCodec's weights could not be downloaded ({_why(error)}). Check the connection and try again: it "
            f"continues where it stopped. Or download {URL} elsewhere and give that file (--file)."
        ) from error
    return _finish(part)


def _part() -> Path:
    part = weights_path().with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    return part


def _receive(part: Path, on_progress: Callable[[float], None]) -> None:
    """Append the missing bytes to `part`."""
    have = part.stat().st_size if part.exists() else 0
    if have >= SIZE:
        return
    request = Request(URL, headers={"Range": f"bytes={have}-"} if have else {})
    with build_opener(_OnlyHttps).open(request, timeout=_TIMEOUT) as answer:
        if have and answer.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0  # the server starts again from the beginning
        with part.open("ab" if have else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                if have > SIZE:
                    break  # not the official file; its hash will say so
                on_progress(have / SIZE)
    if have < SIZE:
        raise ConnectionError(f"the connection ended after {have:,} of {SIZE:,} bytes")


def _finish(part: Path) -> Path:
    """Move a complete file to its final place; a wrong one is deleted, so that the next download starts from the
    beginning."""
    found = file_sha256(part)
    if found != SHA256:
        part.unlink()
        raise CheckpointError(
            f"The downloaded file is not EnCodec's official one (its SHA-256 begins with {found[:8]}, not "
            f"{SHA256[:8]}) and was deleted. Try again; if that does not help, something on the network replaces it."
        )
    part.replace(weights_path())
    return weights_path()


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error or type(error).__name__)


class _OnlyHttps(HTTPRedirectHandler):
    """Follows redirects to https addresses only."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError(f"the server points to {newurl}, which is not secure")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
