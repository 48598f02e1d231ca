"""What can go wrong, as one small tree.

    ArtstyleError                 exit code 1
    ├── UsageError                exit code 2: the command was called wrongly
    ├── ImageError                a picture cannot be read, or must not be
    ├── VideoError                a film cannot be read
    ├── CorpusError             a dataset zip or folder cannot be read or written
    ├── RecipeError               a recipe has faults; it lists all of them
    ├── WorkspaceError            the workspace is missing, foreign or not writable
    ├── CatalogError              artstyle.sqlite is damaged, too new, or contradicts its files
    ├── WeightsError              weights are missing, changed or could not be fetched
    ├── RunError                  a run folder cannot be used
    └── MeasureError              a measure cannot be taken of these pictures

Every message says what happened, to which value, and why; `hint` says what to type or do next.
The engine (`stylegan_ext`) has its own tree, because it knows nothing of artstyle; the command
line treats both alike.
"""

from __future__ import annotations


class ArtstyleError(Exception):
    """Base of everything artstyle raises on purpose.

    Args:
        message: what happened, to which value, and why.
        hint: what the user can type or do next; shown on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ArtstyleError):
    """The command was called wrongly: options that contradict each other, a bad value."""

    exit_code = 2


class ImageError(ArtstyleError):
    """A picture cannot be read, or must not be (damaged, foreign, too large)."""


class VideoError(ArtstyleError):
    """A film cannot be read or written."""


class CorpusError(ArtstyleError):
    """A dataset (zip or folder of pictures with labels) cannot be read, or cannot be written."""


class RecipeError(ArtstyleError):
    """A recipe has faults. All of them are in `faults`, not only the first."""

    def __init__(self, message: str, faults: tuple[str, ...], *, hint: str | None = None) -> None:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(message + lines, hint=hint)
        self.faults = faults


class WorkspaceError(ArtstyleError):
    """The workspace is missing, is not one, or cannot be written."""


class CatalogError(ArtstyleError):
    """The catalog is damaged, newer than this artstyle, or contradicts its files."""


class WeightsError(ArtstyleError):
    """Weights are missing, were changed, or could not be fetched."""


class RunError(ArtstyleError):
    """A run folder cannot be used."""


class MeasureError(ArtstyleError):
    """A measure cannot be taken: too few pictures, features that do not fit or are not finite."""
