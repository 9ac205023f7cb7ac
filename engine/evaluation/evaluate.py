"""The quality evaluation of a checkpoint: real, baseline and generated dances of a split, measured alike.

Generated dances are measured as a user gets them, with feet locked, unless a row says otherwise. The style is given,
not chosen by the song. The same seeds give the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.data.clips import at_rate
from engine.data.dataset import Clip
from engine.data.songs import with_songs
from engine.evaluation.codec import CodecReport, Rebuilt, codec_report
from engine.evaluation.dances import DanceMaker, Subject, choose_subjects
from engine.evaluation.rows import Measured, Ruler, set_windows
from engine.evaluation.summary import ALL, Sets, summarise
from engine.evaluation.tables import Evaluation
from engine.models.torch.checkpoint import TorchCheckpoint


@dataclass(frozen=True)
class Setting:
    """What to evaluate on. seeds: dances per song. paper: folder of a second checkpoint, for a row of its own."""

    split: str
    seeds: int
    device: str
    paper: str | None = None


def evaluate(
    checkpoint: TorchCheckpoint,
    clips: Sequence[Clip],
    training: Sequence[Clip],
    setting: Setting,
    said: Callable[[str], None],
) -> Evaluation:
    """Evaluate a checkpoint on the clips of a split; `training` are those of the training split. Raises EngineError.

    Clips of styles that the checkpoint does not know are left out, unless all are; others may borrow their songs.
    """
    everyone, known = [subject.danceable() for subject in subjects_of(clips)], subjects_of(training)
    subjects = choose_subjects(everyone, checkpoint.styles)
    ruler = Ruler(everyone, known)
    sets: dict[str, list[Sets]] = {}
    for clip in known:
        sets.setdefault(clip.style, []).append(set_windows(clip.motion.joints()))
    said(f"{len(known)} training clips are measured")
    maker = DanceMaker(checkpoint, known, setting.device, setting.paper)
    measured: list[Measured] = []
    for subject in subjects:
        measured += [ruler.measure(dance) for dance in maker.dances(subject, range(setting.seeds))]
        said(f"{subject.name}: {len(measured)} dances are measured")
    return Evaluation(
        checkpoint=checkpoint.name,
        split=setting.split,
        seeds=setting.seeds,
        songs=len(ruler.songs),
        reject_mm=None if ruler.classifier.reject is None else 1000 * ruler.classifier.reject,
        rows=summarise(measured, sets),
        codec=_codec_reports(maker.rebuilt),
    )


def _codec_reports(rebuilt: Sequence[Rebuilt]) -> dict[str, CodecReport]:
    styles = sorted({clip.style for clip in rebuilt})
    reports = {style: codec_report([clip for clip in rebuilt if clip.style == style]) for style in styles}
    return reports | {ALL: codec_report(rebuilt)}


def subjects_of(clips: Sequence[Clip]) -> list[Subject]:
    """Clips as the evaluation uses them: motion at 20 frames/s, with their songs."""
    return [Subject(d.clip.name, d.clip.style, at_rate(d.clip.motion), d.song) for d in with_songs(clips)]
