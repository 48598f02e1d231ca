"""How `artstyle project` searches, from the words of its options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.pipeline.encode.find import find_encoder
from stylegan_ext.project import ProjectionSettings, Space, for_space

STEPS_FROM_GUESS = 150  # in W+, where an encoder's guess is begun with; a guess


def search_settings(
    space: Space,
    *,
    steps: int | None = None,
    lr: float | None = None,
    patience: int | None = None,
    seed: int = 303,
    batched: bool = False,
    has_guess: bool = False,
) -> ProjectionSettings:
    """The space's default settings with these changes; None keeps the default.

    With an encoder's guess to begin with (`has_guess`), W+ takes fewer steps by default.
    """
    if has_guess and space == "w+" and steps is None:
        steps = STEPS_FROM_GUESS
    changes = {"steps": steps, "lr": lr, "patience": patience}
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(for_space(space), seed=seed, batched=batched, **given)  # type: ignore[arg-type]


def which_encoder(
    wish: str, model: Path, workspace: Path, space: Space, *, emit: Emit = ignore
) -> Path | None:
    """The encoder that a search begins with, as `--encoder` has it.

    Args:
        wish: "none", a file, or "auto": the model's, if there is one and the space is W+. In W the
            official algorithm begins in the middle.
        model: the model's file.
        workspace: where "auto" looks besides.
        space: what is searched.
        emit: gets a warning for an encoder that does not fit.

    Raises:
        UsageError: there is no such file.
    """
    if wish == "none" or (wish == "auto" and space == "w"):
        return None
    if wish == "auto":
        return find_encoder(model, workspace, emit=emit)
    if not Path(wish).is_file():
        raise UsageError(f"there is no encoder {wish}", hint="name a file, or auto, or none")
    return Path(wish)
