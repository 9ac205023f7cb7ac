"""The add-on's typed errors. Each message is one or two sentences: what happened, with which value, what to do."""

from __future__ import annotations


class MagmaError(Exception):
    """Base of every error of the add-on that a user can act on; `str(error)` is shown as it is."""


class StripError(MagmaError):
    """No strip, or one that plays nothing that could be danced to."""


class NoSongError(StripError):
    """Nothing in the sequencer plays any sound."""


class SetupError(MagmaError):
    """The engine's Python, a checkpoint or numpy is missing."""


class AnswerError(MagmaError):
    """The engine's answer makes no sense: engine and add-on do not belong together."""


class SceneError(MagmaError):
    """The scene cannot hold the dance: the target is not an SMPL armature, or is gone."""


class InstallError(MagmaError):
    """Installing the engine failed or is not allowed."""
