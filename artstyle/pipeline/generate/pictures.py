"""Pictures of seeds: every seed with every model, class and truncation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.pipeline.generate.drawing import Spec, carry_out
from artstyle.pipeline.generate.models import Model, Variant, groups_of, variants
from artstyle.pipeline.generate.record import lineage_text
from artstyle.pipeline.generate.settings import Settings
from artstyle.pipeline.generate.work import Cell, Work
from artstyle.runs import versions
from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import check_seed, truncation_sweep

if TYPE_CHECKING:
    import torch

    from stylegan_ext.networks import Generator


def generate(
    models: Sequence[Model],
    seeds: Sequence[int],
    *,
    out: Path,
    truncation_psis: Sequence[float] = (1.0,),
    classes: Sequence[int] | None = None,
    settings: Settings | None = None,
    save_w: bool = False,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> Work:
    """Draw every seed with every model, class and truncation.

    Pictures are `seed0000.png`; where there are several models, classes or truncations, in a
    folder for each: `MODEL/class3/trunc0.7/seed0000.png`. What is there and was made in just this
    way is kept.

    Args:
        models: see `find_models`.
        seeds: 0 to 2**32 - 1.
        out: the folder; made if it is missing.
        truncation_psis: 1 draws w as it is, 0 the average, 0.7 lies between.
        classes: of conditional models; None for unconditional ones.
        settings: how to draw; None takes the defaults.
        save_w: write w beside each picture as `seed0000.npz` with `w` [1, num_ws, w_dim],
            float32, as the official projector does.
        dry_run: only look what there is to do; nothing is written.
        emit: gets progress in pictures.

    Raises:
        UsageError: seeds, classes or truncation that a model cannot draw.
        RunError: the folder cannot be used, or holds a foreign record.
    """
    settings = settings or Settings()
    check_seeds(seeds)
    columns = variants(
        models, classes, truncation_psis, truncation_cutoff=settings.truncation_cutoff
    )
    specs = [
        _seed_spec(
            variant, seed, Cell(f"{variant.folder}seed{seed:04d}.png", row, column), settings
        )
        for column, variant in enumerate(columns)
        for row, seed in enumerate(seeds)
    ]
    asked = {
        "seeds": list(seeds),
        "classes": None if classes is None else list(classes),
        "truncation_psis": [float(psi) for psi in truncation_psis],
        **settings.lineage(),
    }
    return carry_out(
        Work(
            out=out,
            name="pictures",
            title=title_of(columns),
            sheet="sheet.png",
            row_titles=tuple(f"seed {seed}" for seed in seeds),
            column_titles=tuple(column.title for column in columns),
            column_groups=groups_of(columns),
            note="",
            cells=tuple(spec.cell for spec in specs),
            drawn=0,
            kept=0,
            lineage={"what": "sheet of seeds", "asked": asked},
        ),
        specs,
        models,
        settings,
        save_w=save_w,
        dry_run=dry_run,
        emit=emit,
    )


def truncated_ws(
    generator: Generator, variant: Variant, seed: int, cutoff: int | None
) -> torch.Tensor:
    """The ws [1, num_ws, w_dim] of a seed as this variant draws it."""
    from stylegan_ext.drawing import seed_ws

    return truncated(generator, variant, seed_ws(generator, seed, variant.class_index), cutoff)


def truncated(
    generator: Generator, variant: Variant, ws: torch.Tensor, cutoff: int | None
) -> torch.Tensor:
    """These ws [1, num_ws, w_dim] as this variant truncates them."""
    from stylegan_ext.drawing import average_w

    if variant.psi == 1:
        return ws
    return truncation_sweep(ws, average_w(generator), [variant.psi], cutoff)[0]


def variant_lineage(variant: Variant, settings: Settings) -> dict[str, Any]:
    """What a picture of this variant is made from, besides its seeds."""
    held = versions()
    return {
        "model": variant.model.lineage(),
        "class": variant.class_index,
        "truncation_psi": variant.psi,
        **settings.lineage(),
        "versions": {name: held[name] for name in ("artstyle", "torch")},
    }


def _seed_spec(variant: Variant, seed: int, cell: Cell, settings: Settings) -> Spec:
    facts = {
        "kind": "picture",
        "model": variant.model.name,
        "seed": seed,
        "class": variant.class_index,
        "truncation_psi": variant.psi,
    }
    lineage = {"what": "picture", "seed": seed, **variant_lineage(variant, settings)}
    cutoff = settings.truncation_cutoff
    return Spec(
        cell=cell,
        model=variant.model,
        make_ws=lambda generator: truncated_ws(generator, variant, seed, cutoff),
        noise_words=(seed,),
        facts=facts,
        lineage=lineage_text(lineage),
    )


def check_seeds(seeds: Sequence[int]) -> None:
    """See that there is at least one seed, and that all of them can be drawn.

    Raises:
        UsageError: otherwise.
    """
    if not seeds:
        raise UsageError("no seed was named", hint="name some, e.g. --seeds 0-7")
    try:
        for seed in seeds:
            check_seed(seed)
    except ParameterError as fault:
        raise UsageError(str(fault)) from fault


def title_of(columns: Sequence[Variant]) -> str:
    """What a table of these variants shows, for people: models, and what all of them share."""
    names = list(dict.fromkeys(column.model.name for column in columns))
    classes = {column.class_index for column in columns} - {None}
    psis = {column.psi for column in columns}
    words = [", ".join(names)]
    words += [f"class {index}" for index in classes] if len(classes) == 1 else []
    words += [f"truncation {psi:g}" for psi in psis if psi != 1] if len(psis) == 1 else []
    return ", ".join(words)
