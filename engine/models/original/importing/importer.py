"""From the original's two files to a checkpoint folder of ours: every tensor checked, its numbers as they were."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint_index import ORIGINAL_FAMILY
from engine.errors import CheckpointError
from engine.models.original.clip.clip_style import STYLES_FILE, load_vectors
from engine.models.original.config import (
    FRAME_RATE,
    STATISTICS,
    STYLE_WIDTH,
    VARIANTS,
    OriginalDecoderConfig,
    OriginalSampling,
    OriginalVQVAEConfig,
    config_values,
)
from engine.models.original.importing.keys import decoder_keys, vqvae_keys
from engine.models.original.importing.sizes import (
    State,
    decoder_config,
    decoder_problems,
    vqvae_config,
    vqvae_problems,
)
from engine.models.original.importing.torch_file import read_state
from engine.models.original.quantize import PRECISIONS
from engine.runtime.file_hash import file_sha256

IMPORT_STEPS = 5
"""How often `import_magma` says what it is doing."""


@dataclass(frozen=True)
class Imported:
    """What an import wrote. warnings: sentences for the user."""

    folder: Path
    vqvae: OriginalVQVAEConfig
    decoder: OriginalDecoderConfig
    parameters: int
    warnings: tuple[str, ...]


def import_magma(
    vqvae: Path,
    motionseq: Path,
    variant: str,
    folder: Path,
    mean: Path | None = None,
    std: Path | None = None,
    said: Callable[[str], None] = lambda text: None,
    precision: str = PRECISIONS[0],
) -> Imported:
    """Write a checkpoint folder from the original's VQ-VAE file and motion decoder file.

    variant: one of `VARIANTS`. mean, std: .npy files of the motion's statistics (motion_features,), both or none.
    precision: one of `PRECISIONS`, in which a CPU is to run the decoder; stored are the original's numbers.
    `said` hears what is being done, and what it raises stops the import. Raises CheckpointError that names what is
    missing, unexpected or of the wrong size. After either of them the folder is as it was.
    """
    if variant not in VARIANTS:
        raise CheckpointError(f"Unknown variant {variant!r}. Choose one of {', '.join(VARIANTS)}.")
    if precision not in PRECISIONS:
        raise CheckpointError(f"Unknown precision {precision!r}. Choose one of {', '.join(PRECISIONS)}.")
    _check_folder(folder)
    said(f"Checking {vqvae.name}")
    codec = read_state(vqvae)
    codec_config = vqvae_config(codec)
    _refuse(vqvae, "VQ-VAE", vqvae_problems(codec, codec_config), _hint_swapped(codec))
    said(f"Checking {motionseq.name}")
    writer = read_state(motionseq)
    writer_config = decoder_config(writer, variant)
    problems = decoder_problems(writer, writer_config)
    _refuse(motionseq, f"motion decoder ({variant})", problems, _hint_variant(writer, variant))
    if writer_config.codes != codec_config.codes:
        raise CheckpointError(
            f"{motionseq.name} writes {writer_config.codes} codes, {vqvae.name} has {codec_config.codes}. "
            "Give two files that were trained together."
        )
    statistics = _statistics(mean, std, codec_config.motion_features)
    said("Checking the numbers")
    weights = {f"vqvae.{o}": _number(codec[t], t, vqvae) for t, o in vqvae_keys(codec_config).items()}
    weights |= {f"decoder.{o}": _number(writer[t], t, motionseq) for t, o in decoder_keys(writer_config).items()}
    parameters = sum(w.numel() for name, w in weights.items() if name != "vqvae.codebook")
    sources = {"vqvae": vqvae, "motionseq": motionseq}
    sources |= {} if mean is None or std is None else {"mean": mean, "std": std}
    hashes = {what: (path.name, file_sha256(path)) for what, path in sources.items()}
    warnings = _warnings(writer_config, mean is not None)
    said(f"Writing {folder}")
    card = _card(folder.resolve().name, codec_config, writer_config, parameters, hashes, warnings)
    _write(folder, weights | statistics, codec_config, writer_config, hashes, precision, card, said)
    return Imported(folder, codec_config, writer_config, parameters, warnings)


def _refuse(path: Path, what: str, problems: list[str], hint: str) -> None:
    if problems:
        raise CheckpointError(f"{path.name} does not fit MAGMA's {what}: {'; '.join(problems)}. {hint}")


def _hint_swapped(codec: State) -> str:
    if "motionDecoder.to_logits.weight" in codec:
        return "It looks like the motion decoder's file: swap the two (--vqvae and --motionseq)."
    return "Give the original's file, unchanged."


def _hint_variant(writer: State, variant: str) -> str:
    if "vq._codebook.embed" in writer:
        return "It looks like the VQ-VAE's file: swap the two (--vqvae and --motionseq)."
    for other in VARIANTS:
        if other != variant and not decoder_problems(writer, decoder_config(writer, other)):
            return f"It fits the variant {other}: choose that one (--variant {other})."
    return "Give the original's file, unchanged."


def _number(tensor: Tensor, name: str, path: Path) -> Tensor:
    """In float32, which is what the original's files hold: exactly as it was."""
    value = tensor.detach().to(torch.float32).contiguous()
    if not torch.isfinite(value).all():
        raise CheckpointError(f"{path.name}: {name} holds NaN or infinite numbers. Give an undamaged file.")
    return value


