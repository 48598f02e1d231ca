"""`artstyle models pull`: have published weights here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Level, Note
from stylegan_ext.errors import EngineError

if TYPE_CHECKING:
    from artstyle.pipeline.pull import Plan, Pulled


@command(
    "pull",
    example="artstyle models pull yunet vgg19\n"
    "artstyle models pull ffhq-256 --dry-run\n"
    "artstyle models pull ffhq-256 --from downloads/ffhq-res256-mirror-paper256-noaug.pkl",
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take this file instead of fetching one; it is checked and copied.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be fetched from where, no more.")
@click.option(
    "--accept-licence",
    "--yes-licence",
    "accepted",
    is_flag=True,
    help="Do not ask on a terminal whether the licence is accepted.",
)
@click.option(
    "--repin", is_flag=True, help="Accept another file than the one pinned at an earlier download."
)
def pull(
    ctx: Context,
    *,
    names: tuple[str, ...],
    source: Path | None,
    dry_run: bool,
    accepted: bool,
    repin: bool,
) -> None:
    """Fetch published weights and check them.

    Generators are then made into models of ours. 'artstyle models list' shows the names. Licences
    that do not allow commercial use are stated before anything is fetched. A download that broke
    off is continued. Where no digest is published, that of the first download is recorded, and
    enforced from then on. Nothing is fetched twice.
    """
    from artstyle.pipeline.pull import plan

    if source is not None and len(names) > 1:
        raise UsageError(f"--from goes with one name, not with {len(names)}")
    plans = [plan(name, source=source, repin=repin) for name in dict.fromkeys(names)]
    if dry_run:
        data = {"dry_run": True, "models": [_planned(each) for each in plans]}
        ctx.result(data, lambda: "\n\n".join(_plan_text(each, source) for each in plans))
        return
    for each in plans:
        _state_licence(ctx, each, accepted=accepted)
    done, failed = _pull_all(ctx, plans, source, repin=repin)
    data = {"models": [_pulled(each) for each in done], "failed": failed}
    ctx.result(data, lambda: "\n".join(_text(each) for each in done))
    if failed:
        ctx.exit(1)


def _pull_all(
    ctx: Context, plans: list[Plan], source: Path | None, *, repin: bool
) -> tuple[list[Pulled], dict[str, str]]:
    """Pull one after the other; of several, one that fails does not keep the others from coming."""
    from artstyle.pipeline.pull import pull as pull_one

    done: list[Pulled] = []
    failed: dict[str, str] = {}
    for each in plans:
        name = each.entry.name
        try:
            done.append(pull_one(name, source=source, repin=repin, emit=ctx.emit))
        except (ArtstyleError, EngineError) as error:
            if len(plans) == 1:
                raise
            failed[name] = str(error)
            hint = f" ({error.hint})" if error.hint else ""
            ctx.emit(Note(f"{name} failed: {error}{hint}", "warning"))
    return done, failed


def _state_licence(ctx: Context, each: Plan, *, accepted: bool) -> None:
    """Say what one may do with what is about to come; on a terminal, ask.

    Raises:
        ArtstyleError: the person at the terminal does not accept it.
    """
    if each.step != "fetch":
        return
    licence = each.entry.licence
    level: Level = "info" if licence.commercial == "yes" else "warning"
    ctx.emit(Note(f"licence of {each.entry.name}: {licence.in_words()}", level))
    if licence.commercial == "yes" or accepted or ctx.verbosity < 0 or not _is_terminal():
        return
    if not click.confirm("Go on under this licence?", err=True):
        raise ArtstyleError(
            f"{each.entry.name} was not fetched: its licence was not accepted",
            hint="'artstyle models list' shows other models and their licences",
        )


def _is_terminal() -> bool:
    """Whether somebody is there who could answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _planned(each: Plan) -> dict[str, Any]:
    item = each.entry
    return {
        "name": item.name,
        "step": each.step,
        "addresses": item.addresses,
        "size_bytes": item.size_bytes,
        "about_bytes": item.about_bytes,
        "sha256": item.sha256 or None,
        "sha256_prefix": item.sha256_prefix or None,
        "licence": item.licence,
        "path": each.path,
        "imported": each.imported,
        "kept_bytes": each.kept_bytes,
        "free_bytes": each.free_bytes,
    }


def _plan_text(each: Plan, source: Path | None) -> str:
    from artstyle.disk import in_words
    from artstyle.weights import size_in_words

    item = each.entry
    if each.step == "nothing":
        return f"{item.name}: nothing to do, it is here: {each.imported or each.path}"
    lines = [f"{item.name}: {item.title}"]
    if each.step == "fetch" and source is not None:
        lines.append(f"  would copy  {source}")
    elif each.step == "fetch":
        lines += [f"  would fetch {address}" for address in item.addresses]
        lines.append(f"  size        {size_in_words(item)}; {in_words(each.free_bytes)} are free")
    if each.kept_bytes:
        lines.append(f"  here        {in_words(each.kept_bytes)} of an earlier download")
    lines.append(f"  keep as     {each.path}")
    if each.imported:
        lines.append(f"  import to   {each.imported}")
    lines.append(f"  licence     {item.licence.in_words()}")
    return "\n".join(lines)


def _pulled(each: Pulled) -> dict[str, Any]:
    return {
        "name": each.entry.name,
        "step": each.step,
        "path": each.path,
        "imported": each.imported,
        "sha256": each.pin.sha256 if each.pin else None,
        "size_bytes": each.pin.size_bytes if each.pin else None,
        "digest_from": each.pin.basis if each.pin else None,
        "source": each.pin.source if each.pin else None,
        "licence": each.entry.licence,
    }


def _text(each: Pulled) -> str:
    from artstyle.disk import in_words
    from artstyle.pipeline.verify import BASIS_IN_WORDS

    name = each.entry.name
    if each.step == "nothing":
        return f"{name}: it is here: {each.usable}"
    lines = [f"{name}: {each.usable}"]
    if each.pin:
        size = in_words(each.pin.size_bytes)
        lines.append(f"  {size}, sha256 {each.pin.sha256}: {BASIS_IN_WORDS[each.pin.basis]}")
    lines.append(f"  licence: {each.entry.licence.in_words()}")
    return "\n".join(lines)
