"""A hook of mkdocs: pages of the manual that lie elsewhere in the repository, such as the cards of checkpoints.

They are pages under the path that they have in the repository, and links between them and docs/ lead where they lead
in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = "docs/"
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that the navigation names and docs/ lacks."""
    root = Path(config.config_file_path).parent
    for page in named(config.nav):
        if files.get_file_from_path(page) is None and (root / page).is_file():
            files.append(File.generated(config, page, abs_src_path=str(root / page)))
    return files


def named(part: Any) -> list[str]:
    """The pages in a part of the navigation, in their order."""
    if isinstance(part, str):
        return [part]
    parts = part.values() if isinstance(part, dict) else part or []
    return [page for each in parts for page in named(each)]


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that cross the border of docs/ to the pages of the site."""
    own = page.file.src_uri
    here = own if page.file.src_dir is None else DOCS + own

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link[1]))
        place = target.removeprefix(DOCS)
        return f"]({posixpath.relpath(place, posixpath.dirname(own) or '.')}"

    return _LINK.sub(lead, markdown)
