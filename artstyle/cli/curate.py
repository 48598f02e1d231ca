"""`artstyle curate`: what to drop, what is the same, what to hold out; proposed, and reversible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.curate.run import Outcome

EXAMPLE = """\
artstyle curate --style ghibli
artstyle curate --style ghibli --max-yaw 35 --without grey --dry-run
artstyle curate --style ghibli --clusters 3
artstyle curate --style ghibli --name-cluster 1=feminine --name-cluster 2=masculine
artstyle curate --style ghibli --undo"""

F = TypeVar("F", bound=Callable[..., None])

# Option -> the setting in the recipe's [curate] that it goes before, and its help.
LIMITS: dict[str, tuple[str, str]] = {
    "--max-enlarge": ("max_enlarge", "Times a crop may be enlarged for the dataset."),
    "--max-blur": ("max_blur_px", "Pixels that edges may be smeared over."),
    "--min-brightness": ("min_brightness", "Mean luma of a face, 0 to 1."),
    "--max-brightness": ("max_brightness", "The same, where others are darker."),
    "--min-contrast": ("min_contrast", "From the darkest to the brightest of a face, 0 to 1."),
    "--max-clipped": ("max_clipped_share", "Share of a face that is black or white."),
    "--max-yaw": ("max_yaw_deg", "Degrees a face may be turned away."),
    "--min-confidence": ("min_confidence", "How well eyes, nose and mouth lie, 0 to 1."),
    "--max-outside": ("max_outside_share", "Share of a crop outside of its picture."),
    "--deviations": ("deviations", "Robust deviations that make a crop odd in its set."),
    "--outliers": ("outlier_deviations", "Drop what looks unlike all others by so many; 0: don't."),
    "--duplicate-bits": ("duplicate_bits", "Bits of 64 in which near-duplicates differ."),
    "--duplicate-difference": ("duplicate_difference", "Of 255, where they differ most."),
    "--unsure-margin": ("unsure_margin", "How clearly a face belongs to its cluster, 0 to 1."),
}


def limit_options(function: F) -> F:
    """The options of `LIMITS`; their names in the call are the settings'."""
    for option, (setting, words) in reversed(LIMITS.items()):
        kind = int if setting == "duplicate_bits" else float
        text = f"{words} [default: the recipe's]"
        function = click.option(option, setting, type=kind, help=text)(function)
    return function


@command("curate", example=EXAMPLE)
@click.option("--style", required=True, help="Whose crops.")
@click.option("--undo", is_flag=True, help="Take the last curation back; again: the one before.")
@click.option("--dry-run", is_flag=True, help="Say what would be proposed; decide nothing.")
@click.option(
    "--clusters", metavar="N|auto|none", help="Heaps of faces that look alike, as tags cluster:N."
)
@click.option(
    "--name-cluster",
    "names",
    multiple=True,
    metavar="N=NAME",
    help="Tag the crops of a cluster with a name; repeat for more.",
)
@click.option(
    "--embedding",
    type=click.Choice(["auto", "look", "dlib"]),
    help="What alike means: our own, or dlib's for photos; auto takes that for up to 600 photos.",
)
@click.option(
    "--held-out-by",
    type=click.Choice(["shot", "source", "cluster"]),
    help="What is held out as a whole, besides near-duplicates.",
)
@click.option("--held-out-share", type=float, help="Share kept from training, 0 to below 1.")
@click.option("--seed", type=int, help="Of the lot that decides what is held out.")
@click.option("--without", multiple=True, metavar="RULE", help="Leave a rule out; repeat for more.")
@click.option("--sheet/--no-sheet", default=True, show_default=True, help="Draw contact sheets.")
@limit_options
def curate(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    style: str,
    undo: bool,
    dry_run: bool,
    names: tuple[str, ...],
    sheet: bool,
    held_out_share: float | None,
    seed: int | None,
    without: tuple[str, ...],
    **overrides: Any,
) -> None:
    """Propose which crops to drop, which repeat others, and which to hold out from training.

    Every crop is measured once. Proposals are decisions by "artstyle curate", each with its reason
    and figure; a person's decisions stand. One run is one batch, which --undo takes back whole.
    """
    from artstyle.pipeline.curate.run import curate_style

    if undo and (dry_run or names):
        raise click.UsageError("--undo stands alone")
    if undo:
        _undo(ctx, style)
        return
    if names:
        _name(ctx, style, names)
        return
    overrides["without"] = list(without) or None
    overrides["build.held_out_share"], overrides["build.seed"] = held_out_share, seed
    outcome = curate_style(ctx.workspace, style, overrides, dry_run=dry_run, emit=ctx.emit)
    sheets = []
    if sheet:
        from artstyle.report.curate_sheet import draw_sheets
        from artstyle.workspace import Workspace

        sheets = draw_sheets(outcome, Workspace(ctx.workspace).style_folder(style) / "cache")
    data = _data(outcome, dry_run=dry_run) | {"sheets": sheets}
    ctx.result(data, lambda: _text(outcome, [str(path) for path in sheets]))


