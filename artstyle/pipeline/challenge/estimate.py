"""About how long a challenge takes; nothing is loaded to say so."""

from __future__ import annotations

from artstyle.machine import cores
from artstyle.pipeline.challenge.planning import Plan
from artstyle.pipeline.tuning_steps import usual_tuning

# Seconds on two cores, measured at 64 px (tests/bench/bench_challenge.py); larger models take
# longer in proportion to their pixels.
_START, _SEARCH_STEP, _TUNING_STEP, _CELL, _LIKENESS = 4.0, 0.07, 0.036, 0.07, 0.01
_SMALL_PX = 64  # faces are projected side by side up to here (pipeline/encode/lanes.py)
_BASELINE = {"gatys": 90.0, "adain": 2.0, "fast": 1.0}
_STEPS, _STEPS_TO_PIVOT, _WITHOUT_ENCODER = 60, 6, 2.5  # as in pipeline/encode/invert.py


def estimate_s(plan: Plan, faces: int) -> float:
    """Seconds for so many faces."""
    size = (plan.base.model.resolution / 64) ** 2
    tuning = plan.options.tuning
    if tuning is None:
        tuning = usual_tuning(plan.base.model.resolution)
    usual = _STEPS_TO_PIVOT if tuning else _STEPS
    steps: float = usual if plan.options.steps is None else plan.options.steps
    if not plan.identity["encoder"]:
        steps *= _WITHOUT_ENCODER
    cells = 1 + len(plan.parts)
    lanes = min(cores(), max(faces, 1)) if plan.base.model.resolution <= _SMALL_PX else 1
    each = (_TUNING_STEP * tuning + _SEARCH_STEP * steps) * size / lanes
    each += (_CELL * size + _LIKENESS) * cells + _LIKENESS
    each += sum(_BASELINE[one.kind] for one in plan.baselines)
    return _START + faces * each
