"""The import of the original's two files as a checkpoint folder: every tensor is checked, its numbers unchanged."""

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

from engine.bounded_files import check_file, read_text
from engine.checkpoint_index import MOST_CONFIG, ORIGINAL_FAMILY
from engine.checks import reason_of, shown, shown_path
from engine.errors import CheckpointError
from engine.file_hash import file_sha256
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

_MOST_STATISTICS = 2**20
"""Bytes; the original's have two thousand."""
IMPORT_STEPS = 5
"""How often `import_magma` reports a step."""


@dataclass(frozen=True)
class Imported:
    """The result of an import. parameters: their number. warnings: sentences for the user."""

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
    report: Callable[[str], None] = lambda text: None,
    precision: str = PRECISIONS[0],
) -> Imported:
    """Write a checkpoint folder from the original's VQ-VAE file and motion decoder file.

    variant: one of `VARIANTS`. mean, std: .npy files of the motion's statistics (motion_features,), both or none.
    precision: one of `PRECISIONS`, in which the CPU runs the decoder; the stored numbers are the original's. report:
    called with a text for every step; an exception in it stops the import. Raises CheckpointError that names what is
    missing, unexpected or of the wrong size. After any exception the folder is unchanged.
    """
    if variant not in VARIANTS:
        raise CheckpointError(f"Unknown variant {shown(variant)}. Choose one of {', '.join(VARIANTS)}.")
    if precision not in PRECISIONS:
        raise CheckpointError(f"Unknown precision {shown(precision)}. Choose one of {', '.join(PRECISIONS)}.")
    _check_folder(folder)
    report(f"Checking {vqvae.name}")
    vqvae_state = read_state(vqvae)
    vqvae_sizes = vqvae_config(vqvae_state)
    _require_fit(vqvae, "VQ-VAE", vqvae_problems(vqvae_state, vqvae_sizes), _hint_swapped(vqvae_state))
    report(f"Checking {motionseq.name}")
    decoder_state = read_state(motionseq)
    decoder_sizes = decoder_config(decoder_state, variant)
    problems = decoder_problems(decoder_state, decoder_sizes)
    _require_fit(motionseq, f"motion decoder ({variant})", problems, _hint_variant(decoder_state, variant))
    if decoder_sizes.codes != vqvae_sizes.codes:
        raise CheckpointError(
            f"{motionseq.name} is for {decoder_sizes.codes} codes, but {vqvae.name} has {vqvae_sizes.codes}. "
            "Give two files that were trained together."
        )
    statistics = _statistics(mean, std, vqvae_sizes.motion_features)
    report("Checking the numbers")
    weights = {f"vqvae.{o}": _finite(vqvae_state[t], t, vqvae) for t, o in vqvae_keys(vqvae_sizes).items()}
    weights |= {f"decoder.{o}": _finite(decoder_state[t], t, motionseq) for t, o in decoder_keys(decoder_sizes).items()}
    parameters = sum(w.numel() for name, w in weights.items() if name != "vqvae.codebook")
    sources = {"vqvae": vqvae, "motionseq": motionseq}
    sources |= {} if mean is None or std is None else {"mean": mean, "std": std}
    hashes = {what: (path.name, file_sha256(path)) for what, path in sources.items()}
    warnings = _warnings(decoder_sizes, mean is not None)
    report(f"Writing {folder}")
    card = _card(folder.resolve().name, vqvae_sizes, decoder_sizes, parameters, hashes, warnings)
    _write(folder, weights | statistics, vqvae_sizes, decoder_sizes, hashes, precision, card, report)
    return Imported(folder, vqvae_sizes, decoder_sizes, parameters, warnings)


def _require_fit(path: Path, what: str, problems: list[str], hint: str) -> None:
    if problems:
        raise CheckpointError(f"{path.name} does not fit MAGMA's {what}: {'; '.join(problems)}. {hint}")


def _hint_swapped(vqvae: State) -> str:
    if "motionDecoder.to_logits.weight" in vqvae:
        return "It looks like the motion decoder's file: swap the two (--vqvae and --motionseq)."
    return "Give the original's file, unchanged."


def _hint_variant(decoder: State, variant: str) -> str:
    if "vq._codebook.embed" in decoder:
        return "It looks like the VQ-VAE's file: swap the two (--vqvae and --motionseq)."
    for other in VARIANTS:
        if other != variant and not decoder_problems(decoder, decoder_config(decoder, other)):
            return f"It fits the variant {other}: choose that one (--variant {other})."
    return "Give the original's file, unchanged."


def _finite(tensor: Tensor, name: str, path: Path) -> Tensor:
    """The tensor in float32, which is the type in the original's files. Raises CheckpointError unless it is finite."""
    value = tensor.detach().to(torch.float32).contiguous()
    if not torch.isfinite(value).all():
        raise CheckpointError(f"{path.name}: {name} has NaN or infinite numbers. Give an undamaged file.")
    return value