def _undo(ctx: Context, style: str) -> None:
    from artstyle.pipeline.curate.run import undo as undo_last

    taken = undo_last(ctx.workspace, style)
    if taken is None:
        ctx.result({"undone": None, "decisions": 0}, f"there is no curation of {style} to undo")
        return
    batch, count = taken
    text = f"took back {batch!r}: {count:,} decisions"
    ctx.result({"undone": batch, "decisions": count}, text)


def _name(ctx: Context, style: str, names: tuple[str, ...]) -> None:
    import getpass

    from artstyle.pipeline.curate.run import call_clusters

    given: dict[str, str] = {}
    for one in names:
        number, equals, name = one.partition("=")
        if not equals or not number.strip() or not name.strip():
            raise click.UsageError(f"--name-cluster {one!r} is not of the form N=NAME")
        if name.strip().startswith("cluster:"):
            raise click.UsageError(f"{name.strip()!r} is what clusters are called until named")
        given[number.strip()] = name.strip()
    tagged = call_clusters(ctx.workspace, style, given, by=getpass.getuser())
    lines = [f"{name}: {count:,} crops tagged" for name, count in tagged.items()]
    ctx.result({"tagged": tagged}, "\n".join(lines))


def _data(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """Everything, for --json."""
    plan, written = outcome.plan, outcome.written
    clusters = plan.clusters
    embedded = plan.embedding
    return {
        "style": outcome.style,
        "dry_run": dry_run,
        "crops": len(outcome.crops),
        "kept": len(outcome.kept),
        "by_person": len(outcome.people.verdicts),
        "drops_by_rule": outcome.counts(),
        "drops": sorted(plan.drops.values(), key=lambda one: one.crop),
        "duplicate_groups": plan.duplicate_groups,
        "splits": outcome.sides(),
        "split_groups": plan.split.groups,
        "clusters": None
        if clusters is None
        else {
            "count": clusters.count,
            "silhouette": clusters.silhouette,
            "sizes": cluster_sizes(outcome),
            "tags": plan.tags,
        },
        "embedding": embedded and {"name": embedded.name, "why": embedded.why},
        "unreadable": outcome.measured.faults,
        "measured_now": outcome.measured.newly,
        "batch": written and written.batch,
        "decisions": written.decisions if written else 0,
        "seconds": outcome.seconds,
    }


def cluster_sizes(outcome: Outcome) -> dict[str, int]:
    """Kept crops in each cluster, by its tag."""
    kept = set(outcome.kept)
    sizes: dict[str, int] = {}
    for crop, tag in outcome.plan.tags.items():
        if crop in kept:
            sizes[tag] = sizes.get(tag, 0) + 1
    return dict(sorted(sizes.items()))


def _text(outcome: Outcome, sheets: list[str]) -> str:
    from artstyle.cli._table import table
    from artstyle.curate.rules import DUPLICATE, RULES

    counts, written, plan = outcome.counts(), outcome.written, outcome.plan
    meaning = {**RULES, DUPLICATE: "repeats a better crop"}
    rows = [[rule, f"{counts[rule]:,}", meaning[rule]] for rule in meaning if rule in counts]
    rows.append(["kept", f"{len(outcome.kept):,}", f"of {len(outcome.crops):,}"])
    rows += [[side, f"{count:,}", "of those kept"] for side, count in outcome.sides().items()]
    rows += [[tag, f"{count:,}", "of those kept"] for tag, count in cluster_sizes(outcome).items()]
    lines = [table(["proposed", "crops", "why"], rows, right=frozenset({"crops"}))]
    people = len(outcome.people.verdicts)
    if people:
        lines.append(f"{people:,} crops were decided by people or 'artstyle extract'; that stands")
    if plan.clusters is not None and plan.embedding is not None:
        told = f"silhouette {plan.clusters.silhouette:.2f} of at most 1"
        lines.append(f"clusters: {plan.clusters.count} by {plan.embedding.name}, {told}")
    if written is None:
        lines.append("nothing was decided (--dry-run)")
    elif written.batch is None:
        lines.append("all of it stood already")
    else:
        lines.append(f"{written.decisions:,} decisions; 'artstyle curate --undo' takes them back")
    lines += [f"to look at: {sheet}" for sheet in sheets]
    return "\n".join(lines)
