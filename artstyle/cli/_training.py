"""The options that `artstyle train` and `artstyle finetune` share, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from artstyle.pipeline.train.job import Trained
    from artstyle.pipeline.train.probe import Estimate
    from artstyle.pipeline.train.start import Means

F = TypeVar("F", bound=Callable[..., Any])

_CONFIGS = ("auto", "stylegan2", "paper256", "paper512", "paper1024", "small")
_MEANS = ("device", "devices", "machines", "track", "out")

_OPTIONS = (
    click.option(
        "--config",
        type=click.Choice(_CONFIGS),
        help="Which table of numbers; small is for machines without a GPU. [default: auto]",
    ),
    click.option("--kimg", type=float, metavar="N", help="Thousands of pictures. [default: 1000]"),
    click.option("--minutes", type=float, metavar="N", help="Stop after so long, to be resumed."),
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="RUN",
        help="The run's folder. [default: a numbered one in runs/]",
    ),
    click.option("--batch", type=int, metavar="N", help="Pictures per step, over all devices."),
    click.option("--gamma", type=float, metavar="N", help="Weight of R1."),
    click.option("--lr", "learning_rate", type=float, metavar="N", help="Adam's learning rate."),
    click.option(
        "--ema-kimg", "ema_kimg", type=float, metavar="N", help="Half-life of the average."
    ),
    click.option("--augment", metavar="LETTERS", help="b, g, c, f, n, x. [default: bgc]"),
    click.option(
        "--augment-mode",
        type=click.Choice(["ada", "fixed", "none"]),
        help="How probable they are: steered, fixed, never. [default: ada]",
    ),
    click.option("--augment-p", type=float, metavar="P", help="Their probability, where fixed."),
    click.option("--ada-target", type=float, metavar="N", help="What ADA holds. [default: 0.6]"),
    click.option("--mirror/--no-mirror", default=None, help="Show every picture mirrored too."),
    click.option(
        "--no-noise",
        "without_noise",
        is_flag=True,
        default=None,
        help="Leave out the noise inputs: w draws every detail.",
    ),
    click.option("--style-mixing", type=float, metavar="P", help="[default: 0.9]"),
    click.option("--pl-weight", "path_length_weight", type=float, metavar="N", help="[default: 2]"),
    click.option(
        "--snapshot-kimg", type=float, metavar="N", help="Between snapshots. [default: 50 or 10]"
    ),
    click.option("--metric", help="Keep the best snapshot by this: kid."),
    click.option(
        "--patience-kimg",
        type=float,
        metavar="N",
        help="Stop when it has not improved for so long.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        help="Of the finer layers; auto: what the machine is fast in.",
    ),
    click.option("--seed", type=int, metavar="N", help="Seed of everything random. [default: 0]"),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps."),
    click.option(
        "--devices",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes that share a batch, each with a GPU of its own.",
    ),
    click.option(
        "--machines",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Machines that share a batch; give the same command on each.",
    ),
    click.option(
        "--track", type=click.Choice(["mlflow"]), help="Besides TensorBoard: MLflow, in mlruns/."
    ),
    click.option("--dry-run", is_flag=True, help="Measure a few iterations, and say the plan."),
)


def training_options(function: F) -> F:
    """Give a command the options that both have."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def take_means(options: dict[str, Any]) -> Means:
    """What a training runs with, taken out of the options."""
    from artstyle.pipeline.train.start import Means

    return Means(**{name: options.pop(name) for name in _MEANS})


def as_json(done: Trained | Estimate) -> dict[str, Any]:
    """What was reached, or would be done, for programs."""
    return dict(vars(done))


def as_text(done: Trained | Estimate) -> str:
    """What was reached, or would be done, for people."""
    from artstyle.pipeline.train.probe import Estimate

    if isinstance(done, Estimate):
        return "\n".join(done.lines)
    text = f"{done.model}: {done.kimg:.1f} kimg in {done.seconds / 3600:.1f} h ({done.reason})"
    if done.best:
        text += f"\nbest: {done.best['snapshot']} ({done.best['value']:.4g})"
    return text
