"""Imported checkpoints in the add-on with the real engine: from the original's files to a dance in the scene."""

from __future__ import annotations

import zipfile

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips

VARIANTS = ("encodec", "encodec_sine", "encodec_style", "librosa")
MAKE_FILES = """
import sys
from pathlib import Path
import numpy as np, torch
import original_reference as reference
from original_files import VARIANTS, save
from tiny_engine import stepping
from engine.motion import humanml3d
folder = Path(sys.argv[1])
save(folder / "vq.pt", reference.random_vqvae(depth=(1, 1)))
for variant in VARIANTS:
    save(folder / f"{variant}.pt", reference.random_decoder(variant, depth=1))
mean, std = humanml3d.statistics(humanml3d.encode(stepping(10.0, 100.0, 20.0).joints()))
np.save(folder / "mean.npy", mean)
np.save(folder / "std.npy", std * 0.05)  # so that random motion stays near a body's

class Bomb:
    def __reduce__(self):
        import os
        return os.system, (f"touch {folder / 'ran'}",)

torch.save({"model": {"x": Bomb()}}, folder / "bomb.pt")
"""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bpy.app.version[:2] != skips.ONCE_IN, reason=skips.ONCE),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with files like the original's: small, with random weights; and one that would run code."""
    folder = tmp_path_factory.mktemp("original")
    blenders.run_in_repository(MAKE_FILES, folder)
    return folder


@pytest.fixture
def magma(torch_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("MAGMA_CACHE", str(tmp_path / "cache"))
    return torch_engine


def run_import(files, **changed):
    given = {"vqvae": files / "vq.pt", "motionseq": files / "librosa.pt", "mean": files / "mean.npy"}
    given |= {"std": files / "std.npy", "variant": "librosa", "checkpoint": "mine"} | changed
    return bpy.ops.magma.import_checkpoint(**{name: str(value) for name, value in given.items()})


def own(tmp_path):
    folder = tmp_path / "data" / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_every_variant_is_imported(magma, files, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.operators import import_checkpoint

    assert tuple(name for name, *_ in import_checkpoint.VARIANTS) == VARIANTS
    for variant in VARIANTS:
        assert run_import(files, variant=variant, checkpoint=variant, motionseq=files / f"{variant}.pt") == {"FINISHED"}
        asks_for_encodec = any("EnCodec" in line for line in session.notice.details)
        assert asks_for_encodec == (variant != "librosa")
    assert own(tmp_path) == sorted(VARIANTS)
    bpy.context.scene.magma.checkpoint = "encodec_sine"


def dance(song):
    """The armature that dances to a song from frame 11 on: by the button, or without a strip in a Blender that has no
    sound."""
    from magma_blender.engine_host.engine_setup import find
    from magma_blender.engine_host.session import session
    from magma_blender.operators import generate
    from magma_blender.scene import generation_plan

    scene = bpy.context.scene
    if not bpy.app.build_options.audaspace:
        generate.start_plan(generation_plan.for_file(scene, song.stem, song, 11), None, find())
        session.wait_for_job(lambda progress: None)
        return session.finish_job(bpy.context)
    scene.sequence_editor_clear()  # the song of an earlier dance would be the one that is selected
    editor = scene.sequence_editor_create()
    (editor.strips if hasattr(editor, "strips") else editor.sequences).new_sound(song.stem, str(song), 1, 11)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    return bpy.data.objects[song.stem]


def test_an_imported_checkpoint_dances_in_the_scene(magma, files, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.scene.dancer import load

    assert run_import(files) == {"FINISHED"} and session.notice.details == ()
    scene = bpy.context.scene
    scene.magma.checkpoint, scene.magma.seed, scene.magma.guidance = "mine", 5, 3.0
    armature = dance(blenders.song(tmp_path, 4.0))
    assert session.notice.details == ()  # guidance was not asked for, so nothing is said about it
    assert tuple(armature.animation_data.action.frame_range) == (11, 130)
    made = load(armature).document
    assert (made.checkpoint.name, made.seed, made.token_rate, made.levels) == ("mine", 5, 20.0, 1)
    assert len(made) == 81 and max(made.tokens) < (32,) and len(set(made.tokens)) > 5
    heads = []
    for frame in (11, 60, 120):
        scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads.append([(posed.matrix_world @ bone.matrix).translation for bone in posed.pose.bones])
    heights = np.array(heads)[..., 2]
    assert np.isfinite(heights).all() and heights.min() > -0.05 and 1.0 < heights.max() < 2.5
    assert np.ptp(np.array(heads), axis=0).max() > 0.01

    # without statistics the import says so, and so does each of its dances; the same engine goes on
    run_import(files, checkpoint="bare", mean="", std="")
    assert any("mean and std" in line for line in session.notice.details)
    scene.magma.checkpoint = "bare"
    dance(blenders.song(tmp_path, 3.0, "other.wav"))
    assert any("mean and std" in line for line in session.notice.details)


def expect_refusal(pattern, files, tmp_path, **changed):
    """One sentence or two about the file, and nothing written or run."""
    from magma_blender.engine_host.session import session

    before = own(tmp_path)
    with pytest.raises(RuntimeError, match=pattern):
        run_import(files, **changed)
    notice = session.notice
    assert notice.is_error and "\n" not in notice.text and "Traceback" not in notice.text
    assert own(tmp_path) == before and not (files / "ran").exists()


def test_bad_files_are_refused_in_a_sentence(magma, files, tmp_path):
    expect_refusal(r"bomb\.pt: holds more than tensors", files, tmp_path, vqvae=files / "bomb.pt")
    expect_refusal(r"bomb\.pt: holds more than tensors", files, tmp_path, motionseq=files / "bomb.pt")
    whole = (files / "vq.pt").read_bytes()
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(whole[: len(whole) // 2])
    expect_refusal(r"damaged\.pt: is not a PyTorch checkpoint", files, tmp_path, vqvae=damaged)
    damaged.write_text("words")
    expect_refusal(r"damaged\.pt: is not a PyTorch checkpoint", files, tmp_path, motionseq=damaged)
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("hello.txt", "hello")
    expect_refusal(r"damaged\.pt: ", files, tmp_path, vqvae=damaged)
    expect_refusal("swap the two", files, tmp_path, vqvae=files / "librosa.pt", motionseq=files / "vq.pt")
    expect_refusal("It fits the variant encodec", files, tmp_path, motionseq=files / "encodec.pt")
    expect_refusal(r"gone\.pt: cannot be read \(No such file", files, tmp_path, vqvae=files / "gone.pt")
    expect_refusal(r"vq\.pt: holds an archive", files, tmp_path, mean=files / "vq.pt")


def test_a_folder_of_another_kind_is_not_written_over(magma, files, tmp_path):
    folder = tmp_path / "data" / "checkpoints" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"family": "magma"}')
    expect_refusal("exists already and is not an imported checkpoint", files, tmp_path)
    assert [file.name for file in folder.iterdir()] == ["config.json"]


def test_a_wrong_encodec_file_is_refused(magma, files, tmp_path):
    with pytest.raises(RuntimeError, match=r"vq\.pt is not EnCodec's official file"):
        bpy.ops.magma.fetch_encodec(filepath=str(files / "vq.pt"))
    assert not list((tmp_path / "cache").glob("*"))
