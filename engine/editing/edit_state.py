"""A document and its frames while they are edited: the steps that operations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import choreography as doc
from engine.choreography import Choreography, Range, Span, Variant
from engine.editing.checkpoint_update import check_frames
from engine.editing.extrapolate import one_frame_longer
from engine.editing.song_music import dance_music
from engine.editing.span_candidates import Candidate, how_many, ranked
from engine.editing.splice import Fitted, fit, fit_all, moved, plant
from engine.errors import ChoreographyError, RequestError
from engine.models.base import Cancelled, Checkpoint, Progress, SpanGenerator, SpanTask, Stopwatch
from smpl_rig.dance_motion import DanceMotion, DanceMusic, clip_name
from smpl_rig.motion import Motion


class EditState:
    """A document and its frames during one edit.

    fills, notices: what the report of the edit says, see `engine.editing.edit.Edited`. known_music: what is kept of the
    songs, None while nothing is. stride: frames a position. Raises DataError for a motion of another length.
    """

    def __init__(
        self,
        document: Choreography,
        dance: DanceMotion,
        progress: Progress,
        cancelled: Cancelled,
        follows: bool = False,
    ):
        check_frames(document, dance)
        self.document, self.dance, self.follows = document, dance, follows
        self.frames, self.clips, self.stride = dance.frames, dict(dance.clips), len(dance.frames) // len(document)
        self.known_music = dance.music
        self._checkpoint: Checkpoint | None = None
        self._generator: SpanGenerator | None = None
        self.progress, self.cancelled = progress, cancelled
        self.fills: list[dict[str, Any]] = []
        self.notices: list[str] = []
        self.watch = Stopwatch()

    def use(self, checkpoint: Checkpoint) -> None:
        """The checkpoint that reads the document's tokens; until it is given, only poses can be moved about."""
        self._checkpoint, self._generator = checkpoint, checkpoint.span_generator()

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint."""
        assert self._checkpoint is not None, "an operation that needs no checkpoint used it"
        return self._checkpoint

    @property
    def generator(self) -> SpanGenerator:
        """The generator of the checkpoint."""
        assert self._generator is not None, "an operation that needs no checkpoint used it"
        return self._generator

    def music(self) -> DanceMusic:
        """The music of the dance, which is kept with it from then on. Raises AudioError."""
        with self.watch("music"):
            self.known_music = dance_music(self.document, self.checkpoint, self.known_music)
        return self.known_music

    def edited(self) -> DanceMotion:
        """The dance as it is now."""
        return replace(self.dance.with_frames(self.frames, self.clips), music=self.known_music)

    def fill(self, runs: Sequence[Range], seed: int, variants: int = 1) -> None:
        """Generate runs of free positions again, one after the other, each fitted between what is kept around it. The
        `variants` best candidates are kept as variants, and the best one is chosen."""
        music = self.music()
        kept = np.ones(len(self.document), dtype=bool)
        for start, stop in runs:
            kept[start:stop] = False
        for start, stop in runs:
            self._fill_run((start, stop), kept, music, seed, variants)
            kept[start:stop] = True

    def seed(self, wanted: int | None) -> int:
        """The requested seed, or one that was not used yet."""
        if wanted is not None:
            return wanted
        used = [variant.seed for span in self.document.spans for variant in span.variants]
        return max([self.document.seed, *used]) + 1

    def open(self, start: int, stop: int) -> None:
        """Split the document at start and stop. Raises ChoreographyError if anything between them is locked."""
        document = doc.split(doc.split(self.document, start), stop)
        if start >= stop:
            raise RequestError(f"{start}:{stop} is empty. Give a range of at least one position.")
        for span in doc.spans_between(document, start, stop):
            if span.locked:
                raise ChoreographyError(f"The span {span.start}:{span.stop} is locked. Unlock it first.")
        self.document = document

    def one_span(self, start: int, stop: int) -> Span:
        """Make start..stop one free span. If there were several, only their chosen variants are kept, as one."""
        self.open(start, stop)
        if len(doc.spans_between(self.document, start, stop)) > 1:
            name = self.add_clip(self.frames_of(start, stop))
            seed = self.document.span_at(start).danced.seed
            merged = Variant(self.document.tokens[start:stop], seed, doc.COPIED, name)
            self.document = doc.overwrite(self.document, start, stop, merged)
        return self.document.span_at(start)

    def join(self, start: int, stop: int, seconds: float, seed: int | None = None) -> None:
        """Generate the free positions within `seconds` of start..stop again, so that they connect to it."""
        reach = round(seconds * self.document.token_rate)
        free = ~np.array(self.document.locked)
        before = start - int(np.argmin(np.append(free[:start][::-1][:reach], False)))
        after = stop + int(np.argmin(np.append(free[stop : stop + reach], False)))
        if (before == start > 0) or (after == stop < len(self.document)):
            side = "before" if before == start > 0 else "after"
            raise ChoreographyError(
                f"What is {side} {start}:{stop} is locked, so no moves can connect to it. Unlock some of it first."
            )
        runs = [run for run in ((before, start), (stop, after)) if run[0] < run[1]]
        for run in runs:
            self.open(*run)
        if runs:
            self.fill(runs, self.seed(seed))

    def _fill_run(self, run: Range, kept: NDArray[np.bool_], music: DanceMusic, seed: int, variants: int) -> None:
        start, stop = run
        seconds = (stop - start) / self.document.token_rate
        followed = 0 < stop < len(self.document)
        count = max(how_many(stop - start, self.generator.most) if followed else 1, variants)
        tried = self._candidates(self.document, run, kept, music, range(seed, seed + count))
        if followed and not any(candidate.is_good(seconds) for candidate in tried):
            # a second attempt at the temperature of new dances, unless the user has chosen one
            wanted = self.document.temperature
            usual = self.generator.temperature(self.document, start)
            again = replace(self.document, temperature=usual if wanted is None else wanted)
            tried += self._candidates(again, run, kept, music, range(seed + count, seed + 2 * count))
        best = ranked(tried, seconds)[:variants]
        for span in doc.spans_between(self.document, start, stop):
            self.keep_poses(span.start)
            part = slice(span.start - start, span.stop - start)
            new = [Variant(rows_of(candidate.codes[part]), candidate.seed) for candidate in best]
            self.document = doc.replace_span(self.document, span.start, span.stop, new)
        self.settle(start, stop, best[0].fitted, len(tried), best[0])

    def _candidates(
        self, document: Choreography, run: Range, kept: NDArray[np.bool_], music: DanceMusic, seeds: range
    ) -> list[Candidate]:
        start, stop = run

        def advance(part: float) -> None:
            self.progress("tokens", 0.2 + 0.6 * part, f"Generating {stop - start} tokens, {len(seeds)} candidates")

        with self.watch("tokens"):
            task = SpanTask(document, music.features, run, kept, seeds, advance, self.cancelled)
            generated = self.generator.generate(task)
        with self.watch("motion"):
            tokens = np.repeat(np.array(document.tokens, np.int64)[None], len(seeds), axis=0)
            tokens[:, start:stop] = generated.tokens
            pieces, offset = self.generator.decode(tokens, run)
        with self.watch("splice"):
            fits = fit_all(self.frames, pieces, offset, *self._pins(start, stop), self.follows)
        rows = zip(generated.tokens, seeds, generated.likelihood.tolist(), fits, strict=True)
        return [Candidate(*row) for row in rows]

    def _fit(self, start: int, stop: int, piece: Motion, offset: int) -> Fitted:
        return fit(self.frames, piece, offset, *self._pins(start, stop), self.follows)

    def _pins(self, start: int, stop: int) -> tuple[int | None, int | None]:
        return (start * self.stride if start else None), (stop * self.stride if stop < len(self.document) else None)

    def put_motion(self, span: Span, piece: Motion) -> None:
        """Put a motion of the span's length into the span: as it is if it meets what is around it, else fitted."""
        first, end = self._pins(span.start, span.stop)
        present = self.frames_of(span.start, span.stop)
        if len(piece) < len(present):
            piece = one_frame_longer(piece)  # it comes from the end of a dance, where no frame follows
        fits = len(piece) == len(present)
        begins = first is None or (fits and _equal(piece, present, 0))
        ends = end is None or (fits and _equal(piece, present, -1))
        if fits and begins and ends:
            self.write(span.start * self.stride, piece)
            return
        self.settle(span.start, span.stop, self._fit(span.start, span.stop, piece, span.start * self.stride))

    def put_codes(self, span: Span) -> None:
        """Put the motion that the span's codes decode to into the span, fitted."""
        tokens = np.array(self.document.tokens, np.int64)[None]
        pieces, offset = self.generator.decode(tokens, (span.start, span.stop))
        self.settle(span.start, span.stop, self._fit(span.start, span.stop, pieces[0], offset))

    def settle(self, start: int, stop: int, fitted: Fitted, tried: int = 1, candidate: Candidate | None = None) -> None:
        """Put a fitted piece into the frames, lock its feet, and report it. tried: number of candidates."""
        first, end = self._pins(start, stop)
        begin = start * self.stride if first is None else first + 1
        last = len(self.frames) if end is None else end
        inside = fitted.motion.cut(begin - fitted.first, last - fitted.first)
        with self.watch("feet"):
            if fitted.after is not None and end is not None:
                self.write(end, moved(self.frames.cut(end, len(self.frames)), *fitted.after))
            self.write(begin, inside)
            kept = np.ones(len(self.frames), dtype=bool)
            kept[begin:last] = False
            self.frames = plant(self.frames, kept)
        seconds = (stop - start) / self.document.token_rate
        judged = candidate or Candidate(np.zeros((0, 0), np.int64), 0, 0.0, fitted)
        good = judged.is_good(seconds)
        self.fills.append(
            {
                "start": start,
                "stop": stop,
                "tried": tried,
                "seed": candidate.seed if candidate else None,
                "correction_cm": round(fitted.correction_cm, 1),
                "correction_degrees": round(fitted.correction_degrees, 1),
                "seam_acceleration": round(fitted.seam_acceleration, 2),
                "good": good,
            }
        )
        if not good:
            rate = self.document.token_rate
            self.notices.append(
                f"{start / rate:.1f} to {stop / rate:.1f} s: none of {tried} candidates connects well to what follows; "
                f"the path was moved by {fitted.correction_cm:.0f} cm and turned by "
                f"{fitted.correction_degrees:.0f} degrees. "
                "Use another seed, unlock more around it, or let what follows move along."
            )

    def write(self, frame: int, motion: Motion) -> None:
        """Copy a motion into the frames from `frame` on, as it is."""
        motion = motion.cut(0, len(self.frames) - frame)
        poses, trans = self.frames.poses.copy(), self.frames.trans.copy()
        poses[frame : frame + len(motion)] = motion.poses
        trans[frame : frame + len(motion)] = motion.trans
        self.frames = replace(self.frames, poses=poses, trans=trans)

    def frames_of(self, start: int, stop: int) -> Motion:
        """The frames of the positions start..stop and the frame after them."""
        return self.frames.cut(start * self.stride, stop * self.stride + 1)

    def add_clip(self, motion: Motion) -> str:
        """Keep a motion beside the document; returns its name."""
        name = clip_name(motion)
        self.clips[name] = motion
        return name

    def keep_poses(self, position: int) -> None:
        """Keep the present poses of a span with its chosen variant, so that choosing it again restores them exactly."""
        span = self.document.span_at(position)
        present = self.frames_of(span.start, span.stop)
        # a motion that was kept at the end of a dance lacks the frame that now follows it
        if span.danced.clip is None or len(self.clip_of(span.danced)) < len(present):
            self.document = doc.keep_clip(self.document, position, self.add_clip(present))

    def clip_of(self, variant: Variant) -> Motion:
        """The motion that a variant is kept in. Raises ChoreographyError if it has none."""
        if variant.clip is None:
            raise ChoreographyError(
                "The motion of a variant is missing. The choreography is damaged: use a copy of it, or generate the "
                "dance again."
            )
        begin = variant.clip_start * self.stride
        return self.clips[variant.clip].cut(begin, begin + len(variant) * self.stride + 1)

    def tokenize(self, motion: Motion, count: int) -> doc.Codes:
        """Codes of the first `count` positions of a motion."""
        return rows_of(self.generator.encode(motion.cut(0, count * self.stride)))


def rows_of(codes: NDArray[np.int64]) -> doc.Codes:
    """Codes (n, K) as a document holds them."""
    return tuple(tuple(int(code) for code in row) for row in codes)


def _equal(one: Motion, other: Motion, frame: int) -> bool:
    return bool((one.poses[frame] == other.poses[frame]).all() and (one.trans[frame] == other.trans[frame]).all())
