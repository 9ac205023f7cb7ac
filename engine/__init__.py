"""The engine: turns audio into dance motion. It runs in its own Python, never in Blender's.

The modules in this folder and `engine.choreography` are shared with the add-on: they import nothing but the standard
library, so that the engine answers `hello` before anything heavy is loaded.

For Python programs there is `from engine import load_checkpoint, generate, edit` and what else `__all__` lists (see
docs/python.md). It comes from `engine.api` when it is first asked for; `__init__.pyi` has its types. Neither is in the
add-on's zip.
"""

from __future__ import annotations

from importlib import import_module

VERSION = "0.1.0"

_PLACES = {
    "Dance": "api.dances",
    "Operation": "editing.operations",
    "chain": "api.editing",
    "compose_song": "api.songs",
    "decode": "api.checkpoints",
    "edit": "api.editing",
    "encode": "api.checkpoints",
    "encode_music": "api.checkpoints",
    "generate": "api.generating",
    "listen": "api.songs",
    "load_checkpoint": "api.checkpoints",
    "open_dance": "api.dances",
}
"""The module of each name for Python programs."""

__all__ = [
    "VERSION",
    "Dance",
    "Operation",
    "chain",
    "compose_song",
    "decode",
    "edit",
    "encode",
    "encode_music",
    "generate",
    "listen",
    "load_checkpoint",
    "open_dance",
]


def __getattr__(name: str) -> object:
    """A name for Python programs, imported now."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
