"""Style mixing: pictures that take some rows of w from one seed, the others from another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.pipeline.generate.drawing import Spec, carry_out
from artstyle.pipeline.generate.models import Model, Variant, variants
from artstyle.pipeline.generate.pictures import (
    check_seeds,
    title_of,
    truncated_ws,
    variant_lineage,
)
from artstyle.pipeline.generate.record import lineage_text
from artstyle.pipeline.generate.settings import Settings
from artstyle.pipeline.generate.work import Cell, Work
from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import MIXED_ROWS, check_rows, mix_ws

if TYPE_CHECKING:
    import torch

    from stylegan_ext.networks import Generator


def mix_styles(
    models: Sequence[Model],
    row_seeds: Sequence[int],
    column_seeds: Sequence[int],
    *,
    out: Path,
    rows: Sequence[int] = MIXED_ROWS,
    truncation_psis: Sequence[float] = (1.0,),
    classes: Sequence[int] | None = None,
    settings: Settings | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> tuple[Work, ...]:
    """Draw each row's seed with some rows of w from each column's seed: a table per variant.

    The pictures are `mix/row0001-column0002.png`, their origins `mix/row0001.png` and
    `mix/column0002.png`. The table's first column holds the origins of its rows, source A, its
    first row those of its columns, source B (the names of StyleGAN, figure 3).

    Args:
        models: see `find_models`.
        row_seeds: what gives every other row of w.
        column_seeds: what gives `rows`.
        out: see `generate`.
        rows: the rows of w that come from the column, 0 the coarsest.
        truncation_psis: see `generate`.
        classes: see `generate`.
        settings: see `generate`.
        dry_run: see `generate`.
        emit: see `generate`.

    Raises:
        UsageError: see `generate`; or a model has no such row.
        RunError: see `generate`.
    """
    settings = settings or Settings()
    check_seeds(row_seeds)
    check_seeds(column_seeds)
    columns = variants(
        models, classes, truncation_psis, truncation_cutoff=settings.truncation_cutoff
    )
    for model in models:
        _check_rows(model, rows)
    works = []
    for variant in columns:
        specs = _mix_specs(variant, row_seeds, column_seeds, tuple(rows), settings)
        asked = {
            "row_seeds": list(row_seeds),
            "column_seeds": list(column_seeds),
            "rows_of_w": list(rows),
            "class": variant.class_index,
            "truncation_psi": variant.psi,
            **settings.lineage(),
        }
        work = Work(
            out=out,
            name=f"{variant.folder}mix",
            title=f"{title_of([variant])}: mixed styles",
            sheet=f"{variant.folder}mix.png",
            row_titles=("source B", *(f"seed {seed}" for seed in row_seeds)),
            column_titles=("source A", *(f"seed {seed}" for seed in column_seeds)),
            column_groups=(1, len(column_seeds)),
            note=f"w: rows {rows_in_words(rows)} of source B, the others of source A",
            cells=tuple(spec.cell for spec in specs),
            drawn=0,
            kept=0,
            lineage={"what": "table of mixed styles", "asked": asked},
        )
        works.append(carry_out(work, specs, [variant.model], settings, dry_run=dry_run, emit=emit))
    return tuple(works)


def _mix_specs(
    variant: Variant,
    row_seeds: Sequence[int],
    column_seeds: Sequence[int],
    rows: tuple[int, ...],
    settings: Settings,
) -> list[Spec]:
    """The table's pictures: origins in the first row and column, mixtures in the others."""

    def spec(
        file: str, place: tuple[int, int], row_seed: int | None, column_seed: int | None
    ) -> Spec:
        def make_ws(generator: Generator) -> torch.Tensor:
            cutoff = settings.truncation_cutoff
            ws = [
                truncated_ws(generator, variant, seed, cutoff)
                for seed in (row_seed, column_seed)
                if seed is not None
            ]
            return ws[0] if len(ws) == 1 else mix_ws(ws[0], ws[1], rows)

        facts: dict[str, Any] = {"row_seed": row_seed, "column_seed": column_seed}
        if row_seed is not None and column_seed is not None:
            facts["rows_of_w"] = list(rows)
        made = variant_lineage(variant, settings)
        lineage = {"what": "mixed styles", **facts, **made}
        return Spec(
            cell=Cell(f"{variant.folder}mix/{file}.png", *place),
            model=variant.model,
            make_ws=make_ws,
            noise_words=tuple(seed for seed in (row_seed, column_seed) if seed is not None),
            facts={"kind": "picture", "model": variant.model.name, **facts},
            lineage=lineage_text(lineage),
        )

    down = list(enumerate(row_seeds, start=1))
    across = list(enumerate(column_seeds, start=1))
    return [
        *(spec(f"column{seed:04d}", (0, at), None, seed) for at, seed in across),
        *(spec(f"row{seed:04d}", (at, 0), seed, None) for at, seed in down),
        *(
            spec(f"row{one:04d}-column{other:04d}", (row, column), one, other)
            for row, one in down
            for column, other in across
        ),
    ]


def _check_rows(model: Model, rows: Sequence[int]) -> None:
    try:
        check_rows(rows, model.num_ws)
    except ParameterError as fault:
        raise UsageError(f"{model.name}: {fault}", hint="say which with --mix-rows") from fault


def rows_in_words(rows: Sequence[int]) -> str:
    """Rows as one writes them: "0-6", "0-2, 5"."""
    parts: list[list[int]] = []
    for row in sorted(rows):
        if parts and row == parts[-1][-1] + 1:
            parts[-1].append(row)
        else:
            parts.append([row])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)
