"""A dance as an object: its motion, its tokens, its choreography and what it hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.choreography import Choreography, Span, beats_of
from engine.editing.dance_files import load_choreography, write_dance_motion
from engine.motion.energy import speeds
from engine.motion.files.write import WRITERS, write_motion
from engine.reporting.report import quality_report, subject_of
from engine.service.output_files import check_output, complete, write_dance
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.feet import foot_contacts
from smpl_rig.motion import FloatArray, Motion

DOCUMENT, PAGE = ".json", ".html"
"""Endings of a choreography's file, beside which its motion lies, and of a Quality Report."""


@dataclass(frozen=True)
class Dance:
    """A dance. It never changes: `edit` returns another one.

    choreography: its spans with their variants, locks and styles, its songs, seed and checkpoint. data: its motion as
    edits need it, see `smpl_rig.dance_motion.DanceMotion`. report: what `generate` or `edit` reports, by name.
    """

    choreography: Choreography
    data: DanceMotion
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def motion(self) -> Motion:
        """Its motion at the frame rate that was asked for: metres, Z up, soles on the floor z = 0."""
        return self.data.motion

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.motion.fps

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.motion.seconds

    @property
    def poses(self) -> FloatArray:
        """(T, 72) axis-angle rotations of SMPL's 24 joints, radians; the pelvis in the world, others to the parent."""
        return self.motion.poses

    @property
    def trans(self) -> FloatArray:
        """(T, 3) the pelvis joint, metres. In a saved .npz, `trans` is SMPL's translation, as in AMASS."""
        return self.motion.trans

    @property
    def joints(self) -> FloatArray:
        """(T, 24, 3) positions of the joints, metres."""
        return self.motion.joints()

    @property
    def contacts(self) -> NDArray[np.bool_]:
        """(T, 4) which of left ankle, right ankle, left foot and right foot stand on the floor."""
        return foot_contacts(self.joints, self.fps)

    @property
    def speed(self) -> NDArray[np.float32]:
        """(T,) mean speed of all joints around each frame, m/s: what energy measures."""
        return speeds(self.motion)

    @property
    def tokens(self) -> NDArray[np.int64]:
        """(N, K) indices into the motion codebooks, `token_rate` positions a second."""
        return np.array(self.choreography.tokens, np.int64)

    @property
    def token_rate(self) -> float:
        """Token positions a second."""
        return self.choreography.token_rate

    @property
    def beats(self) -> NDArray[np.float64]:
        """(B,) the beats of its songs, in seconds from the first frame on."""
        return np.array(beats_of(self.choreography)[0], np.float64)

    @property
    def bars(self) -> NDArray[np.float64]:
        """(D,) those of the beats that begin a bar."""
        beats, ones = beats_of(self.choreography)
        return np.array([beats[one] for one in ones], np.float64)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans of its choreography; `start` and `stop` are token positions."""
        return self.choreography.spans

    @property
    def song(self) -> Path:
        """The file of its first song."""
        return Path(self.choreography.audio[0].path)

    @property
    def style(self) -> str | None:
        """The style it is danced in where no span says otherwise; None where the checkpoint has none."""
        return self.choreography.style

    @property
    def seed(self) -> int:
        """The seed it was generated with; of several candidates that of the best."""
        return self.choreography.seed

    def save(self, file: str | Path) -> Path:
        """Write it, and return the file.

        .npz: AMASS-style, for any program. .bvh: for animation programs. .json: its choreography, and beside it its
        motion as .npz of the same name; `open_dance` and the command line's `edit` go on with it. .html: its Quality
        Report, a page with sound and a moving figure. Raises EngineError.
        """
        path = Path(file)
        check_output(path, (".npz", DOCUMENT, PAGE, *WRITERS))
        if path.suffix == DOCUMENT:
            write_dance(path, self.choreography, path.with_suffix(".npz"), self._write_npz)
            return path
        with complete(path) as partial:
            if path.suffix == ".npz":
                self._write_npz(partial)
            elif path.suffix == PAGE:
                partial.write_text(self._page(path.stem), encoding="utf-8")
            else:
                write_motion(partial, self.motion)
        return path

    def _page(self, name: str) -> str:
        return quality_report(subject_of(self.choreography, self.motion, name)).html

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the Quality Report, with sound and a moving figure."""
        page = escape(self._page(f"{self.style or 'dance'}, seed {self.seed}"))
        return f'<iframe srcdoc="{page}" width="100%" height="900" style="border: 0"></iframe>'

    def _write_npz(self, file: Path) -> None:
        write_dance_motion(file, self.choreography, self.data)


def open_dance(file: str | Path) -> Dance:
    """A dance that was saved as a choreography (.json), with the motion beside it. Raises EngineError."""
    return Dance(*load_choreography(Path(file)))
