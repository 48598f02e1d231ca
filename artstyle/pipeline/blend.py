"""Two models become one file: the coarse levels of a base, the fine levels of a style.

    blended = blend_models("people", "toon", workspace, out=Path("m.safetensors"), resolution=32)
    blended.plan, blended.drifts, blended.remarks

The arithmetic is `stylegan_ext.blend`; here are names, files and the catalog. A blend that is
there already, made from the same files in the same way, is kept as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.pipeline.generate.models import Model, find_models
from artstyle.workspace import is_workspace
from stylegan_ext.errors import EngineError, ParameterError
from stylegan_ext.header import read_header
from stylegan_ext.records import ModelFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stylegan_ext.blend import BlendPlan, Parent
    from stylegan_ext.drift import Drift

SUFFIX = ".safetensors"
State: TypeAlias = Literal["planned", "written", "kept"]


@dataclass(frozen=True)
class Blended:
    """A blend, and all that is worth knowing about it."""

    base: Model
    style: Model
    out: Path
    state: State  # kept: it was there already; planned: nothing was written
    plan: BlendPlan
    drifts: tuple[Drift, ...]  # how far the style has moved from the base, part by part
    is_kin: bool  # whether the style looks like a descendant of the base
    licence: str
    remarks: tuple[str, ...]


def blend_models(
    base: str | Path,
    style: str | Path,
    workspace: Path,
    *,
    out: Path,
    resolution: int | None = None,
    width: float | None = None,
    weights: str | None = None,
    strength: float | None = None,
    mapping_from: Parent = "base",
    const_from: Parent = "base",
    dry_run: bool = False,
    emit: Emit = ignore,
) -> Blended:
    """Blend two models into a file.

    Args:
        base: name or file of the model whose coarse levels are taken.
        style: name or file of one that was fine-tuned from it.
        workspace: where names are looked for; if it is one, its catalog learns of the blend.
        out: the file to write, NAME.safetensors. An earlier blend there is replaced, any other
            file is not.
        resolution: where the style begins, in pixels.
        width: of a smooth transition there, in levels; None: hard.
        weights: shares of levels in words, see `stylegan_ext.levels.parse_weights`.
        strength: 0 to 1, in place of the three above: along the front of the style's swap file.
        mapping_from: "base" or "style", whose mapping network and w_avg are taken.
        const_from: likewise the constant, or StyleGAN3's Fourier input.
        dry_run: look and compare, and write nothing.
        emit: gets a warning if the models look unrelated, and notes.

    Raises:
        UsageError: no such resolution, unusable weights, a strength where there is no swap file
            for these two or beside other settings, or `out` is no place for a blend.
        WeightsError: there is no model of a name.
        EngineError: a file is no model, or the two do not fit.
    """
    from stylegan_ext.blend import ParentModel, blend, plan_blend
    from stylegan_ext.checkpoint import read_model, write_model
    from stylegan_ext.drift import are_kin, drift

    models = find_models([base, style], workspace, emit=emit)
    _check_out(out, models)
    if strength is not None:
        if (resolution, width, weights) != (None, None, None):
            raise UsageError(
                "a strength stands for all shares: it does not go with a resolution, a width or"
                " weights",
                hint="leave one of them out",
            )
        weights = _weights_at(strength, models, emit)
    files = [read_model(model.path) for model in models]
    records = [file.generator() for file in files]
    try:
        plan = plan_blend(
            *records,
            resolution=resolution,
            width=width,
            weights=weights,
            mapping_from=mapping_from,
            const_from=const_from,
        )
    except ParameterError as fault:
        raise UsageError(str(fault), hint=fault.hint) from fault
    drifts = tuple(drift(*records))
    first, second = (
        ParentModel(model.name, model.sha256, file)
        for model, file in zip(models, files, strict=True)
    )
    made = blend(first, second, plan)
    blended = Blended(
        base=models[0],
        style=models[1],
        out=out,
        state="planned" if dry_run else "kept" if _is_there(out, made) else "written",
        plan=plan,
        drifts=drifts,
        is_kin=are_kin(drifts),
        licence=made.provenance.licence,
        remarks=(*plan.remarks, *_remarks(files, plan)),
    )
    _tell(blended, emit)
    if blended.state == "written":
        write_model(out, made)
    if not dry_run and is_workspace(workspace):
        _record(blended, made, workspace)
    return blended


def draw_preview(
    blended: Blended, seeds: Sequence[int], *, emit: Emit = ignore
) -> tuple[tuple[NDArray[np.uint8], ...], ...]:
    """Draw seeds with base, blend and style: the blend has to be written.

    Each row uses its own model's mapping network and its own noise maps; a conditional model draws
    its class 0. Pictures of a larger parent have more pixels.

    Args:
        blended: what `blend_models` gave.
        seeds: 0 to 2**32 - 1.
        emit: gets progress in pictures.

    Returns:
        Rows base, blend, style with a picture for each seed: HWC, uint8, [0, 255], RGB or grey.
    """
    import stylegan_ext
    from artstyle.images import from_tensor
    from artstyle.machine import choose_device
    from stylegan_ext.drawing import draw, seed_ws

    device = choose_device("auto")
    rows: list[tuple[NDArray[np.uint8], ...]] = []
    files = (blended.base.path, blended.out, blended.style.path)
    total = len(files) * len(seeds)
    for path in files:
        generator = stylegan_ext.load(path, device=device)
        class_index = 0 if generator.c_dim else None
        pictures: list[NDArray[np.uint8]] = []
        for seed in seeds:
            emit(Progress("preview", len(rows) * len(seeds) + len(pictures), total, "pictures"))
            pictures.append(from_tensor(draw(generator, seed_ws(generator, seed, class_index))))
        rows.append(tuple(pictures))
    emit(Progress("preview", total, total, "pictures"))
    return tuple(rows)


def _weights_at(strength: float, models: Sequence[Model], emit: Emit) -> str:
    """The shares at a strength, from the swap file beside the style.

    Raises:
        UsageError: there is none for these two models.
    """
    from artstyle.pipeline.search.settings import find_swap, swap_at, swap_file

    base, style = models
    swap = find_swap(base.path, style.path, emit=emit)
    if swap is None:
        raise UsageError(
            f"how strong {style.name} can be over {base.name} was not searched: there is no"
            f" {shown(swap_file(style.path))} for these two",
            hint=f"artstyle blend {shown(base.name)} {shown(style.name)} --search",
        )
    return swap_at(swap, strength)


def _check_out(out: Path, parents: Sequence[Model]) -> None:
    """Refuse a place where a blend must not be written, before any work.

    Raises:
        UsageError: why, and what to do.
    """
    if out.suffix != SUFFIX:
        raise UsageError(
            f"a blend is a {SUFFIX} file, and {shown(out)} is to be something else",
            hint=f"write --out {shown(out.with_suffix(SUFFIX))}; "
            "'artstyle models export' makes other formats of it",
        )
    if not out.exists():
        return
    if any(out.samefile(parent.path) for parent in parents):
        raise UsageError(f"{shown(out)} is one of the two parents", hint="choose another --out")
    if _blend_in(out) is None:
        raise UsageError(
            f"{shown(out)} is there already and is no blend, so it is not replaced",
            hint="choose another --out, or move that file away",
        )


def _blend_in(path: Path) -> dict[str, Any] | None:
    """What a file says about its being a blend; None if it is none."""
    if not path.is_file():
        return None
    try:
        said = read_header(path).provenance
    except EngineError:
        return None
    return (
        {"blend": said.notes["blend"], "parents": said.parents} if "blend" in said.notes else None
    )


def _is_there(out: Path, made: ModelFile) -> bool:
    """Whether the file holds this blend: of the same two files, in the same way."""
    wanted = {"blend": made.provenance.notes["blend"], "parents": made.provenance.parents}
    return _blend_in(out) == wanted


def _remarks(files: Sequence[ModelFile], plan: BlendPlan) -> list[str]:
    """What is worth knowing besides what the plan says."""
    remarks = []
    cuts = [file.provenance.preprocessing for file in files]
    if all(cuts) and cuts[0] != cuts[1]:
        remarks.append(
            f"the training pictures were prepared in different ways: {cuts[0]} and {cuts[1]}; "
            "pictures for the blend are prepared as the base's"
        )
    if set(plan.shares) == {0.0}:
        remarks.append("no level comes from the style")
    if set(plan.shares) == {1.0}:
        remarks.append("every level comes from the style")
    return remarks


def _tell(blended: Blended, emit: Emit) -> None:
    for remark in blended.remarks:
        emit(Note(remark))
    if not blended.is_kin:
        emit(
            Note(
                f"{blended.style.name} does not look like a descendant of {blended.base.name}: "
                "most of its levels are further away than the base is from nothing. Layer "
                "swapping works only between a model and what was fine-tuned from it, so expect "
                "no usable pictures",
                "warning",
            )
        )


def _record(blended: Blended, made: ModelFile, workspace: Path) -> None:
    """Write the blend and its parents into the workspace's catalog."""
    from artstyle.catalog import open_catalog

    with open_catalog(workspace) as catalog, catalog.transaction():
        parents = [
            (
                catalog.add_model(
                    model.path, sha256=model.sha256, name=model.name, licence=model.licence
                ),
                role,
            )
            for model, role in ((blended.base, "base"), (blended.style, "style"))
        ]
        catalog.add_model(
            blended.out,
            sha256=sha256_of(blended.out),
            name=blended.out.stem,
            licence=blended.licence,
            parents=parents,
            notes=made.provenance.notes,
        )