def _statistics(mean: Path | None, std: Path | None, width: int) -> dict[str, Tensor]:
    """Mean and deviation by name; 0 and 1 where no files are given."""
    if (mean is None) != (std is None):
        raise CheckpointError("Only one of mean and std was given. Give both files, or neither.")
    if mean is None or std is None:
        return dict(zip(STATISTICS, (torch.zeros(width), torch.ones(width)), strict=True))
    values = []
    for path in (mean, std):
        try:
            check_file(path, _MOST_STATISTICS)
            array = np.load(path, allow_pickle=False)
        # a damaged header may also claim more numbers than fit in memory
        except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            raise CheckpointError(
                f"{path.name}: cannot be read as a .npy file of numbers ({reason_of(error)}). Give the original's file."
            ) from error
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
            "No mean and std were given, so decoded motion is not scaled back to metres and will not look like a "
            "dance: give the original's two statistics files (those of aist)."
        )
    if config.styled:
        warnings.append(
            "This variant needs style vectors: compute them with `python -m engine style-vectors FOLDER --clip "
            "WEIGHTS`."
        )
    return tuple(warnings)


def _check_folder(folder: Path) -> None:
    """Raise CheckpointError for a folder with anything but an earlier import in it."""
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return
    except OSError as error:
        raise CheckpointError(
            f"{shown_path(folder)}: cannot be used as a folder ({error.strerror}). Choose another one."
        ) from error
    else:
        try:
            family = json.loads(read_text(folder / "config.json", MOST_CONFIG)).get("family")
        except (OSError, ValueError, AttributeError):
            family = None
        if family != ORIGINAL_FAMILY:
            raise CheckpointError(f"{folder}: exists already and is not an imported checkpoint. Choose another folder.")


def _write(
    folder: Path,
    weights: dict[str, Tensor],
    vqvae: OriginalVQVAEConfig,
    decoder: OriginalDecoderConfig,
    hashes: Mapping[str, tuple[str, str]],
    precision: str,
    card: str,
    report: Callable[[str], None],
) -> None:
    styled = decoder.styled and (folder / STYLES_FILE).is_file()  # style vectors of an earlier import are kept
    top_k = -(-decoder.vocabulary // 10)  # a tenth, rounded up: 103 of 1027
    config = {
        "format": 1,
        "family": ORIGINAL_FAMILY,
        "name": folder.resolve().name,
        "description": f"Original MAGMA, variant {decoder.variant}, imported from {hashes['motionseq'][0]}.",
        "styles": list(load_vectors(folder)) if styled else [],
        "token_rate": FRAME_RATE,
        "frame_rate": FRAME_RATE,
        "vqvae": config_values(vqvae),
        "decoder": config_values(decoder),
        "sampling": config_values(OriginalSampling(top_k=top_k)),
        "normalised": "mean" in hashes,
        "precision": precision,
        "sources": {what: {"file": name, "sha256": digest} for what, (name, digest) in hashes.items()},
    }
    # written beside the folder, which must not exist before it is a checkpoint; the config is moved last, since a
    # folder counts as a checkpoint once it has one
    partials = {
        name: folder.parent / f".{folder.name}.{name}.partial"
        for name in ("model.safetensors", "MODEL_CARD.md", "config.json")
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, partials["model.safetensors"])
        partials["MODEL_CARD.md"].write_text(card, encoding="utf-8")
        partials["config.json"].write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        report(f"Finishing {folder.name}")
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
    vqvae: OriginalVQVAEConfig,
    decoder: OriginalDecoderConfig,
    parameters: int,
    hashes: Mapping[str, tuple[str, str]],
    warnings: tuple[str, ...],
) -> str:
    style = f", style vectors of {STYLE_WIDTH}" if decoder.styled else ""
    lines = [
        f"# {name}",
        "",
        f"The original MAGMA (arXiv 2309.01202), variant `{decoder.variant}`, imported by its user. The weights are",
        "the original's, unchanged in float32; this project did not train them and grants no licence to them.",
        "",
        "| file | name | SHA-256 |",
        "|---|---|---|",
        *(f"| {what} | {file} | `{digest}` |" for what, (file, digest) in hashes.items()),
        "",
        f"- {parameters:,} parameters, and a codebook of {vqvae.codes} vectors of {vqvae.width}.",
        f"- VQ-VAE: {vqvae.encoder_depth} + {vqvae.decoder_depth} blocks, width {vqvae.width}, {vqvae.heads} heads, "
        f"{vqvae.motion_features} motion features a frame, one token a frame, {FRAME_RATE:g} frames a second.",
        f"- Decoder: {decoder.depth} blocks, width {decoder.width}, {decoder.heads} heads, "
        f"{decoder.music_features} music features a frame{style}.",
        *(f"- {warning}" for warning in warnings),
    ]
    return "\n".join(lines) + "\n"
