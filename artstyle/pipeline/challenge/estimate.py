"""About how long a challenge takes; nothing is loaded to say so."""

from __future__ import annotations

from artstyle.pipeline.challenge.planning import Plan
from artstyle.pipeline.tuning_steps import usual_tuning

# Seconds on two cores, measured at 64 px (tests/bench/bench_challenge.py); larger models take
# longer in proportion to their pixels.
_START, _SEARCH_STEP, _TUNING_STEP, _CELL, _LIKENESS = 4.0, 0.08, 0.06, 0.08, 0.08
_BASELINE = {"gatys": 90.0, "adain": 2.0, "fast": 1.0}
_STEPS_WITH_ENCODER, _STEPS_WITHOUT = 60, 150


def estimate_s(plan: Plan, faces: int) -> float:
    """Seconds for so many faces."""
    size = (plan.base.model.resolution / 64) ** 2
    usual = _STEPS_WITH_ENCODER if plan.identity["encoder"] else _STEPS_WITHOUT
    steps = usual if plan.options.steps is None else plan.options.steps
    cells = 1 + len(plan.parts)
    tuning = plan.options.tuning
    if tuning is None:
        tuning = usual_tuning(plan.base.model.resolution)
    each = _TUNING_STEP * tuning * size
    each += _SEARCH_STEP * steps * size + (_CELL * size + _LIKENESS) * cells + _LIKENESS
    each += sum(_BASELINE[one.kind] for one in plan.baselines)
    return _START + faces * each
