"""How long a training would take: a few iterations, measured and thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artstyle.events import Emit, Note, ignore
from artstyle.pipeline.train.job import make_training, options_of
from artstyle.pipeline.train.pictures import Feed, Pictures
from artstyle.pipeline.train.plan import Plan
from artstyle.pipeline.train.work import in_hours, peak_memory_bytes

if TYPE_CHECKING:
    from stylegan_ext.training.loop import Training

_CYCLE = 16  # iterations in which everything has happened as often as it should


@dataclass(frozen=True)
class Estimate:
    """A plan, and what it would take."""

    plan: dict[str, Any]  # JSON types
    lines: tuple[str, ...]  # the plan for people
    sec_per_kimg: float
    seconds: float  # for the whole of it
    memory_bytes: int


def probe(
    plan: Plan, *, emit: Emit = ignore, clock: Callable[[], float] = time.perf_counter
) -> Estimate:
    """Carry out one iteration of each kind, and reckon with how often each happens.

    Nothing is written. With several processes, one's share is measured and nothing waits for
    others, so that the estimate is a little low.
    """
    emit(Note("measuring a few iterations"))
    alone = plan
    pictures = Pictures(alone.corpus, mirror=alone.recipe.mirror, memory_bytes=0)
    training = make_training(alone)
    feed = Feed(pictures, training.settings.batch)
    every = training.settings.loss
    kinds = {1: 1.0, every.g_reg_interval: 0.0, 0: 0.0}  # a number of such an iteration -> share
    for index in range(_CYCLE):
        g, d = index % every.g_reg_interval == 0, index % every.d_reg_interval == 0
        kinds[0 if d else every.g_reg_interval if g else 1] += 1 / _CYCLE
    kinds[1] -= 1.0
    _seconds(training, feed, 1, clock)  # the first is slower: memory is found, kernels are chosen
    mean_s = sum(share * _seconds(training, feed, index, clock) for index, share in kinds.items())
    feed.close()
    per_kimg = mean_s * 1000 / training.settings.batch / plan.world
    total = plan.recipe.kimg * per_kimg
    if plan.recipe.minutes is not None:
        total = min(total, plan.recipe.minutes * 60)
    memory = peak_memory_bytes(training.device.type)
    lines = (*_lines(plan), *_figures(plan, per_kimg, total, memory))
    return Estimate(_facts(plan), lines, per_kimg, total, memory)


def _seconds(training: Training, feed: Feed, index: int, clock: Callable[[], float]) -> float:
    import torch

    pixels, labels = feed.next()
    pool = feed.pictures.labels
    training.iteration = index
    begin = clock()
    training.iterate(
        torch.from_numpy(pixels),
        None if labels is None else torch.from_numpy(labels),
        None if pool is None else torch.from_numpy(pool),
    )
    if training.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - begin


def _facts(plan: Plan) -> dict[str, Any]:
    base = plan.base
    return {
        "style": plan.recipe.style,
        "kimg": plan.recipe.kimg,
        "minutes": plan.recipe.minutes,
        "base": None if base is None else {"name": base.name, "path": str(base.path)},
        "steps": list(plan.start.steps) if plan.start is not None else [],
        "licence": plan.licence,
        "remarks": list(plan.remarks),
        **options_of(plan),
    }


def _lines(plan: Plan) -> list[str]:
    """The plan in words, a line for each thing."""
    recipe, numbers, corpus = plan.recipe, plan.numbers, plan.corpus
    generator, _ = plan.network_kwargs()
    width = generator.get("synthesis_kwargs") or {}
    colour = "grey" if corpus.channels == 1 else "RGB"
    lines = [
        f"dataset    {plan.dataset}: {len(corpus):,} pictures of {corpus.resolution} px, {colour}"
        + (", each mirrored too" if recipe.mirror else "")
        + (f", {corpus.label_dim} classes" if corpus.label_dim else ""),
        f"licence    {plan.licence}",
    ]
    if plan.base is None:
        lines.append("base       none: from random weights")
    else:
        steps = plan.start.steps if plan.start is not None else ()
        lines.append(
            f"base       {plan.base.name}, {plan.base.resolution} px"
            + "".join(f", {s}" for s in steps)
        )
        lines.append("frozen     " + (", ".join(plan.frozen()) or "nothing"))
    mapping = generator.get("mapping_kwargs") or {}
    lines += [
        f"networks   {generator['img_resolution']} px, channel_base "
        f"{width.get('channel_base', 32768)}, channel_max {width.get('channel_max', 512)}, "
        f"z {generator['z_dim']}, w {generator['w_dim']}, {mapping.get('num_layers', 8)} mapping "
        "layers",
        f"numbers    config {recipe.config}: batch {numbers.batch}, gamma {numbers.gamma:g}, "
        f"learning rate {numbers.learning_rate:g}, EMA {numbers.ema_kimg:g} kimg",
        "augment    " + _augment_words(plan),
        f"machine    {plan.device}, {plan.precision}"
        + (f", {plan.world} processes" if plan.world > 1 else ""),
        f"snapshots  every {numbers.snapshot_kimg:g} kimg"
        + (f", the best by {recipe.metric}" if recipe.metric else ""),
    ]
    return lines


def _augment_words(plan: Plan) -> str:
    recipe = plan.recipe
    if recipe.augment_mode == "none" or not recipe.augment:
        return "none"
    if recipe.augment_mode == "fixed":
        return f"{recipe.augment}, p fixed at {recipe.augment_p:g}"
    return (
        f"{recipe.augment}, ADA with target {recipe.ada_target:g}, from 0 to 1 in "
        f"{plan.numbers.ada_kimg:g} kimg at most"
    )


def _figures(plan: Plan, per_kimg: float, total_s: float, memory: int) -> list[str]:
    until = f"{plan.recipe.kimg:g} kimg"
    if plan.recipe.minutes is not None and total_s < plan.recipe.kimg * per_kimg:
        until = f"about {total_s / per_kimg:.1f} of {plan.recipe.kimg:g} kimg, then it stops"
    return [
        f"time       {per_kimg:.1f} s/kimg measured: {in_hours(total_s)} for {until}",
        f"memory     {memory / 1e9:.2f} GB in a few iterations",
    ]
