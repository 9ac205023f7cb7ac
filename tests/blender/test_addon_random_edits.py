"""Random edits of a dance in Blender: whatever is done, undone or saved, locked moves keep their keys bit for bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import rigs
import skips
from dances import ELBOW, keying_of, keys, move_key, saved_and_opened, select_frames, state

from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load
from magma_blender.scene.span_list import spans_of
from smpl_rig.retarget.roles import LIMBS

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
STEPS = 16
FRAMES, RATE = 90, 30
FOREARMS = {
    "Mixamo": "mixamorig:LeftForeArm",
    "chibi": "lowerarm.l",
    "override": "mixamorig:LeftForeArm",
    "Rigify": "forearm_fk.L",
    "Rigify on IK": "hand_ik.L",
}
"""By character, the bone that a key is moved of."""


class Editor:
    """Does what a user might, at random places, and remembers what the dance was after every undo step."""

    def __init__(self, seed, folder, name="song", path=ELBOW):
        from smpl_rig.motion import Motion, save_npz

        self.random, self.folder, self.name, self.path = random.Random(seed), folder, name, path
        self.clip = folder / "clip.npz"
        save_npz(self.clip, Motion(np.zeros((25, 72), np.float32), np.zeros((25, 3), np.float32), 30.0))
        self.begin()

    def begin(self):
        bpy.ops.ed.undo_push(message="begin")
        self.states, self.present = [state(self.armature)], 0

    @property
    def armature(self):
        return bpy.data.objects[self.name]

    @property
    def moved(self):
        """The number of the curve that a key is moved on."""
        return list(keying_of(self.armature).channels).index((self.path, 1))

    def step(self):
        """One edit; its name. An edit that is refused leaves all as it was."""
        name = self.random.choice([*EDITS, "lock", "switch", "undo", "undo", "redo", "reload"])
        if name in ("undo", "redo"):
            self.go(-1 if name == "undo" else 1)
        elif name == "reload":
            self.reload()
        else:
            self.edit(name)
        return name

    def edit(self, name):
        start = self.random.randrange(FRAMES - 6)
        select_frames(start + 1, min(start + self.random.randint(6, 40), FRAMES))
        bpy.context.scene.frame_set(self.random.randint(1, FRAMES))
        before = state(self.armature)
        try:
            EDITS[name](self)
        except RuntimeError as error:
            assert "Traceback" not in str(error), error
            assert state(self.armature) == before, name
            return
        self.states[self.present + 1 :] = [state(self.armature)]
        self.present += 1

    def go(self, by):
        if not 0 <= self.present + by < len(self.states):
            return
        (bpy.ops.ed.undo if by < 0 else bpy.ops.ed.redo)()
        self.present += by
        assert state(self.armature) == self.states[self.present]

    def reload(self):
        before = state(self.armature)
        assert state(saved_and_opened(self.folder, self.name)) == before
        self.begin()  # a file begins with nothing to undo

    def do(self, operator, **values):
        assert operator("EXEC_DEFAULT", True, **values) == {"FINISHED"}

    def switch(self):
        spans = load(self.armature).document.spans
        several = [span for span in spans if len(span.variants) > 1] or spans
        step = self.random.choice([-1, 1])
        self.do(bpy.ops.magma.switch_variant, position=self.random.choice(several).start, step=step)

    def keep_changed_keys(self):
        # of what is free: moving a locked key by hand changes it, of course
        document = load(self.armature).document
        per_position = frames_per_position(document)
        free = [n for n in range(FRAMES // per_position) if not document.locked[n]]
        if not free:
            raise RuntimeError("Everything is locked.")
        frame = self.random.choice(free) * per_position + self.random.randrange(1, per_position - 1) + 1
        move_key(self.armature, frame, self.path)
        moved = keys(self.armature)
        self.do(bpy.ops.magma.keep_keyframes)
        assert np.array_equal(keys(self.armature), moved)


def frames_per_position(document):
    """Six, or three with a real engine."""
    return round(RATE / document.token_rate)


EDITS = {
    "lock": lambda e: e.do(bpy.ops.magma.lock_spans),
    "unlock": lambda e: e.do(bpy.ops.magma.unlock_spans),
    "split": lambda e: e.do(bpy.ops.magma.split_span),
    "merge": lambda e: e.do(bpy.ops.magma.merge_spans),
    "style": lambda e: e.do(bpy.ops.magma.style_spans, style=e.random.choice(["salsa", ""])),
    "regenerate": lambda e: e.do(bpy.ops.magma.regenerate_free),
    "replace": lambda e: e.do(bpy.ops.magma.replace_spans, variants=e.random.randint(1, 3)),
    "switch": Editor.switch,
    "mirror": lambda e: e.do(bpy.ops.magma.mirror_spans),
    "copy": lambda e: bpy.ops.magma.copy_moves() and e.do(bpy.ops.magma.paste_moves),
    "insert": lambda e: e.do(bpy.ops.magma.insert_motion, filepath=str(e.clip)),
    "loop": lambda e: e.do(bpy.ops.magma.make_loop),
    "keep": Editor.keep_changed_keys,
}


@pytest.mark.parametrize("seed", range(8))
def test_locked_moves_keep_their_keys_whatever_is_done(dancer, tmp_path, seed):
    edit_at_random(Editor(seed, tmp_path))


@pytest.mark.made_up
@pytest.mark.parametrize("kind", FOREARMS)
def test_a_characters_locked_moves_keep_their_keys_whatever_is_done(magma, tmp_path, kind, sequence, request):
    """`--sequences` says how many times each; where it says one, a short one is enough."""
    if kind.startswith("Rigify"):
        rig = request.getfixturevalue("rigify")
        bpy.context.scene.magma.target = rig
        bpy.context.scene.magma_character.ik = set(LIMBS) if "IK" in kind else set()
    elif kind == "override":
        rig = rigs.override_of(rigs.mixamo(), tmp_path)
    else:
        rig = rigs.chibi() if kind == "chibi" else rigs.mixamo()
    rigs.dance_on(rig, tmp_path)
    editor = Editor(sequence, tmp_path, rig.name, f'pose.bones["{FOREARMS[kind]}"].rotation_quaternion')
    edit_at_random(editor, STEPS if request.config.getoption("--sequences") > 1 else STEPS // 2)


def edit_at_random(editor, steps=STEPS):
    bpy.context.preferences.edit.use_global_undo = True
    for _ in range(steps):
        document, before = load(editor.armature).document, keys(editor.armature)
        done = editor.step()
        check_it_belongs_together(editor.armature, len(document))
        if done in ("unlock", "undo", "redo"):  # after which another one may be locked than before
            continue
        after = load(editor.armature).document
        for span in document.spans:
            if span.locked:
                part = slice(*(place * frames_per_position(document) for place in (span.start, span.stop)))
                changed = (keys(editor.armature)[part] != before[part]).any(axis=0)
                # a key moved by hand splits the curve that it is on, also where that reaches into a locked span
                assert set(np.flatnonzero(changed)) <= ({editor.moved} if done == "keep" else set()), done
                assert all(after.locked[span.start : span.stop]), done
                # and the poses of all frames that it moves, if only by rounding, are encoded
                same = after.tokens[span.start : span.stop] == document.tokens[span.start : span.stop]
                assert same or done == "keep", done


def check_it_belongs_together(armature, positions):
    """The document, its motion, the keys and the list tell the same."""
    kept = load(armature)  # reading a document validates it
    assert len(kept.document) == positions and hand_edited(armature, kept) == []
    motions = kept.dance_motion()
    assert len(motions.frames) == positions * motions.frames.fps / kept.document.token_rate
    assert len(motions.motion) == FRAMES == len(kept.key_prints)
    frames = np.arange(FRAMES)
    assert not keying_of(armature).differ(motions.motion, frames, 1.0 + frames).any()
    shown = [(s.start, s.stop, s.locked, s.variant, s.variants) for s in spans_of(armature).spans]
    assert shown == [(s.start, s.stop, s.locked, s.chosen + 1, len(s.variants)) for s in kept.document.spans]
