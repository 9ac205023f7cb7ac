"""Evaluation of a checkpoint: real, baseline and generated dances of a split, all measured in the same way.

Generated dances are measured as a user gets them, with feet locked, unless a row says otherwise. The style is given,
not decided by the song. The same seeds give the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.data.clips import at_rate
from engine.data.dataset import Clip
from engine.data.songs import with_songs
from engine.data.styles import StyleTable
from engine.evaluation.codec import codec_reports
from engine.evaluation.dances import DanceMaker, Subject, choose_subjects
from engine.evaluation.measure import DanceMeasurer, MeasuredDance, set_windows
from engine.evaluation.summary import Sets, summarise
from engine.evaluation.tables import Evaluation
from engine.models.torch.checkpoint import TorchCheckpoint


@dataclass(frozen=True)
class Setting:
    """Settings of an evaluation. seeds: dances per song. paper: folder of a second checkpoint, for its own row."""

    split: str
    seeds: int
    device: str
    paper: str | None = None


def evaluate(
    checkpoint: TorchCheckpoint,
    clips: Sequence[Clip],
    training: Sequence[Clip],
    setting: Setting,
    report: Callable[[str], None],
) -> Evaluation:
    """Evaluate a checkpoint on the clips of a split. Raises EngineError.

    Clips in styles that the checkpoint does not know are left out, unless all are; their songs can still be borrowed.
    training: clips of the training split. report: is called with lines of progress.
    """
    styles = StyleTable(checkpoint.style_music)
    everyone, known = [subject.danceable() for subject in subjects_of(clips, styles)], subjects_of(training, styles)
    subjects = choose_subjects(everyone, checkpoint.styles)
    measurer = DanceMeasurer(everyone, known)
    sets: dict[str, list[Sets]] = {}
    for clip in known:
        sets.setdefault(clip.style, []).append(set_windows(clip.motion.joints()))
    report(f"{len(known)} training clips measured")
    maker = DanceMaker(checkpoint, known, setting.device, setting.paper)
    measured: list[MeasuredDance] = []
    for subject in subjects:
        measured += [measurer.measure(dance) for dance in maker.dances(subject, range(setting.seeds))]
        report(f"{subject.name}: {len(measured)} dances measured")
    return Evaluation(
        checkpoint=checkpoint.name,
        split=setting.split,
        seeds=setting.seeds,
        songs=len(measurer.songs),
        reject_mm=None if measurer.classifier.reject is None else 1000 * measurer.classifier.reject,
        rows=summarise(measured, sets),
        codec=codec_reports(maker.reconstructions),
    )


def subjects_of(clips: Sequence[Clip], styles: StyleTable) -> list[Subject]:
    """Clips as subjects: their motion at 20 frames/s, with their songs. Raises DataError."""
    return [
        Subject(dance.clip.name, dance.clip.style, at_rate(dance.clip.motion), dance.song, usual=dance.usual)
        for dance in with_songs(clips, styles)
    ]
