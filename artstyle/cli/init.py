"""`artstyle init`: make a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command("init", example="artstyle init my-styles\nartstyle init --dry-run")
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be made, and make nothing.")
def init(ctx: Context, folder: Path | None, dry_run: bool) -> None:
    """Make a workspace with example recipes in DIR.

    Without DIR the workspace of --workspace is made, else one in the current folder. What is
    there already stays as it is, so a workspace that lacks something gets it, and one that lacks
    nothing is left alone. A folder that holds other things is refused.
    """
    from artstyle.pipeline.init import make_workspace

    root = (folder or ctx.workspace).expanduser().absolute()
    made = make_workspace(root, dry_run=dry_run)

    def text() -> str:
        if not made.made:
            return f"{root} is a workspace already and lacks nothing"
        verb = "would make" if dry_run else "made"
        lines = [f"{verb} in {root}:", *(f"  {name}" for name in made.made)]
        if not dry_run:
            lines.append(f"next: artstyle doctor --workspace {root}")
        return "\n".join(lines)

    ctx.result({"root": root, "dry_run": dry_run, "made": made.made, "kept": made.kept}, text)
