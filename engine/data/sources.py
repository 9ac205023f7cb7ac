"""Sources of recordings: what is known of each, and what is done to its clips before they are used.

Preprocessing repairs what a source's capture got wrong, so it is a property of the source: the same step would damage
clips of others (a dancer on the floor, a head that is meant to look up).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.data.head_level import level_head
from smpl_rig.motion import Motion

COMMERCIAL, RESEARCH = "commercial", "research"
LICENCES = (RESEARCH, COMMERCIAL)
"""What clips and songs may be used for. `COMMERCIAL` ones may be used for research, too."""

_PREPROCESSING: Mapping[str, Callable[[Motion], Motion]] = {
    # two markers on the head, which hardly observe its nod
    "Dance with Melody (Tang et al. 2018)": level_head,
}


@dataclass(frozen=True)
class Provenance:
    """Where a clip or a song comes from. source: the data set's or collection's name. licence: one of `LICENCES`, None
    where the data does not say. detail: the licence's name. attribution: the sentence that names the makers."""

    source: str = ""
    licence: str | None = None
    detail: str = ""
    attribution: str = ""

    def may_be_used_for(self, licence: str) -> bool:
        """Whether it may be used in something that is under `licence`. What does not say is for research only."""
        return licence == RESEARCH or self.licence == COMMERCIAL


UNKNOWN_PROVENANCE = Provenance()


def preprocessed(motion: Motion, source: str) -> Motion:
    """The motion of a clip of `source`, repaired as this source needs it; as it is for any other source."""
    step = _PREPROCESSING.get(source)
    return motion if step is None else step(motion)


def attributions(used: Iterable[Provenance]) -> list[dict[str, str]]:
    """Each source with its licence and attribution once, sorted: what a checkpoint lists of what it was trained on."""
    each = {(p.source, p.licence or "not stated", p.detail, p.attribution) for p in used}
    names = ("source", "licence", "licence_detail", "attribution")
    return [dict(zip(names, entry, strict=True)) for entry in sorted(each)]
