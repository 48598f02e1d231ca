"""`artstyle build`: a curated style, or any pictures, become a dataset zip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import UsageError

if TYPE_CHECKING:
    from artstyle.pipeline.build import Built, FromFiles

EXAMPLE = """\
artstyle build --style ghibli --size 64
artstyle build --style ghibli --split held-out
artstyle build --style ghibli --labels feminine,masculine --unlabelled drop
artstyle build --from photos --size 256 --out photos-256.zip"""

_DONE = {"written": "wrote", "kept": "is there already:", "planned": "would write"}


@command("build", example=EXAMPLE)
@click.option("--style", metavar="S", help="The style whose crops are taken.")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A folder of pictures or a dataset zip instead of a style.",
)
@click.option(
    "--size",
    "size_px",
    type=int,
    metavar="PX",
    help="Side, a power of two. [default: the recipe's]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ZIP",
    help="The zip. [default: datasets/S/zips/S-PX-SPLIT.zip]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "held-out", "all"]),
    default="train",
    show_default=True,
    help="Which part of what is kept.",
)
@click.option(
    "--labels",
    metavar="TAG,TAG",
    help="Tags that become classes 0, 1, ...; none: no labels. [default: the recipe's]",
)
@click.option(
    "--unlabelled",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="What becomes of pictures with none or several of the labels.",
)
@click.option("--grey", is_flag=True, help="Make the pictures grey, one channel.")
@click.option("--allow-enlarge", is_flag=True, help="Enlarge crops by more than twice.")
@click.option("--licence", metavar="TEXT", help="With --from: what one may do with the pictures.")
@click.option("--dry-run", is_flag=True, help="Count, and write nothing.")
def build(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    style: str | None,
    source: Path | None,
    size_px: int | None,
    out: Path | None,
    split: Any,
    labels: str | None,
    unlabelled: Any,
    grey: bool,
    allow_enlarge: bool,
    licence: str | None,
    dry_run: bool,
) -> None:
    """Write a dataset zip as official StyleGAN tools read it.

    Of a style all crops are taken that nobody dropped, in the order of their sources and times;
    the same crops and decisions give the same bytes, and a zip that is up to date is left alone.
    Beside the zip lie its datasheet and a contact sheet; the datasheet of the whole set is
    datasets/S/DATASHEET.md. 'artstyle trace ZIP --member N' leads from a picture to its source.

    With --from, pictures are cropped to the square in their middle; labels in a dataset.json are
    kept.
    """
    if (style is None) == (source is None):
        raise UsageError("give --style S, or --from FOLDER_OR_ZIP", hint=EXAMPLE.splitlines()[0])
    if source is not None:
        _from(
            ctx,
            source,
            {"--labels": labels, "--allow-enlarge": allow_enlarge or None},
            size_px=size_px,
            out=out,
            grey=grey,
            unlabelled=unlabelled,
            licence=licence or "",
            dry_run=dry_run,
        )
        return
    if licence is not None:
        raise UsageError(
            "--licence goes with --from", hint="a style's licences stand in its recipe"
        )
    from artstyle.pipeline.build import build_style

    assert style is not None
    built = build_style(
        ctx.workspace,
        style,
        size_px=size_px,
        split=split,
        labels=None if labels is None else _tags(labels),
        unlabelled=unlabelled,
        grey=grey,
        allow_enlarge=allow_enlarge,
        out=out,
        dry_run=dry_run,
        emit=ctx.emit,
    )
    sheets = [] if dry_run else _contact_sheets(built)
    ctx.result(_as_json(built, sheets), lambda: _as_text(built, sheets))


def _tags(text: str) -> list[str]:
    """The tags of an option; "none" stands for no labels."""
    tags = [] if text == "none" else [tag.strip() for tag in text.split(",")]
    if "" in tags or len(set(tags)) < len(tags):
        raise UsageError(f"--labels {text!r}: name each tag once, with commas between them")
    return tags


def _contact_sheets(built: Built) -> list[Path]:
    """Draw the zip's contact sheet and, of what is trained on, that of the whole set."""
    from artstyle.report.dataset_sheet import is_sheet_of, make_dataset_sheet

    beside, whole = built.path.with_suffix(".jpg"), built.style_sheet.with_suffix(".jpg")
    is_of_whole = built.selection.split != "held-out" or not whole.exists()
    # The zip's own comes last: where it is up to date, nothing was broken off.
    sheets = [whole, beside] if is_of_whole else [beside]
    assert built.sha256 is not None
    if not is_sheet_of(beside, built.sha256) or not whole.exists():
        title = f"{built.title}: {built.count:,} pictures of {built.selection.size_px} px"
        make_dataset_sheet(built.path, built.sha256, sheets, title=title)
    return sheets[::-1]


