"""The command line's `report`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import RequestError
from engine.service.output_files import check_output, complete

if TYPE_CHECKING:
    from engine.reporting.report import Subject


def add_report_command(commands: Any) -> None:
    """Add this module's sub-parser."""
    report = commands.add_parser(
        "report",
        help="write a page with a dance's sound, moving figure, plots and figures",
        description="The page needs nothing else, opens in any browser, and can be sent to others.",
    )
    report.add_argument("dance", type=Path, metavar="DANCE", help="a choreography (.json), or a motion (.npz, .bvh)")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="PAGE.html")
    report.add_argument("--song", type=Path, metavar="SONG", help="the song of a motion, which begins with it")
    report.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> None:
    from engine.reporting.report import quality_report

    check_output(options.output, (".html",))
    report = quality_report(_subject(options.dance, options.song))
    with complete(options.output) as partial:
        partial.write_text(report.html, encoding="utf-8")
    if options.json:
        print(json.dumps({"output": str(options.output), "figures": report.figures, "notices": [*report.notices]}))
        return
    for notice in report.notices:
        print(f"note: {notice}")
    print(f"{options.output}: open it in a browser")


def _subject(dance: Path, song: Path | None) -> Subject:
    from engine.reporting.report import subject_of

    if dance.suffix != ".json":
        from engine.reporting.motion_subject import subject_of_motion

        return subject_of_motion(dance, song)
    if song is not None:
        raise RequestError(f"{dance}: names its songs itself. Leave --song out; `edit --relink` says where one is.")
    from engine.editing.dance_files import load_choreography

    document, motion = load_choreography(dance)
    return subject_of(document, motion.motion, dance.stem)
