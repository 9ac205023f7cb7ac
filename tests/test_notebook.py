"""examples/MAGMA.ipynb runs from the first cell to the last, shows what it promises, and is kept without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FILE = Path(__file__).resolve().parents[1] / "examples" / "MAGMA.ipynb"


@pytest.fixture(scope="module")
def kept() -> Any:
    return nbformat.read(FILE, as_version=4)


def test_it_is_kept_without_outputs(kept: Any) -> None:
    nbformat.validate(kept)
    assert not [cell for cell in kept.cells if cell.get("outputs") or cell.get("execution_count")]
    assert FILE.stat().st_size < 20_000


@pytest.mark.slow
def test_it_runs_and_shows_sound_figure_beats_and_tokens(kept: Any) -> None:
    done = NotebookClient(
        kept, timeout=300, kernel_name="python3", resources={"metadata": {"path": FILE.parent}}
    ).execute()
    shown = [output.get("data", {}) for cell in done.cells for output in cell.get("outputs", [])]
    assert not [output for cell in done.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    pages = [data["text/html"] for data in shown if "text/html" in data]
    assert any("<audio" in page for page in pages) and any("<iframe srcdoc=" in page for page in pages)
    assert sum("image/png" in data for data in shown) == 3
    said = "".join(output.get("text", "") for cell in done.cells for output in cell.get("outputs", []))
    assert "87 beats a minute, 3 beats a bar" in said and "dance.html" in said
