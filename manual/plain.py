"""The manual's pages as the add-on's zip holds them: plain HTML, which any browser reads from the disk.

Blender opens an address of the manual with the system's browser, and some systems drop the part after `#` of an address
on the disk. So each button and setting has a page of its own in the folder `go`, which leads to its place in the
reference.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort, MkDocsException

REFERENCE = "reference.html"
GO = "go"
_ENTRY = re.compile(r'<a id="([a-z_]+\.[a-z0-9_]+)">')
_LEAD = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=../{0}"><a href="../{0}">{1}</a>\n'
)


class ManualError(Exception):
    """The manual cannot be made; the message says why."""


def plain_pages(root: Path) -> dict[str, bytes]:
    """Every file of the manual of a repository, by its path in the manual. Raises ManualError."""
    with tempfile.TemporaryDirectory(prefix="magma-manual-") as folder:
        try:
            build(
                load_config(
                    str(root / "mkdocs.yml"),
                    site_dir=folder,
                    plugins=[],
                    theme={"name": None, "custom_dir": str(Path(__file__).parent / "theme")},
                )
            )
        except (MkDocsException, Abort) as error:
            raise ManualError(f"The manual cannot be made ({error}): see `make docs`.") from error
        site = Path(folder)
        files = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
        # a list of pages for search engines says when it was made: each zip would be another
        pages = {name: file.read_bytes() for name, file in files.items() if not name.startswith("sitemap.xml")}
    for entry in _ENTRY.findall(pages[REFERENCE].decode()):
        pages[f"{GO}/{entry}.html"] = _LEAD.format(f"{REFERENCE}#{entry}", entry).encode()
    return pages
