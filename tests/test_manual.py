"""The manual: no link, anchor or picture leads nowhere, every page is listed, and nothing is fetched from the web."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from manual import plain, repository_pages  # noqa: E402

CHAPTERS = (
    "Install", "First dance", "Your character", "Edit", "Choreograph", "Export", "Batch and farm",
    "Checkpoints and licences", "Train your own", "Troubleshooting", "Reference", "For developers",
)  # fmt: skip
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Page(HTMLParser):
    """What a page of HTML names: places in it, and what it leads to or shows."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if values.get("id"):
            self.places.add(str(values["id"]))
        lead = values.get("content", "") if values.get("http-equiv") == "refresh" else ""
        found = [values.get("href"), values.get("src"), str(lead).partition("url=")[2]]
        self.links |= {link for link in found if link}


@pytest.fixture(scope="module")
def pages():
    """The pages of the zip."""
    return plain.plain_pages(ROOT)


def broken(files: dict[str, bytes]) -> list[str]:
    """Links of pages that lead to no file or place among them."""
    parsed = {name: Page(content) for name, content in files.items() if name.endswith(".html")}
    found = []
    for name, page in parsed.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = unquote(link).partition("#")
            target = normpath(join(dirname(name), path)) if path else name
            there = target in files and (not place or target not in parsed or place in parsed[target].places)
            if not there:
                found.append(f"{name}: {link}")
    return found


def test_no_link_leads_nowhere(pages):
    assert len(pages) > 150 and "images/panel.png" in pages
    assert broken(pages) == []
    changed = {**pages, "index.html": b'<a href="reference.html#nothing"><img src="images/none.png"><a href="no.html">'}
    assert len(broken(changed)) == 3


def test_pages_ask_for_nothing_from_the_web(pages):
    for name, content in pages.items():
        if name.endswith(".html"):
            assert not re.findall(rb'(?:src|<link[^>]*href)="(?:https?:)?//', content), name
        assert not name.endswith(".css") or (b"url(" not in content and b"@import" not in content)


def test_what_the_zip_gets_is_small(pages):
    assert sum(map(len, pages.values())) < 4 * 2**20


@pytest.mark.parametrize(
    "wrong", ["[x](absent.md)", "[x](install.md#absent)", "![x](images/absent.png)", "[x](../AB.md)"]
)
def test_a_page_with_a_broken_link_makes_no_manual(wrong, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for file in ("mkdocs.yml", "manual", "checkpoints", "benchmarks"):
        (tmp_path / file).symlink_to(ROOT / file)
    with (tmp_path / "docs" / "install.md").open("a") as page:
        page.write(f"\n{wrong}\n")
    with pytest.raises(plain.ManualError, match="make docs"):
        plain.plain_pages(tmp_path)


def test_the_chapters_are_there_and_the_front_page_leads_to_every_page():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert tuple(title for part in nav if isinstance(part, dict) for title in part) == CHAPTERS
    front = (ROOT / "docs" / "index.md").read_text()
    lead = {link.removeprefix("../") for link in _LINK.findall(front)}
    assert [page for page in repository_pages.named(nav) if page not in lead | {"index.md"}] == []


def test_links_between_files_of_the_repository_lead_somewhere(pages):
    """Also in pages that are not in the manual, above all the README: as they are read in the repository."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = listed.stdout.split()
    assert "README.md" in names and "docs/index.md" in names
    for name in names:
        for link in _LINK.findall((ROOT / name).read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = link.partition("#")
            target = normpath(join(dirname(name), path)) if path else name
            assert (ROOT / target).exists(), f"{name}: {link}"
            html = target.removeprefix("docs/").replace(".md", ".html")
            if place and html in pages:
                assert place in Page(pages[html]).places, f"{name}: {link}"
