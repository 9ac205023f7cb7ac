"""CLIP's text encoder: a causal transformer; the projected output of the last token is the text's vector.

Architecture: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (arXiv
2103.00020), ViT-B/32: 12 layers, width 512, 8 heads of 64, QuickGELU, learned positions, 77 tokens, 512 numbers out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.models.original.clip.clip_tokens import CONTEXT, END
from engine.models.original.clip.torchscript import is_torchscript, read_torchscript
from engine.runtime.module_shapes import shapes_only
from engine.runtime.weight_files import read_state_dict, require_tensors

OUTPUT = 512
_HEAD = 64
_PATCH = 32
_VOCABULARY = END + 1

# names in our module: (OpenAI's, Hugging Face's)
_TOP = {
    "token_embedding": ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
    "positional_embedding": ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    "ln_final.weight": ("ln_final.weight", "text_model.final_layer_norm.weight"),
    "ln_final.bias": ("ln_final.bias", "text_model.final_layer_norm.bias"),
    "text_projection": ("text_projection", "text_projection.weight"),
}
_BLOCKS = ("transformer.resblocks.", "text_model.encoder.layers.")
_BLOCK = {
    "ln_1": ("ln_1", "layer_norm1"),
    "out_proj": ("attn.out_proj", "self_attn.out_proj"),
    "ln_2": ("ln_2", "layer_norm2"),
    "c_fc": ("mlp.c_fc", "mlp.fc1"),
    "c_proj": ("mlp.c_proj", "mlp.fc2"),
}
_OPENAI, _HUGGING_FACE = 0, 1
_PATCHES = ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight")


class Block(nn.Module):
    """Transformer block: pre-norm attention and feed-forward; (T, width) -> (T, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.in_proj = nn.Linear(width, 3 * width)  # queries, keys, values
        self.out_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        length, width = x.shape
        query, key, value = self.in_proj(self.ln_1(x)).view(length, 3, width // _HEAD, _HEAD).permute(1, 2, 0, 3)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)  # (heads, T, 64)
        x = x + self.out_proj(attended.transpose(0, 1).reshape(length, width))
        y = self.c_fc(self.ln_2(x))
        return x + self.c_proj(y * torch.sigmoid(1.702 * y))  # QuickGELU


class TextEncoder(nn.Module):
    """The whole network, from a text's tokens to its vector."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.token_embedding = nn.Parameter(torch.empty(_VOCABULARY, width))
        self.positional_embedding = nn.Parameter(torch.empty(CONTEXT, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, OUTPUT))

    def forward(self, tokens: Sequence[int]) -> Tensor:
        """The vector (512,), not normalised, of token ids with start and end."""
        x = self.token_embedding[torch.tensor(tokens)] + self.positional_embedding[: len(tokens)]
        for block in self.blocks:
            x = block(x)
        return self.ln_final(x[-1]) @ self.text_projection


def load_text_encoder(path: Path) -> TextEncoder:
    """The encoder with the user's own CLIP weights.

    The file is OpenAI's `ViT-B-32.pt` (its tensors; its program is not run), a plain state dict with OpenAI's names, or
    Hugging Face's `openai/clip-vit-base-patch32` as safetensors or `.bin`. Sizes are read off the tensors. Raises
    CheckpointError for anything else, including other CLIP models.
    """
    state: Mapping[str, Tensor] = read_torchscript(path) if is_torchscript(path) else read_state_dict(path)
    for name in _PATCHES:
        if name in state and state[name].shape[-1] != _PATCH:
            raise CheckpointError(f"{path.name}: is another CLIP model. MAGMA's styles were made with ViT-B/32.")
    naming = _OPENAI if _TOP["text_projection"][_OPENAI] in state else _HUGGING_FACE
    width, layers = _sizes(state, naming, path.name)
    with shapes_only():
        model = TextEncoder(width, layers)
    model.load_state_dict(_gather(state, naming, model, layers, path.name), assign=True)
    return model.requires_grad_(False).eval()


def _sizes(state: Mapping[str, Tensor], naming: int, file: str) -> tuple[int, int]:
    """Width and number of layers."""
    projection = state.get(_TOP["text_projection"][naming])
    stem = _BLOCKS[naming]
    layers = len({key[len(stem) :].split(".")[0] for key in state if key.startswith(stem)})
    if projection is None or projection.ndim != 2 or not layers:
        raise CheckpointError(
            f"{file}: has no CLIP text encoder in it. Give OpenAI's ViT-B-32.pt, or model.safetensors of "
            "openai/clip-vit-base-patch32."
        )
    width, output = projection.shape if naming == _OPENAI else projection.shape[::-1]
    if output != OUTPUT or width % _HEAD:
        raise CheckpointError(
            f"{file}: is another CLIP model (vectors of {output} numbers). MAGMA's styles were made with ViT-B/32."
        )
    return int(width), layers


def _gather(state: Mapping[str, Tensor], naming: int, model: TextEncoder, layers: int, file: str) -> dict[str, Tensor]:
    """Our tensors from the file's: renamed; Hugging Face's also stacked and transposed."""
    names = _names(naming, layers)
    shapes: dict[str, tuple[int, ...]] = {}
    for ours, parameter in model.state_dict().items():
        shape = tuple(parameter.shape)
        if ours == "text_projection" and naming == _HUGGING_FACE:  # a linear layer's weight
            shape = shape[::-1]
        for part in names[ours]:
            shapes[part] = (shape[0] // len(names[ours]), *shape[1:])
    found = require_tensors(state, shapes, file)
    weights = {ours: torch.cat([found[part] for part in parts]) for ours, parts in names.items()}
    if naming == _HUGGING_FACE:
        weights["text_projection"] = weights["text_projection"].T.contiguous()
    return weights


def _names(naming: int, layers: int) -> dict[str, tuple[str, ...]]:
    """The file's names by ours; three where the file has separate queries, keys and values."""
    names: dict[str, tuple[str, ...]] = {ours: (theirs[naming],) for ours, theirs in _TOP.items()}
    for layer in range(layers):
        block = f"{_BLOCKS[naming]}{layer}"
        for kind in ("weight", "bias"):
            stacked = (f"{block}.attn.in_proj_{kind}",)
            apart = tuple(f"{block}.self_attn.{part}_proj.{kind}" for part in "qkv")
            names[f"blocks.{layer}.in_proj.{kind}"] = stacked if naming == _OPENAI else apart
            for ours, theirs in _BLOCK.items():
                names[f"blocks.{layer}.{ours}.{kind}"] = (f"{block}.{theirs[naming]}.{kind}",)
    return names
