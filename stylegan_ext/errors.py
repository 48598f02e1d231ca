"""What can go wrong in the engine, as one small tree.

    EngineError
    ├── CheckpointError           a file is no checkpoint of ours, is damaged, or lacks a network
    │   └── UnsafeFileError       a foreign file holds something we refuse to construct
    ├── MismatchError             two things do not fit: weights and architecture, base and style
    └── ParameterError            a value outside what the function is defined for

Every message says what, which value and why; `hint` says what to do next. This module imports
nothing, so a caller can catch these errors without loading torch.
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of everything the engine raises on purpose.

    Args:
        message: what happened, to which value, and why.
        hint: what the user can do next.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class CheckpointError(EngineError):
    """A file is no checkpoint we know, is damaged, or lacks what was asked for."""


class UnsafeFileError(CheckpointError):
    """A foreign file holds something that we refuse to construct; `refused` names it."""

    def __init__(self, message: str, *, refused: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refused = refused


class MismatchError(EngineError):
    """Two things do not fit together: weights and architecture, or two models."""


class ParameterError(EngineError, ValueError):
    """A value lies outside what the function is defined for."""
