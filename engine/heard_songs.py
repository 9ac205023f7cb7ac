"""Where the engine keeps what it has heard of songs, so that a file is heard once. Standard library only: the add-on
says where."""

from __future__ import annotations

FOLDER_VARIABLE = "MAGMA_HEARD"
"""The environment variable that names the folder; without it songs are kept as long as the engine's process lives."""