def _statistics(mean: Path | None, std: Path | None, width: int) -> dict[str, Tensor]:
    """Mean and deviation by name; 0 and 1 where none are given."""
    if (mean is None) != (std is None):
        raise CheckpointError("Only one of mean and std was given. Give both files, or neither.")
    if mean is None or std is None:
        return dict(zip(STATISTICS, (torch.zeros(width), torch.ones(width)), strict=True))
    values = []
    for path in (mean, std):
        try:
            array = np.load(path, allow_pickle=False)
        # a damaged header may also claim more numbers than there is memory for
        except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{path.name}: cannot be read as a .npy file of numbers ({error}).") from error
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.shape != (width,):
            shape = getattr(array, "shape", "an archive")
            raise CheckpointError(f"{path.name}: holds {shape}, not {width} numbers. Give the original's file.")
        if not np.isfinite(array).all() or (path is std and not (array > 0).all()):
            kind = "positive, finite" if path is std else "finite"
            raise CheckpointError(f"{path.name}: not all of its numbers are {kind}. Give the original's file.")
        values.append(torch.from_numpy(array.astype(np.float32)))
    return dict(zip(STATISTICS, values, strict=True))


def _warnings(config: OriginalDecoderConfig, statistics: bool) -> tuple[str, ...]:
    warnings = []
    if not statistics:
        warnings.append(
            "No mean and std were given, so decoded motion is taken as it comes: give the original's two statistics "
            "files (those of aist), or dances will not look like dances."
        )
    if config.styled:
        warnings.append(
            "This variant needs style vectors: make them with `python -m engine style-vectors FOLDER --clip WEIGHTS`."
        )
    return tuple(warnings)


def _check_folder(folder: Path) -> None:
    """Refuse to write over anything but an earlier import."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        try:
            family = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("family")
        except (OSError, ValueError, AttributeError):
            family = None
        if family != ORIGINAL_FAMILY:
            raise CheckpointError(f"{folder}: is there already and is no imported checkpoint. Choose another folder.")


def _write(
    folder: Path,
    weights: dict[str, Tensor],
    codec: OriginalVQVAEConfig,
    writer: OriginalDecoderConfig,
    hashes: Mapping[str, tuple[str, str]],
    precision: str,
    card: str,
    said: Callable[[str], None],
) -> None:
    styled = writer.styled and (folder / STYLES_FILE).is_file()  # of an earlier import: style vectors outlive weights
    top_k = -(-writer.vocabulary // 10)  # a tenth, rounded up: 103 of 1027
    config = {
        "format": 1,
        "family": ORIGINAL_FAMILY,
        "name": folder.resolve().name,
        "description": f"Original MAGMA, variant {writer.variant}, imported from {hashes['motionseq'][0]}.",
        "styles": list(load_vectors(folder)) if styled else [],
        "token_rate": FRAME_RATE,
        "frame_rate": FRAME_RATE,
        "vqvae": config_values(codec),
        "decoder": config_values(writer),
        "sampling": config_values(OriginalSampling(top_k=top_k)),
        "normalised": "mean" in hashes,
        "precision": precision,
        "sources": {what: {"file": name, "sha256": digest} for what, (name, digest) in hashes.items()},
    }
    # beside the folder, which must not be there before it is a checkpoint
    # the config comes last, since it is what makes the folder a checkpoint
    partials = {
        name: folder.parent / f".{folder.name}.{name}.partial"
        for name in ("model.safetensors", "MODEL_CARD.md", "config.json")
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, partials["model.safetensors"])
        partials["MODEL_CARD.md"].write_text(card, encoding="utf-8")
        partials["config.json"].write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        said(f"Finishing {folder.name}")
        folder.mkdir(exist_ok=True)
        for name, partial in partials.items():
            os.replace(partial, folder / name)  # noqa: PTH105 - atomic on every platform
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{folder}: cannot be written ({why}). Choose another place.") from error
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def _card(
    name: str,
    codec: OriginalVQVAEConfig,
    writer: OriginalDecoderConfig,
    parameters: int,
    hashes: Mapping[str, tuple[str, str]],
    warnings: tuple[str, ...],
) -> str:
    style = f", style vectors of {STYLE_WIDTH}" if writer.styled else ""
    lines = [
        f"# {name}",
        "",
        f"The original MAGMA (arXiv 2309.01202), variant `{writer.variant}`, imported by its user. The weights are the",
        "original's, number for number in float32; this project has not trained them and grants no licence to them.",
        "",
        "| file | name | SHA-256 |",
        "|---|---|---|",
        *(f"| {what} | {file} | `{digest}` |" for what, (file, digest) in hashes.items()),
        "",
        f"- {parameters:,} parameters, and a codebook of {codec.codes} vectors of {codec.width}.",
        f"- VQ-VAE: {codec.encoder_depth} + {codec.decoder_depth} blocks, width {codec.width}, {codec.heads} heads, "
        f"{codec.motion_features} motion numbers a frame, one token a frame, {FRAME_RATE:g} frames a second.",
        f"- Decoder: {writer.depth} blocks, width {writer.width}, {writer.heads} heads, "
        f"{writer.music_features} music features a frame{style}.",
        *(f"- {warning}" for warning in warnings),
    ]
    return "\n".join(lines) + "\n"