def _from(ctx: Context, source: Path, of_styles: dict[str, Any], **options: Any) -> None:
    """Build from files."""
    wrong = [name for name, value in of_styles.items() if value is not None]
    if wrong:
        raise UsageError(f"{wrong[0]} goes with --style", hint="--from keeps the labels there are")
    missing = [name for name in ("size_px", "out") if options[name] is None]
    if missing:
        raise UsageError(
            f"--from needs --{missing[0].removesuffix('_px')}", hint=EXAMPLE.splitlines()[-1]
        )
    from artstyle.pipeline.build import build_from

    made = build_from(source, emit=ctx.emit, **options)
    ctx.result({"build": made}, lambda: _from_text(made))


def _from_text(made: FromFiles) -> str:
    from artstyle.names import shown

    lines = [f"{_DONE[made.state]} {shown(made.path)}"]
    lines.append(
        f"  {made.count:,} of {len(made.left_out) + made.count:,} pictures, of {made.size_px} px,"
        f" from {shown(made.source)}"
    )
    if made.labels:
        lines.append("  labels: " + ", ".join(f"{k}: {v:,}" for k, v in made.labels.items()))
    if made.left_out:
        lines.append(f"  left out: {len(made.left_out):,} that cannot be read")
    return "\n".join(lines)


def _as_json(built: Built, sheets: list[Path]) -> dict[str, Any]:
    selection = built.selection
    return {
        "path": built.path,
        "state": built.state,
        "sha256": built.sha256,
        "style": selection.style,
        "split": selection.split,
        "size_px": selection.size_px,
        "pictures": built.count,
        "found": selection.found,
        "dropped": dict(selection.dropped),
        "parts": dict(selection.parts),
        "labels": _label_counts(built),
        "without_label": selection.without_label,
        "several_labels": selection.several_labels,
        "enlarged": selection.enlarged,
        "left_out": list(built.left_out),
        "notes": list(selection.notes),
        "datasheets": [built.sheet, built.style_sheet],
        "contact_sheets": sheets,
    }


def _label_counts(built: Built) -> dict[str, int]:
    chosen, labels = built.selection.chosen, built.selection.labels
    return {tag: sum(one.label == at for one in chosen) for at, tag in enumerate(labels)}


def _as_text(built: Built, sheets: list[Path]) -> str:
    from artstyle.names import shown

    selection = built.selection
    lines = [f"{_DONE[built.state]} {shown(built.path)}"]
    lines.append(
        f"  {built.count:,} pictures of {selection.size_px} px,"
        f" of {selection.found:,} faces of {selection.style} ({selection.split})"
    )
    if selection.dropped:
        lines.append(f"  dropped: {_counted(selection.dropped)}")
    lines.append(f"  kept: {_counted(selection.parts)}")
    if selection.labels:
        lines.append(f"  labels: {_counted(_label_counts(built))}")
    if built.left_out:
        lines.append(f"  left out: {len(built.left_out):,} crops that cannot be read")
    if built.state != "planned":
        names = ", ".join(shown(sheet) for sheet in (built.sheet, *sheets[:1], built.style_sheet))
        lines.append(f"  described in {names}")
    return "\n".join(lines)


def _counted(counts: Any) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
