"""What a run was trained on: sources, licences and attributions, kept in its folder and written into checkpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.checkpoint_index import CONFIG_FILE
from engine.data.sources import COMMERCIAL, RESEARCH, Provenance, attributions
from engine.errors import DataError

SOURCES_FILE = "sources.json"
_TITLE = "## Sources"
_SECTION = re.compile(rf"^{_TITLE}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)

Sources = list[dict[str, str]]
"""One entry for each source, licence and attribution, as `engine.data.sources.attributions` gives them."""


def write_sources(run: Path, used: Iterable[Provenance], earlier: Sequence[Sources] = ()) -> None:
    """Write the sources of what a run uses, and those of what it starts from, into its folder."""
    run.mkdir(parents=True, exist_ok=True)
    sources = merged([attributions(used), *earlier])
    (run / SOURCES_FILE).write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")


def read_sources(folder: Path) -> Sources:
    """The sources of a run's folder or of a checkpoint's; empty for one from before they were kept. Raises
    DataError."""
    run, config = folder / SOURCES_FILE, folder / CONFIG_FILE
    try:
        if run.is_file():
            return list(json.loads(run.read_text(encoding="utf-8")))
        return list(json.loads(config.read_text(encoding="utf-8")).get("sources", [])) if config.is_file() else []
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"The sources of {folder} cannot be read ({error}). Train with another --out.") from error


def merged(lists: Sequence[Sources]) -> Sources:
    """All entries once, sorted."""
    entries = {tuple(sorted(entry.items())): entry for sources in lists for entry in sources}
    return sorted(entries.values(), key=lambda entry: tuple(entry.values()))


def licence_of(sources: Sources) -> str:
    """What may be made with a checkpoint of these sources: `COMMERCIAL` only if all of them may be used so."""
    return COMMERCIAL if sources and all(entry.get("licence") == COMMERCIAL for entry in sources) else RESEARCH


def card_with_sources(card: str, sources: Sources) -> str:
    """The text of a model card with its section on sources replaced, or added at its end."""
    lines = [
        f"- {entry['source'] or 'not stated'} ({entry['licence']}; {entry['licence_detail'] or 'licence not stated'}): "
        f"{entry['attribution'] or 'no attribution stated'}"
        for entry in sources
    ]
    section = f"{_TITLE}\n\nWritten by `pack`: what the networks were trained on, and may be used for.\n\n"
    section += "\n".join(lines) + "\n"
    if _SECTION.search(card):
        return _SECTION.sub(lambda found: section + ("\n" if found[0].endswith("\n\n") else ""), card)
    return card.rstrip("\n") + "\n\n" + section
