"""`artstyle models verify`: whether files are still what they were."""

from __future__ import annotations

import click

from artstyle.cli._base import Context, command

_STYLES = {"good": "green", "damaged": "bold red", "missing": "bold red", "unknown": "yellow"}


@command("verify", example="artstyle models verify\nartstyle models verify yunet mine.safetensors")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
def verify(ctx: Context, models: tuple[str, ...]) -> None:
    """Read models and weights through, and compare their digests.

    MODEL is a file or a name; without one, everything on this machine is checked. Published files
    are compared with the published digest or with the one pinned at their first download, models
    of ours with the digest in their header. The exit code is 1 if a file is damaged or missing.
    """
    from artstyle.cli._table import table
    from artstyle.pipeline.verify import verify as check

    found = check(models, ctx.workspace, emit=ctx.emit)
    bad = [one for one in found if one.verdict in ("damaged", "missing")]

    def text() -> str:
        if not found:
            return "there are no models here; 'artstyle models list' shows what could be fetched"
        rows = [(one.verdict, one.name, one.detail) for one in found]
        verdict = f"{len(found)} checked, {len(bad)} not as they should be"
        return table(("state", "name", "detail"), rows, styles=_STYLES) + "\n\n" + verdict

    ctx.result({"ok": not bad, "files": found}, text)
    if bad:
        ctx.exit(1)
