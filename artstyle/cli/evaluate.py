"""`artstyle evaluate`: how good a model is, in figures and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import UsageError

if TYPE_CHECKING:
    from artstyle.pipeline.evaluate.plan import DoneTask

EXAMPLE = """\
artstyle evaluate --style ghibli
artstyle evaluate --style ghibli --style toon --pictures
artstyle evaluate --run runs/00012-ghibli --metric kid,pr --samples 2000
artstyle evaluate --model ghibli --dataset ghibli-64-train.zip --truncation 1,0.7,0.5
artstyle evaluate --model ghibli --dataset Z.zip --metric fid --samples 50000 --features inception
artstyle evaluate --images samples/ --reference Z.zip --json"""
_FILE = click.Path(path_type=Path)


@command("evaluate", example=EXAMPLE)
@click.option(
    "--style",
    "styles",
    multiple=True,
    metavar="S",
    help="All snapshots of this style's newest run; several are drawn into one plot.",
)
@click.option("--run", "runs", multiple=True, type=_FILE, metavar="RUN", help="A run's folder.")
@click.option("--model", metavar="MODEL", help="Name or file of a generator; with --dataset.")
@click.option("--images", type=_FILE, metavar="A", help="Pictures to judge; with --reference.")
@click.option(
    "--dataset", type=_FILE, metavar="Z", help="Dataset to measure against. [default: the run's]"
)
@click.option("--reference", type=_FILE, metavar="B", help="What --images are measured against.")
@click.option(
    "--metric",
    "metrics",
    default="kid,fid,pr,dc,nn",
    show_default=True,
    metavar="LIST",
    help="kid, fid, fid_inf, pr (precision, recall), dc (density, coverage), is, nn (copies).",
)
@click.option(
    "--features",
    type=click.Choice(["auto", "inception", "own", "dlib", "scatter"]),
    default="auto",
    show_default=True,
    help="What sees the pictures; only Inception's figures are called FID and KID.",
)
@click.option(
    "--protocol",
    type=click.Choice(["official", "clean", "pytorch-fid"]),
    default="official",
    show_default=True,
    help="How pictures are resized for Inception; figures of one are not those of another.",
)
@click.option(
    "--weights", type=_FILE, metavar="FILE", help="Inception's weights. [default: those pulled]"
)
@click.option(
    "--samples",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Pictures to draw of each model. [default: 5000, with dlib 500]",
)
@click.option(
    "--truncation",
    default="1",
    show_default=True,
    metavar="LIST",
    help="The first is measured for all snapshots, the others for the best one.",
)
@click.option(
    "--snapshots",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N snapshots, spread evenly. [default: all]",
)
@click.option(
    "--pictures", is_flag=True, help="Draw the snapshot stack, truncation, neighbours and a film."
)
@click.option("--seed", default=0, show_default=True, help="Of subsets and bootstrap.")
@click.option("--out", type=_FILE, metavar="DIR", help="Where tables go. [default: RUN/evaluation]")
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, mps."
)
@click.option("--dry-run", is_flag=True, help="Say what would be measured, and do nothing.")
def evaluate(ctx: Context, dry_run: bool, pictures: bool, **options: Any) -> None:
    """Measure how near a model's pictures come to its dataset's.

    With --style or --run, all snapshots of a run: table.csv, table.json and plots over the length
    of training, in the run's folder and in reports/evaluation. With --model one model, with
    --images any pictures. Small datasets go by the kernel distance and its interval. What was
    measured is not measured again; a command that was killed goes on.
    """
    from artstyle.pipeline.evaluate.plan import carry_out, make_tasks
    from artstyle.report.evaluate_files import draw_files

    how = _how(options)
    tasks = make_tasks(
        ctx.workspace,
        styles=options["styles"],
        runs=options["runs"],
        model=options["model"],
        images=options["images"],
        dataset=options["dataset"],
        reference=options["reference"],
        snapshots=options["snapshots"],
        out=options["out"],
        emit=ctx.emit,
    )
    done = carry_out(tasks, dry_run=dry_run, emit=ctx.emit, **how)
    drawn = (
        []
        if dry_run
        else draw_files(done, ctx.workspace, pictures=pictures, out=options["out"], emit=ctx.emit)
    )
    data = {
        "dry_run": dry_run,
        "evaluations": [_facts(task) for task in done],
        "files": drawn,
    }
    ctx.result(data, lambda: "\n\n".join(_text(task, dry_run) for task in done) + _files(drawn))


def _how(options: dict[str, Any]) -> dict[str, Any]:
    """Settings and space, as `carry_out` takes them."""
    return {
        "metrics": tuple(part.strip() for part in options["metrics"].split(",") if part.strip()),
        "features": options["features"],
        "protocol": options["protocol"],
        "weights_file": options["weights"],
        "samples": options["samples"],
        "psis": _psis(options["truncation"]),
        "seed": options["seed"],
        "device": options["device"],
    }


def _psis(text: str) -> tuple[float, ...]:
    try:
        found = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or any(not -10 < psi < 10 for psi in found):
        raise UsageError(
            f"--truncation: {text!r:.60} is no list of numbers", hint="write it like 1,0.7,0.5"
        )
    return found


def _facts(done_task: DoneTask) -> dict[str, Any]:
    """What --json says."""
    task, done = done_task.task, done_task.evaluation
    return {
        "name": task.name,
        "out": task.out,
        "measured": done.measured,
        "kept": done.kept,
        "lead": done.lead,
        "best": None if done.best is None else done.best.name,
        "advice": done.advice,
        **done.facts,
        "rows": [row.as_dict() for row in done.rows],
    }


def _text(done_task: DoneTask, dry_run: bool) -> str:
    """What a person is told."""
    from artstyle.cli._table import table
    from artstyle.pipeline.evaluate.measure import lines_of
    from artstyle.pipeline.evaluate.record import columns_of

    task, done, facts = done_task.task, done_task.evaluation, done_task.evaluation.facts
    against = f"against {facts['reals']:,} pictures of {facts['dataset']}, seen by {facts['title']}"
    if dry_run:
        count = "1 target" if len(task.targets) == 1 else f"{len(task.targets)} targets"
        return (
            f"{task.name}: {count}, {facts['samples']:,} pictures each, {against};"
            f" {done.measured} figures to be measured, {done.kept} known"
        )
    lines = [f"{task.name} {against} ({facts['protocol']})"]
    if len(done.rows) == 1:
        lines += lines_of(done.rows[0].measures)
    else:
        names = columns_of(done.rows)
        rows = []
        for row in done.rows:
            held = {measure.name: measure for measure in row.measures}
            psi = [] if row.psi is None else [f"{row.psi:g}"]
            rows.append([row.target, *psi, *(_cell(held.get(name)) for name in names)])
        head = ["target", *([] if done.rows[0].psi is None else ["psi"]), *names]
        lines.append(table(head, rows, right=frozenset(head[1:])))
        notes = {measure.name: measure.note for measure in done.rows[-1].measures if measure.note}
        lines += [f"{name}: {note}" for name, note in notes.items()]
        if done.best is not None:
            lines.append(f"best by {done.lead}: {done.best.name}")
    return "\n".join([*lines, *done.advice])


def _cell(measure: Any) -> str:
    """A figure in a table; an interval as plus and minus, and a star where a note warns."""
    if measure is None:
        return "-"
    if measure.low is not None:
        return f"{measure.value:.4g} ±{(measure.high - measure.low) / 2:.2g}"
    return f"{measure.value:.4g}" + ("*" if measure.note.startswith("too large") else "")


def _files(drawn: list[Path]) -> str:
    return "".join(f"\n{path}" for path in drawn)
