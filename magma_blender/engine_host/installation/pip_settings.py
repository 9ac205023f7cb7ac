"""Which of the user's settings of pip the installation follows.

Where packages come from (an index of a company, a proxy, certificates) must be followed: without it there is no
download. Everything else that pip.conf or PIP_ variables say was meant for other installations and breaks this one:
`user`, `target` and `prefix` put the packages elsewhere, `require-virtualenv`, `no-deps`, `no-binary`, `constraint` and
`pre` change what is installed. So pip runs without its settings and is given those that are listed here.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence

FOLLOWED = (
    "index-url",
    "extra-index-url",
    "no-index",
    "find-links",
    "trusted-host",
    "proxy",
    "cert",
    "client-cert",
    "keyring-provider",
    "timeout",
    "default-timeout",
    "retries",
    "cache-dir",
    "no-cache-dir",
)
_SECTIONS = ("global", "install", ":env:")
"""Parts of pip's settings that `pip install` reads, from weak to strong."""


def own_variables() -> dict[str, str]:
    """The PIP_ variables of this process, for a pip that is asked for its settings."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def followed_settings(listed: Sequence[str]) -> dict[str, str]:
    """The settings to follow, by name. listed: the lines that `pip config list` prints (`global.proxy='...'`)."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listed:
        key, _, text = line.partition("=")
        section, _, name = key.strip().rpartition(".")
        if section in found and name in FOLLOWED:
            try:
                found[section][name] = " ".join(str(ast.literal_eval(text.strip())).split())
            except (ValueError, SyntaxError):
                continue
    return {name: value for section in _SECTIONS for name, value in found[section].items() if value}


def as_variables(settings: dict[str, str]) -> dict[str, str]:
    """The variables for a pip that follows these settings and no others."""
    variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    return {**variables, "PIP_CONFIG_FILE": os.devnull}
